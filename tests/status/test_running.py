"""The real device, asked on its socket while it serves a turn."""

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from appliance.demo.device import DeviceProcess
from appliance.demo.recording import default_recording, read_recording
from appliance.demo.stage import Mouth
from appliance.devices.portaudio_system import SoundSystem
from appliance.errors import NotRunningError
from appliance.runner.spans import SPANS
from appliance.simulator.script import Drop, Expect, Part, Script
from appliance.simulator.server import Options, RealtimeServer
from appliance.status.client import StatusClient
from appliance.units import WIRE_RATE_HZ


class Deaf:
    """Takes every question for the same one."""

    async def hear(self, pcm):
        return "hello" if pcm else ""

    async def close(self):
        pass


class Hum:
    """Speaks each sentence within a second or so."""

    async def speak(self, text, voice, language, speed):
        return b"\x40\x00\xc0\xff" * 12_000


@contextlib.asynccontextmanager
async def running(tmp_path, script=None):
    """Yield a device, its mouth and its socket; the directory's name is short, for the socket."""
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as runtime,
        SoundSystem() as sound,
        contextlib.closing(Mouth(sound)) as mouth,
    ):
        async with RealtimeServer(
            Options(port=0, script=script or Script()), Deaf(), Hum()
        ) as server:
            device = DeviceProcess(lambda _: None)
            environ = {
                "APPLIANCE_ENDPOINT__URL": server.url,
                "APPLIANCE_ENDPOINT__API_KEY": "local",
                "APPLIANCE_HARDWARE__MICROPHONE": "pcm:mic",
                "APPLIANCE_HARDWARE__SPEAKER": "pcm:spk",
                "APPLIANCE_COST__DAILY_CAP_USD": "1.5",
                "RUNTIME_DIRECTORY": runtime,
            }
            try:
                await device.start(environ, None, tmp_path / "sent.pcm")
                yield device, mouth, Path(runtime) / "status.sock"
            finally:
                await device.stop()


async def ask(device, mouth):
    device.press()
    await mouth.say(read_recording(default_recording())[:WIRE_RATE_HZ])
    device.release()
    await device.wait_for(lambda: bool(device.story.of("turn")), 30, "no turn was finished")


async def test_a_turn_is_seen_from_outside(sound_room, tmp_path):
    async with running(tmp_path) as (device, mouth, path):
        before = await asyncio.to_thread(StatusClient().snapshot, path)
        assert before["well"] is True
        assert before["turns"] == []
        assert before["link"]["state"] == "ready"
        watched = asyncio.create_task(asyncio.to_thread(watch_a_turn, path))
        await ask(device, mouth)
        seen = await asyncio.wait_for(watched, 10)
        after = await asyncio.to_thread(StatusClient().snapshot, path)
        shown = await asyncio.to_thread(status_command, path)
        pid = device.pid
    assert {"idle", "listening", "speaking"} <= {each["state"] for each in seen}
    levels = [each["meters"]["microphone_peak_dbfs"] for each in seen if each["meters"]]
    assert max(levels) > -40.0  # somebody spoke
    (turn,) = after["turns"]
    (told,) = device.story.of("turn")
    assert (turn["turn"], turn["outcome"]) == (1, "answered")
    assert turn["said_ms"] == told["said_ms"]
    assert turn["release_to_first_sound_ms"] == told["waited_ms"]
    assert turn["cost_usd"] == pytest.approx(told["cost_usd"])
    assert after["cost"]["today_usd"] >= turn["cost_usd"] > 0
    assert after["cost"]["cap_usd"] == 1.5
    assert after["pid"] == pid
    assert after["settings"]["talk_mode"] == "hold"
    assert set(after["spans_ms"]) == set(SPANS)
    assert after["spans_ms"]["capture_to_sent"]["n"] > 10
    assert 0 < after["indicators"]["audio_latency"]["value"] < 2000
    assert after["indicators"]["connection_uptime"]["value"] == 100.0
    assert after["indicators"]["memory_usage"]["value"] > 10
    # The device's own summary, made of exact values, says the same within a bucket.
    exact = device.story.last("summary")["spans_ms"]["release_to_first_sound"]["p50"]
    assert after["spans_ms"]["release_to_first_sound"]["p50"] == pytest.approx(exact, rel=0.1)
    assert shown.returncode == 0
    assert "1 turns: 1 answered" in shown.stdout
    assert not path.exists()
    with pytest.raises(NotRunningError):
        StatusClient().snapshot(path)


def watch_a_turn(path):
    """Return what a watcher is told until a turn has ended."""
    seen = []
    for told in StatusClient().watch(path):
        seen.append(told)
        if told["turns"]:
            return seen
    return seen


def status_command(path):
    command = [sys.executable, "-m", "appliance", "status", "--socket", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


async def test_a_loss_is_seen_from_outside_and_so_is_its_end(sound_room, tmp_path):
    gone = (Expect({"type": "response.create"}, handle=False), Drop())
    async with running(tmp_path, Script((Part(gone),))) as (device, mouth, path):
        watched = asyncio.create_task(asyncio.to_thread(watch_a_loss, path))
        await ask(device, mouth)
        seen = await asyncio.wait_for(watched, 20)
    lost = next(each for each in seen if each["faults"])
    assert lost["well"] is False
    assert lost["faults"][0]["cause"]
    assert lost["faults"][0]["cure"]
    assert seen[-1]["well"] is True
    assert seen[-1]["counters"]["reconnects"] == 1
    assert seen[-1]["recent_faults"][0]["fault"] == lost["faults"][0]["fault"]
    assert json.dumps(seen[-1])


def watch_a_loss(path):
    """Return what a watcher is told until the link was lost and found again."""
    seen = []
    for told in StatusClient().watch(path):
        seen.append(told)
        if told["link"]["reconnects"]:
            return seen
    return seen
