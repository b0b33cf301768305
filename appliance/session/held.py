"""Keep what was said until the service has it. Pure: calls in, messages for the wire out.

Rules
- Audio goes out in the order in which it was said; a turn's audio never mixes with another's.
- A turn leaves here when its answer begins, when it is discarded, or when it was handed over
  (acknowledged) and nobody waits for its answer any more.
- A link that dies before that takes nothing with it: on the next one everything is sent anew.
- Memory is bounded: past `max_samples` the oldest audio goes, and `lost_samples` counts it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from appliance.units import WIRE_RATE_HZ, pcm_samples


@dataclass(frozen=True, slots=True)
class SendAudio:
    pcm: bytes
    first_sample_s: float | None  # when it was captured; None if it was held back


@dataclass(frozen=True, slots=True)
class SendCommit:
    turn: int


@dataclass(frozen=True, slots=True)
class SendAsk:
    turn: int


@dataclass(frozen=True, slots=True)
class SendClear:
    """Empty the service's input buffer."""


Send = SendAudio | SendCommit | SendAsk | SendClear


@dataclass(slots=True)
class _Turn:
    turn: int
    chunks: list[bytes] = field(default_factory=list)
    samples: int = 0
    sent: int = 0  # chunks that went out on the present link
    wants_commit: bool = False
    commit_sent: bool = False
    acknowledged: bool = False
    wants_answer: bool = False
    ask_sent: bool = False


class HeldTurns:
    """The turns whose audio the service may not have yet, oldest first."""

    def __init__(self, max_samples: int = 180 * WIRE_RATE_HZ) -> None:
        self._turns: deque[_Turn] = deque()
        self._max_samples = max_samples
        self._linked = False
        self.lost_samples = 0

    def samples(self, turn: int) -> int:
        """Return how much audio of this turn is held."""
        found = self._find(turn)
        return found.samples if found else 0

    def add(self, turn: int, pcm: bytes, first_sample_s: float | None) -> list[Send]:
        """Keep a chunk and return what can go out now; `first_sample_s` stays with it if it can."""
        current = self._find(turn)
        if current is None:
            current = _Turn(turn)
            self._turns.append(current)
        sends = self._due()
        current.chunks.append(pcm)
        current.samples += pcm_samples(pcm)
        self._bound()
        if self._linked and self._may_send(current):
            current.sent = len(current.chunks)
            sends.append(SendAudio(pcm, first_sample_s))
        return sends

    def commit(self, turn: int) -> list[Send]:
        if (current := self._find(turn)) is not None:
            current.wants_commit = True
        return self._due()

    def ask(self, turn: int) -> list[Send]:
        """Want an answer to this turn, alone: an answer to an earlier one is no longer wanted."""
        for other in self._turns:
            other.wants_answer = other.turn == turn
        sends = self._due()
        if self._find(turn) is None and self._linked:
            sends.append(SendAsk(turn))  # a further answer, after a tool has returned
        return sends

    def discard(self, turn: int) -> list[Send]:
        """Forget a turn that was no speech; empty the service's buffer if some of it is there."""
        current = self._find(turn)
        if current is None:
            return []
        self._turns.remove(current)
        spilt = self._linked and current.sent > 0 and not current.commit_sent
        return [SendClear(), *self._due()] if spilt else self._due()

    def cancel(self, turn: int) -> None:
        """Nobody waits for this turn's answer any more; what was said is still delivered."""
        if (current := self._find(turn)) is not None:
            current.wants_answer = False
            self._forget_delivered()

    def acknowledged(self) -> int | None:
        """The service has committed the oldest turn that it had not yet acknowledged.

        Returns:
            That turn, if the service's voice activity detection did it and not our commit.
        """
        by_itself = None
        for current in self._turns:
            if not current.acknowledged:
                by_itself = None if current.commit_sent else current.turn
                current.acknowledged = current.commit_sent = current.wants_commit = True
                break
        self._forget_delivered()
        return by_itself

    def answered(self, turn: int) -> None:
        """The answer to this turn has begun, so the service has all that was said up to it."""
        while self._turns and self._turns[0].turn <= turn:
            self._turns.popleft()

    def link_up(self) -> list[Send]:
        self._linked = True
        return self._due()

    def link_down(self) -> None:
        self._linked = False
        for current in self._turns:
            current.sent = 0
            current.commit_sent = current.acknowledged = current.ask_sent = False

    def _find(self, turn: int) -> _Turn | None:
        return next((t for t in self._turns if t.turn == turn), None)

    def _may_send(self, current: _Turn) -> bool:
        """A turn's audio may go out once all before it is committed."""
        for earlier in self._turns:
            if earlier is current:
                return not current.commit_sent
            if not earlier.commit_sent:
                return False
        return False

    def _due(self) -> list[Send]:
        if not self._linked:
            return []
        sends: list[Send] = []
        for current in self._turns:
            if not current.commit_sent:
                sends += [SendAudio(pcm, None) for pcm in current.chunks[current.sent :]]
                current.sent = len(current.chunks)
                if not current.wants_commit:
                    break  # still being said
                sends.append(SendCommit(current.turn))
                current.commit_sent = True
            if current.wants_answer and not current.ask_sent:
                sends.append(SendAsk(current.turn))
                current.ask_sent = True
        return sends

    def _forget_delivered(self) -> None:
        while self._turns and self._turns[0].acknowledged and not self._turns[0].wants_answer:
            self._turns.popleft()

    def _bound(self) -> None:
        excess = sum(t.samples for t in self._turns) - self._max_samples
        for current in self._turns:
            while excess > 0 and current.chunks:
                was_sent = current.sent > 0
                gone = pcm_samples(current.chunks.pop(0))
                current.samples -= gone
                current.sent = max(0, current.sent - 1)
                excess -= gone
                self.lost_samples += 0 if was_sent else gone
