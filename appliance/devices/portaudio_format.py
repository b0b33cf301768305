"""Ask PortAudio what a device takes, and say what it means when it refuses.

PyAudio has the question too, but holds the interpreter's lock while it asks: a device that does not
answer would stop the whole process. Through ctypes the others go on.
"""

from __future__ import annotations

import ctypes
import importlib
from typing import ClassVar

import pyaudio

from appliance.devices.soundcards import AudioDevice, Direction
from appliance.errors import HardwareError
from appliance.units import WIRE_RATE_HZ

# The wire's own rate needs no resampling; then those that are nearest to it in quality and cost.
RATES_HZ = (WIRE_RATE_HZ, 48_000, 44_100, 32_000, 16_000, 8_000)

_TAKEN = 0  # paFormatIsSupported
_OTHER_RATE = -9997  # paInvalidSampleRate
_BUSY = -9985  # paDeviceUnavailable: what ALSA's EBUSY becomes
_BUSY_TRIES = 10  # PortAudio asks a busy device so often, every 10 ms; by itself 100 times


class _Parameters(ctypes.Structure):
    """PaStreamParameters."""

    _fields_: ClassVar = [
        ("device", ctypes.c_int),
        ("channels", ctypes.c_int),
        ("sample_format", ctypes.c_ulong),
        ("latency_s", ctypes.c_double),
        ("specific", ctypes.c_void_p),
    ]


class Formats:
    """PortAudio's own functions, of the library that PyAudio uses."""

    def __init__(self) -> None:
        # Looked up through PyAudio's module, so that it cannot be another copy of the library.
        self._library = ctypes.CDLL(importlib.import_module("pyaudio._portaudio").__file__)
        self._supported = self._library.Pa_IsFormatSupported
        self._supported.argtypes = [
            ctypes.POINTER(_Parameters),
            ctypes.POINTER(_Parameters),
            ctypes.c_double,
        ]
        self._text = self._library.Pa_GetErrorText
        self._text.argtypes, self._text.restype = [ctypes.c_int], ctypes.c_char_p

    def be_impatient(self) -> None:
        """Have a busy device refused after a tenth of a second instead of a whole one."""
        retries = getattr(self._library, "PaAlsa_SetRetriesBusy", None)
        if retries is not None:  # PortAudio here has ALSA
            retries(_BUSY_TRIES)

    def rate_for(self, device: AudioDevice, direction: Direction, channels: int) -> int:
        """Return the first of RATES_HZ that the device takes, in int16. It may take long.

        Raises:
            HardwareError: it takes none, is in use, or has gone.
        """
        asked = _Parameters(device.index, channels, pyaudio.paInt16, 0.0, None)
        captures = direction is Direction.CAPTURE
        code = _OTHER_RATE
        for rate_hz in RATES_HZ:
            code = self._supported(
                ctypes.byref(asked) if captures else None,
                None if captures else ctypes.byref(asked),
                float(rate_hz),
            )
            if code == _TAKEN:
                return rate_hz
            if code != _OTHER_RATE:
                break
        raise HardwareError(refused(device, direction, code, self._text(code).decode()))


def refused(device: AudioDevice, direction: Direction, code: int, words: str) -> str:
    """Return one line on why a device was not to be had; `words` are PortAudio's for `code`."""
    if code == _BUSY:
        return f"sound card {device.name} is in use by another program ({direction.value})"
    return (
        f"sound card {device.name} cannot be opened for {direction.value}: {words.lower()} "
        "(unplugged?)"
    )


def code_and_words(error: OSError) -> tuple[int, str]:
    """Return what PyAudio has put into an error: it is in this order, or in the other.

    0 and "unknown error" if it is in neither.
    """
    codes = [arg for arg in error.args if isinstance(arg, int)]
    words = [arg for arg in error.args if isinstance(arg, str)]
    return codes[0] if codes else 0, words[0].lower() if words else "unknown error"
