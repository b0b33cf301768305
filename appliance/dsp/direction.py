"""Where the talker is: steered response power with the phase transform, on speech only."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.dsp.geometry import MAX_MICS, Geometry
from appliance.dsp.kernel import F32, I32, kernel
from appliance.dsp.kernel import Array as Shape

BLOCK = 480  # of the transform, 20 ms at 24 kHz
BINS = BLOCK // 2 + 1
BIN_HZ = 50.0
SOUND_M_S = 343.0

PLACES = 36  # directions looked at: every 10 degrees, or every 5 of the half circle
LOW, HIGH = 6, 81  # bins: 300 to 4000 Hz
BAND = HIGH - LOW
SPEECH = np.float32(12.0)  # a bin counts when its power is so many times its floor's
ENOUGH = 8  # bins that must count for a frame to count
SMOOTH = np.float32(0.96)  # of the map, from one frame that counts to the next: 0.5 s of speech
WAIT = 20  # frames before the first that may count: the floor is not known yet
FLOOR_FRAMES = 80  # a floor is the least smoothed power of the last 0.8 to 1.6 s
MARGIN = np.float32(0.1)  # of the peak's height over the mean: a new place must win by so much
ZERO, ONE = np.float32(0.0), np.float32(1.0)
OLD, NEW = np.float32(0.7), np.float32(0.3)  # of the power whose least is the floor
SILENT = np.float32(1e-9)  # power below which nothing is speech: -120 dBFS and less
MANY = np.float32(PLACES)
TINY = np.float32(1e-12)

Values = NDArray[np.float32]


class Direction:
    """Follows the direction of speech from the microphones' spectra.

    Attributes:
        degrees: the directions of the places, in their order.
        place: index of the one that the talker is nearest to; -1 as long as nobody spoke. It
            holds in silence and in steady noise, and takes 0.2 s to know these after a reset.

    Source: DiBiase 2000 (SRP-PHAT); Martin 2001 for the floor, in its simplest form.
    """

    def __init__(self, geometry: Geometry) -> None:
        """Compute what a wave from each place would be at each microphone."""
        self._count = len(geometry.mics)
        # On a line, front and back look alike: the half circle is all that can be told.
        self._round = not geometry.linear
        turn = 360.0 / PLACES if self._round else 180.0 / (PLACES - 1)
        self.degrees: NDArray[np.float64] = np.arange(PLACES, dtype=np.float64) * turn
        waves = arrivals(geometry, self.degrees)[:, :, LOW:HIGH]
        self._waves_re = np.ascontiguousarray(waves.real, np.float32)
        self._waves_im = np.ascontiguousarray(waves.imag, np.float32)
        self._bins = np.zeros((4, BAND), np.float32)  # power, least so far, least before, floor
        self._map = np.zeros(PLACES, np.float32)
        self._white_re = np.zeros((MAX_MICS, BAND), np.float32)
        self._white_im = np.zeros((MAX_MICS, BAND), np.float32)
        self._counts = np.zeros(4, np.int32)  # frames of the floor, place, parity, wait
        self.reset()

    @property
    def place(self) -> int:
        """Index into `degrees`, or -1."""
        return int(self._counts[1])

    @property
    def direction_deg(self) -> float | None:
        """Direction of the talker, between the places, or None as long as nobody spoke."""
        at = self.place
        if at < 0:
            return None
        turn = float(self.degrees[1])
        shift = 0.0
        if self._round or 0 < at < PLACES - 1:
            left, here, right = (float(self._map[(at + d) % PLACES]) for d in (-1, 0, 1))
            bend = left - 2 * here + right
            if bend < 0.0:
                shift = min(max(0.5 * (left - right) / bend, -0.5), 0.5)
        degrees = float(self.degrees[at]) + shift * turn
        return degrees % 360.0 if self._round else degrees

    def follow(self, re: Values, im: Values) -> None:
        """Take in one frame.

        Args:
            re, im: spectra, shape (MAX_MICS, BINS), float32, as the beamformer makes them.
        """
        _follow(
            re, im, self._waves_re, self._waves_im, self._bins, self._white_re, self._white_im,
            self._map, self._counts, self._count,
        )  # fmt: skip

    def reset(self) -> None:
        """Forget the talker."""
        self._bins[0] = 0.0
        self._bins[1:] = 1e12
        self._map[:] = 0.0
        self._counts[:] = 0
        self._counts[1] = -1


def arrivals(geometry: Geometry, degrees: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Return a plane wave from each direction at each microphone, 1 at the array's centre.

    Returns:
        Shape (directions, MAX_MICS, BINS); zero for microphones that the array has not.
    """
    mics = np.asarray(geometry.mics)
    angle = np.radians(degrees)
    ahead = np.outer(np.cos(angle), mics[:, 0]) + np.outer(np.sin(angle), mics[:, 1])
    hertz = np.arange(BINS) * BIN_HZ
    waves = np.zeros((degrees.size, MAX_MICS, BINS), np.complex128)
    waves[:, : len(mics)] = np.exp(2j * math.pi * ahead[:, :, None] / SOUND_M_S * hertz)
    return waves


@kernel(
    re=Shape(F32, MAX_MICS, BINS),
    im=Shape(F32, MAX_MICS, BINS),
    waves_re=Shape(F32, PLACES, MAX_MICS, BAND),
    waves_im=Shape(F32, PLACES, MAX_MICS, BAND),
    bins=Shape(F32, 4, BAND),
    white_re=Shape(F32, MAX_MICS, BAND),
    white_im=Shape(F32, MAX_MICS, BAND),
    power_map=Shape(F32, PLACES),
    counts=Shape(I32, 4),
    mics=I32,
)
def _follow(
    re: Any, im: Any, waves_re: Any, waves_im: Any, bins: Any, white_re: Any, white_im: Any,
    power_map: Any, counts: Any, mics: Any,
) -> None:  # fmt: skip
    """Kernel: floor, speech bins, phases only, power from each place; the best one wins."""
    if counts[3] < WAIT:
        counts[3] += 1
    counts[0] += 1
    turn_over = counts[0] >= FLOOR_FRAMES
    if turn_over:
        counts[0] = 0
    loud = 0
    for b in range(BAND):
        power = ZERO
        for m in range(mics):
            power += re[m, LOW + b] * re[m, LOW + b] + im[m, LOW + b] * im[m, LOW + b]
        smoothed = power
        if counts[3] > 2:  # not the first whole block
            smoothed = OLD * bins[0, b] + NEW * power
        bins[0, b] = smoothed
        if smoothed < bins[1, b] or counts[3] <= 2:
            bins[1, b] = smoothed
        if turn_over:
            bins[2, b] = bins[1, b]
            bins[1, b] = smoothed
        bins[3, b] = min(bins[1, b], bins[2, b])
        heard = power > SPEECH * bins[3, b] + SILENT
        if heard:
            loud += 1
        for m in range(mics):
            if heard:
                r, i = re[m, LOW + b], im[m, LOW + b]
                size = math.sqrt(r * r + i * i) + TINY
                white_re[m, b] = r / size
                white_im[m, b] = i / size
            else:
                white_re[m, b] = ZERO
                white_im[m, b] = ZERO
    counts[2] = 1 - counts[2]
    if (
        loud < ENOUGH or counts[2] == 0 or counts[3] < WAIT
    ):  # every other frame is enough, at half the price
        return
    for p in range(PLACES):
        total = ZERO
        for b in range(BAND):
            sum_re, sum_im = ZERO, ZERO
            for m in range(mics):
                wr, wi = waves_re[p, m, b], waves_im[p, m, b]
                sum_re += white_re[m, b] * wr + white_im[m, b] * wi
                sum_im += white_im[m, b] * wr - white_re[m, b] * wi
            total += sum_re * sum_re + sum_im * sum_im
        power_map[p] = SMOOTH * power_map[p] + (ONE - SMOOTH) * total
    best, mean = 0, ZERO
    for p in range(PLACES):
        mean += power_map[p] / MANY
        if power_map[p] > power_map[best]:
            best = p
    here = counts[1]
    if here < 0 or power_map[best] - power_map[here] > MARGIN * (power_map[best] - mean):
        counts[1] = best
