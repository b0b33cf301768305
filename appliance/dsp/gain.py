"""Automatic gain: brings speech to one level, leaves silence alone, and never clips."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from appliance.dsp.frame import FRAME, take
from appliance.dsp.kernel import F32, I32, Array, inner, kernel
from appliance.errors import SignalError

DELAY = 120  # samples: the limiter's look-ahead, 5 ms
CEILING = 0.89  # no sample leaves beyond this: -1 dBFS
MAX_GAIN_DB = 40.0
MIN_GAIN_DB = -20.0
SILENCE_GAIN_DB = 5.0  # what a pause is raised by at most
RISE_DB = 0.3  # a frame: 30 dB/s
FALL_DB = 0.6  # a frame: 60 dB/s
OPEN_DB = 20.0  # a frame, from a pause's gain up to speech's: at once, or a word's start is lost
CLOSE_DB = 0.8  # a frame, back down: 80 dB/s
HANGOVER = 30  # frames after speech that keep its gain
MEMORY = 150.0  # speech frames that its level is a mean of
QUIETEST_DB = -66.0  # frames below are no speech, whatever the floor
ABOVE_FLOOR_DB = 9.0
WINDOW = 40  # frames of a part of the floor's minimum; four parts are kept
RELEASE = 0.12  # of the way back to no reduction, each 5 ms: 40 ms

# state: the numbers that outlive a frame
_GAIN, _APPLIED, _POWER, _COUNT, _HANG, _NODE, _PART, _SMOOTH, _LEFT = range(9)


class Gain:
    """Speech-gated automatic gain and a look-ahead limiter.

    The mean power of frames that hold speech is kept, and the gain that brings it to the target is
    approached by at most 30 dB/s up and 60 dB/s down, between -20 and +40 dB. In pauses that gain
    is put down to +5 dB (or left, if lower) after 0.3 s and it is back within two frames when
    speech is.
    The limiter holds the output within ±0.89 (-1 dBFS): its gain goes down along a straight line
    over the 5 ms before a peak and recovers in about 40 ms.

    Delay: 120 samples (5 ms).

    Args:
        target_dbfs: RMS level of speech, its pauses not counted, -40 to -10 dBFS.

    Attributes:
        state, floors, line: what outlives a frame.

    Source: gated mean as in ITU-T P.56 and ITU-R BS.1770; floor by minimum statistics (Martin
    2001); limiter after Giannoulis, Massberg and Reiss 2012.
    """

    def __init__(self, target_dbfs: float = -20.0) -> None:
        if not -40.0 <= target_dbfs <= -10.0:
            raise SignalError(f"gain: want a target of -40 to -10 dBFS, got {target_dbfs}")
        self.target_dbfs = target_dbfs
        self.state = np.zeros(16, np.float32)
        self.floors = np.zeros(5, np.float32)
        self.line = np.zeros(FRAME + DELAY, np.float32)
        self._in = np.zeros(FRAME, np.float32)
        self._out = np.zeros(FRAME, np.float32)
        self._run = _frame.bind(self._in, self._out, self.state, self.floors, self.line)
        self.reset()

    @property
    def gain_db(self) -> float:
        """The gain that was put on the last sample taken in, before the limiter."""
        return float(self.state[_APPLIED])

    def process(
        self, frame: NDArray[np.float32], speech: float | None = None
    ) -> NDArray[np.float32]:
        """Return the sound of 5 ms ago at its new level.

        Args:
            frame: shape (240,), float32, full scale ±1.0; samples beyond ±8 are taken as ±8.
            speech: probability that the frame holds speech, from VoiceActivity: the gain learns
                and opens only where it is 0.5 or more and the frame stands out from the floor.
                Without it the latter alone decides.

        Returns:
            Shape (240,), float32, a new array within ±0.89.

        Raises:
            SignalError: wrong shape or dtype, NaN or infinity in it, or `speech` is not a number.
        """
        voiced = 1.0 if speech is None else speech
        if not math.isfinite(voiced):
            raise SignalError("gain: speech probability is not a number")
        take(frame, self._in, "gain")
        self._run(self.target_dbfs, 1 if voiced >= 0.5 else 0)
        return self._out.copy()

    def reset(self) -> None:
        """Forget the speaker's level and the 5 ms that are held."""
        self.state[:] = 0.0
        self.state[_NODE] = 1.0
        self.state[_SMOOTH] = -200.0
        self.state[_LEFT] = WINDOW
        self.floors[:] = 200.0
        self.line[:] = 0.0


@inner
def _is_speech(level, voiced, state, floors):
    """Follow the floor, the lowest smoothed level of 1.6 s, and say if the frame is above it."""
    state[_SMOOTH] = level if state[_SMOOTH] < -150.0 else 0.6 * state[_SMOOTH] + 0.4 * level
    part = int(state[_PART])
    floors[part] = min(floors[part], state[_SMOOTH])
    floor = min(floors[0], floors[1], floors[2], floors[3], floors[4])
    state[_LEFT] -= 1.0
    if state[_LEFT] < 0.5:
        state[_LEFT] = WINDOW
        part = part + 1 if part < 4 else 0
        state[_PART] = part
        floors[part] = 200.0
    if voiced == 0 or level < QUIETEST_DB or level < floor + ABOVE_FLOOR_DB:
        return 0
    return 1


@inner
def _limit(y, state, line, at):
    """Put 120 samples out that lie `at` in the line; the next 120 are known and bound the end."""
    ahead = 0.0
    now = 0.0
    for i in range(DELAY):
        now = max(now, abs(line[at + i]))
        ahead = max(ahead, abs(line[at + DELAY + i]))
    start = state[_NODE]
    end = start + (1.0 - start) * RELEASE
    if now * end > CEILING:
        end = CEILING / now
    if ahead * end > CEILING:
        end = CEILING / ahead
    step = (end - start) / DELAY
    for i in range(DELAY):
        v = line[at + i] * (start + step * (i + 1))
        y[at + i] = min(CEILING, max(-CEILING, v))  # rounding only: both ends hold the peak
    state[_NODE] = end


@kernel(
    x=Array(F32, FRAME),
    y=Array(F32, FRAME),
    state=Array(F32, 16),
    floors=Array(F32, 5),
    line=Array(F32, FRAME + DELAY),
    target=F32,
    voiced=I32,
)
def _frame(x, y, state, floors, line, target, voiced):
    """Learn the level, move the gain, put it on as a ramp, limit. The line holds 5 ms and x."""
    power = 1e-12
    for i in range(FRAME):
        power += x[i] * x[i]
    power /= FRAME
    level = 10.0 * math.log10(power)
    if _is_speech(level, voiced, state, floors) == 1:
        state[_HANG] = HANGOVER
        state[_COUNT] = min(state[_COUNT] + 1.0, MEMORY)
        state[_POWER] += (power - state[_POWER]) / state[_COUNT]
        want = target - 10.0 * math.log10(state[_POWER] + 1e-12)
        want = min(MAX_GAIN_DB, max(MIN_GAIN_DB, want))
        state[_GAIN] += min(RISE_DB, max(-FALL_DB, want - state[_GAIN]))
    elif state[_HANG] > 0.0:
        state[_HANG] -= 1.0
    aim = state[_GAIN] if state[_HANG] > 0.0 else min(state[_GAIN], SILENCE_GAIN_DB)
    old = state[_APPLIED]
    new = old + min(OPEN_DB, max(-CLOSE_DB, aim - old))
    state[_APPLIED] = new
    start = 10.0 ** (old / 20.0)
    step = (10.0 ** (new / 20.0) - start) / FRAME
    for i in range(DELAY):
        line[i] = line[FRAME + i]
    for i in range(FRAME):
        line[DELAY + i] = x[i] * (start + step * (i + 1))
    _limit(y, state, line, 0)
    _limit(y, state, line, DELAY)
