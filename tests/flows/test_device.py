"""The device's process under the hand of somebody who presses too much, or pulls the plug."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager

import pytest
import soundfile

from appliance.demo.device import DeviceProcess
from appliance.demo.recording import default_recording, read_recording
from appliance.demo.soundroom import SoundRoom
from appliance.demo.stage import Mouth
from appliance.devices.portaudio_system import SoundSystem
from appliance.simulator.script import (
    After,
    Close,
    Drop,
    Expect,
    FailNext,
    FilterNext,
    Part,
    Script,
    SendText,
    Stall,
)
from appliance.simulator.server import Options, RealtimeServer


@asynccontextmanager
async def device_at(url, tmp_path, **environ):
    with SoundRoom() as room:
        device = DeviceProcess(lambda _: None)
        try:
            await device.start(
                {
                    **room.env,
                    "APPLIANCE_ENDPOINT__URL": url,
                    "APPLIANCE_ENDPOINT__API_KEY": "local",
                    "APPLIANCE_HARDWARE__MICROPHONE": "pcm:mic",
                    "APPLIANCE_HARDWARE__SPEAKER": "pcm:spk",
                    **environ,
                },
                None,
                tmp_path / "sent.pcm",
            )
            yield device
        finally:
            await device.stop()


def answered(device):
    return [t for t in device.story.of("turn") if t["outcome"] == "answered"]


async def test_fifty_presses_at_random_leave_it_idle_and_working(tmp_path):
    dice = random.Random(20261123)

    def moment():
        return 0.005 * 400 ** dice.random()  # 5 ms to 2 s, short ones as likely as long ones

    async with RealtimeServer(Options(port=0)) as server, device_at(server.url, tmp_path) as device:
        for _ in range(50):
            device.press()
            await asyncio.sleep(moment())
            device.release()
            await asyncio.sleep(moment())

        def rests():
            states = device.story.of("state")
            return bool(states) and states[-1]["state"] == "idle"

        await device.wait_for(rests, 60, "it did not come to rest")
        before = len(answered(device))
        device.press()
        await asyncio.sleep(0.5)
        device.release()
        await device.wait_for(lambda: len(answered(device)) > before, 60, "it does not answer")
        await device.stop()
        end = device.story.last("summary")
        assert end["opens"] == 2
        assert end["state"] == "idle"
        assert end["lost_samples"] == 0
        assert not device.story.of("link_down")


async def press_for(device, seconds):
    device.press()
    await asyncio.sleep(seconds)
    device.release()


async def test_a_connection_cut_in_the_middle_of_the_question_loses_nothing(tmp_path):
    cut = Part((Expect({"type": "input_audio_buffer.append"}, count=12), Drop()))
    options = Options(port=0, script=Script((cut,)), record=tmp_path / "heard")
    async with RealtimeServer(options) as server, device_at(server.url, tmp_path) as device:
        await press_for(device, 1.2)
        await device.wait_for(lambda: bool(answered(device)), 60, "no answer")
        said_ms = device.story.last("turn")["said_ms"]
        await device.stop()
    assert said_ms >= 1200  # the whole press; how much pre-roll there is depends on the start
    second = max((tmp_path / "heard").rglob("received.wav"), key=lambda p: p.stat().st_mtime)
    assert soundfile.info(second).frames >= said_ms * 24


async def test_a_network_that_goes_away_without_a_word_loses_nothing(tmp_path):
    """Half-open TCP: the connection stands, and nothing comes back."""
    gone = (Expect({"type": "input_audio_buffer.commit"}, handle=False), Stall(dead=True))
    options = Options(port=0, script=Script((Part(gone),)), record=tmp_path / "heard")
    async with RealtimeServer(options) as server, device_at(server.url, tmp_path) as device:
        await press_for(device, 0.8)
        await device.wait_for(lambda: bool(device.story.of("turn")), 60, "no end")
        assert device.story.last("turn")["outcome"] == "answered"
        assert device.story.of("link_down")
        said_ms = device.story.last("turn")["said_ms"]
    second = max((tmp_path / "heard").rglob("received.wav"), key=lambda p: p.stat().st_mtime)
    assert soundfile.info(second).frames >= said_ms * 24


FAULTS = {
    "failed": ((FailNext("server_error", after_ms=200),), "service_error"),
    "cut short": ((FilterNext("content_filter", after_ms=200),), "reply_cut_short"),
    "line lost": (
        (After({"type": "response.output_audio.delta"}), Close(1001)),
        "link_lost",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_every_way_an_answer_can_break_is_told_and_survived(tmp_path, name):
    steps, fault = FAULTS[name]
    options = Options(port=0, script=Script((Part(steps),)))
    environ = {"APPLIANCE_HARDWARE__REPLY_TIMEOUT_S": "3"}
    async with (
        RealtimeServer(options) as server,
        device_at(server.url, tmp_path, **environ) as device,
    ):
        await press_for(device, 0.4)
        await device.wait_for(lambda: bool(device.story.of("turn")), 60, "no end")
        assert device.story.last("turn")["outcome"] == fault
        assert device.story.last("fault")["fault"] == fault
        before = len(device.story.of("turn"))
        await press_for(device, 0.4)
        await device.wait_for(lambda: len(device.story.of("turn")) > before, 60, "no second turn")
        assert device.story.last("turn")["outcome"] == "answered"


async def test_an_answer_that_stalls_is_asked_for_on_a_new_connection(tmp_path):
    stalled = (Expect({"type": "response.create"}, handle=False), Stall())
    options = Options(port=0, script=Script((Part(stalled),)))
    environ = {"APPLIANCE_HARDWARE__REPLY_TIMEOUT_S": "3"}
    async with (
        RealtimeServer(options) as server,
        device_at(server.url, tmp_path, **environ) as device,
    ):
        await press_for(device, 0.4)
        await device.wait_for(lambda: bool(device.story.of("turn")), 60, "no end")
        assert device.story.last("turn")["outcome"] == "answered"
        assert device.story.of("link_down")


async def test_garbage_from_the_service_changes_nothing(tmp_path):
    garbage = (
        SendText("{"),
        SendText('{"type": "response.output_audio.delta", "delta": 3}'),
        SendText('{"type": "something.new"}'),
        SendText("[" * 100_000),
    )
    options = Options(port=0, script=Script((Part(garbage),)))
    async with RealtimeServer(options) as server, device_at(server.url, tmp_path) as device:
        await press_for(device, 0.4)
        await device.wait_for(lambda: bool(answered(device)), 60, "no answer")


async def test_a_device_without_its_microphone_says_so_and_stays(tmp_path):
    async with RealtimeServer(Options(port=0)) as server:
        absent = {"APPLIANCE_HARDWARE__MICROPHONE": "pcm:nosuch"}
        async with device_at(server.url, tmp_path, **absent) as device:
            assert device.story.last("ready")["well"] is False
            lost = device.story.last("hardware")
            assert lost["lost"] == "microphone"
            assert "nosuch" in lost["why"]
            assert device.story.last("light")["light"] == "fault"
            device.press()
            await asyncio.sleep(0.3)
            device.release()
            await device.wait_for(
                lambda: bool(device.story.of("fault")), 10, "it did not say what is wrong"
            )
            assert device.story.last("fault")["fault"] == "microphone_silent"
            assert await device.stop() == 0


@pytest.mark.parametrize("mode", ["tap", "hands_free"])
async def test_server_vad_ends_the_turn(tmp_path, mode):
    said = read_recording(default_recording())
    async with RealtimeServer(Options(port=0)) as server:
        with SoundRoom() as room, pytest.MonkeyPatch.context() as patch:
            for name, value in room.env.items():
                patch.setenv(name, value)
            with SoundSystem() as sound:
                mouth = Mouth(sound)
                device = DeviceProcess(lambda _: None)
                environ = {
                    "APPLIANCE_ENDPOINT__URL": server.url,
                    "APPLIANCE_ENDPOINT__API_KEY": "local",
                    "APPLIANCE_HARDWARE__MICROPHONE": "pcm:mic",
                    "APPLIANCE_HARDWARE__SPEAKER": "pcm:spk",
                    "APPLIANCE_HARDWARE__TALK_MODE": mode,
                }
                await device.start(environ, None, tmp_path / "sent.pcm")
                try:
                    if mode == "tap":
                        device.press()
                        await asyncio.sleep(0.1)
                        device.release()
                    await mouth.say(said)
                    await device.wait_for(lambda: bool(answered(device)), 60, "no answer")
                    assert "young man" in device.story.last("heard")["text"]
                    rest = "idle" if mode == "tap" else "listening"
                    assert device.story.of("state")[-1]["state"] == rest
                finally:
                    await device.stop()
                    mouth.close()
