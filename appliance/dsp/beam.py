"""One channel out of a microphone array: the processed one, or a beam that follows the talker."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.dsp.direction import BIN_HZ, BINS, BLOCK, PLACES, SOUND_M_S, Direction, arrivals
from appliance.dsp.fft import irfft_480, rfft_480, tables
from appliance.dsp.frame import FRAME, LIMIT
from appliance.dsp.geometry import MAX_MICS, Geometry
from appliance.dsp.kernel import F32, I32, kernel
from appliance.dsp.kernel import Array as Shape
from appliance.errors import SignalError

WHITE_GAIN_DB = -6.0  # least: how much louder than one microphone's its own noise may come out
FADE = 120  # samples over which one block goes over into the next: the delay
GLIDE = np.float32(0.15)  # of the way to a new direction's weights, a frame
ZERO = np.float32(0.0)
TWIDDLES = tables(BLOCK).size

Samples = NDArray[np.float32]


class Mode(Enum):
    """How one channel is made of many."""

    PROCESSED = "processed"  # the array's own processor has done it
    FIRST = "first"  # the first microphone, for comparison
    DELAY_SUM = "delay-sum"
    SUPERDIRECTIVE = "superdirective"  # the best in figures: see docs/sound-playback-and-array.md


class Array:
    """A beamformer for one geometry.

    Attributes:
        mode: as asked for; a single microphone is always FIRST.
        delay_samples: 0 for PROCESSED and FIRST; else 120 (5 ms).

    Source: overlap-add with windows of unequal length (Mauler and Martin 2007); Cox et al. 1986
        and Bitzer & Simmer 2001 for the superdirective beam in diffuse noise, loaded until its
        white noise gain is WHITE_GAIN_DB; `direction` for where it points.
    """

    def __init__(self, geometry: Geometry, mode: Mode = Mode.SUPERDIRECTIVE) -> None:
        """Design the beams.

        Raises:
            SignalError: PROCESSED of an array that has no processed channel.
        """
        if mode is Mode.PROCESSED and geometry.processed is None:
            raise SignalError(
                f"array {geometry.name}: has no processed channel; choose superdirective"
            )
        if len(geometry.mics) == 1 and mode is not Mode.PROCESSED:
            mode = Mode.FIRST
        self.geometry, self.mode = geometry, mode
        self._raw = list(geometry.raw)
        self._passes = mode in (Mode.PROCESSED, Mode.FIRST)
        self._channel = geometry.raw[0]
        if mode is Mode.PROCESSED and geometry.processed is not None:
            self._channel = geometry.processed
        self.delay_samples = 0 if self._passes else FADE
        if self._passes:
            return
        self._direction = Direction(geometry)
        weights = _weights(geometry, self._direction.degrees, mode)
        self._goal_re = np.ascontiguousarray(weights.real, np.float32)
        self._goal_im = np.ascontiguousarray(weights.imag, np.float32)
        self._windows = _windows()
        self._twiddles = tables(BLOCK)
        self._mics = np.zeros((MAX_MICS, FRAME), np.float32)
        self._past = np.zeros((MAX_MICS, FRAME), np.float32)
        self._re = np.zeros((MAX_MICS, BINS), np.float32)
        self._im = np.zeros((MAX_MICS, BINS), np.float32)
        self._now_re = np.zeros((MAX_MICS, BINS), np.float32)
        self._now_im = np.zeros((MAX_MICS, BINS), np.float32)
        self._tail = np.zeros(FADE, np.float32)
        self._out = np.zeros(FRAME, np.float32)
        self._block = np.zeros(BLOCK, np.float32)
        self._work = np.zeros(BLOCK, np.float32)
        self._spare = np.zeros(BLOCK, np.float32)
        self._sum_re = np.zeros(BINS, np.float32)
        self._sum_im = np.zeros(BINS, np.float32)
        self.reset()

    @property
    def direction_deg(self) -> float | None:
        """Where the talker is, 0 to 360, or 0 to 180 for a linear array: front and back alike.

        None as long as nobody has spoken, and in the modes that do not look.
        """
        return None if self._passes else self._direction.direction_deg

    def process(self, frame: Samples) -> Samples:
        """Return the next frame of the one channel, `delay_samples` late.

        Args:
            frame: shape (geometry.channels, 240), float32, 24 kHz, in the sound device's order;
                samples beyond ±8 are taken as ±8.

        Returns:
            Shape (240,), float32, the caller's to keep. Speech from the direction found is as
            loud as at one microphone.

        Raises:
            SignalError: another shape, not float32, or NaN or infinity in it.
        """
        want = (self.geometry.channels, FRAME)
        if frame.shape != want or frame.dtype != np.float32:
            raise SignalError(f"want float32 {want}, got {frame.dtype} {frame.shape}")
        if not np.isfinite(frame).all():
            raise SignalError("frame holds NaN or infinity")
        if self._passes:
            one: Samples = np.clip(frame[self._channel], -LIMIT, LIMIT)
            return one
        for mic, channel in enumerate(self._raw):
            np.clip(frame[channel], -LIMIT, LIMIT, out=self._mics[mic])
        count = len(self._raw)
        _analyse(
            self._mics, self._past, self._windows, self._block, self._work, self._spare,
            self._twiddles, self._re, self._im, count,
        )  # fmt: skip
        self._direction.follow(self._re, self._im)
        _form(
            self._re, self._im, self._goal_re, self._goal_im, self._now_re, self._now_im,
            self._sum_re, self._sum_im, self._windows, self._block, self._work, self._spare,
            self._twiddles, self._tail, self._out, self._direction.place, count,
        )  # fmt: skip
        return self._out.copy()

    def reset(self) -> None:
        """Forget sound and direction: until somebody speaks, it is the first microphone."""
        if self._passes:
            return
        self._direction.reset()
        for state in (self._past, self._tail, self._now_re, self._now_im):
            state[:] = 0.0
        self._now_re[0] = 1.0


def _windows() -> Samples:
    """Return analysis and synthesis window, shape (2, 480).

    Their product is nothing for 120 samples, rises over 120, is 1 for 120 and falls over 120, at
    the block's end; the analysis window rises slowly over its first 240, for narrower bins.
    """
    fade = np.sin(np.pi / 2 * (np.arange(FADE) + 0.5) / FADE)
    rise = np.sin(np.pi / 2 * (np.arange(FRAME) + 0.5) / FRAME)
    analysis = np.concatenate([rise, np.ones(FADE), fade[::-1]])
    wanted = np.concatenate([np.zeros(FADE), fade**2, np.ones(FADE), fade[::-1] ** 2])
    return np.stack([analysis, wanted / analysis]).astype(np.float32)


def _weights(
    geometry: Geometry, degrees: NDArray[np.float64], mode: Mode
) -> NDArray[np.complex128]:
    """Return what to multiply the spectra with, shape (directions, MAX_MICS, BINS)."""
    waves = arrivals(geometry, degrees)
    count = len(geometry.mics)
    if mode is Mode.DELAY_SUM:
        even: NDArray[np.complex128] = np.divide(np.conj(waves), count)
        return even
    mics = np.asarray(geometry.mics)
    apart = np.linalg.norm(mics[:, None] - mics[None], axis=2)
    hertz = np.arange(BINS) * BIN_HZ
    # The noise of a room comes from everywhere: this is how alike two microphones hear it.
    alike = np.sinc(2 * hertz[:, None, None] * apart / SOUND_M_S)
    values, vectors = np.linalg.eigh(alike)  # (bins, m), (bins, m, m)
    seen = np.einsum("bij,dib->dbj", vectors, waves[:, :count])
    weights: NDArray[np.complex128] = np.zeros((degrees.size, BINS, count), np.complex128)
    left = np.ones((degrees.size, BINS), bool)
    least = 10 ** (WHITE_GAIN_DB / 10)
    loading = 1e-4
    while left.any():
        each = seen / (np.maximum(values, 0.0) + loading)
        each /= np.sum(np.conj(seen) * each, axis=2, keepdims=True)
        enough = left & ((1 / np.sum(np.abs(each) ** 2, axis=2) >= least) | (loading > 1e3))
        weights[enough] = each[enough]
        left &= ~enough
        loading *= 1.5
    out = np.zeros(waves.shape, np.complex128)
    out[:, :count] = np.conj(np.einsum("bij,dbj->dib", vectors, weights))
    return out


@kernel(
    mics=Shape(F32, MAX_MICS, FRAME),
    past=Shape(F32, MAX_MICS, FRAME),
    windows=Shape(F32, 2, BLOCK),
    block=Shape(F32, BLOCK),
    work=Shape(F32, BLOCK),
    spare=Shape(F32, BLOCK),
    twiddles=Shape(F32, TWIDDLES),
    re=Shape(F32, MAX_MICS, BINS),
    im=Shape(F32, MAX_MICS, BINS),
    count=I32,
)
def _analyse(
    mics: Any, past: Any, windows: Any, block: Any, work: Any, spare: Any, twiddles: Any,
    re: Any, im: Any, count: Any,
) -> None:  # fmt: skip
    """Kernel: windowed spectra of the last two frames of each microphone."""
    for m in range(count):
        for i in range(FRAME):
            block[i] = past[m, i] * windows[0, i]
            block[FRAME + i] = mics[m, i] * windows[0, FRAME + i]
            past[m, i] = mics[m, i]
        rfft_480(block, re[m], im[m], work, spare, twiddles)


@kernel(
    re=Shape(F32, MAX_MICS, BINS),
    im=Shape(F32, MAX_MICS, BINS),
    goal_re=Shape(F32, PLACES, MAX_MICS, BINS),
    goal_im=Shape(F32, PLACES, MAX_MICS, BINS),
    now_re=Shape(F32, MAX_MICS, BINS),
    now_im=Shape(F32, MAX_MICS, BINS),
    sum_re=Shape(F32, BINS),
    sum_im=Shape(F32, BINS),
    windows=Shape(F32, 2, BLOCK),
    block=Shape(F32, BLOCK),
    work=Shape(F32, BLOCK),
    spare=Shape(F32, BLOCK),
    twiddles=Shape(F32, TWIDDLES),
    tail=Shape(F32, FADE),
    out=Shape(F32, FRAME),
    place=I32,
    count=I32,
)
def _form(
    re: Any, im: Any, goal_re: Any, goal_im: Any, now_re: Any, now_im: Any, sum_re: Any,
    sum_im: Any, windows: Any, block: Any, work: Any, spare: Any, twiddles: Any, tail: Any,
    out: Any, place: Any, count: Any,
) -> None:  # fmt: skip
    """Kernel: glide to the place's weights, sum, overlap-add."""
    for b in range(BINS):
        sum_re[b] = ZERO
        sum_im[b] = ZERO
    for m in range(count):
        if place >= 0:
            for b in range(BINS):
                now_re[m, b] += GLIDE * (goal_re[place, m, b] - now_re[m, b])
                now_im[m, b] += GLIDE * (goal_im[place, m, b] - now_im[m, b])
        for b in range(BINS):
            sum_re[b] += re[m, b] * now_re[m, b] - im[m, b] * now_im[m, b]
            sum_im[b] += re[m, b] * now_im[m, b] + im[m, b] * now_re[m, b]
    irfft_480(sum_re, sum_im, block, work, spare, twiddles)
    for i in range(FRAME):
        out[i] = block[FADE + i] * windows[1, FADE + i]
    for i in range(FADE):
        out[i] += tail[i]
        tail[i] = block[FRAME + FADE + i] * windows[1, FRAME + FADE + i]
