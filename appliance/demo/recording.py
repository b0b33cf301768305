"""The recording that speaks in place of a person."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.errors import UsageError
from appliance.recordings import read_channels
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
    mono = read_channels(path).mean(axis=0)
    if len(mono) / WIRE_RATE_HZ > LONGEST_S:
        raise UsageError(f"{path}: longer than {LONGEST_S:.0f} s; give a shorter one")
    pcm: NDArray[np.int16] = np.clip(np.rint(mono * 32767.0), -32768, 32767).astype(np.int16)
    return pcm
