"""What was so of late, in bounded memory: distributions, shares, and a value for each minute."""

from __future__ import annotations

import math
from array import array
from collections import deque

from appliance.metrics.histogram import Histogram

MINUTE_S = 60.0
DAY_S = 86_400.0
MINUTES = 60  # of history


class Recent:
    """The newest `minutes` minutes that had a value, none of them older than a day.

    A device that nobody has talked to for hours keeps what it was like when somebody did.
    """

    def __init__(self, minutes: int = 10) -> None:
        self._kept = minutes
        self._slices: deque[tuple[int, Histogram]] = deque()

    def add(self, at_s: float, ms: float) -> None:
        minute = int(at_s // MINUTE_S)
        if not self._slices or self._slices[-1][0] != minute:
            self._slices.append((minute, Histogram()))
            while len(self._slices) > self._kept:
                self._slices.popleft()
        self._slices[-1][1].add(ms)

    def merged(self, now_s: float) -> Histogram:
        """Return all of them as one."""
        oldest = (now_s - DAY_S) // MINUTE_S
        while self._slices and self._slices[0][0] <= oldest:
            self._slices.popleft()
        merged = Histogram()
        for _, each in self._slices:
            merged.counts = array("I", map(int.__add__, merged.counts, each.counts))
            merged.count += each.count
            merged.sum_ms += each.sum_ms
            merged.low_ms = min(merged.low_ms, each.low_ms)
            merged.high_ms = max(merged.high_ms, each.high_ms)
        return merged


class Share:
    """How much of something was good, over the last day; known to half an hour at its old end."""

    SLICES = 48
    SLICE_S = DAY_S / SLICES

    def __init__(self) -> None:
        self._good = array("d", [0.0] * self.SLICES)
        self._bad = array("d", [0.0] * self.SLICES)
        self._newest: int | None = None  # the number of the newest slice, from time 0 on

    def add(self, at_s: float, good: float = 0.0, bad: float = 0.0) -> None:
        """Count what was so at this time, which must not go back."""
        place = self._turn_to(at_s)
        self._good[place] += good
        self._bad[place] += bad

    def passed(self, from_s: float, to_s: float, *, good: bool) -> None:
        """Count seconds, each in its own slice."""
        from_s = max(from_s, to_s - DAY_S)
        while from_s < to_s:
            until_s = min(to_s, (from_s // self.SLICE_S + 1) * self.SLICE_S)
            lasted_s = until_s - from_s
            self.add(from_s, lasted_s if good else 0.0, 0.0 if good else lasted_s)
            from_s = until_s

    def sums(self, now_s: float) -> tuple[float, float]:
        """Return good and bad."""
        self._turn_to(now_s)
        return math.fsum(self._good), math.fsum(self._bad)

    def _turn_to(self, at_s: float) -> int:
        number = int(at_s // self.SLICE_S)
        newest = number if self._newest is None else self._newest
        for passed in range(max(newest + 1, number - self.SLICES + 1), number + 1):
            self._good[passed % self.SLICES] = self._bad[passed % self.SLICES] = 0.0
        self._newest = max(newest, number)
        return self._newest % self.SLICES


class History:
    """One value for each of the last sixty minutes; None where there was none."""

    def __init__(self) -> None:
        self._values = array("f", [math.nan] * MINUTES)
        self._next = 0

    def add(self, value: float | None) -> None:
        self._values[self._next] = math.nan if value is None else value
        self._next = (self._next + 1) % MINUTES

    def values(self) -> list[float | None]:
        """Return them, the oldest first."""
        ordered = self._values[self._next :] + self._values[: self._next]
        return [None if math.isnan(value) else round(value, 3) for value in ordered]
