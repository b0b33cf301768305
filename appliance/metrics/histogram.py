"""Counts of values in fixed buckets whose widths grow with the value: bounded, and mergeable.

An edge is 2^(1/8) (9 %) above the one before it, from 0.1 ms to 105 s, so that every eighth is a
power of two: those are what Prometheus gets. Source: the scale of its native histograms (schema 3).
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from itertools import accumulate

PER_OCTAVE, OCTAVES = 8, 20
LOWEST_MS = 0.1
EDGES_MS = tuple(LOWEST_MS * 2 ** (i / PER_OCTAVE) for i in range(PER_OCTAVE * OCTAVES + 1))
EXPORTED_MS = tuple(round(edge_ms, 1) for edge_ms in EDGES_MS[::PER_OCTAVE])


class Histogram:
    """Values in milliseconds. About 700 bytes, however many values it holds."""

    __slots__ = ("count", "counts", "high_ms", "low_ms", "sum_ms")

    def __init__(self) -> None:
        # Of each edge, the values up to it and above the one before; the last: above them all.
        self.counts = array("I", bytes(4 * (len(EDGES_MS) + 1)))
        self.count = 0
        self.sum_ms = 0.0
        self.low_ms, self.high_ms = math.inf, -math.inf

    def add(self, ms: float) -> None:
        """Count one value, which must be a number; a negative one counts as 0."""
        ms = max(0.0, ms)
        self.counts[bisect_left(EDGES_MS, ms)] += 1
        self.count += 1
        self.sum_ms += ms
        self.low_ms, self.high_ms = min(self.low_ms, ms), max(self.high_ms, ms)

    def percentile(self, percent: float) -> float | None:
        """Return the nearest-rank percentile in ms, at most a bucket's width off; None of nothing.

        Within its bucket the values are taken to lie evenly on a logarithmic scale.
        """
        if not self.count:
            return None
        rank = max(1, math.ceil(percent / 100 * self.count))
        below = 0
        for index, here in enumerate(self.counts):
            if below + here >= rank:
                return self._within(index, (rank - below - 0.5) / here)
            below += here
        return self.high_ms

    def _within(self, index: int, share: float) -> float:
        low = EDGES_MS[index - 1] if index else 0.0
        high = EDGES_MS[index] if index < len(EDGES_MS) else max(self.high_ms, low)
        at = low * (high / low) ** share if low else high * share
        return min(max(at, self.low_ms), self.high_ms)

    def cumulative(self) -> list[int]:
        """Return how many values lie at or below each of `EXPORTED_MS`."""
        return list(accumulate(self.counts[:-1]))[::PER_OCTAVE]
