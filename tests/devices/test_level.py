"""How loud the sound card's own samples are, before anything is made of them."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pyaudio
import pytest

from appliance.devices.portaudio_microphone import _Capture, _Channels
from appliance.ports import Captured, Level
from appliance.session.capture import MicGate
from appliance.units import WIRE_RATE_HZ

NO_SOUND = Level(-96.0, -96.0, 0.0)


def channels(count=1, channel=0, front=None, rate_hz=WIRE_RATE_HZ):
    return _Channels(rate_hz, count, channel, front)


def tone(peak, samples=4800, offset=0):
    wave = peak * np.sin(2 * np.pi * 440 * np.arange(samples) / WIRE_RATE_HZ) + offset
    return np.clip(np.round(wave), -32768, 32767).astype("<i2")


def test_a_tone_of_full_scale_is_at_minus_three_dbfs():
    level = channels().level(tone(32767).tobytes())
    assert level.rms_dbfs == pytest.approx(-3.01, abs=0.01)
    assert level.peak_dbfs == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("offset", [-3000, 0, 3000])
def test_an_offset_of_the_converter_is_no_sound(offset):
    assert channels().level(np.full(480, offset, "<i2").tobytes()).rms_dbfs == -96.0
    spoken = channels().level(tone(328, offset=offset).tobytes())
    assert spoken.rms_dbfs == pytest.approx(-43.0, abs=0.1)


def test_what_is_at_full_scale_is_counted_on_both_sides():
    samples = np.zeros(1000, "<i2")
    samples[:20], samples[20:30], samples[30:40] = 32767, -32768, 32766
    assert channels().level(samples.tobytes()).clipped_share == pytest.approx(0.03)


def test_the_channel_that_was_chosen_counts_alone():
    frames = np.stack([tone(32767), tone(328)], axis=1)
    assert channels(2, 1).level(frames.tobytes()).rms_dbfs == pytest.approx(-43.0, abs=0.1)


def test_of_an_array_the_loudest_microphone_counts_for_each_figure():
    class Pair:
        channels = 2

    clipped = np.zeros(4800, "<i2")
    clipped[:480] = 32767
    frames = np.stack([tone(16384), clipped], axis=1)
    level = channels(2, 0, Pair()).level(frames.tobytes())
    assert level.clipped_share == pytest.approx(0.1)
    assert level.rms_dbfs == pytest.approx(-9.03, abs=0.1)


def test_nothing_has_no_level():
    assert channels().level(b"") is None
    assert channels().level(bytes(960)) == NO_SOUND


def test_a_chunk_that_a_turn_begins_within_keeps_its_level():
    gate = MicGate(preroll_s=0.0)
    gate.feed(Captured(bytes(960), 100.0, level=NO_SOUND))
    (trimmed,) = gate.open(100.01)
    assert len(trimmed.pcm) == 480
    assert trimmed.level == NO_SOUND


async def test_each_chunk_carries_the_level_of_the_newest_buffer():
    came = []
    capture = _Capture(
        asyncio.get_running_loop(), lambda _, chunk, __: came.append(chunk), 480, channels()
    )
    clock = {"input_buffer_adc_time": 0.0, "current_time": 0.0, "output_buffer_dac_time": 0.0}
    for samples in (tone(32767, 480), np.zeros(480, "<i2")):
        told = capture.callback(samples.tobytes(), 480, clock, 0)
        assert told == (None, pyaudio.paContinue)
    await asyncio.sleep(0)
    assert [chunk.level.rms_dbfs > -6 for chunk in came] == [True, False]
    assert came[0].first_sample_s <= time.monotonic()
