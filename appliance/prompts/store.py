"""The sound of each prompt, from where `appliance prompts build` put it.

It works when nothing else does: a file that is missing, damaged or of another version is no
error, but the same prompt in English, and without that a few tones.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from appliance.faults import Severity
from appliance.prompts.codec import DamagedError, Floats, decode
from appliance.prompts.keys import FALLBACK_LANGUAGE, LANGUAGES, PROMPTS
from appliance.prompts.tones import tone

VARIABLE = "APPLIANCE_PROMPTS"  # where the rendered prompts are
DIRECTORY = Path(__file__).parent / "built"  # where `make prompts` and the image put them
_FULL_SCALE = 32768.0


@dataclass(frozen=True, slots=True)
class Sound:
    """What to play for a prompt."""

    pcm: bytes  # s16le mono, 24 kHz
    language: str | None  # None: tones


class Prompts:
    """The prompts of one directory. Files are read when they are wanted, and then kept packed."""

    def __init__(self, directory: Path) -> None:
        """Take the directory; nothing is read yet, and it need not exist."""
        self._directory = directory
        self._packed: dict[tuple[str, str], bytes] = {}

    def pcm(self, key: str, language: str) -> bytes:
        """Return what to play: s16le mono, 24 kHz, at the level of speech. Never raises.

        Args:
            key: of `keys.PROMPTS`; for another one, tones.
            language: such as "de" or "pt-BR"; English where there is none of it, then tones.
        """
        return self.sound(key, language).pcm

    def sound(self, key: str, language: str) -> Sound:
        """Return the same, with the language that it turned out to be. Never raises."""
        if key in PROMPTS:
            for candidate in dict.fromkeys((_primary(language), FALLBACK_LANGUAGE)):
                samples = self._decoded(key, candidate)
                if samples is not None:
                    return Sound(_pcm16(samples), candidate)
        severity = PROMPTS[key].severity if key in PROMPTS else Severity.TURN
        return Sound(_pcm16(tone(severity)), None)

    def preload(self, language: str) -> None:
        """Read every prompt of a language now (about 0.7 MB): later the card may not answer.

        None is decoded: the decoder's tables and the memory that it works in are 3 MB, and a device
        that is never offline never needs them.
        """
        for key in PROMPTS:
            for candidate in (_primary(language), FALLBACK_LANGUAGE):
                if self._read(key, candidate):
                    break

    def _decoded(self, key: str, language: str) -> Floats | None:
        packed = self._read(key, language)
        try:
            return decode(packed) if packed else None
        except DamagedError:
            return None

    def _read(self, key: str, language: str) -> bytes:
        if language not in LANGUAGES:
            return b""
        found = self._packed.get((key, language)) or self._from_card(key, language)
        if found:
            self._packed[key, language] = found
        return found

    def _from_card(self, key: str, language: str) -> bytes:
        try:
            return sound_path(self._directory, key, language).read_bytes()
        except OSError:
            return b""


def default_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the prompts are if nobody says otherwise."""
    return Path(environ.get(VARIABLE) or DIRECTORY)


def sound_path(directory: Path, key: str, language: str) -> Path:
    """Return where a prompt's sound is kept."""
    return directory / language / f"{key}.vap"


def _primary(language: str) -> str:
    return language.lower().replace("_", "-").partition("-")[0]


def _pcm16(samples: Floats) -> bytes:
    scaled = np.clip(np.rint(samples * np.float32(_FULL_SCALE)), -_FULL_SCALE, _FULL_SCALE - 1)
    pcm: bytes = scaled.astype("<i2").tobytes()
    return pcm
