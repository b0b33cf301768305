import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.panel.button import (
    ButtonState,
    Edge,
    Held,
    Pressed,
    Released,
    Tick,
    held,
    next_tick_s,
    step,
)


def run(*seen, state=None):
    """Feed what is seen; gives all events."""
    return run_to(state or ButtonState(), seen)[1]


def run_to(state, seen):
    events = []
    for one in seen:
        state, new = step(state, one)
        events += new
    return state, events


def test_a_press_counts_at_its_first_edge():
    assert run(Edge(True, 5.0)) == [Pressed(5.0)]


def test_a_release_counts_after_30_ms_and_is_dated_at_its_edge():
    assert run(Edge(True, 5.0), Edge(False, 6.0), Tick(6.029)) == [Pressed(5.0)]
    assert run(Edge(True, 5.0), Edge(False, 6.0), Tick(6.030)) == [Pressed(5.0), Released(6.0)]


def test_bounces_of_a_press_and_of_a_release_are_one_press():
    edges = [
        *(Edge(True, 1.0), Edge(False, 1.002), Edge(True, 1.005), Edge(False, 1.006)),
        *(Edge(True, 1.010), Edge(False, 2.0), Edge(True, 2.003), Edge(False, 2.008)),
    ]
    assert run(*edges, Tick(2.1)) == [Pressed(1.0), Released(2.008)]


def test_a_press_that_stops_cannot_start_again_before_the_contact_has_been_open_for_long_enough():
    seen = [Edge(True, 1.0), Edge(False, 1.5), Edge(True, 1.529), Edge(False, 1.6), Tick(1.7)]
    assert run(*seen) == [Pressed(1.0), Released(1.6)]


def test_a_next_press_counts_though_no_tick_came_between():
    seen = [Edge(True, 1.0), Edge(False, 1.2), Edge(True, 1.3)]
    assert run(*seen) == [Pressed(1.0), Released(1.2), Pressed(1.3)]


def test_a_press_of_5_ms_is_seen():
    assert run(Edge(True, 1.0), Edge(False, 1.005), Tick(1.1)) == [Pressed(1.0), Released(1.005)]


def test_an_opening_that_is_told_twice_has_been_closed_between():
    state, events = run_to(ButtonState(), [Edge(True, 1.0), Edge(False, 2.0), Edge(False, 2.02)])
    assert next_tick_s(state) == pytest.approx(2.05)
    assert events == [Pressed(1.0)]
    assert run(Tick(2.05), state=state) == [Released(2.02)]


def test_other_repetitions_tell_nothing():
    assert run(Edge(False, 1.0), Edge(False, 2.0)) == []
    assert run(Edge(True, 1.0), Edge(True, 2.0), Tick(9.0)) == [Pressed(1.0)]


def test_a_lost_release_edge_is_made_up_for_by_a_later_look_at_the_level():
    assert run(Edge(True, 1.0), Edge(False, 4.0), Tick(4.1)) == [Pressed(1.0), Released(4.0)]


def test_a_button_that_is_down_at_first_is_released_like_any_other():
    state, seen = held(5.0)
    assert seen == Held(5.0)
    assert run(Edge(True, 6.0), Edge(False, 7.0), Tick(7.1), state=state) == [Released(7.0)]
    state, _ = run_to(state, [Edge(False, 7.0), Tick(7.1)])
    assert run(Edge(True, 8.0), state=state) == [Pressed(8.0)]


def test_time_does_not_go_back():
    assert run(Edge(True, 5.0), Edge(False, 4.9), Tick(5.031)) == [Pressed(5.0), Released(5.0)]


def test_ticks_are_wanted_only_while_a_release_settles():
    state = ButtonState()
    wanted = []
    for seen in (Edge(True, 1.0), Edge(False, 2.0), Edge(True, 2.01), Edge(False, 3.0), Tick(3.1)):
        state, _ = step(state, seen)
        wanted.append(next_tick_s(state))
    assert wanted == [None, pytest.approx(2.03), None, pytest.approx(3.03), None]


times = st.floats(0, 5, allow_nan=False)
sights = st.lists(st.one_of(st.builds(Edge, st.booleans(), times), st.builds(Tick, times)))


@given(sights)
def test_any_order_of_edges_gives_presses_and_releases_in_turn_and_in_order(seen):
    events = run(*seen)
    kinds = [type(event) for event in events]
    assert kinds == [Pressed, Released] * (len(kinds) // 2) + [Pressed] * (len(kinds) % 2)
    dates = [event.at_s for event in events]
    assert dates == sorted(dates)


@given(sights, st.booleans())
def test_a_level_that_lasts_ends_in_its_state(seen, pressed):
    state, _ = run_to(ButtonState(), [*seen, Edge(pressed, 6.0), Tick(6.031)])
    assert state.pressed is pressed
    assert next_tick_s(state) is None


@given(sights)
def test_ticking_when_asked_settles_everything_that_can(seen):
    state, _ = run_to(ButtonState(), seen)
    due_s = next_tick_s(state)
    if due_s is not None:
        state, events = step(state, Tick(due_s))
        assert [type(event) for event in events] == [Released]
    assert next_tick_s(state) is None
