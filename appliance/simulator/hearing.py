"""Understand English speech with pocketsphinx, in a process of its own.

The decoder holds Python's lock for as long as it thinks, so in a thread it would stop the
server for a second at a time. The child reads `number, length (4 bytes each, little endian),
PCM` and writes a line `number text` for each.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Protocol

from appliance.errors import ApplianceError
from appliance.simulator.sound import floats, pcm16, resampled
from appliance.simulator.vad import SpeechDetector
from appliance.units import WIRE_RATE_HZ

EARS_RATE_HZ = 16_000
VAD_THRESHOLD = 0.25  # lets more through than the server's own turn detection
_WORD_BYTES = 4


class Ears(Protocol):
    """Turns speech into text."""

    async def hear(self, pcm: bytes) -> str:
        """Return what is said in `pcm` (s16le mono, 24 kHz), "" if nothing is understood.

        Raises:
            ApplianceError: the recogniser is broken.
        """

    async def close(self) -> None: ...


class Sphinx:
    """The Ears of this server. The child starts with the first thing to hear, or `warm_up`."""

    def __init__(self) -> None:
        self._child: asyncio.subprocess.Process | None = None
        self._one_at_a_time = asyncio.Lock()
        self._number = 0

    async def warm_up(self) -> None:
        """Start the child, so that the first answer is not late."""
        async with self._one_at_a_time:
            await self._started()

    async def hear(self, pcm: bytes) -> str:
        if not SpeechDetector(VAD_THRESHOLD, len(pcm), 0).feed(pcm):
            return ""  # of silence the decoder makes short words
        samples = floats(pcm)
        speech = pcm16(resampled(samples, WIRE_RATE_HZ, EARS_RATE_HZ))
        async with self._one_at_a_time:
            self._number += 1
            try:
                return await self._asked(speech)
            except ConnectionError as error:
                raise self._ended() from error

    async def close(self) -> None:
        if self._child is None:
            return
        if self._child.returncode is None:
            self._child.kill()
        await self._child.wait()
        self._child = None

    async def _asked(self, speech: bytes) -> str:
        child = await self._started()
        assert child.stdin is not None
        assert child.stdout is not None
        head = b"".join(n.to_bytes(_WORD_BYTES, "little") for n in (self._number, len(speech)))
        child.stdin.write(head + speech)
        await child.stdin.drain()
        while line := await child.stdout.readline():
            number, _, text = line.decode().strip().partition(" ")
            if int(number) == self._number:  # a lower one: who asked for it has gone
                return text
        raise self._ended()

    def _ended(self) -> ApplianceError:
        self._child = None  # the next to ask gets a new one
        return ApplianceError("the speech recogniser ended: is pocketsphinx installed?")

    async def _started(self) -> asyncio.subprocess.Process:
        if self._child is None:
            self._child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "appliance.simulator.hearing"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C in the terminal is the server's to handle
            )
        return self._child


def _serve() -> None:
    from pocketsphinx import Decoder  # the child alone pays for the model

    decoder = Decoder(samprate=EARS_RATE_HZ, loglevel="FATAL")
    while head := sys.stdin.buffer.read(2 * _WORD_BYTES):
        number = int.from_bytes(head[:_WORD_BYTES], "little")
        speech = sys.stdin.buffer.read(int.from_bytes(head[_WORD_BYTES:], "little"))
        text = ""
        if speech:
            decoder.start_utt()
            decoder.process_raw(speech, full_utt=True)
            decoder.end_utt()
            found = decoder.hyp()
            text = found.hypstr if found else ""
        sys.stdout.write(f"{number} {text}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
