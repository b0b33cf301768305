"""The watchdog's food on a real event loop, with a microphone made of memory."""

import asyncio

import pytest

from appliance.devices.fakes import FakeMicrophone
from appliance.errors import HardwareError
from appliance.runner import pulse as module
from appliance.runner.pulse import Heart, WatchedMicrophone
from appliance.session.pulse import Pulse

SAMPLES = bytes(480)


@pytest.fixture
def quick(monkeypatch):
    """Beats every 10 ms."""
    monkeypatch.setattr(module, "BEAT_S", 0.01)


class Stall:
    """What a heart feeds; `fed` counts."""

    def __init__(self):
        self.fed = 0
        self.busy_s = 0.0
        self.pulse = Pulse()
        self.heart = Heart(self.pulse, self.feed, lambda: self.busy_s)
        self.fresh = asyncio.Event()

    def feed(self):
        self.fed += 1
        self.fresh.set()

    async def next_meal(self):
        self.fresh.clear()
        await asyncio.wait_for(self.fresh.wait(), 5)


def test_what_is_captured_is_passed_on_and_counts():
    inner, pulse, taken = FakeMicrophone(), Pulse(), []
    microphone = WatchedMicrophone(inner, pulse)
    microphone.start(taken.append, lambda _: None)
    assert not pulse.beat(0.0)
    inner.say(SAMPLES, 1.0)
    assert [each.pcm for each in taken] == [SAMPLES]
    assert pulse.beat(0.0)
    inner.overflows = 3
    assert (microphone.overflows, microphone.opens) == (3, 1)


def test_a_lost_a_stopped_and_a_missing_microphone_are_waited_for():
    inner, pulse, lost = FakeMicrophone(), Pulse(), []
    microphone = WatchedMicrophone(inner, pulse)
    microphone.start(lambda _: None, lost.append)
    inner.unplug()
    assert lost == ["unplugged"]
    assert pulse.beat(0.0)
    microphone.stop()
    with pytest.raises(HardwareError):
        microphone.start(lambda _: None, lost.append)
    assert pulse.beat(0.0)
    inner.missing = False
    microphone.start(lambda _: None, lost.append)
    assert not pulse.beat(0.0)
    microphone.stop()
    assert pulse.beat(0.0)


@pytest.mark.usefixtures("quick")
async def test_it_is_fed_beat_by_beat_until_it_is_stopped():
    stall = Stall()
    stall.heart.start()
    await stall.next_meal()
    await stall.next_meal()
    stall.heart.stop()
    fed = stall.fed
    await asyncio.sleep(0.05)
    assert stall.fed == fed


@pytest.mark.usefixtures("quick")
async def test_it_starves_while_the_sound_system_hangs_and_recovers_after_it():
    stall = Stall()
    stall.busy_s = 60.0
    stall.heart.start()
    await asyncio.sleep(0.1)
    assert stall.fed == 0
    stall.busy_s = 0.0
    await stall.next_meal()
    stall.heart.stop()
