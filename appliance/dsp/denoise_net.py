"""The network of the noise suppressor: what it hears of a spectrum, and the gains it answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from appliance.dsp.kernel import inner

USED = 432  # bins of 25 Hz that the network sees: to 10.8 kHz
BANDS = 40
FEATURES = 2 * BANDS
UNITS = 72  # of each of the two recurrent layers
GATES = 3 * UNITS  # reset, update, candidate
VOICES = 8  # values that a bin's gain is made of
AROUND = 3  # bins each side that a gain looks at
TAPS = 2 * AROUND + 1 + 3  # those of the excess, then three of its mean
EDGE = 8  # bins at the top whose gain goes for all above
WEIGHTS = "denoise_weights.npz"

ZERO, ONE, HALF = np.float32(0.0), np.float32(1.0), np.float32(0.5)
TINY = np.float32(1e-8)  # power of a bin, -108 dBFS of white noise: under the last bit of PCM16
RISE, FALL = np.float32(0.02), np.float32(0.15)  # of the floor under a bin, a hop
LEVEL_RISE, LEVEL_FALL = np.float32(0.05), np.float32(0.02)
LEVEL_DROP, FAR = np.float32(0.15), np.float32(3.0)  # after a far louder sound: faster
RECENT = np.float32(0.5)
LEAST_EXCESS, MOST_EXCESS = np.float32(-3.0), np.float32(7.0)  # -13 dB, 30 dB
MOST_LEVEL = np.float32(8.0)
SCALE = np.float32(0.3)  # brings features to about one
BAND_SCALE, BAND_MEAN = np.float32(0.5 / 0.3), np.float32(0.3)

# Rational tanh, exact to float32's last bits within the limit; the same bits on every machine.
LIMIT = np.float32(7.905311)
A1, A3, A5, A7 = (
    np.float32(each) for each in (4.89352456e-3, 6.37261929e-4, 1.48572236e-5, 5.1222971e-8)
)
A9, A11, A13 = (np.float32(each) for each in (-8.60467152e-11, 2.00018790e-13, -2.76076848e-16))
B0, B2, B4, B6 = (
    np.float32(each) for each in (4.89352519e-3, 2.26843463e-3, 1.18534706e-4, 1.19825840e-6)
)

Samples = NDArray[np.float32]


def edges() -> NDArray[np.int32]:
    """Return the 41 edges of the bands, in bins: 75 Hz wide at the bottom, 850 Hz at the top."""
    low = [*range(0, 30, 3), 30, 33, 37, 41, 45, 50, 55, 60, 66, 72, 79, 86, 94, 103, 112, 122]
    high = [133, 145, 158, 172, 187, 204, 222, 241, 262, 285, 310, 337, 366, 398, USED]
    return np.array([*low, *high], np.int32)


def between() -> tuple[NDArray[np.int32], Samples]:
    """Return for each bin the lower of the two bands around it, and the part of the upper one.

    Shapes (432,) both; part 0 to 1.
    """
    at = edges()
    centres = (at[:-1] + at[1:] - 1) / 2
    bins = np.arange(USED)
    lower = np.clip(np.searchsorted(centres, bins) - 1, 0, BANDS - 2)
    part = (bins - centres[lower]) / (centres[lower + 1] - centres[lower])
    return lower.astype(np.int32), np.clip(part, 0.0, 1.0).astype(np.float32)


@cache
def weights() -> tuple[Samples, ...]:
    """Return the trained weights, read once: float32, 348 kB.

    In order: first layer's input (80, 216) and recurrent (72, 216), the second's (72, 216) both,
    their four biases (4, 216), output (72, 320) and its bias (320,), what a bin's values take
    from its neighbours (8, 10), and what its gain takes from them, bias last (9,).
    """
    with (files("appliance.dsp") / WEIGHTS).open("rb") as file, np.load(file) as held:
        return tuple(_unpacked(held, name) for name in NAMES)


def _unpacked(held: Mapping[str, NDArray[np.generic]], name: str) -> Samples:
    """Return one array as float32; the large ones are int8 with a scale for each column."""
    values = np.ascontiguousarray(held[name], np.float32)
    scale = held.get(f"{name}_scale")
    return values if scale is None else values * scale.astype(np.float32)


NAMES = ("input1", "again1", "input2", "again2", "bias", "output", "output_bias", "local", "join")


@inner
def squash(x: np.float32) -> np.float32:
    """The hyperbolic tangent."""
    x = min(max(x, -LIMIT), LIMIT)
    s = x * x
    top = s * A13 + A11
    top = s * top + A9
    top = s * top + A7
    top = s * top + A5
    top = s * top + A3
    top = s * top + A1
    return x * top / (((s * B6 + B4) * s + B2) * s + B0)


@inner
def add_product(y, x, matrix, rows, columns):
    """Add `x @ matrix` to `y`, four rows at a time; `rows` is a multiple of four.

    Column by column inside, so that the compiler may use vectors without reordering any sum.
    """
    for i in range(0, rows, 4):
        for j in range(columns):
            y[j] = (
                y[j]
                + x[i] * matrix[i, j]
                + x[i + 1] * matrix[i + 1, j]
                + x[i + 2] * matrix[i + 2, j]
                + x[i + 3] * matrix[i + 3, j]
            )


@inner
def recur(held, given, gates, again, bias, row):
    """Make a step of a gated recurrent unit: `held` (72,) becomes what follows it.

    `given` (216,) is the product of its input; `gates` (216,) is scratch for that of `held`;
    `bias` has the two rows from `row`.
    """
    for j in range(GATES):
        given[j] += bias[row, j]
        gates[j] = bias[row + 1, j]
    add_product(gates, held, again, UNITS, GATES)
    for j in range(2 * UNITS):
        given[j] = HALF + HALF * squash(HALF * (given[j] + gates[j]))
    for j in range(UNITS):
        new = squash(given[2 * UNITS + j] + given[j] * gates[2 * UNITS + j])
        held[j] = new + given[UNITS + j] * (held[j] - new)


@inner
def hear(re, im, power, first, floors, level, excess, features, edge):
    """Fill `features` (80,) and `excess` (2, 438) from a spectrum; move the floors.

    A bin's floor follows its log power up with a time constant of 1 s and down with 0.13 s.
    `excess` is the log power over it, scaled, with three zeros at each end, and its running mean.
    In each band the features are the mean excess and the level against that of all bands.
    `power` (481,) is scratch.
    """
    for k in range(USED):
        power[k] = re[k] * re[k] + im[k] * im[k]
        log = np.float32(math.log(power[k] + TINY))
        floor = log if first else floors[k]
        over = log - floor
        floors[k] = floor + (RISE if over > ZERO else FALL) * over
        over = SCALE * min(max(over, LEAST_EXCESS), MOST_EXCESS)
        excess[0, AROUND + k] = over
        excess[1, AROUND + k] += RECENT * (over - excess[1, AROUND + k])
    total = ZERO
    for band in range(BANDS):
        sum_power = ZERO
        over = ZERO
        for k in range(edge[band], edge[band + 1]):
            sum_power += power[k]
            over += excess[0, AROUND + k]
        part = ONE / np.float32(edge[band + 1] - edge[band])
        log = np.float32(math.log(sum_power * part + TINY))
        features[band] = over * part * BAND_SCALE - BAND_MEAN
        features[BANDS + band] = log
        total += log
    total *= ONE / np.float32(BANDS)
    now = total if first else level[0]
    now += (LEVEL_RISE if total > now else LEVEL_FALL) * (total - now)
    now -= LEVEL_DROP * max(now - total - FAR, ZERO)
    level[0] = now
    for band in range(BANDS):
        log = features[BANDS + band] - now
        features[BANDS + band] = SCALE * min(max(log, -MOST_LEVEL), MOST_LEVEL)


@inner
def answer(values, excess, local, join, lower, part, voice, gains):
    """Fill `gains` (432,), 0 to 1, from the 8 × 40 `values` of the bands and the bins' own excess.

    `voice` (432,) is scratch.
    """
    for k in range(USED):
        gains[k] = join[VOICES]
    for unit in range(VOICES):
        for k in range(USED):
            low = values[unit * BANDS + lower[k]]
            voice[k] = low + part[k] * (values[unit * BANDS + lower[k] + 1] - low)
        for k in range(USED):
            value = (
                voice[k]
                + local[unit, 0] * excess[0, k]
                + local[unit, 1] * excess[0, k + 1]
                + local[unit, 2] * excess[0, k + 2]
                + local[unit, 3] * excess[0, k + 3]
                + local[unit, 4] * excess[0, k + 4]
                + local[unit, 5] * excess[0, k + 5]
                + local[unit, 6] * excess[0, k + 6]
                + local[unit, 7] * excess[1, k + 2]
                + local[unit, 8] * excess[1, k + 3]
                + local[unit, 9] * excess[1, k + 4]
            )
            gains[k] += join[unit] * max(value, ZERO)
    for k in range(USED):
        gains[k] = HALF + HALF * squash(HALF * gains[k])
