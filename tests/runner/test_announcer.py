"""What the device says by itself, on a loudspeaker made of memory."""

from __future__ import annotations

import pytest

from appliance.devices.fakes import FakeSpeaker, FakeTrace
from appliance.faults import FAULTS
from appliance.prompts.policy import Floor
from appliance.runner.announcer import Announcer, floor_of
from appliance.session import vocabulary as v


class Bench:
    def __init__(self, silent=()):
        self.now_s = 100.0
        self.speaker = FakeSpeaker(lambda: self.now_s)
        self.speaker.start(lambda _: None, self._drained, lambda _: None)
        self.trace = FakeTrace()
        self.announcer = Announcer(
            self.speaker,
            lambda key: b"" if key in silent else key.encode().ljust(48_000, b"\0"),
            self.trace,
            lambda: self.now_s,
        )
        self.replies_drained = 0

    def _drained(self):
        if not self.announcer.drained():
            self.replies_drained += 1

    @property
    def said(self):
        return [pcm.rstrip(b"\0").decode() for item, pcm in self.speaker.played]


@pytest.fixture
def bench():
    return Bench()


def test_a_fault_is_said_at_once_and_its_end_is_no_replys(bench):
    bench.announcer.explain("dns_failed")
    assert bench.said == ["no_internet"]
    assert bench.announcer.is_speaking
    bench.speaker.hear_all()
    assert not bench.announcer.is_speaking
    assert bench.replies_drained == 0
    bench.speaker.play("item", bytes(480))
    bench.speaker.hear_all()
    assert bench.replies_drained == 1


def test_a_fault_that_has_no_sentence_is_not_said(bench):
    silent = next(name for name, each in FAULTS.items() if each.prompt is None)
    bench.announcer.explain(silent)
    assert bench.said == []


def test_what_waits_for_the_floor_is_said_when_it_is_free(bench):
    bench.announcer.floor(Floor.PERSON)
    bench.announcer.explain("dns_failed")
    assert bench.said == []
    bench.announcer.floor(Floor.FREE)
    assert bench.said == ["no_internet"]


def test_a_person_who_begins_to_talk_cuts_it(bench):
    bench.announcer.explain("dns_failed")
    bench.announcer.hush()
    assert not bench.announcer.is_speaking
    assert [r["kind"] for r in bench.trace.records] == ["prompt", "prompt_cut"]


def test_not_twice_within_a_minute_and_each_time_by_another_name(bench):
    for _ in range(2):
        bench.announcer.explain("dns_failed")
        bench.speaker.hear_all()
    assert bench.said == ["no_internet"]
    bench.now_s += 61
    bench.announcer.explain("dns_failed")
    assert bench.said == ["no_internet"] * 2
    assert len({item for item, _ in bench.speaker.played}) == 2


def test_without_a_loudspeaker_or_a_sound_nothing_hangs():
    mute = Bench(silent=("no_internet",))
    mute.announcer.explain("dns_failed")
    assert not mute.announcer.is_speaking
    gone = Bench()
    gone.announcer.can_speak = False
    gone.announcer.explain("dns_failed")
    assert (gone.said, gone.announcer.is_speaking) == ([], False)


def test_one_whose_end_is_never_told_does_not_block_the_next(bench):
    bench.announcer.explain("dns_failed")
    assert bench.announcer.due_s < bench.now_s + 60
    bench.now_s = bench.announcer.due_s
    bench.announcer.tick()
    assert not bench.announcer.is_speaking


@pytest.mark.parametrize(
    ("state", "hands_free", "floor"),
    [
        (v.Idle(0, 1.0), False, Floor.FREE),
        (v.Listening(1, 1.0), False, Floor.PERSON),
        (v.Listening(1, 1.0), True, Floor.FREE),
        (v.Listening(1, 1.0, speech=True), True, Floor.PERSON),
        (v.Closing(1, 1.0), False, Floor.PERSON),
        (v.Waiting(1, 1.0), False, Floor.WAITING),
        (v.Speaking(1, 1.0, 0, ()), False, Floor.REPLY),
        (v.Muted(1, 1.0), True, Floor.FREE),
    ],
)
def test_whose_turn_it_is_to_speak(state, hands_free, floor):
    assert floor_of(state, hands_free=hands_free) is floor
