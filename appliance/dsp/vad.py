"""Voice activity: how likely it is that a frame holds speech."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from appliance.dsp.fft import irfft_960, rfft_960, tables
from appliance.dsp.frame import FRAME, take
from appliance.dsp.kernel import F32, I32, Array, kernel
from appliance.dsp.vad_weights import BIAS, HIDDEN, INPUT, OUTPUT

SIZE = 960
BINS = SIZE // 2 + 1
EDGES = (4, 8, 12, 18, 24, 32, 42, 56, 76, 104, 144, 208, 320)  # of the bands, in bins of 25 Hz
BANDS = 12
FEATURES = 16  # 12 band SNRs, flatness, periodicity, flux, and the mean SNR
INPUTS = 3 * FEATURES  # now, their mean of 40 ms, and of 200 ms
UNITS = 12

PARTS = 5  # of the floor's window
PART = 40  # frames, 0.4 s
HANGOVER = 8  # frames that the decision outlives the last frame over the threshold by
SHORTEST_LAG, LONGEST_LAG = 60, 300  # samples: 400 Hz to 80 Hz

ONE = np.float32(1.0)
ZERO = np.float32(0.0)
EMPTY = np.float32(200.0)
FAST, SLOW = np.float32(0.25), np.float32(0.05)
FLOOR_STEP = np.float32(0.3)
TINY = np.float32(1e-6)


class VoiceActivity:
    """Probability of speech in each frame of 24 kHz sound, and a decision with hangover.

    The spectrum of the last 40 ms (the window falls fast at its end, so that the newest 10 ms
    count) gives, in 12 bands from 100 Hz to 8 kHz, the level above the floor of the last two
    seconds; with it go flatness, periodicity and flux, each as it is and as means over 40 and
    200 ms. A network of 12 units, trained offline (`docs/sound-noise.md`), makes one number of it.

    Delay: none; the answer is about the frame just given.

    Args:
        threshold: probability from which a frame is speech, 0 to 1.

    Attributes:
        active: the decision on the last frame: speech, or speech less than 80 ms ago.
        line, floors, past, features, count: what outlives a frame.

    Source: features as in Sohn, Kim and Sung 1999 (band SNRs, hangover) and Martin 2001 (floor).
    """

    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold = threshold
        self.active = False
        self.line = np.zeros(SIZE, np.float32)
        self.floors = np.zeros((PARTS + 1, BANDS), np.float32)
        self.past = np.zeros(BANDS, np.float32)
        self.features = np.zeros(INPUTS, np.float32)
        self.count = np.zeros(3, np.int32)
        self._left = 0
        self._in = np.zeros(FRAME, np.float32)
        self._out = np.zeros(1, np.float32)
        self._run = _frame.bind(
            self._in,
            self._out,
            self.line,
            self.floors,
            self.past,
            self.features,
            self.count,
            _window(),
            tables(SIZE),
            np.array(EDGES, np.int32),
            HIDDEN,
            BIAS,
            INPUT,
            OUTPUT,
            *(np.zeros(SIZE, np.float32) for _ in range(3)),
            *(np.zeros(BINS, np.float32) for _ in range(2)),
        )
        self.reset()

    def process(self, frame: NDArray[np.float32]) -> float:
        """Return the probability that `frame` holds speech, and decide `active`.

        Args:
            frame: shape (240,), float32, full scale ±1.0; samples beyond ±8 are taken as ±8.

        Raises:
            SignalError: wrong shape or dtype, or NaN or infinity in it.
        """
        take(frame, self._in, "voice activity")
        self._run()
        probability = float(self._out[0])
        self._left = HANGOVER if probability >= self.threshold else max(0, self._left - 1)
        self.active = self._left > 0
        return probability

    def reset(self) -> None:
        """Forget the floor and what was heard."""
        for array in (self.line, self.past, self.features, self.count):
            array[:] = 0
        self.floors[:] = EMPTY
        self._left = 0
        self.active = False


def _window() -> NDArray[np.float32]:
    """Return a window that rises over 30 ms and falls over 10 ms."""
    rise = np.sin(np.pi / 2 * (np.arange(SIZE - FRAME) + 0.5) / (SIZE - FRAME))
    fall = np.cos(np.pi / 2 * (np.arange(FRAME) + 0.5) / FRAME)
    return np.concatenate([rise, fall]).astype(np.float32)


@kernel(
    x=Array(F32, FRAME),
    y=Array(F32, 1),
    line=Array(F32, SIZE),
    floors=Array(F32, PARTS + 1, BANDS),
    past=Array(F32, BANDS),
    features=Array(F32, INPUTS),
    count=Array(I32, 3),
    window=Array(F32, SIZE),
    tw=Array(F32, tables(SIZE).size),
    edges=Array(I32, BANDS + 1),
    hidden=Array(F32, UNITS, INPUTS),
    bias=Array(F32, UNITS),
    mean=Array(F32, 2, INPUTS),
    output=Array(F32, UNITS + 1),
    timed=Array(F32, SIZE),
    a=Array(F32, SIZE),
    b=Array(F32, SIZE),
    re=Array(F32, BINS),
    im=Array(F32, BINS),
)
def _frame(
    x,
    y,
    line,
    floors,
    past,
    features,
    count,
    window,
    tw,
    edges,
    hidden,
    bias,
    mean,
    output,
    timed,
    a,
    b,
    re,
    im,
):
    """Spectrum, features, their means, network. Count: frames in the part, the part, started."""
    for i in range(SIZE - FRAME):
        line[i] = line[i + FRAME]
    for i in range(FRAME):
        line[SIZE - FRAME + i] = x[i]
    for i in range(SIZE):
        timed[i] = line[i] * window[i]
    rfft_960(timed, re, im, a, b, tw)
    for k in range(BINS):
        re[k] = re[k] * re[k] + im[k] * im[k] + TINY
        im[k] = ZERO
    if count[0] == PART:
        count[0] = 0
        count[1] = count[1] + 1 if count[1] < PARTS - 1 else 0
        for band in range(BANDS):
            floors[count[1], band] = EMPTY
    count[0] += 1
    geometric = ZERO
    total = ZERO
    snrs = ZERO
    flux = ZERO
    for band in range(BANDS):
        power = ZERO
        for k in range(edges[band], edges[band + 1]):
            power += re[k]
        power /= np.float32(edges[band + 1] - edges[band])
        level = np.float32(math.log(power))
        smooth = level if count[2] == 0 else floors[PARTS, band]
        smooth += FLOOR_STEP * (level - smooth)
        floors[PARTS, band] = smooth
        floors[count[1], band] = min(floors[count[1], band], smooth)
        lowest = smooth
        for part in range(PARTS):
            lowest = min(lowest, floors[part, band])
        snr = min(max(level - lowest, np.float32(-2.0)), np.float32(10.0))
        features[band] = snr
        snrs += snr
        flux += abs(level - past[band]) if count[2] == 1 else ZERO
        past[band] = level
        geometric += level
        total += power
    count[2] = 1
    features[12] = geometric / np.float32(BANDS) - np.float32(math.log(total))
    features[14] = min(flux, np.float32(60.0)) * np.float32(0.1)
    features[15] = snrs / np.float32(BANDS)
    for k in range(BINS):
        re[k] = np.float32(math.sqrt(re[k])) if 4 <= k < 144 else ZERO
    irfft_960(re, im, timed, a, b, tw)
    peak = ZERO
    for lag in range(SHORTEST_LAG, LONGEST_LAG):
        peak = max(peak, timed[lag])
    features[13] = np.float32(10.0) * peak / (timed[0] + np.float32(1e-9))
    for i in range(FEATURES):
        features[16 + i] += FAST * (features[i] - features[16 + i])
        features[32 + i] += SLOW * (features[i] - features[32 + i])
    total = output[UNITS]
    for unit in range(UNITS):
        value = bias[unit]
        for i in range(INPUTS):
            value += hidden[unit, i] * (features[i] - mean[0, i]) * mean[1, i]
        total += output[unit] * np.float32(math.tanh(value))
    total = min(max(total, np.float32(-30.0)), np.float32(30.0))
    y[0] = ONE / (ONE + np.float32(math.exp(-total)))
