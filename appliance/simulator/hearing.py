"""Understand English speech with pocketsphinx, in a process of its own.

The decoder holds Python's lock for as long as it thinks, so in a thread it would stop the
server for a second at a time. The child reads `length (4 bytes, little endian), PCM` and
writes one line of text for each.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Protocol

from appliance.errors import ApplianceError
from appliance.simulator.sound import floats, pcm16, resampled
from appliance.units import WIRE_RATE_HZ

EARS_RATE_HZ = 16_000
_LENGTH_BYTES = 4


class Ears(Protocol):
    """Turns speech into text."""

    async def hear(self, pcm: bytes) -> str:
        """Return what is said in `pcm` (s16le mono, 24 kHz), "" if nothing is understood."""

    async def close(self) -> None: ...


class Sphinx:
    """The Ears of this server. The child starts with the first thing to hear, or `warm_up`."""

    def __init__(self) -> None:
        self._child: asyncio.subprocess.Process | None = None
        self._one_at_a_time = asyncio.Lock()

    async def warm_up(self) -> None:
        """Start the child, so that the first answer is not late."""
        async with self._one_at_a_time:
            await self._started()

    async def hear(self, pcm: bytes) -> str:
        samples = floats(pcm)
        speech = pcm16(resampled(samples, WIRE_RATE_HZ, EARS_RATE_HZ))
        async with self._one_at_a_time:
            child = await self._started()
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(len(speech).to_bytes(_LENGTH_BYTES, "little") + speech)
            await child.stdin.drain()
            line = await child.stdout.readline()
        if not line:
            raise ApplianceError("the speech recogniser ended: is pocketsphinx installed?")
        return line.decode().strip()

    async def close(self) -> None:
        if self._child is None:
            return
        if self._child.returncode is None:
            self._child.kill()
        await self._child.wait()
        self._child = None

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
    while head := sys.stdin.buffer.read(_LENGTH_BYTES):
        speech = sys.stdin.buffer.read(int.from_bytes(head, "little"))
        text = ""
        if speech:
            decoder.start_utt()
            decoder.process_raw(speech, full_utt=True)
            decoder.end_utt()
            found = decoder.hyp()
            text = found.hypstr if found else ""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
