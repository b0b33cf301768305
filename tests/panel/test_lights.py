import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.panel.lights import (
    FLASHES,
    LIGHTS,
    STEP_S,
    Rgb,
    colour_at,
    flash_s,
    mono_at,
    most_urgent,
    next_change_s,
)
from appliance.ports import Flash, Light

SAMPLE_S = 0.02
WINDOW_S = 4.0
PAIRS = list(itertools.combinations(Light, 2))
DARK = Rgb(0, 0, 0)


def rhythm(light, flash=None):
    """Brightness over four seconds; the times lie between those at which lights change."""
    times = [(n + 0.5) * SAMPLE_S for n in range(round(WINDOW_S / SAMPLE_S))]
    return [mono_at(light, flash and (flash, 0.0), 0.0, at_s) for at_s in times]


def colours(light):
    times = [(n + 0.5) * SAMPLE_S for n in range(round(WINDOW_S / SAMPLE_S))]
    return [colour_at(light, None, 0.0, at_s) for at_s in times]


def unlike_s(one, other):
    """For how long two rhythms differ, however they are shifted against each other."""
    shifts = ([*other[n:], *other[:n]] for n in range(len(other)))
    return min(
        sum(abs(a - b) > 0.3 for a, b in zip(one, shifted, strict=True)) * SAMPLE_S
        for shifted in shifts
    )


def chain(light, flash, from_s, to_s):
    """The times at which a panel that follows next_change_s draws."""
    at_s, times = from_s, []
    while at_s is not None and at_s < to_s:
        times.append(at_s)
        at_s = next_change_s(light, flash, 0.0, at_s)
    return times


def test_the_most_urgent_light_wins():
    ladder = "setup, starting, no_network, fault, listening, thinking, speaking, muted, idle"
    assert ", ".join(light.value for light in Light) == ladder
    for urgent, other in PAIRS:
        assert most_urgent([other, urgent]) is urgent
    assert most_urgent([]) is Light.IDLE


def test_every_light_and_flash_has_a_pattern():
    assert set(LIGHTS) == set(Light)
    assert set(FLASHES) == set(Flash)


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_lights_are_told_apart_by_rhythm_alone_whenever_one_begins_to_look(one, other):
    assert unlike_s(rhythm(one), rhythm(other)) >= 0.2


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_lights_are_told_apart_in_colour(one, other):
    a, b = colours(one), colours(other)
    apart = [
        math.dist((p.red, p.green, p.blue), (q.red, q.green, q.blue))
        for p, q in zip(a, b, strict=True)
    ]
    assert max(apart) > 0.4


@pytest.mark.parametrize("light", Light)
def test_flashes_are_told_apart_on_any_light(light):
    seen = [tuple(value > 0.3 for value in rhythm(light, flash)) for flash in (None, *Flash)]
    for one, other in itertools.combinations(seen, 2):
        assert sum(a is not b for a, b in zip(one, other, strict=True)) * SAMPLE_S >= 0.05


@pytest.mark.parametrize("light", Light)
def test_nothing_blinks_more_than_three_times_in_a_second(light):
    lit = [value > 0.3 for value in rhythm(light) * 2]
    starts = [n * SAMPLE_S for n in range(1, len(lit)) if lit[n] and not lit[n - 1]]
    assert all(sum(0 <= other - one < 1.0 for other in starts) <= 3 for one in starts)


def test_a_steady_light_needs_no_timer():
    assert next_change_s(Light.LISTENING, None, 0.0, 12.3) is None
    assert mono_at(Light.LISTENING, None, 0.0, 12.3) == 1.0


def test_idle_wakes_twice_in_four_seconds():
    assert len(chain(Light.IDLE, None, 0.0, 39.9)) == 20


def test_a_flash_covers_the_light_and_then_gives_it_back():
    flash = (Flash.CONFIRM, 10.0)
    assert colour_at(Light.LISTENING, flash, 0.0, 10.05) == DARK
    assert colour_at(Light.LISTENING, flash, 0.0, 10.2) == Rgb(1, 1, 1)
    assert flash_s(Flash.CONFIRM) == pytest.approx(0.4)
    drawn = chain(Light.LISTENING, flash, 10.0, 20.0)
    assert drawn == pytest.approx([10.0, 10.1, 10.3, 10.4])
    assert colour_at(Light.LISTENING, flash, 0.0, drawn[-1]) == Rgb(0, 1, 0)


@pytest.mark.parametrize("light", Light)
@pytest.mark.parametrize("start_s", [0.0, 86_400.123, 3e7 + 0.7])
def test_following_next_change_draws_the_whole_rhythm(light, start_s):
    drawn = {}
    at_s = start_s
    while at_s is not None and at_s < start_s + WINDOW_S:
        drawn[at_s] = mono_at(light, None, start_s, at_s)
        at_s = next_change_s(light, None, start_s, at_s)
    for n in range(round(WINDOW_S / SAMPLE_S)):
        now_s = start_s + (n + 0.5) * SAMPLE_S
        shown = drawn[max(at_s for at_s in drawn if at_s <= now_s)]
        assert shown == pytest.approx(mono_at(light, None, start_s, now_s), abs=0.15)


flashes = st.none() | st.tuples(st.sampled_from(Flash), st.floats(0, 12))


@given(st.sampled_from(Light), flashes, st.floats(0, 1e6))
def test_the_next_change_is_always_ahead_and_animation_is_slow(light, flash, from_s):
    if flash is not None:
        flash = (flash[0], from_s + flash[1])
    times = chain(light, flash, from_s, from_s + 10)
    assert all(later > earlier for earlier, later in itertools.pairwise(times))
    for at_s in times:
        within = sum(at_s <= other < at_s + 1 for other in times)
        assert within <= 1 / STEP_S + 4  # a flash may end in the midst of a beat


@given(st.sampled_from(Light), flashes, st.floats(0, 1e6), st.floats(0, 1e6))
def test_power_stays_within_bounds_even_if_time_goes_back(light, flash, started_s, now_s):
    assert 0 <= mono_at(light, flash, started_s, now_s) <= 1
    colour = colour_at(light, flash, started_s, now_s)
    assert all(0 <= part <= 1 for part in (colour.red, colour.green, colour.blue))
