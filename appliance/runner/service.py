"""Read the service's events for what they mean to the present turn."""

from __future__ import annotations

from dataclasses import dataclass, field

from appliance.realtime import server_events as server
from appliance.realtime.protocol import RealtimeSession, Severity, classify
from appliance.realtime.server_structures import (
    ErrorDetail,
    FunctionCall,
    Response,
    StatusError,
)
from appliance.realtime.severity import RATE_LIMIT, fault_of
from appliance.runner.turns import TurnBook
from appliance.session.vocabulary import (
    Event,
    Failed,
    ReplyAudio,
    ReplyDone,
    SpeechStarted,
    State,
    ToolCall,
    Waiting,
)


@dataclass(slots=True)
class Reading:
    """What one event of the service comes to."""

    events: list[Event] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)  # for the trace alone
    lines: list[tuple[str, str]] = field(default_factory=list)  # for the journal
    speech_began: str = ""  # this item is speech that the service has found
    acknowledged: str = ""  # this item's audio is the service's now
    commit_refused: bool = False
    unwanted: bool = False  # a response has begun that nobody waits for
    ask_again: bool = False  # our request came while an older answer was still ending


class ServiceReader:
    """Knows which response answers which turn."""

    def __init__(self, book: TurnBook) -> None:
        self._book = book
        self._asked_too_early = False

    def read(
        self, event: server.ServerEvent, state: State, session: RealtimeSession, now_s: float
    ) -> Reading:
        """Translate; state and session are as they are after the event."""
        reading = Reading()
        turn = state.turn
        match event:
            case server.OutputAudioDelta(response_id=response_id, item_id=item_id, delta=pcm):
                reading.events.append(ReplyAudio(self._book.turn_of(response_id), item_id, pcm))
            case server.InputAudioBufferCommitted(item_id=item_id):
                reading.acknowledged = item_id
            case server.InputAudioBufferSpeechStarted(item_id=item_id):
                reading.speech_began = item_id
                reading.events.append(SpeechStarted(turn))
            case server.InputAudioBufferSpeechStopped():
                self._book[turn].ended_s = now_s
            case server.ResponseCreated(response=response):
                answers = _asked_for(response, self._book.expected_turn)
                self._book.answers(response.id or "", answers)
                reading.unwanted = answers != turn
            case server.ResponseDone(response=response):
                reading.ask_again, self._asked_too_early = self._asked_too_early, False
                self._done(response, state, reading)
            case server.InputTranscriptionCompleted(transcript=transcript):
                reading.texts.append(("heard", transcript))
            case server.InputTranscriptionFailed(error=error):
                # The answer does not need the transcript: the turn goes on.
                reading.lines.append(("transcription_failed", error.message or "no reason given"))
            case server.OutputTranscriptDone(transcript=transcript):
                reading.texts.append(("reply", transcript))
            case server.ErrorEvent(error=error):
                self._error(error, state, session, reading)
            case _:
                pass
        return reading

    def _done(self, response: Response, state: State, reading: Reading) -> None:
        turn = self._book.turn_of(response.id)
        calls = tuple(
            ToolCall(item.call_id or "", item.name, item.arguments)
            for item in response.output
            if isinstance(item, FunctionCall)
        )
        fault = ""
        if response.status == "failed":
            error = response.status_details.error if response.status_details else None
            fault = _turn_fault(error)
            told = (error.message or error.code) if error else None
            reading.lines.append(("response_failed", told or "the service gave no reason"))
        elif response.status == "cancelled" and isinstance(state, Waiting) and _by_speech(response):
            return  # more was said; the answer to all of it is still to come
        elif response.status == "incomplete":
            fault = "reply_cut_short"
        reading.events.append(ReplyDone(turn, () if fault else calls, fault))

    def _error(
        self, error: ErrorDetail, state: State, session: RealtimeSession, reading: Reading
    ) -> None:
        if error.code == "conversation_already_has_active_response":
            self._asked_too_early = isinstance(state, Waiting)
        if error.code == "input_audio_buffer_commit_empty":
            reading.commit_refused = True
        told = f"{error.code or error.type}: {error.message}"
        if classify(error) is Severity.HARMLESS:
            reading.lines.append((fault_of(error), told))
            return
        fault = _turn_fault(error)
        reading.lines.append((fault, told))
        about_turn = session.cause_of(error) in ("input_audio_buffer.commit", "response.create")
        if about_turn and isinstance(state, Waiting):
            reading.events.append(Failed(state.turn, fault))


def _turn_fault(error: ErrorDetail | StatusError | None) -> str:
    """Return what a turn fails by: the service's own code where it says what to do."""
    if error is None:
        return "service_error"
    known = fault_of(error)
    is_own = classify(error) is Severity.FINAL or known == RATE_LIMIT
    return known if is_own else "service_error"


def _asked_for(response: Response, by_itself: int) -> int:
    """Return the turn that we wrote into our request; for the server's own answer `by_itself`."""
    written = (response.metadata or {}).get("turn", "")
    return int(written) if written.isdecimal() and len(written) < 10 else by_itself


def _by_speech(response: Response) -> bool:
    details = response.status_details
    return details is not None and details.reason == "turn_detected"
