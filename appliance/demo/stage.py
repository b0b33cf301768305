"""The demo's own mouth and ears: they stand in the room, apart from the device."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyaudio
from numpy.typing import NDArray

from appliance.devices.portaudio_microphone import PortAudioMicrophone
from appliance.devices.portaudio_system import SoundSystem
from appliance.devices.soundcards import Direction
from appliance.errors import HardwareError
from appliance.ports import Captured
from appliance.units import BYTES_PER_SAMPLE, WIRE_RATE_HZ

FRAMES = 1024
AFTER_S = 0.5  # silence behind what is said: more than the buffers hold, so all of it is out


class Tape:
    """Records one PCM of the room, with the time of each sample."""

    def __init__(self, sound: SoundSystem, selector: str) -> None:
        self._microphone = PortAudioMicrophone(sound, selector, chunk_samples=480)
        self._chunks: list[Captured] = []

    def start(self) -> None:
        """Begin to record.

        Raises:
            HardwareError: there is no such PCM.
        """
        self._microphone.start(self._chunks.append, self._lost)

    def _lost(self, why: str) -> None:
        raise HardwareError(f"the room's own ear failed: {why}")

    def stop(self) -> None:
        self._microphone.stop()

    def samples(self) -> NDArray[np.int16]:
        """Return all that was heard so far, shape (n,), 24 kHz."""
        return np.frombuffer(b"".join(c.pcm for c in self._chunks), np.int16)

    def start_s(self) -> float:
        """Return when the first sample was heard (monotonic), by the median of all chunks."""
        at = np.cumsum([0] + [len(c.pcm) // BYTES_PER_SAMPLE for c in self._chunks[:-1]])
        times = np.array([c.first_sample_s for c in self._chunks])
        return float(np.median(times - at / WIRE_RATE_HZ)) if len(times) else 0.0


class Mouth:
    """Speaks into the device's microphone, and is silent between."""

    def __init__(self, sound: SoundSystem) -> None:
        """Open the room's mouth; to be made on the event loop."""
        self._loop = asyncio.get_running_loop()
        self._left = b""
        self._spoken = asyncio.Event()
        self._sound = sound
        self._stream = sound.open(
            sound.find("pcm:mouth", Direction.PLAYBACK),
            Direction.PLAYBACK,
            rate_hz=WIRE_RATE_HZ,
            channels=1,
            frames=FRAMES,
            callback=self._next,
        )

    def _next(
        self, _: bytes | None, frames: int, __: Mapping[str, float], ___: int
    ) -> tuple[bytes, int]:
        """Give PortAudio what comes next (on its own thread)."""
        wanted = frames * BYTES_PER_SAMPLE
        piece, self._left = self._left[:wanted], self._left[wanted:]
        if piece and not self._left:
            self._loop.call_soon_threadsafe(self._spoken.set)
        return piece.ljust(wanted, b"\0"), pyaudio.paContinue

    async def say(self, pcm: NDArray[np.int16]) -> None:
        """Return when the last sample is out."""
        silence = np.zeros(round(AFTER_S * WIRE_RATE_HZ), np.int16)
        self._spoken.clear()
        self._left = np.concatenate([pcm, silence]).tobytes()
        await self._spoken.wait()

    def close(self) -> None:
        self._sound.release(self._stream)


def play_aloud(pcm: NDArray[np.int16]) -> subprocess.Popen[bytes] | None:
    """Play on the machine's own sound card, if it has one; the caller waits for the process."""
    cards = Path("/proc/asound/cards")
    if not cards.exists() or "no soundcards" in cards.read_text():
        return None
    player = subprocess.Popen(
        ["aplay", "-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", str(WIRE_RATE_HZ)],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a card in use by another program must not spoil the demo
    )
    try:
        if player.stdin is not None:
            player.stdin.write(pcm.tobytes())
            player.stdin.close()
    except BrokenPipeError:
        return None
    return player
