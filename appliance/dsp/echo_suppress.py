"""Residual echo suppressor: takes down what the filter left, and opens for the near end.

The residual echo in a bin is leakage times the echo estimate's power with a decaying tail; the
leakage of each band is learnt while only the far end speaks. The nearer the error is to that, the
deeper the gain may go; when the error stands above it, the near end speaks and the gain becomes a
plain Wiener gain with a high floor. It does not go below the room's own noise, so that silence
between words sounds the same with and without echo.

Source: Ephraim and Malah 1984 (decision-directed prior SNR); Valin 2007, "On adjusting the learning
rate in frequency domain echo cancellation with double-talk" (leakage); Habets et al. 2008 (tail).
"""

from __future__ import annotations

import math

import numpy as np

from appliance.dsp.echo_filter import ONE, ZERO
from appliance.dsp.kernel import inner

BANDS = 23
EDGES = (
    0,
    3,
    5,
    7,
    9,
    11,
    13,
    16,
    19,
    22,
    26,
    30,
    35,
    41,
    48,
    56,
    66,
    78,
    93,
    112,
    135,
    165,
    200,
    241,
)

_TAIL = np.float32(0.8)  # power of the estimate kept from block to block
_SMOOTH = np.float32(0.3)  # weight of the newest block in a band's power
_SLOW = np.float32(0.15)  # … in the coherence
_FALL = np.float32(0.05)  # leakage: how fast it is learnt, down
_RISE = np.float32(0.003)  # … up, while the near end is silent
_CHANGED = np.float32(0.05)  # … up, while error and estimate are coherent: the path has changed
_CREEP = np.float32(0.0002)  # … up, always
_DEEP = np.float32(8.0)  # over-subtraction, far end alone
_PLAIN = np.float32(2.0)  # … in double talk
_FLOOR = np.float32(0.05)  # least gain, far end alone
_OPEN = np.float32(0.2)  # … in double talk
_SURE = np.float32(0.7)  # log excess of the error that begins to be a near end, nepers of power
_CLEAR = np.float32(1.6)  # … that is one
_ATTACK = np.float32(0.6)
_RELEASE = np.float32(0.1)
_PRIOR = np.float32(0.92)  # weight of the last block in the prior SNR
_TEN = np.float32(10.0)
_FOUR = np.float32(4.0)
_TWO = np.float32(2.0)
_NEARLY = np.float32(0.3)
_NOISE_UP = np.float32(1.01)
_NOISE_DOWN = np.float32(0.3)
_LEAST = np.float32(1e-8)  # power of a bin that is nothing
_HEARD = np.float32(1e-3)  # power of a bin of the estimate above which the far end may be active


@inner
def similarity(er, ei, yr, yi, joint):
    """Coherence of error and estimate, 0 to 1, averaged over bins; joint (4, BINS) is its state."""
    top = ZERO
    bottom = ZERO
    for k in range(4, 120):
        a = joint[0, k] + _SLOW * (er[k] * yr[k] + ei[k] * yi[k] - joint[0, k])
        b = joint[1, k] + _SLOW * (ei[k] * yr[k] - er[k] * yi[k] - joint[1, k])
        c = joint[2, k] + _SLOW * (er[k] * er[k] + ei[k] * ei[k] - joint[2, k])
        d = joint[3, k] + _SLOW * (yr[k] * yr[k] + yi[k] * yi[k] - joint[3, k])
        joint[0, k] = a
        joint[1, k] = b
        joint[2, k] = c
        joint[3, k] = d
        both = math.sqrt(c) * math.sqrt(d)
        top += (a * a + b * b) / (both + _LEAST)
        bottom += both
    return top / (bottom + _LEAST)


@inner
def learn(er, ei, yr, yi, tail, edges, bands, presence, alike):
    """Update each band's powers and leakage: bands (4, BANDS) = error, tail, leakage, noise.

    presence[0] becomes the near end's, 0 to 1; presence[1] the far end's weight.
    """
    above = ZERO
    weight = ZERO
    rise = ONE + _RISE * (ONE - presence[0]) + _CREEP
    if alike > _NEARLY:
        rise += _CHANGED
    for b in range(BANDS):
        e = ZERO
        y = ZERO
        for k in range(edges[b], edges[b + 1]):
            e += er[k] * er[k] + ei[k] * ei[k]
            power = yr[k] * yr[k] + yi[k] * yi[k]
            tail[k] = max(_TAIL * tail[k], power)
            y += tail[k]
        width = np.float32(edges[b + 1] - edges[b])
        e = bands[0, b] + _SMOOTH * (e / width + _LEAST - bands[0, b])
        y = bands[1, b] + _SMOOTH * (y / width + _LEAST - bands[1, b])
        bands[0, b] = e
        bands[1, b] = y
        noise = bands[3, b]
        if e < noise:
            noise += _NOISE_DOWN * (e - noise)
        else:
            noise = min(noise * _NOISE_UP, e)
        bands[3, b] = noise
        if y > _HEARD or y > _FOUR * noise:
            leak = bands[2, b]
            share = y / (y + _TEN * noise)
            above += share * math.log(e / (leak * y + noise))
            weight += share
            ratio = e / y
            if ratio < leak:
                leak += _FALL * (max(ratio, leak / _TEN) - leak)
            else:
                leak = min(leak * rise, ONE)
            bands[2, b] = leak
    near = ONE
    if weight > _NEARLY:
        near = (above / (weight + _TWO) - _SURE) / (_CLEAR - _SURE)
        near = min(max(near, ZERO), ONE)
    if near > presence[0]:
        presence[0] += _ATTACK * (near - presence[0])
    else:
        presence[0] += _RELEASE * (near - presence[0])
    presence[1] = weight


@inner
def suppress(er, ei, tail, edges, bands, near, last):
    """Multiply the error's spectrum by its gains; last[BINS] = near-end power."""
    over = _DEEP * math.exp(near * math.log(_PLAIN / _DEEP))
    floor = _FLOOR * math.exp(near * math.log(_OPEN / _FLOOR))
    for b in range(BANDS):
        quiet = min(math.sqrt(bands[3, b] / (bands[0, b] + _LEAST)), ONE)
        least = max(floor, quiet)
        scale = over * bands[2, b]
        for k in range(edges[b], edges[b + 1]):
            power = er[k] * er[k] + ei[k] * ei[k]
            residual = scale * tail[k] + _LEAST
            now = max(power / residual - ONE, ZERO)
            prior = _PRIOR * (last[k] / residual) + (ONE - _PRIOR) * now
            gain = max(prior / (ONE + prior), least)
            last[k] = gain * gain * power
            er[k] *= gain
            ei[k] *= gain
