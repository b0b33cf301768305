"""The recording that speaks in place of a person."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from appliance.dsp.resample import Resampler
from appliance.errors import SignalError, UsageError
from appliance.units import WIRE_RATE_HZ

# "He was not an ill-disposed young man", read by a LibriVox volunteer (public domain).
SHIPPED_BY_DEBIAN = Path(
    "/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0880.wav"
)
LONGEST_S = 160.0  # a turn may last 170


def default_recording() -> Path:
    """Return a real recording of a person.

    Raises:
        UsageError: the package that has it is not installed.
    """
    if not SHIPPED_BY_DEBIAN.exists():
        raise UsageError(
            "no recording to play: apt-get install pocketsphinx-testdata, or give --input FILE.wav"
        )
    return SHIPPED_BY_DEBIAN


def read_recording(path: Path) -> NDArray[np.int16]:
    """Return the recording as the microphone will hear it: mono, 24 kHz, shape (n,), n > 0.

    Raises:
        UsageError: there is no such file, or it is no sound file, or empty, or too long.
    """
    try:
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        reason = (
            "no such file" if not path.exists() else f"not a WAV file that can be read: {error}"
        )
        raise UsageError(f"{path}: {reason}") from error
    if not len(samples):
        raise UsageError(f"{path}: it holds no sound")
    if len(samples) / rate_hz > LONGEST_S:
        raise UsageError(f"{path}: longer than {LONGEST_S:.0f} s; give a shorter one")
    mono = np.ascontiguousarray(samples.mean(axis=1), dtype=np.float32)
    if not np.isfinite(mono).all():
        raise UsageError(f"{path}: it holds NaN or infinity")
    try:
        resampler = Resampler(rate_hz, WIRE_RATE_HZ)
    except SignalError as error:
        raise UsageError(f"{path}: {error}") from error
    at_wire_rate = np.concatenate([resampler.process(mono), resampler.flush()])
    return np.clip(np.rint(at_wire_rate * 32767.0), -32768, 32767).astype(np.int16)
