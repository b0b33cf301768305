"""How long things took, with bounded memory."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

from appliance.ports import Trace

SPANS = (
    "press_to_mic",  # the button's edge until every sample is kept and forwarded
    "capture_to_sent",  # a chunk's first sample at the converter until its append was sent
    "release_to_commit",  # the button's release until the commit was sent
    "received_to_output",  # reply audio in an empty queue until its first sample is heard
    "release_to_first_sound",  # the end of the question until the answer is heard
    "connect",  # dialling until the session is set up
    "barge_in_to_silence",  # a press while the device speaks until it is silent
)
KEPT = 2048  # the newest values of each span


class Spans:
    """The newest values of each span, in milliseconds; each is recorded in the trace as well."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        # Four bytes a value; a list of floats has eight times as much.
        self._values = {name: array("f") for name in SPANS}
        self._counts = dict.fromkeys(SPANS, 0)

    def add(self, name: str, seconds: float) -> None:
        ms = seconds * 1000.0
        values, count = self._values[name], self._counts[name]
        if count < KEPT:
            values.append(ms)
        else:
            values[count % KEPT] = ms
        self._counts[name] += 1
        self._trace.record("span", span=name, ms=ms)

    def summary(self) -> dict[str, dict[str, float | int | None]]:
        """Return n, p50, p95 and p99 in ms of each span; None where there is no value."""
        return {
            name: {
                "n": self._counts[name],
                **{f"p{p}": percentile(values, p) for p in (50, 95, 99)},
            }
            for name, values in self._values.items()
        }


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Return the nearest-rank percentile, rounded to 0.1; None of nothing.

    Source: nearest-rank method: the smallest value with at least `percent` % at or below it.
    """
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)], 1)
