import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.panel.button import Held, Pressed, Released, Tick
from appliance.panel.gestures import (
    FreeButton,
    GestureRules,
    GestureState,
    Stop,
    StuckButton,
    TalkEnd,
    TalkStart,
    Toggle,
    ToggleMute,
    next_tick_s,
    step,
)

HOLD = GestureRules()
TAP = GestureRules("tap")
HANDS_FREE = GestureRules("hands_free")
TOGGLED = [TAP, HANDS_FREE]


def run(rules, *seen):
    state, gestures = GestureState(), []
    for one in seen:
        state, new = step(state, one, rules)
        gestures += new
    return gestures


def press(start_s, end_s):
    return Pressed(start_s), Released(end_s)


def ended(at_s, held_ms):
    return TalkEnd(at_s, pytest.approx(held_ms))


def test_holding_is_talking():
    assert run(HOLD, Pressed(1.0)) == [TalkStart(1.0)]
    assert run(HOLD, *press(1.0, 3.5)) == [TalkStart(1.0), ended(3.5, 2500)]


def test_two_short_presses_stop_after_the_second_release():
    assert run(HOLD, *press(1.0, 1.1), *press(1.4, 1.5)) == [
        *(TalkStart(1.0), ended(1.1, 100)),
        *(TalkStart(1.4), ended(1.5, 100), Stop(1.5)),
    ]


@pytest.mark.parametrize(
    "presses",
    [
        [*press(1.0, 1.1), *press(1.41, 1.5)],  # starts too far apart
        [*press(1.0, 1.16), *press(1.3, 1.4)],  # the first one is talk
        [*press(1.0, 1.1), *press(1.3, 1.46)],  # the second one is talk
    ],
)
def test_other_pairs_do_not_stop(presses):
    assert not [one for one in run(HOLD, *presses) if isinstance(one, Stop)]


def test_a_third_press_is_a_new_first():
    quick = [*press(1.0, 1.05), *press(1.2, 1.25), *press(1.4, 1.45), *press(1.6, 1.65)]
    stops = [one for one in run(HOLD, *quick) if isinstance(one, Stop)]
    assert stops == [Stop(1.25), Stop(1.65)]


@pytest.mark.parametrize("rules", TOGGLED)
def test_a_short_press_toggles_on_release(rules):
    assert run(rules, Pressed(1.0)) == []
    assert run(rules, *press(1.0, 1.3)) == [Toggle(1.3)]


@pytest.mark.parametrize("rules", TOGGLED)
def test_the_second_of_two_short_presses_stops(rules):
    assert run(rules, *press(1.0, 1.1), *press(1.3, 1.4)) == [Toggle(1.1), Stop(1.4)]
    assert run(rules, *press(1.0, 1.1), *press(1.5, 1.6)) == [Toggle(1.1), Toggle(1.6)]


@pytest.mark.parametrize("rules", TOGGLED)
def test_a_long_press_mutes_while_it_is_held_and_its_release_does_nothing(rules):
    assert run(rules, Pressed(1.0), Tick(1.79)) == []
    assert run(rules, Pressed(1.0), Tick(1.8)) == [ToggleMute(1.8)]
    assert run(rules, Pressed(1.0), Tick(1.8), Tick(2.5), Released(3.0)) == [ToggleMute(1.8)]
    assert run(rules, *press(1.0, 3.0)) == [ToggleMute(1.8)]  # the tick was lost


def test_a_long_press_is_not_half_of_a_double_press():
    seen = [*press(1.0, 1.1), Pressed(1.3), Tick(2.1), Released(2.2), *press(2.3, 2.4)]
    assert run(TAP, *seen) == [Toggle(1.1), ToggleMute(2.1), Toggle(2.4)]


def test_a_stuck_button_ends_the_talk_once_and_is_then_ignored():
    seen = [Pressed(1.0), Tick(61.0), Tick(62.0), Tick(500.0), Released(600.0)]
    assert run(HOLD, *seen) == [
        *(TalkStart(1.0), ended(61.0, 60_000)),
        *(StuckButton(61.0), FreeButton(600.0)),
    ]
    assert run(HOLD, *seen, Pressed(601.0))[4:] == [TalkStart(601.0)]


def test_talk_ends_when_a_turn_may_last_no_longer_and_the_button_is_stuck_a_minute_after_it_began():
    short = GestureRules(max_turn_s=10.0)
    talk = [TalkStart(1.0), ended(11.0, 10_000)]
    assert run(short, Pressed(1.0), Tick(11.0), Tick(12.0)) == talk
    assert run(short, Pressed(1.0), Tick(11.0), Released(30.0)) == talk
    assert run(short, Pressed(1.0), Tick(11.0), Tick(61.0)) == [*talk, StuckButton(61.0)]
    assert run(short, *press(1.0, 70.0)) == [*talk, StuckButton(61.0), FreeButton(70.0)]
    assert run(short, *press(1.0, 30.0), *press(31.0, 33.0))[2:] == [
        *(TalkStart(31.0), ended(33.0, 2000))
    ]


def test_who_may_talk_for_longer_than_a_minute_has_no_stuck_button():
    long = GestureRules(max_turn_s=170.0)
    assert run(long, *press(1.0, 101.0)) == [TalkStart(1.0), ended(101.0, 100_000)]
    assert run(long, Pressed(1.0), Tick(171.0))[1:] == [ended(171.0, 170_000), StuckButton(171.0)]
    assert run(GestureRules("tap", max_turn_s=170.0), Pressed(1.0), Tick(61.0))[1:] == [
        StuckButton(61.0)
    ]


@pytest.mark.parametrize("rules", TOGGLED)
def test_a_stuck_button_mutes_first_where_holding_is_not_talking(rules):
    assert run(rules, Pressed(1.0), Tick(90.0), Released(99.0)) == [
        ToggleMute(1.8),
        StuckButton(61.0),
        FreeButton(99.0),
    ]


@pytest.mark.parametrize("rules", [HOLD, *TOGGLED])
def test_a_button_that_is_down_at_first_means_nothing_but_that_it_is_stuck(rules):
    assert run(rules, Held(1.0), Tick(60.9), Released(60.95)) == []
    seen = [Held(1.0), Tick(61.0), Tick(300.0), Released(301.0)]
    assert run(rules, *seen) == [StuckButton(61.0), FreeButton(301.0)]
    state, _ = step(GestureState(), Held(1.0), rules)
    assert next_tick_s(state, rules) == 61.0


@pytest.mark.parametrize("rules", [HOLD, *TOGGLED])
def test_what_follows_a_button_that_was_down_at_first_is_a_press_like_any_other(rules):
    assert run(rules, Held(1.0), Released(2.0), *press(3.0, 3.3)) == run(rules, *press(3.0, 3.3))


def test_ticks_are_wanted_only_for_what_can_come():
    pressed = GestureState(pressed_s=1.0)
    assert next_tick_s(GestureState(), TAP) is None
    assert next_tick_s(pressed, HOLD) == 61.0
    assert next_tick_s(pressed, TAP) == 1.8
    assert next_tick_s(GestureState(pressed_s=1.0, was_long=True), TAP) == 61.0
    assert next_tick_s(GestureState(pressed_s=1.0, was_stuck=True), TAP) is None
    short = GestureRules(max_turn_s=10.0)
    assert next_tick_s(pressed, short) == 11.0
    assert next_tick_s(GestureState(pressed_s=1.0, was_over=True), short) == 61.0


@pytest.mark.parametrize("rules", [HOLD, *TOGGLED])
def test_what_comes_twice_is_ignored(rules):
    assert run(rules, Released(1.0)) == []
    once = run(rules, *press(1.0, 1.3))
    assert run(rules, Pressed(1.0), Pressed(1.1), Released(1.3), Released(1.4)) == once


all_rules = st.sampled_from([HOLD, GestureRules(max_turn_s=1.0), *TOGGLED])
gaps = st.lists(st.one_of(st.floats(0.001, 1.5), st.floats(59, 62)), max_size=12)


def alternating(times):
    return [(Released if i % 2 else Pressed)(at_s) for i, at_s in enumerate(times)]


@given(all_rules, gaps, st.lists(st.floats(0, 200), max_size=20))
def test_ticks_change_no_gesture_only_when_it_comes(rules, lengths, ticks):
    at_s, times = 0.0, []
    for length in lengths:
        at_s += length
        times.append(at_s)
    seen = alternating(times)
    end = Tick(at_s + 100)
    mixed = sorted([*seen, *map(Tick, ticks)], key=lambda one: one.at_s)
    mixed = [one for one in mixed if one.at_s <= end.at_s]
    assert run(rules, *mixed, end) == run(rules, *seen, end)


@given(
    all_rules,
    st.lists(st.tuples(st.sampled_from([Pressed, Held, Released, Tick]), st.floats(0, 99))),
)
def test_any_order_is_taken_and_talk_starts_and_ends_in_turn(rules, seen):
    gestures = run(rules, *(kind(at_s) for kind, at_s in seen))
    talk = [type(one) for one in gestures if isinstance(one, TalkStart | TalkEnd)]
    assert talk == [TalkStart, TalkEnd] * (len(talk) // 2) + [TalkStart] * (len(talk) % 2)
    assert all(one.held_ms >= 0 for one in gestures if isinstance(one, TalkEnd))
    if rules.talk_mode != "hold":
        assert not talk
    stuck = [type(one) for one in gestures if isinstance(one, StuckButton | FreeButton)]
    assert stuck == [StuckButton, FreeButton] * (len(stuck) // 2) + [StuckButton] * (len(stuck) % 2)
