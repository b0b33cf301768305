"""When the watchdog is fed, and when not: a hang must be seen, a lost card must not be one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.session.pulse import HANGS_AFTER_S, Pulse


def test_samples_and_a_turning_loop_feed_it():
    pulse = Pulse()
    pulse.opened()
    pulse.heard()
    assert pulse.beat(0.0)


def test_no_sample_since_the_last_beat_does_not():
    pulse = Pulse()
    pulse.opened()
    pulse.heard()
    pulse.beat(0.0)
    assert not pulse.beat(0.0)
    pulse.heard()
    assert pulse.beat(0.0)


def test_a_microphone_that_is_known_to_be_lost_is_waited_for():
    pulse = Pulse()
    assert pulse.beat(0.0)  # there never was one
    pulse.opened()
    assert not pulse.beat(0.0)
    pulse.closed()
    assert pulse.beat(0.0)
    assert pulse.beat(0.0)


@pytest.mark.parametrize("listening", [True, False])
def test_a_sound_system_that_hangs_ends_it(listening):
    pulse = Pulse()
    if listening:
        pulse.opened()
        pulse.heard()
    assert not pulse.beat(HANGS_AFTER_S + 0.1)
    pulse.heard()
    assert pulse.beat(HANGS_AFTER_S - 0.1)  # it came back in time


@given(st.lists(st.integers(0, 50), min_size=12))
def test_while_a_sample_comes_in_each_beat_or_every_other_one_it_never_starves(chunks):
    """Nine beats are the patience of the unit; under any load, chunks come late, but they come."""
    pulse = Pulse()
    pulse.opened()
    hungry = longest = 0
    for place, came in enumerate(chunks):
        for _ in range(came + place % 2):
            pulse.heard()
        hungry = 0 if pulse.beat(0.0) else hungry + 1
        longest = max(longest, hungry)
    assert longest <= 1
