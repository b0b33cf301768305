"""Notice that a link which stands says nothing any more. Pure: time is given by the caller.

TCP alone notices a network that has gone away only after many minutes, and a service may stall
with the network in order.

Rules
- What a live service answers within a time (`expect`) must be followed by any message within it.
- While an answer is under way or asked for, some message must come every `stall_s`.
- Each stall doubles the patience until an answer comes whole: a slow service is asked a second
  time, not again and again, for each time costs money.
"""

from __future__ import annotations

import math

MOST_DOUBLINGS = 3


class Watch:
    """The silence of one link after another."""

    def __init__(self, stall_s: float) -> None:
        self._stall_s = stall_s
        self._stalls = 0
        self._expected_s = math.inf
        self._answer_s = math.inf

    @property
    def due_s(self) -> float:
        """When the link counts as dead, if nothing comes before; infinity if it may be silent."""
        return min(self._expected_s, self._answer_s)

    @property
    def _patience_s(self) -> float:
        return self._stall_s * 2.0 ** min(self._stalls, MOST_DOUBLINGS)

    def expect(self, within_s: float, now_s: float) -> None:
        """Something was sent that a live service answers within this time."""
        self._expected_s = min(self._expected_s, now_s + within_s)

    def heard(self, now_s: float, *, answering: bool) -> None:
        """A message came; `answering`: an answer is under way, or asked for, after it."""
        self._expected_s = math.inf
        self._answer_s = now_s + self._patience_s if answering else math.inf

    def asked(self, now_s: float) -> None:
        """An answer was asked for just now, behind what else is on its way."""
        if self._answer_s == math.inf:
            behind_s = now_s if self._expected_s == math.inf else max(now_s, self._expected_s)
            self._answer_s = behind_s + self._patience_s

    def stalled(self) -> None:
        """It was silent for too long."""
        self._stalls += 1
        self.rest()

    def served(self) -> None:
        """An answer came whole."""
        self._stalls = 0

    def rest(self) -> None:
        """There is no link to watch."""
        self._expected_s = self._answer_s = math.inf
