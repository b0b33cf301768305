"""The other half of `appliance.prompts.codec`."""

from __future__ import annotations

import lzma
import zlib

import numpy as np

from appliance.errors import SignalError
from appliance.prompts import codec
from appliance.prompts.codec import HOP, Floats

_ROUND_FROM = 0.6  # a coefficient counts as one step from here, not from 0.5: fewer bytes, no loss


def encode(samples: Floats) -> bytes:
    """Pack the sound of a prompt.

    Args:
        samples: shape (n,), float32, 24 kHz, full scale ±1.0, 0 < n <= codec.MAX_SAMPLES.

    Raises:
        SignalError: another shape, dtype or length, or NaN or infinity.
    """
    if samples.ndim != 1 or samples.dtype != np.float32:
        raise SignalError(f"want float32 (n,), got {samples.dtype} {samples.shape}")
    if not 0 < len(samples) <= codec.MAX_SAMPLES or not np.isfinite(samples).all():
        raise SignalError(f"want 1 to {codec.MAX_SAMPLES} finite samples, got {len(samples)}")
    edges = codec.band_edges()
    widths = np.diff(edges)
    coefficients = _transform(samples)
    power = np.add.reduceat(coefficients**2, edges[:-1], axis=1) / widths
    decibels = 10.0 * np.log10(power + 1e-12)
    levels = np.round(decibels / codec.LEVEL_STEP_DB).astype(np.int32)
    levels = np.clip(levels, codec.LOWEST_LEVEL, codec.HIGHEST_LEVEL)
    scaled = coefficients / np.repeat(codec.steps(levels), widths, axis=1)
    rounded = np.trunc(scaled + np.copysign(1.0 - _ROUND_FROM, scaled))
    rounded = np.clip(rounded, -127, 127).astype(np.int8)
    # A band without a coefficient needs no level: to say "lowest" costs least.
    silent = ~np.logical_or.reduceat(rounded != 0, edges[:-1], axis=1)
    levels[silent] = codec.LOWEST_LEVEL
    rises = np.diff(levels, axis=0, prepend=np.int32(codec.LOWEST_LEVEL)).astype(np.int8)
    payload = rises.T.tobytes() + rounded.tobytes()
    packed = lzma.compress(payload, lzma.FORMAT_RAW, filters=codec.FILTERS)
    whole = codec.HEADER.pack(codec.MAGIC, 0, len(samples)) + packed
    checksum = zlib.crc32(whole[codec.SUMMED_FROM :])
    return codec.HEADER.pack(codec.MAGIC, checksum, len(samples)) + packed


def _transform(samples: Floats) -> Floats:
    frames = codec.frames_of(len(samples))
    padded = np.zeros((frames + 1) * HOP, np.float32)
    padded[HOP : HOP + len(samples)] = samples
    pieces = np.lib.stride_tricks.sliding_window_view(padded, 2 * HOP)[::HOP]
    return np.asarray((pieces * codec.window()) @ codec.basis().T, np.float32)
