"""Microphone and loudspeaker that go and come back, and what is said of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from appliance.devices.fakes import FakeJournal, FakeTrace
from appliance.errors import CardsChangedError, HardwareError, RemoteError
from appliance.runner import hardware
from appliance.runner.hardware import Hardware


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(hardware, "REOPEN_S", 0.02)


def names(b):
    return [name for name, _ in b.journal.lines]


@dataclass
class Desk:
    """A microphone and a loudspeaker, of which either can be new to PortAudio."""

    new: str = ""  # what is there, but can be found only once nothing is open
    is_quiet: bool = True
    told: list = field(default_factory=list)

    def __post_init__(self):
        self.trace = FakeTrace()
        self.devices = {
            "microphone": Plugged(self, "microphone"),
            "speaker": Plugged(self, "speaker"),
        }
        self.hardware = Hardware(
            *self.devices.values(),
            FakeJournal(),
            self.trace,
            lambda name, lost: self.told.append((name, lost)),
            lambda: self.is_quiet,
        )


class Plugged:
    """Either of the two: it knows whether it is open."""

    def __init__(self, desk, name):
        self.desk, self.name = desk, name
        self.is_missing = self.is_open = False
        self.opens = self.tries = 0

    def _look(self):
        self.tries += 1
        if self.is_missing:
            raise HardwareError("none")
        if self.desk.new == self.name:
            if any(one.is_open for one in self.desk.devices.values()):
                raise CardsChangedError("none that was there once")
            self.desk.new = ""

    async def open(self):
        self._look()

    def start(self, *told):
        assert not self.is_open
        self._look()
        self.lost = told[-1]
        self.is_open = True
        self.opens += 1

    def stop(self):
        self.is_open = False


@pytest.fixture
async def desk():
    desk = Desk()
    yield desk
    desk.hardware.stop()
    assert not any(one.is_open for one in desk.devices.values())


async def so(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is awaited has no event
            await asyncio.sleep(0.002)


async def test_what_is_wrong_is_said_in_the_same_turn_of_the_loop(bench):
    gone = [RemoteError("no network", "no_internet")] * 1000
    async with bench(prompts=True, errors=gone) as b:
        await b.until(lambda: "no_internet" in names(b))
        b.speaker.hear_all()
        said = len(b.prompts)
        b.microphone.unplug()  # and no turn of the loop after it
        assert b.prompts[said:] == ["microphone_lost"]


async def test_it_is_never_said_over_an_answer_but_after_it(bench):
    async with bench(prompts=True) as b:
        await b.online()
        await b.ask()
        b.answer()
        await b.until(lambda: b.state == "Speaking" and b.runner.state.done)
        b.microphone.unplug()
        assert b.prompts == []
        b.speaker.hear_all()
        await b.until(lambda: b.state == "Idle")
        assert b.prompts == ["microphone_lost"]


async def test_a_plug_that_is_loose_is_told_of_once_a_minute(bench):
    async with bench(prompts=True) as b:
        await b.online()
        for count in range(2, 6):
            b.microphone.unplug()
            b.microphone.missing = False
            await b.until(lambda count=count: b.microphone.opens == count)
            b.speaker.hear_all()
        assert names(b).count("microphone_lost") == names(b).count("microphone_back") == 4
        assert sorted(b.prompts) == ["microphone_back", "microphone_lost"]


async def test_a_refusal_is_recorded_once_however_often_it_is_tried(desk):
    microphone = desk.devices["microphone"]
    desk.hardware.start(print, print, print)
    microphone.is_missing = True
    microphone.lost("unplugged")
    tries = microphone.tries
    await so(lambda: microphone.tries > tries + 5)
    refused = {"kind": "hardware_missing", "name": "microphone", "why": "none"}
    assert [one for one in desk.trace.records if one["kind"] == "hardware_missing"] == [refused]
    assert desk.told == [("microphone", "microphone_lost")]


@pytest.mark.parametrize(("new", "other"), [("microphone", "speaker"), ("speaker", "microphone")])
async def test_the_one_steps_aside_so_that_the_other_can_be_found(desk, new, other):
    desk.devices[new].is_missing = True
    desk.hardware.start(print, print, print)
    assert desk.told == [(new, f"{new}_missing")]
    desk.is_quiet = False  # somebody talks
    desk.devices[new].is_missing, desk.new = False, new
    tries = desk.devices[new].tries
    await so(lambda: desk.devices[new].tries > tries + 3)
    assert desk.devices[other].opens == 1
    desk.is_quiet = True
    await so(lambda: desk.hardware.is_whole)
    assert desk.told[1:] == [(new, "")], "the other was never told as lost"
    assert [one.is_open for one in desk.devices.values()] == [True, True]
    assert desk.devices[other].opens == 2


async def test_one_that_stepped_aside_and_cannot_be_had_again_is_lost(desk):
    microphone, speaker = desk.devices["microphone"], desk.devices["speaker"]
    microphone.is_missing = True
    desk.hardware.start(print, print, print)
    speaker.is_missing = True  # another program takes it as soon as it is free
    microphone.is_missing, desk.new = False, "microphone"
    await so(lambda: microphone.is_open)
    assert desk.told[1:] == [("speaker", "speaker_lost"), ("microphone", "")]
    assert not desk.hardware.can_speak
    speaker.is_missing = False
    await so(lambda: desk.hardware.is_whole)
    assert speaker.opens == 2


async def test_both_that_go_at_once_come_back_each_by_itself(desk):
    desk.hardware.start(print, print, print)
    for one in desk.devices.values():
        one.is_missing = True
        one.lost("unplugged")
    assert not desk.hardware.is_whole
    desk.devices["speaker"].is_missing = False
    await so(lambda: desk.hardware.can_speak)
    assert not desk.hardware.is_whole
    desk.devices["microphone"].is_missing = False
    await so(lambda: desk.hardware.is_whole)
    assert [one.opens for one in desk.devices.values()] == [2, 2]


async def test_one_that_stepped_aside_is_not_opened_after_the_end(desk, monkeypatch):
    mic, speaker = desk.devices["microphone"], desk.devices["speaker"]
    desk.hardware.start(print, print, print)
    mic.lost("unplugged")
    desk.new = "microphone"
    tries, reached = [], asyncio.Event()

    async def open_slowly():
        tries.append(speaker.is_open)
        if speaker.is_open:
            raise CardsChangedError("none that was there once")
        reached.set()
        await asyncio.Event().wait()  # PortAudio is being started anew

    monkeypatch.setattr(mic, "open", open_slowly)
    async with asyncio.timeout(5):
        await reached.wait()
    assert tries == [True, False]
    opens = speaker.opens
    desk.hardware.stop()
    await asyncio.sleep(3 * hardware.REOPEN_S)
    assert (speaker.opens, speaker.is_open) == (opens, False)


async def test_nothing_is_opened_after_the_end(desk):
    desk.hardware.start(print, print, print)
    desk.devices["microphone"].lost("unplugged")
    desk.hardware.stop()
    await asyncio.sleep(3 * hardware.REOPEN_S)
    assert not desk.devices["microphone"].is_open
