"""What goes wrong with microphone and loudspeaker: PortAudio's own, in a room of null sinks."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
from signs import Parts, linked_device

from appliance.demo.soundroom import SoundRoom
from appliance.devices.portaudio import PortAudioMicrophone, PortAudioSpeaker, SoundSystem
from appliance.session.hearing import HearingRules
from appliance.simulator.script import Part, SayNext, Script

QUICK = HearingRules(silent_s=0.5, judged_s=0.5)


@pytest.fixture
def room(monkeypatch):
    """A room of this test's own, so that it can be taken down."""
    with SoundRoom() as made:
        for name, value in made.env.items():
            monkeypatch.setenv(name, value)
        yield made


@asynccontextmanager
async def device_in_a_room(microphone="pcm:mic", speaker="pcm:spk", **options):
    """Run a device with these PCMs; with "" in the place of one, that one is of memory."""
    with SoundSystem() as sound:
        parts = Parts(
            microphone=microphone and PortAudioMicrophone(sound, microphone, chunk_samples=480),
            speaker=speaker and PortAudioSpeaker(sound, speaker),
            hearing=QUICK,
        )
        async with linked_device(parts, **options) as d:
            yield d


@pytest.mark.parametrize("fault", ["microphone_missing", "speaker_missing"])
async def test_a_card_that_is_not_there(room, fault):
    name = fault.removesuffix("_missing")
    async with device_in_a_room(**{name: "pcm:nosuch"}) as d:
        await d.gives_the_signs_of(fault)
        assert f"{name}_lost" not in d.told


@pytest.mark.parametrize("fault", ["microphone_lost", "speaker_lost"])
async def test_a_card_that_goes_away(room, fault):
    """The sound server dies, and with it the only card."""
    other = {"microphone_lost": "speaker", "speaker_lost": "microphone"}[fault]
    async with device_in_a_room(**{other: ""}) as d:
        assert d.told == ["link_up"]
        room.close()
        await d.gives_the_signs_of(fault)


async def test_a_microphone_that_is_muted(room):
    async with device_in_a_room() as d:
        d.panel.press()
        await d.until(lambda: "microphone_silent" in d.told)
        assert d.state == "Listening", "the turn goes on"
        d.panel.release()
        await d.gives_the_signs_of("microphone_silent")


async def test_a_microphone_that_is_driven_too_hard(room):
    loud = np.sign(np.sin(np.arange(2 * 24_000) * 0.05)) * 32767
    async with device_in_a_room(script=Script((Part((SayNext("Oh."),)),))) as d:
        speaking = asyncio.create_task(say(loud.astype("<i2").tobytes()))
        d.panel.press()
        await d.until(lambda: "microphone_clipping" in d.told)
        d.panel.release()
        await d.gives_the_signs_of("microphone_clipping")
        await speaking


async def say(pcm):
    words = ["-D", "mouth", "-q", "-t", "raw", "-f", "S16_LE", "-r", "24000", "-c", "1"]
    mouth = await asyncio.create_subprocess_exec("aplay", *words, stdin=subprocess.PIPE)
    await mouth.communicate(pcm)
    assert mouth.returncode == 0
