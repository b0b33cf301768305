"""The room's mouth and ear, and real speech to say."""

import asyncio
import os
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest

from appliance.devices.portaudio import PortAudioMicrophone, PortAudioSpeaker, SoundSystem
from appliance.dsp.pcm import float_to_pcm16, pcm16_to_float
from appliance.dsp.resample import Resampler

RECORDINGS = Path("/usr/share/pocketsphinx/test/data/librivox")


@pytest.fixture(scope="session")
def speech():
    """A second and a half of a person reading, s16le mono 24 kHz, silence trimmed off both ends."""
    with wave.open(str(RECORDINGS / "sense_and_sensibility_01_austen_64kb-0870.wav")) as file:
        samples = pcm16_to_float(file.readframes(file.getnframes()))
        resampler = Resampler(file.getframerate(), 24_000)
    spoken = float_to_pcm16(resampler.process(samples))[: 2 * 36_000]  # 1.5 s
    values = np.frombuffer(spoken, "<i2")
    begin, end = np.flatnonzero(values)[[0, -1]]
    return values[begin : end + 1].tobytes()


@pytest.fixture
def system(sound_room):
    with SoundSystem() as system:
        yield system


@pytest.fixture
def say(sound_room):
    """Return a coroutine that says PCM into the room's microphone with a program of its own."""

    async def play(pcm):
        words = ["-D", "mouth", "-q", "-t", "raw", "-f", "S16_LE", "-r", "24000", "-c", "1"]
        mouth = await asyncio.create_subprocess_exec(
            "aplay", *words, stdin=subprocess.PIPE, env=dict(os.environ)
        )
        await mouth.communicate(pcm)
        assert mouth.returncode == 0

    return play


class Taped:
    """A microphone with all that it gave."""

    def __init__(self, system, selector, **sizes):
        self.device = PortAudioMicrophone(system, selector, **sizes)
        self.chunks = []
        self.lost = []
        self.came = asyncio.Event()

    def start(self):
        self.device.start(self._came, self.lost.append)

    def _came(self, chunk):
        self.chunks.append(chunk)
        self.came.set()

    @property
    def pcm(self):
        return b"".join(chunk.pcm for chunk in self.chunks)

    @property
    def samples(self):
        return np.frombuffer(self.pcm, "<i2").astype(int)

    def time_of(self, index):
        """Return when the sample of this index was captured."""
        for chunk in self.chunks:
            if index < len(chunk.pcm) // 2:
                return chunk.first_sample_s + index / 24_000
            index -= len(chunk.pcm) // 2
        raise IndexError(index)

    async def hears(self, pcm, within_s=10.0):
        """Wait until `pcm` has been heard whole; return the index of its first sample."""
        async with asyncio.timeout(within_s):
            while (found := self.pcm.find(pcm)) < 0:
                self.came.clear()
                await self.came.wait()
        return found // 2


@pytest.fixture
def tape(system):
    """Return a maker of running tapes of a PCM."""
    tapes = []

    def start(selector, **sizes):
        tapes.append(Taped(system, selector, **sizes))
        tapes[-1].start()
        return tapes[-1]

    yield start
    for one in tapes:
        one.device.stop()


class Spoken:
    """A loudspeaker with all that it reported."""

    def __init__(self, system, selector, **sizes):
        self.device = PortAudioSpeaker(system, selector, **sizes)
        self.sounded = []
        self.lost = []
        self.drains = 0
        self.drained = asyncio.Event()

    def start(self):
        self.device.start(self.sounded.append, self._drain, self.lost.append)

    def _drain(self):
        self.drains += 1
        self.drained.set()


@pytest.fixture
async def loud(system):
    """Return a maker of running loudspeakers on a PCM."""
    speakers = []

    def start(selector="pcm:spk", **sizes):
        speakers.append(Spoken(system, selector, **sizes))
        speakers[-1].start()
        return speakers[-1]

    yield start
    for one in speakers:
        one.device.stop()
