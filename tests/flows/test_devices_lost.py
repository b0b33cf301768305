"""The device's process while its sound cards are pulled, plugged, busy or frozen."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from appliance.runner.hardware import REOPEN_S
from appliance.simulator.server import Options, RealtimeServer

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
from plugs import Desk, device_on

BACK_WITHIN_S = 3.0
FAR_S = 20.0  # a machine that has much else to do
PROMPT_WITHIN_S = 0.150
QUEUED_S = 0.060  # what the loudspeaker has in its three buffers


@pytest.fixture
def desk(tmp_path):
    """Both cards, plugged in."""
    desk = Desk(tmp_path)
    desk.microphone.plug()
    desk.speaker.plug()
    yield desk
    desk.clear()


@asynccontextmanager
async def talking(desk, tmp_path, **environ):
    """Run the device; it must be the same process to the end, and end well."""
    async with (
        RealtimeServer(Options(port=0)) as server,
        device_on(desk, server.url, tmp_path, **environ) as device,
    ):
        pid = device.pid
        yield device
        assert device.pid == pid
        assert await device.stop() == 0
        assert device.story.last("summary")["numba_loaded"] is False


def found(device, **wanted):
    return [
        one
        for one in device.story.records
        if all(one.get(name) == value for name, value in wanted.items())
    ]


async def told(device, count=1, **wanted):
    """Wait for the `count`-th record that has all this; return it."""
    await device.wait_for(lambda: len(found(device, **wanted)) >= count, FAR_S, f"no {wanted}")
    return found(device, **wanted)[count - 1]


async def answered_within(device, since_s, within_s):
    """Talk as soon as the light allows it; the turn must be answered, and begin in time."""
    before = len(found(device, kind="turn"))
    device.press()
    heard = await told(device, 1 + len(found(device, state="listening")), state="listening")
    assert heard["t"] - since_s < within_s
    await asyncio.sleep(0.4)
    device.release()
    turn = await told(device, before + 1, kind="turn")
    assert turn["outcome"] == "answered"
    assert turn["said_ms"] >= 400


async def test_a_microphone_that_is_pulled_while_somebody_talks_is_told_and_used_again(
    desk, tmp_path
):
    async with talking(desk, tmp_path) as device:
        device.press()
        await asyncio.sleep(0.8)
        pulled_s = desk.microphone.pull()
        lost = await told(device, kind="hardware", lost="microphone")
        assert lost["t"] - pulled_s < 2.5
        assert not found(device, kind="prompt"), "it talks while the button is held"
        await told(device, kind="light", light="fault")
        device.release()
        # What was said before is answered; why no more of it came is said while that is awaited.
        turn = await told(device, kind="turn")
        assert turn["outcome"] == "answered"
        assert 600 <= turn["said_ms"] <= 1400
        await told(device, kind="prompt", key="microphone_lost")
        plugged_s = desk.microphone.plug(44_100)
        back = await told(device, kind="hardware", back="microphone")
        assert back["t"] - plugged_s < BACK_WITHIN_S
        await answered_within(device, plugged_s, BACK_WITHIN_S)


async def test_a_loudspeaker_that_is_pulled_in_the_middle_of_an_answer_is_used_again(
    desk, tmp_path
):
    async with talking(desk, tmp_path) as device:
        device.press()
        await asyncio.sleep(0.4)
        device.release()
        await told(device, kind="sounded")
        pulled_s = desk.speaker.pull()
        lost = await told(device, kind="hardware", lost="speaker")
        assert lost["t"] - pulled_s < 2.5
        turn = await told(device, kind="turn")
        assert turn["outcome"] == "speaker_lost"
        await told(device, kind="light", light="fault")
        plugged_s = desk.speaker.plug(44_100)
        back = await told(device, kind="hardware", back="speaker")
        assert back["t"] - plugged_s < BACK_WITHIN_S
        await told(device, kind="prompt", key="speaker_back")
        await told(device, kind="prompt_sounded")
        await answered_within(device, plugged_s, BACK_WITHIN_S)


async def test_a_read_that_hangs_holds_nobody_up_and_is_outlived(desk, tmp_path):
    async with talking(desk, tmp_path) as device:
        desk.microphone.freeze()
        frozen_s = time.monotonic()
        lost = await told(device, kind="hardware", lost="microphone")
        assert 1.9 < lost["t"] - frozen_s < 3.5
        prompt = await told(device, kind="prompt", key="microphone_lost")
        assert prompt["t"] - lost["t"] < PROMPT_WITHIN_S
        sounded = await told(device, kind="prompt_sounded", item=prompt["item"])
        assert sounded["at_s"] - QUEUED_S - lost["t"] < PROMPT_WITHIN_S
        # The stream does not close: two seconds of that, and then every try to open it fails.
        await told(device, kind="hardware_missing", name="microphone")
        pressed_s = time.monotonic()
        device.press()
        heard = await told(device, kind="state", state="listening")
        assert heard["t"] - pressed_s < 0.5, "the event loop waits for the card"
        device.release()
        await told(device, kind="turn")
        thawed_s = desk.microphone.thaw()
        back = await told(device, kind="hardware", back="microphone")
        assert back["t"] - thawed_s < BACK_WITHIN_S
        await answered_within(device, thawed_s, BACK_WITHIN_S)
        # A card that answers nobody from the first moment on: opening it hangs.
        desk.microphone.pull()
        await told(device, 2, kind="hardware", lost="microphone")
        desk.microphone.plug()
        desk.microphone.freeze()
        await asyncio.sleep(2 * REOPEN_S)
        begun = len(found(device, kind="state", state="listening"))
        pressed_s = time.monotonic()
        device.press()
        heard = await told(device, begun + 1, kind="state", state="listening")
        assert heard["t"] - pressed_s < 0.5, "the event loop waits for the card"
        # And now it must end all the same, and in time.


async def test_a_microphone_that_is_not_there_at_first_is_used_once_it_is(desk, tmp_path):
    desk.microphone.take_source_away()
    async with talking(desk, tmp_path) as device:
        assert device.story.last("ready")["well"] is False
        missing = await told(device, kind="hardware", lost="microphone")
        assert missing["fault"] == "microphone_missing"
        await told(device, kind="prompt", key="microphone_missing")
        given_s = desk.microphone.give_source(48_000)
        back = await told(device, kind="hardware", back="microphone")
        assert back["t"] - given_s < BACK_WITHIN_S
        await answered_within(device, given_s, BACK_WITHIN_S)


async def test_a_card_that_portaudio_has_not_seen_is_found_with_the_other_in_use(desk, tmp_path):
    desk.microphone.pull()
    async with talking(desk, tmp_path) as device:
        missing = await told(device, kind="hardware", lost="microphone")
        assert "no sound card pcm:mic" in missing["why"]
        desk.microphone.plug(16_000)
        # No card of the kernel's came, which would be seen at once; it is looked for by and by.
        await told(device, kind="hardware", back="microphone")
        assert len(found(device, kind="hardware", lost="speaker")) == 0
        await answered_within(device, time.monotonic(), BACK_WITHIN_S)
        await told(device, kind="sounded")


# A PCM that one program at a time may have, as a card's is: while a file is there, it is in use.
GATE_SOURCE = r"""
#include <errno.h>
#include <unistd.h>
#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>

SND_PCM_PLUGIN_DEFINE_FUNC(gate)
{
    const char *behind = NULL, *in_use = NULL;
    snd_config_iterator_t at, next;
    snd_config_for_each(at, next, conf) {
        snd_config_t *entry = snd_config_iterator_entry(at);
        const char *id;
        if (snd_config_get_id(entry, &id) < 0)
            continue;
        if (strcmp(id, "behind") == 0)
            snd_config_get_string(entry, &behind);
        if (strcmp(id, "in_use") == 0)
            snd_config_get_string(entry, &in_use);
    }
    if (in_use && access(in_use, F_OK) == 0)
        return -EBUSY;
    return snd_pcm_open(pcmp, behind, stream, mode);
}
SND_PCM_PLUGIN_SYMBOL(gate);
"""
GATE = """\
pcm_type.gate {{ lib "{library}" }}
pcm.gate {{ type gate behind "mic" in_use "{in_use}" hint {{ show on }} }}
"""


@pytest.fixture(scope="session")
def gate_library(tmp_path_factory):
    """The PCM's code, as ALSA loads it."""
    home = tmp_path_factory.mktemp("gate")
    source, library = home / "gate.c", home / "libasound_module_pcm_gate.so"
    source.write_text(GATE_SOURCE)
    command = ["gcc", "-shared", "-fPIC", "-DPIC", "-o", str(library), str(source), "-lasound"]
    subprocess.run(command, check=True)
    return library


async def test_a_busy_card_is_told_as_busy_and_used_once_it_is_free(desk, tmp_path, gate_library):
    in_use = tmp_path / "in-use"
    with desk.config.open("a") as config:
        config.write(GATE.format(library=gate_library, in_use=in_use))
    async with talking(desk, tmp_path, APPLIANCE_HARDWARE__MICROPHONE="pcm:gate") as device:
        assert device.story.last("ready")["well"] is True
        in_use.touch()  # by another program, the moment that ours has lost it
        desk.microphone.pull()
        await told(device, kind="hardware", lost="microphone")
        desk.microphone.plug()
        busy = await told(device, kind="hardware_missing", name="microphone")
        assert busy["why"] == "sound card gate is in use by another program (capture)"
        pressed_s = time.monotonic()
        device.press()
        heard = await told(device, kind="state", state="listening")
        assert heard["t"] - pressed_s < 0.5, "the event loop waits for the card"
        device.release()
        await told(device, kind="turn")
        in_use.unlink()
        free_s = time.monotonic()
        back = await told(device, kind="hardware", back="microphone")
        assert back["t"] - free_s < BACK_WITHIN_S
        await answered_within(device, free_s, BACK_WITHIN_S)
