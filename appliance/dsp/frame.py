"""The frame that the stages of the chain pass on: 10 ms of mono sound at 24 kHz."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from appliance.errors import SignalError

RATE = 24_000  # samples a second
FRAME = 240  # samples
LIMIT = 8.0  # samples are held within ±LIMIT (18 dB over full scale), so that nothing overflows


def take(frame: NDArray[np.float32], into: NDArray[np.float32], who: str) -> None:
    """Copy one checked frame `into` a stage's own buffer, held within ±LIMIT.

    Raises:
        SignalError: `frame` has not the shape and dtype of `into`, or holds NaN or infinity; the
            message begins with `who`.
    """
    if frame.shape != into.shape or frame.dtype != np.float32:
        raise SignalError(f"{who}: want float32 {into.shape}, got {frame.dtype} {frame.shape}")
    if not np.isfinite(frame).all():
        raise SignalError(f"{who}: frame holds NaN or infinity")
    np.minimum(frame, LIMIT, out=into)
    np.maximum(into, -LIMIT, out=into)
