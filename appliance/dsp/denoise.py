"""Noise suppression: a small trained network's gain for each bin of the spectrum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from appliance.dsp.denoise_net import (
    AROUND,
    BANDS,
    EDGE,
    FEATURES,
    GATES,
    TAPS,
    UNITS,
    USED,
    VOICES,
    ZERO,
    add_product,
    answer,
    between,
    edges,
    hear,
    recur,
    weights,
)
from appliance.dsp.fft import irfft_960, rfft_960, tables
from appliance.dsp.frame import FRAME, take
from appliance.dsp.kernel import F32, I32, Array, inner, kernel
from appliance.errors import SignalError

SIZE = 960  # samples looked at: 40 ms, bins of 25 Hz
HOP = 480
FADE = 240  # samples in which one gain goes over to the next
DELAY = 480  # samples, any level but "off"
BINS = SIZE // 2 + 1
PADDED = USED + 2 * AROUND

FLOORS_DB = {"low": -12.0, "moderate": -40.0, "high": -60.0}  # what noise alone is lowered by
LEVELS = ("off", *FLOORS_DB)


class Denoiser:
    """Single-channel noise suppression at 24 kHz.

    Frames of 960 samples every 480. A recurrent network of 88 000 weights, trained offline on
    speech in recorded and synthesised noise, hears each bin's level above its own floor and the
    shape of the spectrum in 40 bands, both without regard to the level of it all. It answers
    with eight values a band; a bin's gain comes of these and of how the bin stands out among its
    neighbours, so that the gaps between the harmonics of a voice are closed. No gain goes under
    the level's floor. The synthesis window covers only the last 720 of the 960 samples, which
    keeps the delay down.

    Delay: 480 samples (20 ms); none at "off". Every second frame does the work of both.

    Args:
        level: "off", "low" (noise lowered by 12 dB), "moderate" (40 dB) or "high" (60 dB).

    Attributes:
        delay: in samples.
        floors: shape (432,), float32: log power that each bin falls back to.
        excess: shape (2, 438), float32: log power above the floor, the last and a running mean.
        loudness: shape (1,), float32: mean log power of the bands, running.
        memory: shape (2, 72), float32: the two layers of the network.
        line, queue, count: what outlives a frame in time: input, output, hops (0 or 1) and halves.

    Source: Valin 2018 (RNNoise: gains in bands by a recurrent network); Cho and others 2014 (gated
    recurrent unit); Braun and Tashev 2021 (loss on the compressed spectrum); Mauler and Martin
    2007 (windows of unequal length); training and figures in `docs/sound-noise.md`.
    """

    def __init__(self, level: str = "moderate") -> None:
        if level not in LEVELS:
            raise SignalError(f"denoise: want a level of {', '.join(LEVELS)}, got {level!r}")
        self.level = level
        self.delay = 0 if level == "off" else DELAY
        self.floors = np.zeros(USED, np.float32)
        self.excess = np.zeros((2, PADDED), np.float32)
        self.loudness = np.zeros(1, np.float32)
        self.memory = np.zeros((2, UNITS), np.float32)
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
            self.floors,
            self.excess,
            self.loudness,
            self.memory,
            *weights(),
            edges(),
            *between(),
            windows(),
            tables(SIZE),
            np.zeros((3, SIZE), np.float32),
            np.zeros((4, BINS), np.float32),
            np.zeros(FEATURES, np.float32),
            np.zeros((2, GATES), np.float32),
            np.zeros(VOICES * BANDS, np.float32),
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
        for array in (
            self.floors,
            self.excess,
            self.loudness,
            self.memory,
            self.line,
            self.queue,
            self.count,
        ):
            array[:] = 0


def windows() -> NDArray[np.float32]:
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
def _apply(re, im, gains, floor):
    """Multiply the spectrum by the gains, none under `floor`; above the last by their mean."""
    top = ZERO
    for k in range(USED):
        gain = max(gains[k], floor)
        re[k] *= gain
        im[k] *= gain
    for k in range(USED - EDGE, USED):
        top += gains[k]
    top = max(top / np.float32(EDGE), floor)
    for k in range(USED, BINS):
        re[k] *= top
        im[k] *= top


@kernel(
    x=Array(F32, FRAME),
    y=Array(F32, FRAME),
    line=Array(F32, SIZE),
    queue=Array(F32, HOP + FADE),
    count=Array(I32, 2),
    floors=Array(F32, USED),
    excess=Array(F32, 2, PADDED),
    loudness=Array(F32, 1),
    memory=Array(F32, 2, UNITS),
    input1=Array(F32, FEATURES, GATES),
    again1=Array(F32, UNITS, GATES),
    input2=Array(F32, UNITS, GATES),
    again2=Array(F32, UNITS, GATES),
    bias=Array(F32, 4, GATES),
    output=Array(F32, UNITS, VOICES * BANDS),
    output_bias=Array(F32, VOICES * BANDS),
    local=Array(F32, VOICES, TAPS),
    join=Array(F32, VOICES + 1),
    edge=Array(I32, BANDS + 1),
    lower=Array(I32, USED),
    part=Array(F32, USED),
    window=Array(F32, 2, SIZE),
    tw=Array(F32, tables(SIZE).size),
    sound=Array(F32, 3, SIZE),
    bins=Array(F32, 4, BINS),
    features=Array(F32, FEATURES),
    gates=Array(F32, 2, GATES),
    values=Array(F32, VOICES * BANDS),
    floor=F32,
)
def _frame(
    x,
    y,
    line,
    queue,
    count,
    floors,
    excess,
    loudness,
    memory,
    input1,
    again1,
    input2,
    again2,
    bias,
    output,
    output_bias,
    local,
    join,
    edge,
    lower,
    part,
    window,
    tw,
    sound,
    bins,
    features,
    gates,
    values,
    floor,
):
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
    timed, a, b = sound[0], sound[1], sound[2]
    re, im, gains, voice = bins[0], bins[1], bins[2], bins[3]
    for i in range(SIZE):
        timed[i] = line[i] * window[0, i]
    rfft_960(timed, re, im, a, b, tw)
    hear(re, im, voice, count[0] == 0, floors, loudness, excess, features, edge)
    count[0] = 1
    given, held = gates[0], gates[1]
    for j in range(GATES):
        given[j] = ZERO
    add_product(given, features, input1, FEATURES, GATES)
    recur(memory[0], given, held, again1, bias, 0)
    for j in range(GATES):
        given[j] = ZERO
    add_product(given, memory[0], input2, UNITS, GATES)
    recur(memory[1], given, held, again2, bias, 2)
    for j in range(VOICES * BANDS):
        values[j] = output_bias[j]
    add_product(values, memory[1], output, UNITS, VOICES * BANDS)
    answer(values, excess, local, join, lower, part, voice, gains)
    _apply(re, im, gains, floor)
    irfft_960(re, im, timed, a, b, tw)
    for i in range(FADE):
        queue[i] = queue[HOP + i] + timed[FADE + i] * window[1, FADE + i]
        queue[FADE + i] = timed[HOP + i] * window[1, HOP + i]
        queue[HOP + i] = timed[HOP + FADE + i] * window[1, HOP + FADE + i]
    for i in range(FRAME):
        y[i] = queue[i]
