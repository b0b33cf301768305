"""One frame of the echo canceller: the kernel behind `echo.EchoCanceller`.

Compiled code holds a transform once for every place that calls it, which made half a minute of
compiling; so there is one place for each direction, and the steps that need them take turns.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from appliance.dsp.echo_delay import DELAYS, WIDTH, best_delay, correlate, whiten
from appliance.dsp.echo_drift import HISTORY, LEAST_LAG, MOST_LAG, ROWS, TAPS, follow, measure, read
from appliance.dsp.echo_filter import (
    BINS,
    BLOCK,
    HALF,
    ONE,
    PARTS,
    RING,
    SPAN,
    ZERO,
    correct,
    exchange,
    predict,
    shift,
    widen,
)
from appliance.dsp.echo_suppress import BANDS, learn, similarity, suppress
from appliance.dsp.fft import irfft_480, rfft_480, tables
from appliance.dsp.kernel import F32, I32, Array, inner, kernel

LOUDEST_INPUT: Final = 64.0  # root mean square of a frame; full scale is 1.0
TWIDDLES: Final = tables(SPAN)

# Where things are in `slots`
_NEWEST = 0  # row of the ring
DELAY = 1  # compensated, blocks
_NEXT = 2  # partition to constrain
FOUND = 3  # 1 once a delay was found
_COUNT = 4  # blocks in which the reference was heard, modulo _LOOK
_ASTRAY = 5  # blocks for which the error was louder than the microphone
CONVERGED = 6
_STRANGE = 7  # blocks for which the error looked like the estimate, net
PEAK = 8  # delay found, blocks
REFUSED = 9  # 1 if the last frame was beyond LOUDEST_INPUT or not finite
REACH = 10  # greatest delay looked for, blocks

# … in `powers`
_FAR = 0  # mean squares, short
_NEAR = 1
_ERROR = 2
_UNKNOWN = 3  # variance that the unknown path was given
LOSS = 4  # echo loss, dB
_ALIKE = 5  # coherence of error and estimate

_SILENT = np.float32(1e-7)  # mean square of a reference not worth learning from: -70 dBFS
_BELIEVED = np.float32(LOUDEST_INPUT * LOUDEST_INPUT)
_DECAY = np.float32(0.1)  # weight of the newest block in the short powers
_MARGIN = np.float32(4.0)  # variance of an unknown path over the power gain seen from outside
_MOST_GAIN = np.float32(6.0)  # power gain from reference to microphone that is believed
_TWICE = np.float32(2.0)
_DIVERGED = np.float32(2.0)  # error power over microphone power
_PATIENCE = 15  # blocks of a bad sign before it is acted upon
_MOVED = np.float32(0.35)  # coherence of error and estimate that says that the room has changed
_AGAIN = np.float32(0.1)  # of the first variance, given back when it has
_LOOK = 10  # blocks between looks for a delay
_PER_BLOCK = np.float32(1.0 / BLOCK)
_TEN = np.float32(10.0)
_LEAST = np.float32(1e-9)
_CONVERGES = np.float32(12.0)  # dB of echo loss
_STRAYS = np.float32(8.0)
_BAND_LOW = 3  # bands that echo loss is told from: 350 Hz to 5.6 kHz
_BAND_HIGH = 19


# Steps of a frame, each with one transform
_EXTRA = 0  # a block of reference that the drift has put between two frames
_READ = 1  # this frame's reference; then back, as the echo's estimate
_LEARN = 2  # the error; then back, as a partition that is to be made causal
_TIDY = 3  # that partition, causal; then back, as the next one
_TIDIED = 4
_SEEN = 5  # the estimate, for all that compares it with the error
_OUT = 6  # the error; then back, without what was left of the echo
_STEPS = 7


@inner
def _align(
    er, ei, yr, yi, re, im, white_re, white_im, cross_re, cross_im, score, path_re, path_im, doubt,
    slope, powers, clock, slots, heard,
):  # fmt: skip
    """Follow delay and drift by the spectra of error and estimate."""
    lag = ZERO
    if heard:
        for k in range(BINS):
            re[k] = er[k] + yr[k]
            im[k] = ei[k] + yi[k]
        whiten(re, im, white_re, white_im, RING)
        correlate(white_re, white_im, slots[_NEWEST], cross_re, cross_im, score)
        slots[_COUNT] = (slots[_COUNT] + 1) % _LOOK
        best = best_delay(score, slots[REACH]) if slots[_COUNT] == 0 else -1
        if best >= 0:
            wanted = max(best - 1, 0)
            away = wanted - slots[DELAY]
            if away < -1 or away > 2 or (slots[FOUND] == 0 and away != 0):
                shift(path_re, path_im, doubt, away, powers[_UNKNOWN])
                slots[DELAY] = wanted
                if slots[FOUND] == 1:  # what was sure of the old delay is not of this
                    widen(doubt, powers[_UNKNOWN])
                    slots[CONVERGED] = 0
            slots[PEAK] = best
            slots[FOUND] = 1
        if slots[FOUND] == 1:
            lag = measure(er, ei, yr, yi, slope)
    follow(lag, heard, clock, slope)


@inner
def _watch(er, ei, yr, yi, joint, doubt, bands, powers, slots, was_converged):
    """Notice that the room has changed."""
    alike = similarity(er, ei, yr, yi, joint)
    powers[_ALIKE] = alike
    if slots[CONVERGED] == 1 and alike > _MOVED:
        slots[_STRANGE] += 1
    elif slots[_STRANGE] > 0:
        slots[_STRANGE] -= 1
    if slots[_STRANGE] > _PATIENCE:
        widen(doubt, _AGAIN * powers[_UNKNOWN])
        slots[_STRANGE] = 0
        slots[CONVERGED] = 0
    if was_converged == 1 and slots[CONVERGED] == 0:
        powers[LOSS] = ZERO
        for band in range(BANDS):
            bands[2, band] = max(bands[2, band], HALF)


@inner
def _finish(er, ei, yr, yi, re, im, tail, edges, bands, presence, last, powers, slots):
    """re, im = the error without what is left of the echo; echo loss and convergence on the way."""
    learn(er, ei, yr, yi, tail, edges, bands, presence, powers[_ALIKE])
    if presence[1] > ONE:
        top = _LEAST
        bottom = _LEAST
        for band in range(_BAND_LOW, _BAND_HIGH):
            top += bands[1, band]
            bottom += bands[1, band] * bands[2, band]
        powers[LOSS] += _DECAY * (_TEN * np.float32(math.log10(top / bottom)) - powers[LOSS])
        if powers[LOSS] > _CONVERGES and slots[FOUND] == 1:
            slots[CONVERGED] = 1
        elif powers[LOSS] < _STRAYS:
            slots[CONVERGED] = 0
    if slots[FOUND] == 1:
        suppress(er, ei, tail, edges, bands, presence[0], last)
    else:  # no echo was found: what the filter believes is chance, and the microphone passes
        for k in range(BINS):
            er[k] += yr[k]
            ei[k] += yi[k]
    for k in range(BINS):
        re[k] = er[k]
        im[k] = ei[k]


@inner
def _doubt_all(doubt, path_re, path_im, powers, slots, after):
    """Before a step: how unknown is the unknown? After it: begin anew, if it has diverged."""
    if after == 0:
        unknown = _MARGIN * min(powers[_NEAR] / powers[_FAR], _MOST_GAIN)
        if slots[CONVERGED] == 0 and unknown > _TWICE * powers[_UNKNOWN]:
            widen(doubt, unknown - powers[_UNKNOWN])
            powers[_UNKNOWN] = unknown
    else:
        if powers[_ERROR] > _DIVERGED * powers[_NEAR]:
            slots[_ASTRAY] += 1
        else:
            slots[_ASTRAY] = 0
        if slots[_ASTRAY] > _PATIENCE:
            shift(path_re, path_im, doubt, PARTS, powers[_UNKNOWN])
            slots[_ASTRAY] = 0
            slots[CONVERGED] = 0


@kernel(
    mic=Array(F32, BLOCK),
    ref=Array(F32, BLOCK),
    out=Array(F32, BLOCK),
    history=Array(F32, HISTORY),
    reader=Array(F32, SPAN),
    error=Array(F32, SPAN),
    estimate=Array(F32, SPAN),
    block=Array(F32, SPAN),
    a=Array(F32, SPAN),
    b=Array(F32, SPAN),
    re=Array(F32, BINS),
    im=Array(F32, BINS),
    er=Array(F32, BINS),
    ei=Array(F32, BINS),
    yr=Array(F32, BINS),
    yi=Array(F32, BINS),
    ring_re=Array(F32, RING, BINS),
    ring_im=Array(F32, RING, BINS),
    white_re=Array(F32, RING + 1, WIDTH),
    white_im=Array(F32, RING + 1, WIDTH),
    cross_re=Array(F32, DELAYS, WIDTH),
    cross_im=Array(F32, DELAYS, WIDTH),
    score=Array(F32, DELAYS),
    path_re=Array(F32, PARTS, BINS),
    path_im=Array(F32, PARTS, BINS),
    doubt=Array(F32, PARTS, BINS),
    noise=Array(F32, BINS),
    scale=Array(F32, BINS),
    joint=Array(F32, 4, BINS),
    tail=Array(F32, BINS),
    last=Array(F32, BINS),
    bands=Array(F32, 4, BANDS),
    overlap=Array(F32, BLOCK),
    powers=Array(F32, 6),
    slope=Array(F32, 2),
    presence=Array(F32, 2),
    clock=Array(F32, 3),
    slots=Array(I32, 11),
    window=Array(F32, SPAN),
    sinc=Array(F32, ROWS, TAPS),
    edges=Array(I32, BANDS + 1),
    twiddles=Array(F32, TWIDDLES.size),
)
def run(
    mic, ref, out, history, reader, error, estimate, block, a, b, re, im, er, ei, yr, yi,
    ring_re, ring_im, white_re, white_im, cross_re, cross_im, score, path_re, path_im, doubt,
    noise, scale, joint, tail, last, bands, overlap, powers, slope, presence, clock, slots,
    window, sinc, edges, twiddles,
):  # fmt: skip
    far = ZERO
    near = ZERO
    for i in range(BLOCK):
        far += ref[i] * ref[i]
        near += mic[i] * mic[i]
    far *= _PER_BLOCK
    near *= _PER_BLOCK
    if not (far <= _BELIEVED and near <= _BELIEVED):
        slots[REFUSED] = 1
        return
    slots[REFUSED] = 0
    was_converged = slots[CONVERGED]
    powers[_FAR] += _DECAY * (far - powers[_FAR])
    powers[_NEAR] += _DECAY * (near - powers[_NEAR])
    heard = powers[_FAR] > _SILENT

    # The reference, at the microphone's clock. Where the reader has moved by a block, blocks of
    # reference and of microphone no longer pair off: one is read again, or two are read.
    step = _READ
    if clock[0] + clock[1] < LEAST_LAG:
        if slots[DELAY] > 0:
            clock[0] += np.float32(BLOCK)
            slots[DELAY] -= 1
            slots[PEAK] -= 1
            slots[_NEWEST] = (slots[_NEWEST] + RING - 1) % RING
            for i in range(BLOCK):
                reader[BLOCK + i] = reader[i]
        else:
            clock[0] = LEAST_LAG
            clock[1] = ZERO
    elif clock[0] + clock[1] > MOST_LAG:
        clock[0] -= np.float32(BLOCK)
        slots[DELAY] += 1
        slots[PEAK] += 1
        step = _EXTRA

    while step < _STEPS:
        if step == _EXTRA:
            read(history, clock[0], ZERO, sinc, reader, block)
        elif step == _READ:
            for i in range(HISTORY - BLOCK):
                history[i] = history[BLOCK + i]
            for i in range(BLOCK):
                history[HISTORY - BLOCK + i] = ref[i]
            read(history, clock[0], clock[1], sinc, reader, block)
        elif step == _SEEN:
            for i in range(SPAN):
                block[i] = estimate[i] * window[i]
        elif step == _OUT:
            for i in range(SPAN):
                block[i] = error[i] * window[i]

        rfft_480(block, re, im, a, b, twiddles)
        if step <= _READ:
            newest = (slots[_NEWEST] + 1) % RING
            slots[_NEWEST] = newest
            for k in range(BINS):
                ring_re[newest, k] = re[k]
                ring_im[newest, k] = im[k]
            whiten(re, im, white_re, white_im, newest)
        first = slots[_NEWEST] - slots[DELAY] + 2 * RING
        if step == _READ:
            predict(ring_re, ring_im, path_re, path_im, first, re, im)
        elif step == _LEARN:
            _doubt_all(doubt, path_re, path_im, powers, slots, 0)
            correct(ring_re, ring_im, path_re, path_im, doubt, first, re, im, noise, scale)
            exchange(path_re, path_im, -1, slots[_NEXT], re, im)
        elif step in (_TIDY, _TIDIED):
            done = slots[_NEXT]
            slots[_NEXT] = (done + 1) % PARTS
            exchange(path_re, path_im, done, slots[_NEXT], re, im)
            if step == _TIDIED:
                _doubt_all(doubt, path_re, path_im, powers, slots, 1)
        elif step == _SEEN:
            for k in range(BINS):
                yr[k] = re[k]
                yi[k] = im[k]
        elif step == _OUT:
            for k in range(BINS):
                er[k] = re[k]
                ei[k] = im[k]
            _align(
                er,
                ei,
                yr,
                yi,
                re,
                im,
                white_re,
                white_im,
                cross_re,
                cross_im,
                score,
                path_re,
                path_im,
                doubt,
                slope,
                powers,
                clock,
                slots,
                heard,
            )
            _watch(er, ei, yr, yi, joint, doubt, bands, powers, slots, was_converged)
            _finish(er, ei, yr, yi, re, im, tail, edges, bands, presence, last, powers, slots)

        if step != _EXTRA and step != _TIDIED and step != _SEEN:
            irfft_480(re, im, block, a, b, twiddles)
        if step == _READ:
            left = ZERO
            for i in range(BLOCK):
                error[i] = error[BLOCK + i]
                estimate[i] = estimate[BLOCK + i]
                estimate[BLOCK + i] = block[BLOCK + i]
                e = mic[i] - block[BLOCK + i]
                error[BLOCK + i] = e
                block[i] = ZERO
                block[BLOCK + i] = e
                left += e * e
            powers[_ERROR] += _DECAY * (left * _PER_BLOCK - powers[_ERROR])
            if not heard:
                step = _TIDIED
        elif step in (_LEARN, _TIDY):
            for i in range(BLOCK, SPAN):
                block[i] = ZERO
        step += 1
    for i in range(BLOCK):
        out[i] = overlap[i] + block[i] * window[i]
        overlap[i] = block[BLOCK + i] * window[BLOCK + i]
