"""What may be said when: the rules, and that no order of events breaks them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.faults import Severity
from appliance.prompts.keys import PROMPTS
from appliance.prompts.policy import (
    Ended,
    Floor,
    FloorIs,
    Hush,
    PromptRules,
    PromptState,
    PromptTick,
    Say,
    Settled,
    Wanted,
    prompt_step,
)

RULES = PromptRules()
SILENT_FLOORS = (Floor.PERSON, Floor.REPLY)


@dataclass
class Device:
    """Runs the machine; `now_s` is moved by hand."""

    now_s: float = 100.0
    state: PromptState = field(default_factory=PromptState)

    def __call__(self, *events):
        effects = []
        for event in events:
            self.state, told = prompt_step(self.state, event, self.now_s, RULES)
            effects += told
        return effects


@pytest.fixture
def device():
    return Device()


def test_a_fault_is_told_at_once_when_nobody_speaks(device):
    assert device(Wanted("offline_now")) == [Say("offline_now")]
    assert device.state.deadline_s == device.now_s + RULES.longest_s


@pytest.mark.parametrize("floor", SILENT_FLOORS)
def test_it_waits_until_the_floor_is_free(device, floor):
    assert device(FloorIs(floor), Wanted("microphone_lost")) == []
    device.now_s += 30
    assert device(FloorIs(Floor.FREE)) == [Say("microphone_lost")]


@pytest.mark.parametrize("floor", SILENT_FLOORS)
def test_a_prompt_makes_way_for_speech(device, floor):
    device(Wanted("offline_now"))
    assert device(FloorIs(floor)) == [Hush("offline_now")]
    assert device.state.saying is None
    assert device(FloorIs(Floor.FREE)) == [], "it was begun, and is not begun again"


def test_who_waits_for_an_answer_hears_only_why_none_comes(device):
    assert device(FloorIs(Floor.WAITING), Wanted("update_pending")) == []
    assert device(Wanted("offline_now")) == [Say("offline_now")]
    assert device(Ended("offline_now")) == []
    assert device(FloorIs(Floor.FREE)) == [Say("update_pending")]


def test_the_most_urgent_is_first_then_the_oldest(device):
    device(FloorIs(Floor.REPLY))
    device(Wanted("cost_warning"), Wanted("button_stuck"), Wanted("quota"), Wanted("disk_full"))
    assert device(FloorIs(Floor.FREE)) == [Say("quota")]
    assert device(Ended("quota")) == [Say("button_stuck")]
    assert device(Ended("button_stuck")) == [Say("disk_full")]
    assert device(Ended("disk_full")) == [Say("cost_warning")]


def test_the_same_is_not_said_twice_within_a_minute(device):
    device(Wanted("offline_now"), Ended("offline_now"))
    device.now_s += RULES.repeat_s - 0.1
    assert device(Wanted("offline_now")) == []
    device.now_s += 0.1
    assert device(PromptTick()) == [], "it was forgotten, not kept"
    assert device(Wanted("offline_now")) == [Say("offline_now")]


def test_the_later_of_a_topic_counts(device):
    device(FloorIs(Floor.REPLY), Wanted("offline_now"), Wanted("back_online"))
    assert device(FloorIs(Floor.FREE)) == [Say("back_online")]
    assert device(Ended("back_online")) == []


def test_what_is_settled_is_not_said(device):
    device(FloorIs(Floor.REPLY), Wanted("microphone_lost"), Wanted("quota"), Settled("microphone"))
    assert device(FloorIs(Floor.FREE)) == [Say("quota")]
    assert device(Ended("quota")) == []


def test_what_is_stale_is_not_said(device):
    device(FloorIs(Floor.PERSON), Wanted("back_online"))
    device.now_s += PROMPTS["back_online"].fresh_s + 0.1
    assert device(FloorIs(Floor.FREE)) == []


def test_a_new_turn_forgets_what_the_last_one_came_to(device):
    device(FloorIs(Floor.REPLY), Wanted("answer_lost"), Wanted("disk_full"))
    assert device(FloorIs(Floor.PERSON), FloorIs(Floor.FREE)) == [Say("disk_full")]
    assert device(Ended("disk_full")) == []


def test_a_loudspeaker_that_never_ends_does_not_block_for_ever(device):
    device(Wanted("offline_now"), Wanted("quota"))
    device.now_s = device.state.deadline_s
    assert device(PromptTick()) == [Say("quota")]


def test_an_unknown_prompt_and_an_end_of_another_are_ignored(device):
    assert device(Wanted("no_such"), Settled("no_such"), Ended("quota")) == []
    assert device.state == PromptState()
    assert device.state.deadline_s == math.inf
    device(Wanted("quota"))
    device(Ended("offline_now"))
    assert device.state.saying == "quota"


EVENTS = st.one_of(
    st.builds(Wanted, st.sampled_from([*PROMPTS, "no_such"])),
    st.builds(FloorIs, st.sampled_from(Floor)),
    st.builds(Settled, st.sampled_from(sorted({each.topic for each in PROMPTS.values()}))),
    st.builds(Ended, st.sampled_from(list(PROMPTS))),
    st.just("ended"),  # of whatever is being said
    st.just(PromptTick()),
)
STEPS = st.lists(
    st.tuples(EVENTS, st.one_of(st.just(0.0), st.floats(0.0, 3.0), st.floats(0.0, 90.0))),
    max_size=60,
)


@given(STEPS)
def test_no_order_of_events_breaks_a_rule(steps):
    state, now_s, last_said = PromptState(), 0.0, {}
    wanted_at = {}
    for event, later_s in steps:
        now_s += later_s
        if event == "ended":
            event = Ended(state.saying or "quota")
        before = state
        state, effects = prompt_step(before, event, now_s, RULES)
        if isinstance(event, Wanted):
            wanted_at[event.key] = now_s
        saying = None if now_s >= before.until_s else before.saying
        if event == Ended(saying):
            saying = None
        for effect in effects:
            match effect:
                case Hush(key):
                    assert key == saying
                    saying = None
                case Say(key):
                    assert saying is None, "one at a time"
                    assert now_s - last_said.get(key, -math.inf) >= RULES.repeat_s
                    assert now_s - wanted_at[key] <= PROMPTS[key].fresh_s
                    saying, last_said[key] = key, now_s
                    rank = PROMPTS[key].severity.rank
                    for other, _ in state.waiting:
                        hidden = state.floor is Floor.WAITING and (
                            PROMPTS[other].severity.rank < Severity.STANDING.rank
                        )
                        assert hidden or PROMPTS[other].severity.rank <= rank
        assert state.saying == saying
        if state.floor in SILENT_FLOORS:
            assert state.saying is None
        if state.floor is Floor.WAITING and state.saying:
            assert PROMPTS[state.saying].severity.rank >= Severity.STANDING.rank
        if state.saying is None and state.floor is Floor.FREE:
            assert state.waiting == (), "nothing waits without a reason"
        topics = [PROMPTS[key].topic for key, _ in state.waiting]
        assert len(topics) == len(set(topics))
        assert len(state.said) <= len(PROMPTS)
        assert state.deadline_s > now_s


@given(STEPS)
def test_steps_are_pure(steps):
    def run():
        state, now_s, all_effects = PromptState(), 0.0, []
        for event, later_s in steps:
            now_s += later_s
            chosen = Ended("quota") if event == "ended" else event
            state, effects = prompt_step(state, chosen, now_s, RULES)
            all_effects.append(effects)
        return state, all_effects

    assert run() == run()
