"""What `--out` keeps: every processed recording, to be listened to."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from appliance.errors import UsageError


class Takes:
    """Writes WAV files below a directory; with None it keeps nothing."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    def keep(self, name: str, system: str, samples: NDArray[np.generic], rate_hz: int) -> None:
        """Write one recording as NAME-SYSTEM.wav, 16 bit.

        Raises:
            UsageError: the file cannot be written.
        """
        if self._directory is None:
            return
        slug = re.sub(r"[^a-z0-9]+", "-", system.lower()).strip("-")
        path = self._directory / f"{name}-{slug}.wav"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, samples, rate_hz, "PCM_16")
        except (soundfile.LibsndfileError, OSError) as error:
            raise UsageError(f"--out {self._directory}: {error}") from error
