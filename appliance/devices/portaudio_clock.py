"""When samples meet the converter, from what PortAudio says in a callback.

PortAudio's clock may be the wall clock, which jumps, or the monotonic one, by driver. Only the
difference of two of its readings in one callback is used, and our own monotonic clock beside it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

_FURTHEST_S = 2.0  # no sound card holds more; beyond it the clock is wrong
_LATEST_S = 0.2  # a callback is not kept waiting for longer than this


def callback_began_s(clock: Mapping[str, float]) -> float:
    """Return the monotonic time at which PortAudio read its clock for this callback.

    That was before the interpreter's lock was had: under load some milliseconds ago.
    """
    now_s, read_s = time.monotonic(), clock["current_time"]
    for reading_s in (time.time(), now_s):  # whichever of the two the driver uses
        if 0.0 <= reading_s - read_s < _LATEST_S:
            return now_s - (reading_s - read_s)
    return now_s


def capture_age_s(clock: Mapping[str, float], buffer_s: float) -> float:
    """Return how old the buffer's first sample was then; never less than the buffer is long."""
    age_s = clock["current_time"] - clock["input_buffer_adc_time"]
    return age_s if buffer_s <= age_s <= _FURTHEST_S else buffer_s


def playback_delay_s(clock: Mapping[str, float], usual_s: float) -> float:
    """Return how long after that the buffer's first sample leaves; `usual_s` if it is not said."""
    delay_s = clock["output_buffer_dac_time"] - clock["current_time"]
    return delay_s if 0.0 < delay_s <= _FURTHEST_S else usual_s
