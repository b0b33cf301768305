"""Clock drift between loudspeaker and microphone: measured and taken out of the reference.

The reference is read at a fractional position that moves (16-tap windowed sinc, 64 phases with
linear interpolation between them). What moves it is a loop of second order on the lag of the
microphone behind the filter's own echo estimate, which the slope of their cross-spectrum's phase
gives: a filter that has to follow a drift always trails it, by an amount proportional to the drift.
A near end is uncorrelated with the estimate and averages out.

Source: Smith and Gossett 1984 (resampling by interpolated windowed sinc); Gardner 1993 (loop);
Pawig, Enzner and Vary 2010, "Adaptive sampling rate correction for acoustic echo control".
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from appliance.dsp.echo_filter import BLOCK, ONE, TINY, ZERO
from appliance.dsp.kernel import inner

TAPS = 16
PHASES = 64
ROWS = PHASES + 2  # a position just below a sample rounds to phase 64, and has one after it
HISTORY = 1024  # newest samples of reference kept
LIMIT = np.float32(400.0)  # ppm that the loop may reach
FIRST_LAG = TAPS + 8  # samples; wraps by BLOCK at either end of its range
LEAST_LAG = np.float32(TAPS)
MOST_LAG = np.float32(TAPS + BLOCK + BLOCK // 2)

_LOW = 10  # first and one past the last bin whose phase is used: 0.5 to 6 kHz
_HIGH = 120
_RADIANS = np.float32(2.0 * math.pi / 480.0)  # per sample, of one bin
_NEWEST = np.float32(0.04)  # weight of one block in the slope: 0.5 s
_FIRST = np.float32(8.0)  # proportional gain, 1/s
_SECOND = np.float32(16.0)  # integral gain, 1/s²
_SECONDS = np.float32(0.010)  # of one block
_PPM = np.float32(1e6 / 24000.0)  # of one sample per second
_CHANCE = np.float32(8.0)  # ppm
_FAR = np.float32(2.0)  # samples: as far as one slope is believed


def sinc_table() -> NDArray[np.float32]:
    """Return the interpolation filters, shape (ROWS, TAPS), float32, each of sum one."""
    offset = np.arange(TAPS) - (TAPS // 2 - 1) - np.arange(ROWS)[:, None] / PHASES
    window = np.i0(8.0 * np.sqrt(np.maximum(0.0, 1.0 - (offset / (TAPS / 2)) ** 2)))
    table = np.sinc(0.97 * offset) * window
    return np.asarray(table / table.sum(axis=1, keepdims=True), np.float32)


@inner
def read(history, lag, step, table, reader, block):
    """block = reader = its second half, then BLOCK samples that end `lag` before the newest.

    `lag` holds at the first sample and has grown by `step` at the end.
    """
    each = -step / np.float32(BLOCK)
    whole = math.ceil(lag)
    start = np.float32(whole) - lag
    first = HISTORY - BLOCK - whole - (TAPS // 2 - 1)
    for i in range(BLOCK):
        reader[i] = reader[BLOCK + i]
        block[i] = reader[i]
        place = start + np.float32(i) * each
        down = math.floor(place)
        fine = (place - np.float32(down)) * np.float32(PHASES)
        phase = int(fine)
        part = fine - np.float32(phase)
        at = first + i + down
        total = ZERO
        for j in range(TAPS):
            tap = table[phase, j] + part * (table[phase + 1, j] - table[phase, j])
            total += history[at + j] * tap
        reader[BLOCK + i] = total
        block[BLOCK + i] = total


@inner
def measure(er, ei, yr, yi, slope):
    """Update slope[2] from the spectra of error and estimate; return the lag in samples.

    Positive: the microphone lags behind the estimate. Zero while the estimate says nothing.
    """
    top = ZERO
    bottom = ZERO
    for k in range(_LOW, _HIGH):
        omega = np.float32(k) * _RADIANS
        top -= omega * (ei[k] * yr[k] - er[k] * yi[k])
        power = yr[k] * yr[k] + yi[k] * yi[k] + er[k] * er[k] + ei[k] * ei[k]
        bottom += omega * omega * power
    slope[0] += _NEWEST * (top - slope[0])
    slope[1] += _NEWEST * (bottom - slope[1])
    lag = slope[0] / (slope[1] + TINY)
    trust = bottom / (slope[1] + TINY)
    return min(max(lag * min(trust, ONE), -_FAR), _FAR)


@inner
def follow(lag, heard, clock, slope):
    """Move clock = (lag of the reader, its next change, ppm) by what `measure` saw.

    While nothing is heard the reader goes on at the drift found so far. One of a few ppm may be
    chance, and in a long silence would add up to samples: it is then taken for none.
    """
    clock[0] += clock[1]
    if heard:
        ppm = clock[2] + _SECOND * _SECONDS * _PPM * lag
        clock[2] = min(max(ppm, -LIMIT), LIMIT)
        clock[1] = clock[2] / _PPM * _SECONDS + _FIRST * _SECONDS * lag
    else:
        slope[0] = ZERO
        slope[1] = ZERO
        clock[1] = clock[2] / _PPM * _SECONDS if abs(clock[2]) > _CHANCE else ZERO
