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
from itertools import islice

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


MAX_NOTED = 16  # items of speech that the service has announced and not yet committed

Send = SendAudio | SendCommit | SendAsk | SendClear


@dataclass(slots=True)
class _Turn:
    turn: int
    chunks: deque[bytes] = field(default_factory=deque)
    samples: int = 0
    sent: int = 0  # chunks that went out on the present link
    wants_commit: bool = False
    commit_sent: bool = False
    acknowledged: bool = False
    wants_answer: bool = False
    ask_sent: bool = False
    items: list[str] = field(default_factory=list)  # what the service has made of it


class HeldTurns:
    """The turns whose audio the service may not have yet, oldest first."""

    def __init__(self, max_samples: int = 180 * WIRE_RATE_HZ) -> None:
        self._turns: deque[_Turn] = deque()
        self._max_samples = max_samples
        self._linked = False
        self._by_itself: dict[str, int] = {}  # item: turn, for what the service commits by itself
        self.lost_samples = 0

    def samples(self, turn: int) -> int:
        """Return how much audio of this turn is held."""
        found = self._find(turn)
        return found.samples if found else 0

    def is_ended(self, turn: int) -> bool:
        """Return whether the turn has been committed, so that nothing can be added to it."""
        found = self._find(turn)
        return found is not None and found.commit_sent

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

    def speech_began(self, item_id: str, turn: int) -> None:
        """Note the item that the service's voice activity detection will commit for this turn."""
        self._by_itself.setdefault(item_id, turn)
        if len(self._by_itself) > MAX_NOTED:
            del self._by_itself[next(iter(self._by_itself))]

    def is_announced(self, item_id: str) -> bool:
        """Return whether the service commits this item by itself."""
        return item_id in self._by_itself

    def acknowledged(self, item_id: str, responds: bool) -> int | None:
        """The service has committed the audio of an item.

        Args:
            item_id: an item whose speech the service announced is one that it ended by itself;
                any other answers our oldest commit.
            responds: whether the service answers by itself what it ends by itself.

        Returns:
            The turn that the service ended by itself; None if the commit was ours, or if that
            turn has been dropped since.
        """
        if item_id in self._by_itself:
            ended = self._find(self._by_itself.pop(item_id))
            if ended is not None:  # perhaps for the second time: more was said after a pause
                ended.acknowledged = ended.commit_sent = ended.wants_commit = True
                ended.wants_answer, ended.ask_sent = True, responds
                ended.items.append(item_id)
                return ended.turn
            return None
        self._settle_oldest_commit(item_id)
        return None

    def commit_refused(self) -> None:
        """The service found nothing in the oldest commit: no acknowledgement will come."""
        self._settle_oldest_commit(None)

    def _settle_oldest_commit(self, item_id: str | None) -> None:
        for current in self._turns:
            if current.commit_sent and not current.acknowledged:
                current.acknowledged = True
                if item_id is not None:
                    current.items.append(item_id)
                break
        self._forget_delivered()

    def answered(self, turn: int) -> None:
        """The answer to this turn has begun, so the service has all that was said up to it."""
        while self._turns and self._turns[0].turn <= turn:
            self._turns.popleft()

    def give_up(self, turn: int) -> None:
        """Forget this turn alone: nobody waits for it, or it cannot be delivered."""
        if (current := self._find(turn)) is not None:
            self._turns.remove(current)

    @property
    def unasked(self) -> list[int]:
        """The turns that have ended and for whose answer nobody waits."""
        return [t.turn for t in self._turns if t.wants_commit and not t.wants_answer]

    @property
    def items(self) -> list[str]:
        """The service's items that hold audio of the turns kept here: on the next link their
        audio goes out anew.
        """
        return [item for current in self._turns for item in current.items]

    def link_up(self) -> list[Send]:
        self._linked = True
        for current in self._turns:
            current.items.clear()
        return self._due()

    def link_down(self) -> None:
        self._linked = False
        self._by_itself.clear()
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
                sends += [
                    SendAudio(pcm, None) for pcm in islice(current.chunks, current.sent, None)
                ]
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

    def trim(self, turn: int, samples: int) -> None:
        """Keep only the newest `samples` of a turn in which nobody has spoken yet."""
        current = self._find(turn)
        while current is not None and current.samples > samples and current.chunks:
            self._drop_oldest(current)

    def _bound(self) -> None:
        excess = sum(t.samples for t in self._turns) - self._max_samples
        for current in self._turns:
            while excess > 0 and current.chunks:
                gone = self._drop_oldest(current)
                excess -= gone
                self.lost_samples += gone

    @staticmethod
    def _drop_oldest(current: _Turn) -> int:
        gone = pcm_samples(current.chunks.popleft())
        current.samples -= gone
        current.sent = max(0, current.sent - 1)
        return gone
