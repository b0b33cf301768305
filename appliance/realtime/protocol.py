"""One Realtime session as the client sees it. Sans I/O: it is fed messages and gives events.

    events = session.receive(message)     # what came off the socket
    text = session.send(event)            # what to write to the socket

It decides nothing about turns. It keeps what must be known to say the next thing correctly: which
response is running, how much audio of each item has come, which of our events an error is about.
Memory is bounded however long the session lasts and whatever the server sends.
"""

from __future__ import annotations

from typing import TypeVar

from appliance.realtime import client_events as client
from appliance.realtime import server_events as server
from appliance.realtime.client_structures import ResponseSettings
from appliance.realtime.codec import decode, encode
from appliance.realtime.server_events import Received
from appliance.realtime.server_structures import ErrorDetail, Response, SessionInfo
from appliance.realtime.severity import Severity, classify
from appliance.units import ms_to_samples, pcm_samples, samples_to_ms

__all__ = ["RealtimeSession", "Severity", "classify"]

MAX_ITEMS = 64  # whose audio is counted; only those still in the playout queue matter
MAX_SENT = 64  # events remembered for `cause_of`, apart from appends
MAX_APPENDS = 256  # appends remembered: about ten seconds of them
MAX_RESPONSES = 16  # running at once; one, and a few out of band

_V = TypeVar("_V")


class RealtimeSession:
    """The state of one connection; make a new one for each."""

    def __init__(self) -> None:
        self.session_id: str | None = None
        self.expires_at: int | None = None  # Unix time, s, by the server's clock
        self.model: str | None = None
        self.last_committed_item_id: str | None = None
        self._sent_count = 0
        self._sent: dict[str, str] = {}  # event id: wire type
        self._appends: dict[str, None] = {}
        self._received_samples: dict[str, int] = {}
        self._active: dict[str, bool] = {}  # response id: whether it is out of band
        self._asked: dict[str, bool] = {}  # id of a response.create: whether it is out of band

    # What is known

    @property
    def active_response_id(self) -> str | None:
        """The running response of the conversation; never one that is out of band."""
        return next((id for id, aside in reversed(self._active.items()) if not aside), None)

    @property
    def response_active(self) -> bool:
        """Whether `response.cancel` has something to cancel."""
        return self.active_response_id is not None

    @property
    def response_pending(self) -> bool:
        """Whether a response of the conversation was asked for and has not begun yet."""
        return not all(self._asked.values())

    def received_ms(self, item_id: str) -> int:
        """Return how much audio of the item has come, whole milliseconds rounded down."""
        return samples_to_ms(self._received_samples.get(item_id, 0))

    def clamp_heard_ms(self, item_id: str, ms: int) -> int:
        """Return `ms` kept within 0 and the item's received audio, as `truncate` demands.

        An item of which no audio has come, or that was forgotten, gives 0.
        """
        return max(0, min(ms, self.received_ms(item_id)))

    def cause_of(self, error: ErrorDetail) -> str | None:
        """Return the wire type of our event that `error` is about; None if it names none."""
        if error.event_id is None:
            return None
        if error.event_id in self._appends:
            return client.InputAudioBufferAppend.TYPE
        return self._sent.get(error.event_id)

    # In and out

    def send(self, event: client.ClientEvent) -> str:
        """Return the text to send, with the next `event_id` ("evt_000001" is the first).

        Raises:
            SignalError, ProtocolError: as `encode`; then nothing is counted as sent.
        """
        event_id = f"evt_{self._sent_count + 1:06d}"
        text = encode(event, event_id)
        self._sent_count += 1
        if isinstance(event, client.InputAudioBufferAppend):
            _remember(self._appends, event_id, None, MAX_APPENDS)
            return text
        _remember(self._sent, event_id, event.TYPE, MAX_SENT)
        if isinstance(event, client.ResponseCreate):
            _remember(self._asked, event_id, _is_out_of_band(event), MAX_RESPONSES)
        return text

    def receive(self, data: str | bytes) -> tuple[Received, ...]:
        """Return the events in one message from the server, in order, unknown ones included.

        Raises:
            ProtocolError: the message is malformed; nothing has changed.
        """
        event = decode(data)
        self._track(event)
        return (event,)

    def _track(self, event: Received) -> None:
        match event:
            case server.OutputAudioDelta(item_id=item_id, delta=pcm):
                samples = self._received_samples.get(item_id, 0) + pcm_samples(pcm)
                _remember(self._received_samples, item_id, samples, MAX_ITEMS)
            case server.SessionCreated(session=session) | server.SessionUpdated(session=session):
                self._learn_session(session)
            case server.InputAudioBufferCommitted(item_id=item_id):
                self.last_committed_item_id = item_id
            case server.ResponseCreated(response=response):
                self._begin_response(response)
            case server.ResponseDone(response=response):
                self._active.pop(response.id or "", None)
            case server.ConversationItemTruncated(item_id=item_id, audio_end_ms=end_ms):
                if item_id in self._received_samples:
                    kept = min(self._received_samples[item_id], ms_to_samples(max(0, end_ms)))
                    self._received_samples[item_id] = kept
            case server.ConversationItemDeleted(item_id=item_id):
                self._received_samples.pop(item_id, None)
            case server.ErrorEvent(error=error):
                self._asked.pop(error.event_id or "", None)
            case _:
                pass

    def _learn_session(self, session: SessionInfo) -> None:
        self.session_id = session.id or self.session_id
        self.expires_at = session.expires_at or self.expires_at
        self.model = session.model or self.model

    def _begin_response(self, response: Response) -> None:
        """Note a response that runs. Some servers leave `conversation_id` out of every response,
        so one without it is out of band only if we asked for such a one.
        """
        aside = response.conversation_id is None and True in self._asked.values()
        for event_id, asked_aside in self._asked.items():
            if asked_aside == aside:
                del self._asked[event_id]
                break
        _remember(self._active, response.id or "", aside, MAX_RESPONSES)


def _is_out_of_band(event: client.ResponseCreate) -> bool:
    return isinstance(event.response, ResponseSettings) and event.response.conversation == "none"


def _remember(memory: dict[str, _V], key: str, value: _V, limit: int) -> None:
    """Put the key at the young end, and forget the oldest beyond `limit`."""
    memory.pop(key, None)
    memory[key] = value
    if len(memory) > limit:
        del memory[next(iter(memory))]
