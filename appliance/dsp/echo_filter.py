"""Partitioned-block frequency-domain Kalman filter: the linear part of the echo canceller.

One block is 240 samples, one partition a 480-point transform (241 bins). Every bin of every
partition has its own error variance, so that the step is large where the echo path is unknown and
small where it is known or where the near end speaks.

Source: Enzner and Vary 2006, "Frequency-domain adaptive Kalman filter for acoustic echo control in
hands-free telephones"; Kuech, Mabande and Enzner 2014, "State-space architecture of the
partitioned-block-based acoustic echo controller".
"""

from __future__ import annotations

import numpy as np

from appliance.dsp.kernel import inner

BLOCK = 240
SPAN = 480  # of one transform: the block and the one before
BINS = 241
PARTS = 25  # partitions: 250 ms of echo path after the compensated delay
RING = 80  # spectra of the reference kept: delay of 0.5 s, the path, and some
ZERO = np.float32(0.0)
HALF = np.float32(0.5)
ONE = np.float32(1.0)
TINY = np.float32(1e-6)

_WANDER = np.float32(0.0010)  # 1 - A²: how much the echo path may change from block to block
_SMOOTH = np.float32(0.2)  # weight of the newest block in the near-end power
_FADE = np.float32(0.708)  # power of the unknown echo path, per partition (RT60 0.4 s)


@inner
def predict(ring_re, ring_im, path_re, path_im, first, re, im):
    """re, im = the spectrum of the echo that the path makes of the reference in the ring.

    `first` is the row of the ring, plus RING, that the first partition sees.
    """
    for k in range(BINS):
        re[k] = ZERO
        im[k] = ZERO
    for p in range(PARTS):
        i = (first - p) % RING
        for k in range(BINS):
            re[k] += path_re[p, k] * ring_re[i, k] - path_im[p, k] * ring_im[i, k]
            im[k] += path_re[p, k] * ring_im[i, k] + path_im[p, k] * ring_re[i, k]


@inner
def correct(ring_re, ring_im, path_re, path_im, doubt, first, er, ei, noise, scale):
    """One Kalman step of the path and of its variance `doubt`, by the error's spectrum er, ei."""
    for k in range(BINS):
        scale[k] = ZERO
    for p in range(PARTS):
        i = (first - p) % RING
        for k in range(BINS):
            power = ring_re[i, k] * ring_re[i, k] + ring_im[i, k] * ring_im[i, k]
            scale[k] += doubt[p, k] * power
    for k in range(BINS):
        power = er[k] * er[k] + ei[k] * ei[k]
        noise[k] += _SMOOTH * (power - noise[k])
        scale[k] = ONE / (HALF * scale[k] + noise[k] + TINY)
    for p in range(PARTS):
        i = (first - p) % RING
        for k in range(BINS):
            xr = ring_re[i, k]
            xi = ring_im[i, k]
            step = doubt[p, k] * scale[k]
            wr = path_re[p, k] + step * (xr * er[k] + xi * ei[k])
            wi = path_im[p, k] + step * (xr * ei[k] - xi * er[k])
            path_re[p, k] = wr
            path_im[p, k] = wi
            left = (ONE - HALF * step * (xr * xr + xi * xi)) * doubt[p, k]
            doubt[p, k] = (ONE - _WANDER) * left + _WANDER * (wr * wr + wi * wi)


@inner
def exchange(path_re, path_im, into, out_of, re, im):
    """Put re, im into partition `into`, unless it is -1, and take partition `out_of` into them.

    A partition is made causal in between: its response is BLOCK samples, and zeros after them.
    """
    for k in range(BINS):
        if into >= 0:
            path_re[into, k] = re[k]
            path_im[into, k] = im[k]
        re[k] = path_re[out_of, k]
        im[k] = path_im[out_of, k]


@inner
def shift(path_re, path_im, doubt, by, fresh):
    """Follow a change of the compensated delay by `by` blocks; new partitions start unknown."""
    if by > 0:
        for p in range(PARTS):
            copy_part(path_re, path_im, doubt, p, p + by, fresh)
    else:
        for q in range(PARTS):
            p = PARTS - 1 - q
            copy_part(path_re, path_im, doubt, p, p + by, fresh)


@inner
def copy_part(path_re, path_im, doubt, to, source, fresh):
    """Partition `to` becomes partition `source`, or unknown if there is none."""
    if source < 0 or source >= PARTS:
        start = fresh
        for _ in range(to):
            start *= _FADE
        for k in range(BINS):
            path_re[to, k] = ZERO
            path_im[to, k] = ZERO
            doubt[to, k] = start
    else:
        for k in range(BINS):
            path_re[to, k] = path_re[source, k]
            path_im[to, k] = path_im[source, k]
            doubt[to, k] = doubt[source, k]


@inner
def widen(doubt, by):
    """Raise the variance of the whole path by `by` at its start, less towards its end."""
    more = by
    for p in range(PARTS):
        for k in range(BINS):
            doubt[p, k] += more
        more *= _FADE
