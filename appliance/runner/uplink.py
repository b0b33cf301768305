"""What was said, on its way to the service: held until delivered, and timed as it goes out."""

from __future__ import annotations

from collections.abc import Callable

from appliance.ports import Captured, Trace
from appliance.realtime.client_events import (
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    ResponseCreate,
)
from appliance.realtime.client_structures import ResponseSettings
from appliance.runner.line import Line
from appliance.runner.spans import Spans
from appliance.runner.turns import TurnBook
from appliance.session.held import HeldTurns, Send, SendAsk, SendAudio, SendClear, SendCommit
from appliance.units import WIRE_RATE_HZ, samples_to_ms

ACKNOWLEDGED_WITHIN_S = 5.0  # after what was said had time to get through
QUIET_S = 10.0  # of a room in which nobody has spoken, with hands free
UNHEARD_S = 60.0  # the same while no service listens


class Uplink:
    """The held turns, and the line that they go out on."""

    def __init__(self, line: Line, book: TurnBook, spans: Spans, trace: Trace) -> None:
        self._line = line
        self._book = book
        self._spans = spans
        self._trace = trace
        self._held = HeldTurns()

    @property
    def lost_samples(self) -> int:
        return self._held.lost_samples

    def said_ms(self, turn: int) -> int:
        """Return how much audio of a turn is held."""
        return samples_to_ms(self._held.samples(turn))

    def is_ended(self, turn: int) -> bool:
        return self._held.is_ended(turn)

    def said(self, turn: int, chunk: Captured, *, live: bool) -> None:
        """Take a chunk; `live` if it was captured just now, so that its journey is timed."""
        self._send(self._held.add(turn, chunk.pcm, chunk.first_sample_s if live else None))

    def commit(self, turn: int) -> None:
        self._send(self._held.commit(turn))

    def ask(self, turn: int) -> None:
        self._send(self._held.ask(turn))

    def ask_again(self, turn: int) -> None:
        """Repeat a request that the service turned down because an answer was still ending."""
        self._send([SendAsk(turn)])

    def discard(self, turn: int) -> None:
        self._send(self._held.discard(turn))

    def cancel(self, turn: int) -> None:
        self._held.cancel(turn)

    def speech_began(self, item_id: str, turn: int) -> None:
        self._held.speech_began(item_id, turn)

    def is_announced(self, item_id: str) -> bool:
        return self._held.is_announced(item_id)

    def acknowledged(self, item_id: str, responds: bool) -> int | None:
        return self._held.acknowledged(item_id, responds)

    def commit_refused(self) -> None:
        self._held.commit_refused()

    def bound_silence(self, turn: int) -> None:
        """Forget all but the newest sound of a turn in which nobody has spoken yet.

        With hands free the microphone is open for hours: what may be speech alone is kept.
        """
        kept_s = QUIET_S if self._line.is_ready else UNHEARD_S
        self._held.trim(turn, round(kept_s * WIRE_RATE_HZ))

    def give_up(self, turn: int) -> None:
        self._held.give_up(turn)

    def answered(self, turn: int) -> None:
        self._held.answered(turn)

    def link_up(self, kept_from_s: float) -> bool:
        """Tell a new session what was said before it, then send what no session has answered.

        A turn for which nobody waits, and that ended before `kept_from_s`, is dropped; return
        whether there was one.
        """
        ended_s = {turn: self._book[turn].ended_s for turn in self._held.unasked}
        old = [turn for turn, at_s in ended_s.items() if at_s is not None and at_s < kept_from_s]
        for turn in old:
            self._held.give_up(turn)
        self._line.replay(self._held.items)
        self._send(self._held.link_up())
        return bool(old)

    def link_down(self) -> None:
        self._held.link_down()

    def _send(self, sends: list[Send]) -> None:
        for send in sends:
            match send:
                case SendAudio():
                    self._line.send(InputAudioBufferAppend(send.pcm), self._timed_audio(send))
                case SendCommit(turn):
                    self._line.send(InputAudioBufferCommit(), self._timed_commit(turn))
                case SendAsk(turn):
                    # A server echoes the metadata: so an answer is known by its question.
                    self._book.expected_turn = turn
                    asked = ResponseSettings(metadata={"turn": str(turn)})
                    self._line.send(ResponseCreate(asked))
                case SendClear():
                    self._line.send(InputAudioBufferClear())

    def _timed_audio(self, send: SendAudio) -> Callable[[float], None]:
        def sent(at_s: float) -> None:
            if send.first_sample_s is not None:
                self._spans.add("capture_to_sent", at_s - send.first_sample_s)
            self._trace.sent_audio(send.pcm)

        return sent

    def _timed_commit(self, turn: int) -> Callable[[float], None]:
        said_s = self.said_ms(turn) / 1000

        def sent(at_s: float) -> None:
            # On a slow line, all of it may still be on its way.
            self._line.expect_answer(said_s + ACKNOWLEDGED_WITHIN_S)
            ended_s = self._book[turn].ended_s
            if ended_s is not None:
                self._spans.add("release_to_commit", at_s - ended_s)
            self._trace.record("commit", turn=turn)

        return sent
