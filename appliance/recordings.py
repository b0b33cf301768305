"""Recordings as the tools take them: any sound file, at the device's own rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from appliance.dsp.resample import Resampler
from appliance.errors import SignalError, UsageError
from appliance.units import WIRE_RATE_HZ

LONGEST_S = 3600.0


def read_channels(path: Path) -> NDArray[np.float32]:
    """Return a recording at 24 kHz, shape (channels, n), n > 0.

    Raises:
        UsageError: no such file, no sound file, or nothing in it.
    """
    try:
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        reason = f"not a WAV file that can be read ({error})" if path.exists() else "no such file"
        raise UsageError(f"{path}: {reason}") from error
    if not len(samples):
        raise UsageError(f"{path}: it holds no sound")
    if len(samples) / rate_hz > LONGEST_S:
        raise UsageError(f"{path}: longer than {LONGEST_S / 60:.0f} minutes; give a shorter one")
    if not np.isfinite(samples).all():
        raise UsageError(f"{path}: it holds NaN or infinity")
    channels = []
    for channel in samples.T:
        try:
            resampler = Resampler(rate_hz, WIRE_RATE_HZ)
            whole = [resampler.process(np.ascontiguousarray(channel)), resampler.flush()]
        except SignalError as error:
            raise UsageError(f"{path}: {error}") from error
        channels.append(np.concatenate(whole))
    length = round(len(samples) * WIRE_RATE_HZ / rate_hz)
    return np.stack(channels)[:, :length].astype(np.float32)
