"""Delay between the reference and its echo, in blocks of 10 ms.

The spectra of the last half second of reference, whitened, are correlated with the whitened
spectrum of the microphone, bin by bin; the averaged cross-spectra of the right delay add up, all
others cancel. Whitening makes it deaf to level and bounds what any garbage can do to the average.

Source: Knapp and Carter 1976 (GCC-PHAT), with the correlation kept per bin and per block delay
instead of transformed back: a long echo path would smear one peak over many samples.
"""

from __future__ import annotations

import math

import numpy as np

from appliance.dsp.echo_filter import ONE, RING, ZERO
from appliance.dsp.kernel import inner

DELAYS = 51  # 0 to 500 ms
LOW = 8  # first and one past the last bin heard: 400 Hz to 4 kHz
WIDTH = 72

_NEWEST = np.float32(0.015)  # weight of one block: 0.67 s
_QUIET = np.float32(1e-3)  # magnitude below which a bin says nothing
_LEAST = np.float32(0.022)  # mean coherence that makes a peak worth following
_ABOVE = np.float32(2.0)  # times the mean of all delays


@inner
def whiten(re, im, white_re, white_im, row):
    """Row `row` of `white` = the phases of a spectrum in the band that is heard."""
    for k in range(WIDTH):
        u = re[LOW + k]
        v = im[LOW + k]
        scale = ONE / (math.sqrt(u * u + v * v) + _QUIET)
        white_re[row, k] = u * scale
        white_im[row, k] = v * scale


@inner
def correlate(white_re, white_im, newest, cross_re, cross_im, score):
    """Average the cross-spectra of every delay; row RING of `white` is the microphone."""
    for m in range(DELAYS):
        i = (newest - m + RING) % RING
        total = ZERO
        for k in range(WIDTH):
            re = white_re[i, k] * white_re[RING, k] + white_im[i, k] * white_im[RING, k]
            im = white_re[i, k] * white_im[RING, k] - white_im[i, k] * white_re[RING, k]
            re = cross_re[m, k] + _NEWEST * (re - cross_re[m, k])
            im = cross_im[m, k] + _NEWEST * (im - cross_im[m, k])
            cross_re[m, k] = re
            cross_im[m, k] = im
            total += re * re + im * im
        score[m] = total / np.float32(WIDTH)


@inner
def best_delay(score, reach):
    """Return the delay in blocks, at most `reach`, or -1 while none stands out."""
    best = 0
    mean = ZERO
    for m in range(DELAYS):
        mean += score[m]
        if m <= reach and score[m] > score[best]:
            best = m
    mean /= np.float32(DELAYS)
    if score[best] < _LEAST or score[best] < _ABOVE * mean:
        return -1
    return best
