"""Settings that cannot be loaded: what the real process does, and what a person sees and hears."""

from __future__ import annotations

import asyncio
import time

import pytest

from appliance import last_words
from appliance.devices.fakes import FakePanel, FakeSpeaker
from appliance.errors import HardwareError
from appliance.faults import FAULTS, sentence
from appliance.last_words import show_and_say

SOUND = bytes(4800)


def test_a_wrong_setting(appliance):
    """`appliance` is the real command."""
    ended = appliance("run", APPLIANCE_VOICE__SPEED="fast")
    assert ended.code == 2, "systemd must not try it again and again"
    assert f"error: {sentence('settings_invalid')}" in ended.err
    assert "voice.speed" in ended.err


async def test_its_light_is_shown_while_it_is_said():
    panel, speaker = FakePanel(time.monotonic), FakeSpeaker(time.monotonic)
    telling = asyncio.create_task(show_and_say(panel, speaker, SOUND))
    await asyncio.sleep(0)
    assert panel.lights == [FAULTS["settings_invalid"].light]
    assert [pcm for _, pcm in speaker.played] == [SOUND]
    assert not telling.done()
    speaker.hear_all()
    await asyncio.wait_for(telling, 5)
    with pytest.raises(AssertionError, match="panel was off"):
        panel.press()


def test_a_sound_system_that_does_not_start_is_no_further_trouble(monkeypatch, capsys):
    def refuse():
        raise HardwareError("PortAudio cannot be started")

    monkeypatch.setattr(last_words, "SoundSystem", refuse)
    last_words.tell_wrong_settings("gpio")  # else the process would end with 1, and be restarted
    assert sentence("settings_invalid") in capsys.readouterr().err


async def test_a_loudspeaker_that_is_not_there_is_no_further_trouble():
    panel, speaker = FakePanel(time.monotonic), FakeSpeaker(time.monotonic)
    speaker.missing = True
    await asyncio.wait_for(show_and_say(panel, speaker, SOUND), 5)
    await asyncio.wait_for(show_and_say(None, None, SOUND), 5)
    assert panel.lights == [FAULTS["settings_invalid"].light]
