"""eSpeak NG as a library: text in, samples and phonemes out.

1.52 or newer is needed: 1.51, which Debian 12 has, does not speak Mandarin as it is written. The
package `espeakng-loader` brings library and data along; without it the system's own is taken.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.errors import UsageError

OLDEST = (1, 52)
_HOW_TO_GET = "pip install espeakng-loader, or Debian 13's libespeak-ng1"

# Values of espeak-ng's speak_lib.h.
_SYNCHRONOUS = 2
_POSITION_CHARACTER = 1
_UTF8 = 1
_RATE, _PITCH = 1, 3
_PHONEMES_PLAIN, _PHONEMES_IPA = 0, 2
_LONGEST_MS = 500  # of sound between two calls back
_SEED = 1  # of what makes its voices less even

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks a language, and how."""

    name: str  # espeak-ng's
    words_per_minute: int  # as espeak-ng counts them, whatever a word is
    pitch: int = 50  # 0 to 100


class Espeak:
    """The espeak-ng of this process: the library has one state, so one thread at a time."""

    def __init__(self) -> None:
        """Load the library.

        Raises:
            UsageError: there is none, or it is too old.
        """
        library, data = _installed()
        try:
            self._library = ctypes.CDLL(library)
        except OSError as error:
            raise UsageError(f"no espeak-ng library ({error}): {_HOW_TO_GET}") from error
        self._library.espeak_Info.restype = ctypes.c_char_p
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self.version = self._library.espeak_Info(None).decode()
        if tuple(map(int, re.findall(r"\d+", self.version)[:2])) < OLDEST:
            wanted = ".".join(map(str, OLDEST))
            raise UsageError(f"espeak-ng {self.version} is too old, want {wanted}: {_HOW_TO_GET}")
        self.rate_hz = int(self._library.espeak_Initialize(_SYNCHRONOUS, _LONGEST_MS, data, 0))
        if self.rate_hz <= 0:
            raise UsageError(f"espeak-ng {self.version} finds no data: {_HOW_TO_GET}")
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(_SEED))
        self._variants = Path(self._data_path()) / "voices" / "!v"
        self._pieces: list[bytes] = []
        self._callback = _Callback(self._take)  # kept: the library does not own it

    def speak(self, text: str, voice: Voice) -> NDArray[np.float32]:
        """Return `text` spoken: shape (n,), float32, at `rate_hz`, full scale ±1.0.

        The library keeps some state, so that the same text differs by a few samples from one time
        to the next; the same calls in the same order give the same sound in every process.

        Raises:
            UsageError: no such voice.
        """
        self._choose(voice)
        self._library.espeak_SetParameter(_RATE, voice.words_per_minute, 0)
        self._library.espeak_SetParameter(_PITCH, voice.pitch, 0)
        self._pieces.clear()
        self._library.espeak_SetSynthCallback(self._callback)  # another Espeak may have set its own
        content = text.encode() + b"\0"
        self._library.espeak_Synth(
            content, len(content), 0, _POSITION_CHARACTER, 0, _UTF8, None, None
        )
        self._library.espeak_Synchronize()
        return np.frombuffer(b"".join(self._pieces), np.int16).astype(np.float32) / 32768.0

    def phonemes(self, text: str, voice: Voice, *, ipa: bool = False) -> str:
        """Return how `text` is pronounced, clauses apart by " | ".

        Where another language is fallen back upon, its code stands in brackets, as "(en)".

        Raises:
            UsageError: no such voice.
        """
        self._choose(voice)
        content = ctypes.create_string_buffer(text.encode())
        place = ctypes.c_void_p(ctypes.addressof(content))
        mode = _PHONEMES_IPA if ipa else _PHONEMES_PLAIN
        clauses: list[str] = []
        while place.value:
            said = self._library.espeak_TextToPhonemes(ctypes.byref(place), _UTF8, mode)
            clauses.append((said or b"").decode())
        return " | ".join(filter(None, clauses))

    def _choose(self, voice: Voice) -> None:
        variant = voice.name.partition("+")[2]  # the library says nothing about a wrong one
        found = not variant or (self._variants / variant).is_file()
        if not found or self._library.espeak_SetVoiceByName(voice.name.encode()) != 0:
            raise UsageError(
                f"espeak-ng has no voice {voice.name}; `espeak-ng --voices` lists them"
            )

    def _data_path(self) -> str:
        path = ctypes.c_char_p()
        self._library.espeak_Info(ctypes.byref(path))
        return (path.value or b"").decode()

    def _take(self, samples: object, count: int, _events: object) -> int:
        if samples and count > 0:
            address = ctypes.cast(samples, ctypes.c_void_p).value or 0  # type: ignore[arg-type]  # a pointer, by the callback's own type
            self._pieces.append(ctypes.string_at(address, 2 * count))
        return 0  # go on


def _installed() -> tuple[str, bytes | None]:
    """Return the library, and where its data is (None: it knows)."""
    found = importlib.util.find_spec("espeakng_loader")
    if found is not None and found.origin is not None:
        place = Path(found.origin).parent
        return str(place / "libespeak-ng.so"), str(place / "espeak-ng-data").encode()
    return ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1", None
