"""Speak text with espeak-ng."""

from __future__ import annotations

import asyncio
import shutil
from typing import Protocol

import numpy as np

from appliance.errors import UsageError
from appliance.simulator.sound import floats, pcm16, resampled
from appliance.units import WIRE_RATE_HZ

WORDS_PER_MINUTE = 165
# espeak-ng's variants, so that the API's voices can be told apart by ear.
VARIANTS = {
    "alloy": "f2",
    "ash": "m3",
    "ballad": "m5",
    "coral": "f3",
    "echo": "m2",
    "sage": "f4",
    "shimmer": "f5",
    "verse": "m7",
    "marin": "f1",
    "cedar": "m1",
}
_WAV_HEADER = 44  # espeak-ng writes the plain 44 byte header, with no true length in it


class Voice(Protocol):
    """Makes speech of text."""

    async def speak(self, text: str, voice: str, language: str, speed: float) -> bytes:
        """Return `text` as s16le mono PCM at 24 kHz; `speed` 1.0 is normal."""


class Espeak:
    """The Voice of this server."""

    def __init__(self) -> None:
        """Look for the program.

        Raises:
            UsageError: espeak-ng is not installed.
        """
        program = shutil.which("espeak-ng")
        if program is None:
            raise UsageError("espeak-ng is not installed: apt install espeak-ng")
        self._program = program

    async def speak(self, text: str, voice: str, language: str, speed: float) -> bytes:
        if not text.strip():
            return b""
        variant = VARIANTS.get(voice, "f2")
        for name in (f"{language}+{variant}", f"en-us+{variant}"):
            wav = await self._run(text, name, speed)
            if len(wav) > _WAV_HEADER:
                rate_hz = int.from_bytes(wav[24:28], "little")
                samples = floats(wav[_WAV_HEADER:])
                return pcm16(resampled(np.trim_zeros(samples, "b"), rate_hz, WIRE_RATE_HZ))
        raise UsageError("espeak-ng made no sound: is espeak-ng-data installed?")

    async def _run(self, text: str, name: str, speed: float) -> bytes:
        process = await asyncio.create_subprocess_exec(
            self._program,
            *("--stdout", "-v", name, "-s", str(round(WORDS_PER_MINUTE * speed)), "--stdin"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            wav, _ = await process.communicate(text.encode())
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        return wav
