"""A reply at another speed: what comes out, in whose name, and how much of it was heard."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from appliance.devices.reply_voice import ReplyVoice
from appliance.errors import SignalError

CHUNK = 9600  # bytes, 200 ms


def pieces(pcm):
    return [pcm[at : at + CHUNK] for at in range(0, len(pcm), CHUNK)]


def test_an_item_is_as_long_as_its_speed_says(speech):
    voice = ReplyVoice(2.0, 0.0)
    out = [piece for chunk in pieces(speech) for piece in voice.process("a", chunk)]
    assert voice.holds
    out += voice.rest()
    assert not voice.holds
    assert {item for item, _ in out} == {"a"}
    assert sum(len(pcm) for _, pcm in out) == pytest.approx(len(speech) / 2, rel=0.01)


def test_the_rest_of_one_item_comes_before_the_next(speech):
    voice = ReplyVoice(1.7, 3.0)
    out = voice.process("a", speech) + voice.process("b", speech) + voice.rest()
    names = [item for item, _ in out]
    assert names == sorted(names)
    lengths = {n: sum(len(pcm) for item, pcm in out if item == n) for n in "ab"}
    assert lengths["a"] == pytest.approx(lengths["b"], rel=0.01)


def test_what_was_cut_does_not_come_back(speech):
    voice = ReplyVoice(2.0, 0.0)
    voice.process("a", speech)
    voice.drop()
    assert not voice.holds
    assert voice.rest() == []


def test_half_a_sample_is_refused_and_speed_and_pitch_have_limits():
    with pytest.raises(SignalError):
        ReplyVoice(2.0, 0.0).process("a", b"\0")
    for wrong in ((5.0, 0.0), (1.0, 21.0)):
        with pytest.raises(SignalError):
            ReplyVoice(*wrong)


async def test_a_reply_is_played_twice_as_fast_to_its_end_and_then_drained(tape, loud, speech):
    ear = tape("pcm:ear", chunk_samples=480)
    spoken = loud(voice=ReplyVoice(2.0, 0.0))
    for chunk in pieces(speech):
        spoken.device.play("item", chunk)
    async with asyncio.timeout(10):
        await spoken.drained.wait()
    assert spoken.drains == 1
    seconds = len(speech) / 48_000
    while len(ear.samples) < 24_000 * (seconds + 0.5):
        ear.came.clear()
        await asyncio.wait_for(ear.came.wait(), 5)
    loud_samples = np.flatnonzero(np.abs(ear.samples) > 200)
    heard_s = (loud_samples[-1] - loud_samples[0]) / 24_000
    assert heard_s == pytest.approx(seconds / 2, abs=0.12)
    assert spoken.device.heard_ms("item") == pytest.approx(1000 * seconds, abs=30)


async def test_a_cut_tells_how_much_of_what_the_service_said_was_heard(loud, speech):
    spoken = loud(voice=ReplyVoice(2.0, 0.0))
    spoken.device.play("item", speech)
    async with asyncio.timeout(10):
        while spoken.device.heard_ms("item") < 600:  # noqa: ASYNC110 - a clock has no event
            await asyncio.sleep(0.005)
    silenced = spoken.device.cut()
    assert silenced is not None
    assert 600 <= silenced.heard_ms <= 600 + 400, "in the service's time, the queue included"
    before = spoken.drains
    spoken.device.play("next", speech)
    async with asyncio.timeout(10):
        while spoken.drains == before:
            spoken.drained.clear()
            await spoken.drained.wait()
    assert spoken.device.heard_ms("next") == pytest.approx(1000 * len(speech) / 48_000, abs=30)
