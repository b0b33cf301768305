"""Read the service's events for what they mean to the present turn."""

from __future__ import annotations

from dataclasses import dataclass, field

from appliance.realtime import server_events as server
from appliance.realtime.protocol import RealtimeSession, Severity, classify
from appliance.realtime.server_structures import ErrorDetail, FunctionCall, Response
from appliance.runner.turns import Prices, TurnBook
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
    acknowledged: bool = False  # the oldest turn's audio is the service's now
    ask_again: bool = False  # our request came while an older answer was still ending


class ServiceReader:
    """Knows which response answers which turn."""

    def __init__(self, book: TurnBook, prices: Prices) -> None:
        self._book = book
        self._prices = prices
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
            case server.InputAudioBufferCommitted():
                reading.acknowledged = True
            case server.InputAudioBufferSpeechStarted():
                reading.events.append(SpeechStarted(turn))
            case server.InputAudioBufferSpeechStopped():
                self._book[turn].ended_s = now_s
            case server.ResponseCreated(response=response):
                self._book.answers(response.id or "", _metadata_turn(response, turn))
            case server.ResponseDone(response=response):
                reading.ask_again, self._asked_too_early = self._asked_too_early, False
                self._done(response, reading)
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

    def _done(self, response: Response, reading: Reading) -> None:
        turn = self._book.turn_of(response.id)
        if response.usage is not None and turn >= 0:
            self._book[turn].cost_usd += self._prices.cost_usd(response.usage)
        calls = tuple(
            ToolCall(item.call_id or "", item.name, item.arguments)
            for item in response.output
            if isinstance(item, FunctionCall)
        )
        fault = ""
        if response.status == "failed":
            error = response.status_details.error if response.status_details else None
            fault = "service_error"
            if error is not None and classify(error) is Severity.FINAL:
                fault = error.code or error.type or fault
            told = (error.message or error.code) if error else None
            reading.lines.append(("response_failed", told or "the service gave no reason"))
        elif response.status == "incomplete":
            fault = "reply_cut_short"
        reading.events.append(ReplyDone(turn, () if fault else calls, fault))

    def _error(
        self, error: ErrorDetail, state: State, session: RealtimeSession, reading: Reading
    ) -> None:
        if error.code == "conversation_already_has_active_response":
            self._asked_too_early = isinstance(state, Waiting)
        if classify(error) is Severity.HARMLESS:
            return
        reading.lines.append(("service_error", f"{error.code or error.type}: {error.message}"))
        about_turn = session.cause_of(error) in ("input_audio_buffer.commit", "response.create")
        if about_turn and isinstance(state, Waiting):
            reading.events.append(Failed(state.turn, "service_error"))


def _metadata_turn(response: Response, present: int) -> int:
    """Return the turn that we wrote into our request; the server's own answer the present one."""
    written = (response.metadata or {}).get("turn", "")
    return int(written) if written.isdecimal() else present
