"""Sound as numbers: samples to bytes, and whole recordings from one rate to another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from appliance.dsp.resample import Resampler

Samples = NDArray[np.float32]


def floats(pcm: bytes) -> Samples:
    """Return s16le `pcm` as float32, full scale ±1.0."""
    whole = pcm[: len(pcm) // 2 * 2]
    return np.frombuffer(whole, "<i2").astype(np.float32) / np.float32(32768)


def pcm16(samples: Samples) -> bytes:
    """Return float32 `samples` as s16le, clipped at full scale."""
    return (np.clip(samples, -1, 32767 / 32768) * 32768).round().astype("<i2").tobytes()


def resampled(samples: Samples, in_hz: int, out_hz: int) -> Samples:
    """Return all of `samples` at another rate, without the filter's delay."""
    if in_hz == out_hz or not samples.size:
        return samples
    changer = Resampler(in_hz, out_hz)
    out = np.concatenate([changer.process(samples), changer.flush()])
    skip = round(changer.delay_samples)
    return out[skip : skip + round(len(samples) * out_hz / in_hz)]
