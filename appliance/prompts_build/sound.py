"""From a synthesiser's samples to a prompt's: rate, ends, loudness."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from appliance.dsp.level import rms_dbfs
from appliance.errors import SignalError
from appliance.units import WIRE_RATE_HZ, ms_to_samples

LEVEL_DBFS = -20.0  # active speech level of every prompt
PEAK_DBFS = -1.0  # never above it
_WINDOW_MS = 20.0
_MARGIN_DB = 15.9  # P.56: what is further below the active level is a pause
_SILENCE_DBFS = -55.0  # with speech at LEVEL_DBFS: what is quieter at the ends is cut off
_LEAD_MS, _TAIL_MS = 5.0, 40.0  # of what is cut off, kept
_FADE_IN_MS, _FADE_OUT_MS = 4.0, 30.0

Samples = NDArray[np.float32]


def finished(samples: Samples, rate_hz: int) -> Samples:
    """Return a prompt: 24 kHz, at LEVEL_DBFS, without silence at its ends, faded in and out.

    Args:
        samples: shape (n,), float32, n > 0.

    Raises:
        SignalError: there is no speech in it.
    """
    at_rate = resampled(samples, rate_hz)
    level = active_level_dbfs(at_rate)
    trimmed = _trimmed(at_rate * np.float32(10.0 ** ((LEVEL_DBFS - level) / 20.0)))
    too_high_db = 20.0 * np.log10(np.abs(trimmed).max()) - PEAK_DBFS
    if too_high_db > 0.0:
        trimmed *= np.float32(10.0 ** (-too_high_db / 20.0))
    return _faded(trimmed)


def active_level_dbfs(samples: Samples) -> float:
    """Return the level of speech without its pauses.

    Args:
        samples: shape (n,), float32, 24 kHz.

    Raises:
        SignalError: shorter than 20 ms, or digital silence.

    Source: the idea of ITU-T P.56 (what is more than 15.9 dB below the active level is a pause),
        with the RMS of windows of 20 ms in place of its envelope.
    """
    size = ms_to_samples(_WINDOW_MS)
    windows = samples[: len(samples) // size * size].reshape(-1, size)
    levels = np.array([rms_dbfs(np.ascontiguousarray(window)) for window in windows])
    if not len(levels) or levels.max() <= -90.0:
        raise SignalError("there is no speech in it")
    powers = 10.0 ** (levels / 10.0)
    threshold = -np.inf
    while True:  # each round leaves out more windows, or none
        active = 10.0 * np.log10(powers[levels >= threshold].mean())
        if active - _MARGIN_DB <= threshold:
            return float(active)
        threshold = active - _MARGIN_DB


def resampled(samples: Samples, rate_hz: int) -> Samples:
    """Return a whole recording at 24 kHz, by its spectrum (so the ends must be silent)."""
    if rate_hz == WIRE_RATE_HZ:
        return samples
    common = int(np.gcd(rate_hz, WIRE_RATE_HZ))
    blocks = -(-len(samples) // (rate_hz // common)) + 1
    spectrum = np.fft.rfft(samples, blocks * rate_hz // common)
    size = blocks * WIRE_RATE_HZ // common
    whole = np.fft.irfft(spectrum[: size // 2 + 1], size) * (WIRE_RATE_HZ / rate_hz)
    return whole[: round(len(samples) * WIRE_RATE_HZ / rate_hz)].astype(np.float32)


def _trimmed(samples: Samples) -> Samples:
    loud = np.flatnonzero(np.abs(samples) > 10.0 ** (_SILENCE_DBFS / 20.0))
    first = max(0, int(loud[0]) - ms_to_samples(_LEAD_MS))
    last = int(loud[-1]) + ms_to_samples(_TAIL_MS)
    return samples[first:last].copy()


def _faded(samples: Samples) -> Samples:
    rise = np.linspace(0.0, 1.0, ms_to_samples(_FADE_IN_MS), dtype=np.float32)
    fall = np.linspace(1.0, 0.0, ms_to_samples(_FADE_OUT_MS), dtype=np.float32)
    samples[: len(rise)] *= rise
    samples[-len(fall) :] *= fall
    return samples
