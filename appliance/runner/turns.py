"""What is known of the turns of late: whose response it is, when it was said, what it cost."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.units import samples_to_ms

LATE = -1  # no turn has this number, so what carries it changes nothing
KEPT = 32  # turns and responses remembered; an older one's events are late anyway


@dataclass(slots=True)
class TurnRecord:
    """Marks of one turn, in seconds of the monotonic clock; None if it did not happen."""

    pressed_s: float | None = None
    ended_s: float | None = None  # the button's release, or the end of speech that the server saw
    first_sound_s: float | None = None
    said_ms: int = 0
    reply_samples: int = 0
    cost_usd: float = 0.0

    def fields(self) -> dict[str, float | None]:
        """Return the figures of this turn, for the journal and the trace."""
        waited_ms = None
        if self.first_sound_s is not None and self.ended_s is not None:
            waited_ms = round((self.first_sound_s - self.ended_s) * 1000)
        return {
            "said_ms": self.said_ms,
            "waited_ms": waited_ms,
            "reply_ms": samples_to_ms(self.reply_samples),
            "cost_usd": round(self.cost_usd, 6),
        }

    def line(self, turn: int, outcome: str) -> str:
        """Return the one line about this turn that a person likes to read."""
        figures = self.fields()
        words = [f"turn {turn} {outcome.replace('_', ' ')}: {self.said_ms / 1000:.1f} s said"]
        if figures["waited_ms"] is not None:
            words.append(f"first sound after {figures['waited_ms']} ms")
            words.append(f"{samples_to_ms(self.reply_samples) / 1000:.1f} s of answer")
        if self.cost_usd:
            words.append(f"${self.cost_usd:.4f}")
        return ", ".join(words)


class TurnBook:
    """Records of the newest turns, and which response answers which turn."""

    def __init__(self) -> None:
        self._records: dict[int, TurnRecord] = {}
        self._turn_of: dict[str, int] = {}
        self.expected_turn = LATE  # whose answer a response without a number of ours is

    def __getitem__(self, turn: int) -> TurnRecord:
        record = self._records.setdefault(turn, TurnRecord())
        if len(self._records) > KEPT:
            del self._records[next(iter(self._records))]
        return record

    def answers(self, response_id: str, turn: int) -> None:
        """Note whose answer a response, or an item of it, is."""
        self._turn_of[response_id] = turn
        if len(self._turn_of) > KEPT:
            del self._turn_of[next(iter(self._turn_of))]

    def turn_of(self, response_id: str | None) -> int:
        """Return the turn that a response or its item belongs to; LATE if it is not known."""
        return self._turn_of.get(response_id or "", LATE)

    def forget_responses(self) -> None:
        """A new session: its responses have nothing to do with the old one's."""
        self._turn_of.clear()
        self.expected_turn = LATE
