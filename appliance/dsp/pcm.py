"""Between the wire's samples (s16le bytes) and the kernels' (float32, full scale ±1.0)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from appliance.errors import SignalError

FULL_SCALE = 32768.0  # int16 -32768 is -1.0; +1.0 itself does not fit and is clipped to 32767


def pcm16_to_float(pcm: bytes) -> NDArray[np.float32]:
    """Return the samples of `pcm` as float32.

    Args:
        pcm: s16le, any channel count, any rate; may be empty.

    Returns:
        Shape (n,), float32, -1.0 to just under +1.0; exact, so that `float_to_pcm16` gives the
        same bytes back.

    Raises:
        SignalError: half a sample at the end.
    """
    if len(pcm) % 2:
        raise SignalError(f"want whole 16-bit samples, got {len(pcm)} bytes")
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    samples *= np.float32(1.0 / FULL_SCALE)
    return samples


def float_to_pcm16(samples: NDArray[np.float32]) -> bytes:
    """Return `samples` as s16le, rounded to the nearest step and clipped at full scale.

    Args:
        samples: shape (n,), float32, full scale ±1.0; may be empty.

    Raises:
        SignalError: not one-dimensional, not float32, or holds NaN.
    """
    if samples.ndim != 1 or samples.dtype != np.float32:
        raise SignalError(f"want float32 (n,), got {samples.dtype} {samples.shape}")
    scaled = samples * np.float32(FULL_SCALE)
    np.rint(scaled, out=scaled)
    np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1.0, out=scaled)
    if np.isnan(scaled).any():
        raise SignalError("samples hold NaN")
    return scaled.astype("<i2").tobytes()
