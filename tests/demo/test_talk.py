"""What the demo's person does, against a device that only tells a story."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from appliance.demo import talk
from appliance.demo.device import Story
from appliance.demo.talk import Person


class Device:
    """Answers every sentence; breaks off if `hears` and its answer still sounds."""

    def __init__(self, *, hears=True, learns_after=1):
        self.story = Story()
        self.keys = []
        self.questions = 0
        self._hears = hears
        self._learns_after = learns_after
        self._speaking = False

    def press(self):
        self.keys.append("press")

    def release(self):
        self.keys.append("release")

    def tell(self, kind, **fields):
        self.story.records.append({"kind": kind, "t": asyncio.get_running_loop().time(), **fields})

    def hear(self, person):
        self.questions += 1
        if self._speaking:
            if not self._hears:
                return
            self.tell("cut")
            self.tell("turn", outcome="interrupted")
        self.tell("sounded")
        self._speaking = True
        if self.questions >= self._learns_after and not self.story.of("echo"):
            self.tell("echo", converged=True)

    async def sees(self, seen, within_s):
        if not seen() and self._speaking:  # time goes on: the answer comes to its end
            self._speaking = False
            self.tell("turn", outcome="answered")
        return seen()

    async def wait_for(self, seen, within_s, otherwise):
        assert seen() or await self.sees(seen, within_s), otherwise


class Mouth:
    def __init__(self, device):
        self._device = device

    async def say(self, pcm):
        self._device.hear(pcm)


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch):
    for name in ("TO_FIRST_WORD_S", "TO_NEXT_SENTENCE_S", "AFTER_S"):
        monkeypatch.setattr(talk, name, 0.0)


def outcomes(device):
    return [turn["outcome"] for turn in device.story.of("turn")]


def person_with(device, mode):
    return Person(device, Mouth(device), np.ones(10, np.int16), mode)


@pytest.mark.parametrize(
    ("mode", "keys"),
    [("hold", ["press", "release"]), ("tap", ["press", "release"]), ("hands_free", [])],
)
async def test_one_question(mode, keys):
    device = Device()
    await person_with(device, mode).converse(None)
    assert device.keys == keys
    assert outcomes(device) == ["answered"]


async def test_with_a_button_an_answer_is_broken_off_at_once():
    device = Device()
    person = person_with(device, "hold")
    await person.converse(0.0)
    assert device.keys == ["press", "release"] * 2
    assert outcomes(device) == ["interrupted", "answered"]
    assert [sentence.over_answer for sentence in person.spoken] == [False, True]


@pytest.mark.parametrize("learns_after", [1, 3])
async def test_hands_free_the_echo_is_learnt_first(learns_after):
    device = Device(learns_after=learns_after)
    await person_with(device, "hands_free").converse(0.0)
    assert device.keys == []
    assert outcomes(device) == ["answered"] * learns_after + ["interrupted", "answered"]


async def test_an_echo_that_is_never_learnt_is_not_waited_for_for_ever():
    device = Device(learns_after=100)
    await person_with(device, "hands_free").converse(0.0)
    assert outcomes(device) == ["answered"] * talk.MOST_REHEARSALS + ["interrupted", "answered"]


async def test_a_device_that_does_not_hear_is_not_waited_for_for_ever():
    device = Device(hears=False)
    person = person_with(device, "hands_free")
    await person.converse(0.0)
    assert outcomes(device) == ["answered", "answered"]
    assert person.spoken[-1].over_answer
