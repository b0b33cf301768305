"""The room between real sinks: what loudspeaker and mouth play is what the microphone hears."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager

import numpy as np
import pytest

from appliance.demo.pulse import Listener, Talker
from appliance.demo.room import responses_of, room_named
from appliance.demo.room_process import RoomProcess
from appliance.demo.soundroom import SoundRoom
from appliance.errors import HardwareError, UsageError

RATE = 24_000


@pytest.fixture
def sinks():
    with SoundRoom(echoes=True) as room, pytest.MonkeyPatch.context() as patch:
        for name, value in room.env.items():
            patch.setitem(os.environ, name, value)
        yield room


@asynccontextmanager
async def standing(server, room, speech):
    process = RoomProcess(server, room, speech)
    await process.start()
    try:
        await process.stands()
        yield process
    finally:
        await process.end()


def play_and_hear(server, sink, sound, seconds):
    """Play into a sink; return what its own monitor and the microphone's heard meanwhile."""
    ears = [Listener(server, f"{name}.monitor", 240) for name in (sink, "mic")]
    mouth = Talker(server, sink, 240, 4)
    heard = ([], [])
    for at in range(0, seconds * RATE, 240):
        mouth.write(np.pad(sound[at : at + 240], (0, 240))[:240].astype("<i2").tobytes())
        for ear, kept in zip(ears, heard, strict=True):
            kept.append(ear.read())
    for stream in (*ears, mouth):
        stream.close()
    return (np.frombuffer(b"".join(kept), "<i2").astype(np.float64) for kept in heard)


def delay_between(played, heard):
    size = 1 << (len(played) + len(heard)).bit_length()
    alike = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(played, size)), size)
    return int(np.argmax(alike[:RATE]))


async def test_the_loudspeaker_comes_back_through_the_room(sinks, tmp_path):
    room = room_named("small")
    noise = np.random.default_rng(5).normal(0, 3000, RATE)
    async with standing(sinks.socket, room, tmp_path / "speech") as process:
        played, heard = await asyncio.to_thread(
            play_and_hear, sinks.socket, "spk", np.pad(noise, (4800, 0)), 3
        )
        told = await process.end()
    # 30 ms of delay that were asked for, and what the rendering takes; 20 ms for a busy machine.
    delay = delay_between(played, heard)
    assert 30 < delay / 24 < 30 + told["latency_ms"]["p95"] + 30
    assert told["rt60_s"] == pytest.approx(0.2, abs=0.03)
    assert told["latency_ms"]["n"] > 250
    assert told["xruns"] >= 0
    if told["xruns"] == 0:
        # The first sample of the response lies at the largest correlation: line them up with it.
        response = responses_of(room).loudspeaker
        early = int(np.argmax(np.abs(response)))
        first = int(np.flatnonzero(np.abs(played) > 0)[0])
        expected = np.convolve(played[first : first + RATE], response)[:RATE]
        got = heard[first + delay - early :][:RATE]
        error = got - expected[: len(got)]
        assert np.sum(error**2) < 1e-3 * np.sum(expected**2)  # its hiss and rounding are left


async def test_the_mouth_is_kept_apart_from_its_echo(sinks, tmp_path):
    noise = np.random.default_rng(6).normal(0, 3000, RATE)
    async with standing(sinks.socket, room_named("small"), tmp_path / "speech") as process:
        _, heard = await asyncio.to_thread(play_and_hear, sinks.socket, "mouth", noise, 2)
        told = await process.end()
    speech = np.frombuffer((tmp_path / "speech").read_bytes(), "<i2").astype(np.float64)
    assert np.max(np.abs(speech)) > 1000
    assert np.max(np.abs(heard)) == pytest.approx(np.max(np.abs(speech)), rel=0.1)
    assert told["echo_to_speech_db"] is None


async def test_without_a_sound_server_the_reason_is_told(tmp_path):
    process = RoomProcess(f"unix:{tmp_path}/nothing", room_named("small"), tmp_path / "speech")
    await process.start()
    with pytest.raises(UsageError, match=r"the room did not stand: no sound from spk.monitor: "):
        await process.stands()
    with pytest.raises(UsageError, match="broke down"):
        await process.end()


async def test_a_room_taken_down_twice_is_taken_down_once(sinks, tmp_path):
    async with standing(sinks.socket, room_named("small"), tmp_path / "speech") as process:
        assert (await process.end())["kind"] == "summary"
        assert await process.end() == {}


def test_a_source_that_is_not_there(sinks):
    with pytest.raises(HardwareError, match="no sound from nosuch"):
        Listener(sinks.socket, "nosuch", 240)
