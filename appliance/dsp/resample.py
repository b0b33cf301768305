"""Change of sample rate, as a stream: what a sound card runs at to and from 24 kHz.

A polyphase FIR: the prototype is a Kaiser-windowed low-pass at the rate `in * up`, of which each
output sample uses every `up`-th tap. The pass band ends at 0.9 of the lower Nyquist frequency,
the stop band begins at it, so nothing that would alias is let through.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from appliance.dsp.resample_kernel import Polyphase, fits
from appliance.errors import SignalError

PASS_BAND = 0.9  # of the lower Nyquist frequency; flat within 0.01 dB below it
STOP_BAND_DB = 90.0  # as designed; at least 80 as measured, float32 and all
MAX_TABLE = 1 << 20  # filter taps (4 MiB): what 8 to 192 kHz in round numbers needs, many times

Samples = NDArray[np.float32]


class Resampler:
    """One stream from `in_rate_hz` to `out_rate_hz`; equal rates pass through.

    The output does not depend on how the input was cut into chunks, to the last bit.

    Attributes:
        delay_samples: how much later a sample comes out than it went in, counted at the output
            rate (a fraction is possible); 0.0 for equal rates.

    Source: Kaiser's formulas for window shape and length as in Oppenheim & Schafer,
        Discrete-Time Signal Processing, 7.5.3; polyphase form as in Crochiere & Rabiner 1983.
    """

    def __init__(self, in_rate_hz: int, out_rate_hz: int) -> None:
        """Design the filter.

        Raises:
            SignalError: a rate that is not positive, or a pair so odd that its table would be
                longer than MAX_TABLE (the common audio rates all fit).
        """
        if in_rate_hz < 1 or out_rate_hz < 1:
            raise SignalError(f"want rates above 0 Hz, got {in_rate_hz} to {out_rate_hz}")
        common = math.gcd(in_rate_hz, out_rate_hz)
        self.in_rate_hz, self.out_rate_hz = in_rate_hz, out_rate_hz
        self._up, self._down = out_rate_hz // common, in_rate_hz // common
        self.delay_samples = 0.0
        self._taps = 1
        if self._up != self._down:
            self._table, centre = _design(in_rate_hz, out_rate_hz, self._up)
            self._taps = self._table.shape[1]
            self.delay_samples = centre / self._down
            self._kernel = Polyphase(self._table, self._down) if fits(*self._table.shape) else None
            self._product = np.empty((0, self._taps), np.float32)
        self._line = np.zeros(self._taps - 1, np.float32)
        self._next = 0  # of the next output, in 1/up of an input sample after the last one eaten

    def process(self, samples: Samples) -> Samples:
        """Return what can be said of the output after `samples` more of the input.

        Args:
            samples: shape (n,), float32, at the input rate; n may be 0.

        Returns:
            Shape (m,), float32, at the output rate; m is n * out / in, rounded up or down so
            that the total is never more than one sample off. Equal rates give the very array.

        Raises:
            SignalError: not one-dimensional or not float32.
        """
        if samples.ndim != 1 or samples.dtype != np.float32:
            raise SignalError(f"want float32 (n,), got {samples.dtype} {samples.shape}")
        if self._up == self._down:
            return samples
        history, size = self._taps - 1, samples.size
        if self._line.size < history + size:
            grown = np.zeros(history + size, np.float32)
            grown[:history] = self._line[:history]
            self._line = grown
        self._line[history : history + size] = samples
        count = max(0, -((self._next - size * self._up) // self._down))
        out = np.empty(count, np.float32)
        if self._kernel is not None:
            self._kernel.process(self._line, self._next, out)
        else:
            rows = -(-count // self._up)
            if self._product.shape[0] < rows:
                self._product = np.empty((rows, self._taps), np.float32)
            _polyphase(self._line, self._table, self._next, self._down, self._product, out)
        self._next += count * self._down - size * self._up
        self._line[:history] = self._line[size : size + history].copy()
        return out

    def flush(self) -> Samples:
        """Return what the filter still holds, and begin anew: the stream has ended."""
        tail = self.process(np.zeros(self._taps - 1, np.float32))
        self.reset()
        return tail

    def reset(self) -> None:
        """Forget the past: the next sample is the first of a new stream."""
        self._line[:] = 0.0
        self._next = 0


def _design(in_rate_hz: int, out_rate_hz: int, up: int) -> tuple[Samples, float]:
    """Return the table (up, taps), each row in the order of the input, and the filter's centre.

    The centre is in 1/up of an input sample.
    """
    nyquist = min(in_rate_hz, out_rate_hz) / 2
    fine_rate = in_rate_hz * up
    width = 2 * math.pi * (1 - PASS_BAND) * nyquist / fine_rate
    length = math.ceil((STOP_BAND_DB - 7.95) / (2.285 * width)) | 1
    taps = -(-length // up)
    if taps * up > MAX_TABLE:
        raise SignalError(
            f"{in_rate_hz} to {out_rate_hz} Hz would need {taps * up} filter taps, "
            f"more than {MAX_TABLE}: choose a common audio rate"
        )
    centre = (length - 1) / 2
    cut_off = (1 + PASS_BAND) / 2 * nyquist / fine_rate
    shape = 0.1102 * (STOP_BAND_DB - 8.7)
    response = np.sinc(2 * cut_off * (np.arange(length) - centre)) * np.kaiser(length, shape)
    response *= up / response.sum()
    fine = np.zeros(taps * up)
    fine[:length] = response
    table = fine.reshape(taps, up).T[:, ::-1]
    return np.ascontiguousarray(table, np.float32), centre


def _polyphase(
    line: Samples, table: Samples, first: int, down: int, product: Samples, out: Samples
) -> None:
    """Fill `out` from `line`, for the odd pairs of rates whose table a kernel has no room for.

    Args:
        line: (taps - 1 + n,), history first.
        table: (up, taps).
        first: of out[0], in 1/up of a sample after line[taps - 1]; 0 or more.
        down: step from one output to the next in 1/up of a sample.
        product: scratch, at least (ceil(m / up), taps).
        out: (m,).

    Every output is one row times one row of the table, summed in one order: no chunking shows.
    """
    up, taps = table.shape
    step = line.strides[0]
    for residue in range(min(up, out.size)):
        at = first + residue * down
        mine = out[residue::up]
        # Outputs `up` apart share a phase, and are `down` input samples apart.
        windows = as_strided(line[at // up :], (mine.size, taps), (down * step, step))
        rows = product[: mine.size]
        np.multiply(windows, table[at % up], out=rows)
        np.add.reduce(rows, axis=1, out=mine)
