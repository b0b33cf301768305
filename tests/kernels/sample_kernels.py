"""Two stages as small as they get, for the builder's tests: spectral and recursive."""

import math

import numpy as np

from appliance.dsp.fft import irfft_512, rfft_512, tables
from appliance.dsp.kernel import F32, F64, I32, Array, inner, kernel

SIZE, HOP, BINS = 512, 240, 257
TWIDDLES = tables(SIZE)
TINY = np.float32(1e-9)
HALF = np.float32(0.5)


@inner
def soften(power, amount):
    return math.exp(-amount * math.sqrt(power)) + HALF * math.log(power + TINY)


@kernel(
    x=Array(F32, HOP),
    y=Array(F32, HOP),
    line=Array(F32, SIZE),
    re=Array(F32, BINS),
    im=Array(F32, BINS),
    scratch=Array(F32, SIZE),
    more=Array(F32, SIZE),
    tw=Array(F32, len(TWIDDLES)),
    amount=F32,
)
def _spectral(x, y, line, re, im, scratch, more, tw, amount):
    for i in range(SIZE - HOP):
        line[i] = line[i + HOP]
    for i in range(HOP):
        line[SIZE - HOP + i] = x[i]
    rfft_512(line, re, im, scratch, more, tw)
    for k in range(BINS):
        gain = soften(re[k] * re[k] + im[k] * im[k], amount)
        re[k] *= gain
        im[k] *= gain
    irfft_512(re, im, line, scratch, more, tw)
    for i in range(HOP):
        y[i] = line[i]
        line[i] = x[i]


@kernel(x=Array(F32, HOP), y=Array(F32, HOP), z=Array(F64, 2), seen=Array(I32, 1), pole=F32)
def _recursive(x, y, z, seen, pole):
    loudest = 0
    for i in range(HOP):
        z[0] += (x[i] - z[0]) * pole
        y[i] = z[0] - z[1]
        z[1] = z[0]
        if abs(x[i]) > abs(x[loudest]):
            loudest = i
    seen[0] += loudest % 7
