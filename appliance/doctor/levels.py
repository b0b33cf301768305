"""Loudness of a recording. Pure."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

FLOOR_DBFS = -96.0  # what digital silence reads
_FULL_SCALE = 32767 / 32768  # the largest that 16 bits hold
_FRAME_S = 0.02
_QUIET_SHARE = 10  # percent of the frames that are quieter than the floor


def level_dbfs(samples: NDArray[np.floating]) -> float:
    """Return the RMS level about the mean: an offset of the converter is no sound."""
    if not samples.size:
        return FLOOR_DBFS
    deviation = float(np.std(samples.astype(np.float64)))
    return max(FLOOR_DBFS, 20 * math.log10(deviation + 1e-10))


def peak_dbfs(samples: Samples) -> float:
    """Return the level of the largest sample, of any channel."""
    largest = float(np.abs(samples).max(initial=0.0))
    return max(FLOOR_DBFS, 20 * math.log10(largest + 1e-10))


def noise_floor_dbfs(channel: Samples, rate_hz: int) -> float:
    """Return the level that a tenth of all pieces of 20 ms stay below; of less, its own level."""
    size = round(_FRAME_S * rate_hz)
    if len(channel) < size:
        return level_dbfs(channel)
    pieces = channel[: len(channel) // size * size].reshape(-1, size)
    return float(np.percentile([level_dbfs(piece) for piece in pieces], _QUIET_SHARE))


def clipped_share(channel: Samples) -> float:
    """Return the share of samples at full scale, 0.0 to 1.0."""
    return float(np.mean((channel >= _FULL_SCALE) | (channel <= -1.0))) if channel.size else 0.0
