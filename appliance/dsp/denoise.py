"""Noise suppression: a spectral gain that follows the noise, even when the noise changes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from appliance.dsp.fft import irfft_960, rfft_960, tables
from appliance.dsp.frame import FRAME, take
from appliance.dsp.kernel import F32, I32, Array, inner, kernel
from appliance.errors import SignalError

SIZE = 960  # samples looked at: 40 ms, bins of 25 Hz
HOP = 480
FADE = 240  # samples in which one gain goes over to the next
DELAY = 480  # samples, any level but "off"
BINS = SIZE // 2 + 1

FLOORS_DB = {"low": -8.0, "moderate": -16.0, "high": -24.0}  # what noise alone is lowered by
LEVELS = ("off", *FLOORS_DB)

ONE = np.float32(1.0)  # a constant of a kernel is float32 by name: a literal makes float64 of all
PRIOR_KEEP = np.float32(0.92)  # decision-directed a priori SNR: weight of the last estimate
PRIOR_MIN = np.float32(0.01)  # -20 dB
NOISE_STEP = np.float32(0.07)  # a time constant of 0.27 s
PRESENT = np.float32(10.0)  # a priori SNR of a bin with speech, as the noise estimate sees it
SLOPE = PRESENT / (PRESENT + ONE)
PRESENCE_STEP = np.float32(0.1)
PRESENCE_LONG = np.float32(0.99)  # reached by 0.9 s of nothing but speech: it is noise, then
PRESENCE_CAP = np.float32(0.3)  # and is taken for speech no more than this,
HELD = np.float32(50.0)  # for a second
OVER = np.float32(1.0)  # noise estimates taken off
REACH = 8  # bins each side (200 Hz) whose mean a priori SNR tells where speech is
PER_BIN = np.float32(1.0 / (2 * REACH + 1))
PRIOR_COUNTS = np.float32(10.0)  # no bin speaks for its neighbours by more
NEARBY_STEP = np.float32(0.5)
LOG_CLOSED = np.float32(math.log(10.0**-1.5))  # -15 dB: noise alone
PER_LOG = np.float32(1.0 / (1.2 * math.log(10.0)))  # open 12 dB above that
MOST_OVER = np.float32(30.0)  # a noise 15 dB over all that is heard has ended: cut down at once
EXPONENT_MAX = np.float32(60.0)
TINY = np.float32(1e-10)
START = 5  # hops that are taken for noise alone

# planes of the state, a value a bin each
_NOISE, _PRESENCE, _SPEECH, _GAIN, _PRIOR, _NEARBY, _HELD = range(7)
PLANES = 7


class Denoiser:
    """Single-channel noise suppression at 24 kHz.

    Frames of 960 samples every 480. In each bin the noise power follows the signal as far as
    speech is unlikely there (MMSE estimate under presence uncertainty); what looks like speech for
    0.9 s without a gap is a new noise and is learnt within the next second. The gain is
    Wiener's on a decision-directed a priori SNR, and goes to the level's floor where the bins
    around have no speech (OMLSA). The synthesis
    window covers only the last 720 of the 960 samples, which keeps the delay down.

    Delay: 480 samples (20 ms); none at "off". Every second frame does the work of both.

    Args:
        level: "off", "low" (noise lowered by 8 dB), "moderate" (16 dB) or "high" (24 dB).

    Attributes:
        delay: in samples.
        state: shape (7, 481), float32: noise power, presence, last speech power, gain, a priori
            SNR, its mean around, hops for which a new noise is learnt.
        line, queue, count: what outlives a frame in time: input, output, hops and halves.

    Source: Gerkmann and Hendriks 2012 (noise); Cohen 2003 (local presence, geometric floor);
    Ephraim and Malah 1984 (a priori SNR); Mauler and Martin 2007 (windows of unequal length);
    figures in `docs/sound-noise.md`.
    """

    def __init__(self, level: str = "moderate") -> None:
        if level not in LEVELS:
            raise SignalError(f"denoise: want a level of {', '.join(LEVELS)}, got {level!r}")
        self.level = level
        self.delay = 0 if level == "off" else DELAY
        self.state = np.zeros((PLANES, BINS), np.float32)
        self.line = np.zeros(SIZE, np.float32)
        self.queue = np.zeros(HOP + FADE, np.float32)
        self.count = np.zeros(2, np.int32)
        self._floor = 10.0 ** (FLOORS_DB.get(level, 0.0) / 20.0)
        self._in = np.zeros(FRAME, np.float32)
        self._out = np.zeros(FRAME, np.float32)
        self._run = _frame.bind(
            self._in,
            self._out,
            self.line,
            self.queue,
            self.count,
            self.state,
            _windows(),
            tables(SIZE),
            *(np.zeros(SIZE, np.float32) for _ in range(3)),
            *(np.zeros(BINS, np.float32) for _ in range(2)),
        )

    def process(self, frame: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the sound of 20 ms ago with less noise.

        Args:
            frame: shape (240,), float32, full scale ±1.0; samples beyond ±8 are taken as ±8.

        Returns:
            Shape (240,), float32, a new array.

        Raises:
            SignalError: wrong shape or dtype, or NaN or infinity in it.
        """
        take(frame, self._in, "denoise")
        if self.level == "off":
            return self._in.copy()
        self._run(self._floor)
        return self._out.copy()

    def reset(self) -> None:
        """Forget the noise and the sound that is held."""
        for array in (self.state, self.line, self.queue, self.count):
            array[:] = 0


def _windows() -> NDArray[np.float32]:
    """Return analysis and synthesis window, shape (2, 960).

    Their product rises over 240 samples, is 1 for 240 and falls over 240, at the frame's end; the
    analysis window rises slowly over its first 480 as well, for narrower bins.
    """
    fade = np.sin(np.pi / 2 * (np.arange(FADE) + 0.5) / FADE)
    rise = np.sin(np.pi / 2 * (np.arange(HOP) + 0.5) / HOP)
    analysis = np.concatenate([rise, np.ones(FADE), fade[::-1]])
    wanted = np.concatenate([np.zeros(FADE), fade**2, np.ones(FADE), fade[::-1] ** 2])
    return np.stack([analysis, wanted / analysis]).astype(np.float32)


@inner
def _gains(re, im, state, count, floor):
    """Fill the state's gains for one spectrum, the `count`-th since the start."""
    heard = np.float32(0.0)
    known = np.float32(0.0)
    for k in range(BINS):
        heard += re[k] * re[k] + im[k] * im[k] + TINY
        known += state[_NOISE, k]
    cut = min(ONE, MOST_OVER * heard / max(known, TINY))
    if count < START:  # the mean so far
        cut = ONE
        part = ONE / np.float32(count + 1)
        for k in range(BINS):
            power = re[k] * re[k] + im[k] * im[k] + TINY
            state[_NOISE, k] += (power - state[_NOISE, k]) * part
    for k in range(BINS):
        power = re[k] * re[k] + im[k] * im[k] + TINY
        noise = state[_NOISE, k] * cut
        unlikely = math.exp(-min(EXPONENT_MAX, power / noise * SLOPE)) * (ONE + PRESENT)
        likely = ONE / (ONE + np.float32(unlikely))
        presence = state[_PRESENCE, k] + PRESENCE_STEP * (likely - state[_PRESENCE, k])
        state[_PRESENCE, k] = presence
        held = HELD if presence > PRESENCE_LONG else max(state[_HELD, k] - ONE, np.float32(0.0))
        state[_HELD, k] = held
        likely = min(likely, PRESENCE_CAP) if held > np.float32(0.0) else likely
        noise += NOISE_STEP * (ONE - likely) * (power - noise)
        state[_NOISE, k] = noise
        over = ONE / (noise * OVER)
        prior = PRIOR_KEEP * state[_SPEECH, k] * over
        prior += (ONE - PRIOR_KEEP) * max(power * over - ONE, np.float32(0.0))
        prior = max(prior, PRIOR_MIN)
        wiener = prior / (ONE + prior)
        state[_SPEECH, k] = wiener * wiener * power
        state[_GAIN, k] = wiener
        state[_PRIOR, k] = min(prior, PRIOR_COUNTS)
    # Speech shows up in several neighbouring bins at once, noise in one: Cohen's local presence.
    total = np.float32(0.0)
    for k in range(REACH):
        total += state[_PRIOR, k]
    log_floor = math.log(floor)
    for k in range(BINS):
        if k + REACH < BINS:
            total += state[_PRIOR, k + REACH]
        if k > REACH:
            total -= state[_PRIOR, k - REACH - 1]
        nearby = max(total * PER_BIN, TINY)
        nearby = state[_NEARBY, k] + NEARBY_STEP * (nearby - state[_NEARBY, k])
        state[_NEARBY, k] = nearby
        open_part = (math.log(nearby) - LOG_CLOSED) * PER_LOG
        open_part = min(max(open_part, np.float32(0.0)), ONE)
        wiener = max(state[_GAIN, k], floor)
        state[_GAIN, k] = math.exp(open_part * math.log(wiener) + (ONE - open_part) * log_floor)


@kernel(
    x=Array(F32, FRAME),
    y=Array(F32, FRAME),
    line=Array(F32, SIZE),
    queue=Array(F32, HOP + FADE),
    count=Array(I32, 2),
    state=Array(F32, PLANES, BINS),
    window=Array(F32, 2, SIZE),
    tw=Array(F32, tables(SIZE).size),
    timed=Array(F32, SIZE),
    a=Array(F32, SIZE),
    b=Array(F32, SIZE),
    re=Array(F32, BINS),
    im=Array(F32, BINS),
    floor=F32,
)
def _frame(x, y, line, queue, count, state, window, tw, timed, a, b, re, im, floor):
    """Take 240 samples in and put 240 out; each second call does a hop between the two.

    The queue is 480 finished samples and the 240 that the next frame's rise is added to.
    """
    for i in range(SIZE - FRAME):
        line[i] = line[i + FRAME]
    for i in range(FRAME):
        line[SIZE - FRAME + i] = x[i]
    if count[1] == 0:
        count[1] = 1
        for i in range(FRAME):
            y[i] = queue[FRAME + i]
        return
    count[1] = 0
    for i in range(SIZE):
        timed[i] = line[i] * window[0, i]
    rfft_960(timed, re, im, a, b, tw)
    _gains(re, im, state, count[0], floor)
    if count[0] < 1 << 30:
        count[0] += 1
    for k in range(BINS):
        re[k] *= state[_GAIN, k]
        im[k] *= state[_GAIN, k]
    irfft_960(re, im, timed, a, b, tw)
    for i in range(FADE):
        queue[i] = queue[HOP + i] + timed[FADE + i] * window[1, FADE + i]
        queue[FADE + i] = timed[HOP + i] * window[1, HOP + i]
        queue[HOP + i] = timed[HOP + FADE + i] * window[1, HOP + FADE + i]
    for i in range(FRAME):
        y[i] = queue[i]
