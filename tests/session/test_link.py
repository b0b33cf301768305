"""The link machine and its backoff."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.session.link import (
    Dial,
    Dialling,
    Down,
    HangUp,
    LinkRules,
    LinkTick,
    Lost,
    Opened,
    Ready,
    Refused,
    RefusedForGood,
    Resting,
    Start,
    Wanted,
    backoff_s,
    link_step,
)

RULES = LinkRules()


def test_the_seeds_backoff():
    assert [backoff_s(n, 0.0, RULES) for n in range(6)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert backoff_s(0, 1.0, RULES) == pytest.approx(1.1)


@given(st.integers(0, 100_000), st.floats(0, 1))
def test_backoff_stays_within_its_bounds(attempt, chance):
    assert 1.0 <= backoff_s(attempt, chance, RULES) <= 11.0


def test_dial_talk_lose_dial_again_at_once():
    state, effects = link_step(Down(), Start(), 0.0, RULES)
    assert effects == (Dial(),)
    state, _ = link_step(state, Opened(), 1.0, RULES)
    assert isinstance(state, Ready)
    state, effects = link_step(state, Lost(0.0), 100.0, RULES)
    assert isinstance(state, Dialling)
    assert effects == (Dial(),)


def test_a_service_that_takes_us_and_drops_us_is_not_hammered():
    state, now_s, dials = link_step(Down(), Start(), 0.0, RULES)[0], 0.0, 0
    while now_s < 60.0:
        state, _ = link_step(state, Opened(), now_s, RULES)
        state, effects = link_step(state, Lost(0.0), now_s, RULES)
        assert not effects
        now_s = state.deadline_s
        state, effects = link_step(state, LinkTick(busy=False), now_s, RULES)
        dials += effects.count(Dial())
    assert dials <= 10


def test_a_press_does_not_wait_for_the_next_try():
    state, effects = link_step(Resting(4, 99.0), Wanted(), 50.0, RULES)
    assert isinstance(state, Dialling)
    assert effects == (Dial(),)


def test_a_refusal_is_not_retried_by_itself():
    state, effects = link_step(Dialling(0, 15.0), RefusedForGood("invalid_api_key"), 1.0, RULES)
    assert state == Refused("invalid_api_key", 601.0)
    assert effects == (HangUp(),)
    assert link_step(state, LinkTick(busy=False), 600.0, RULES) == (state, ())


def test_an_old_session_is_renewed_between_turns_only():
    ready = Ready(0, 0.0, 1800.0)
    state, effects = link_step(ready, LinkTick(busy=True), 1800.0, RULES)
    assert effects == ()
    state, effects = link_step(state, LinkTick(busy=False), 1810.0, RULES)
    assert isinstance(state, Dialling)
    assert effects == (HangUp(), Dial())


events = st.one_of(
    st.sampled_from([Start(), Opened(), Wanted(), RefusedForGood("x")]),
    st.builds(Lost, st.floats(0, 1)),
    st.builds(LinkTick, st.booleans()),
)


@given(st.lists(st.tuples(events, st.floats(0, 700)), max_size=60))
def test_it_never_rests_for_good_and_dials_once_at_a_time(moves):
    state, now_s = Down(), 0.0
    open_lines = 0
    for event, pause_s in moves:
        now_s += pause_s
        if isinstance(event, Lost | RefusedForGood) and isinstance(state, Dialling | Ready):
            open_lines = 0  # the line ended, which is why the event came
        state, effects = link_step(state, event, now_s, RULES)
        for effect in effects:
            open_lines = 0 if isinstance(effect, HangUp) else open_lines + 1
            assert open_lines <= 1, "two connections at once"
        if not isinstance(state, Down):
            assert state.deadline_s >= now_s or not isinstance(event, LinkTick)
