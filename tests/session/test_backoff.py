"""The waits between retries."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.session.backoff import MAX_ASKED_S, BackoffRules, asked_s, backoff_s

RULES = BackoffRules()
rules = st.builds(
    BackoffRules,
    max_retries=st.integers(0, 1000),
    base_delay_s=st.floats(0.001, 600.0),
    max_delay_s=st.floats(600.0, 3600.0),
    multiplier=st.floats(1.0, 10.0),
    jitter=st.booleans(),
)


def test_the_seeds_schedule():
    assert [backoff_s(n, 0.0, RULES) for n in range(6)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert [backoff_s(n, 1.0, RULES) for n in range(3)] == pytest.approx([1.1, 2.2, 4.4])


@given(st.integers(0, 10**6), st.floats(0, 1), rules)
def test_a_wait_is_never_below_the_base_nor_a_tenth_above_the_longest(retry, chance, rules):
    wait_s = backoff_s(retry, chance, rules)
    assert rules.base_delay_s <= wait_s <= rules.max_delay_s * 1.1 * (1 + 1e-12)


@given(st.integers(0, 1000), st.floats(0, 1), rules)
def test_waits_grow_and_chance_adds_at_most_a_tenth(retry, chance, rules):
    plain_s = backoff_s(retry, 0.0, rules)
    assert backoff_s(retry + 1, 0.0, rules) >= plain_s
    wait_s = backoff_s(retry, chance, rules)
    assert plain_s <= wait_s <= plain_s * 1.1 * (1 + 1e-12)
    assert rules.jitter or wait_s == plain_s


@given(st.one_of(st.none(), st.floats()))
def test_nobody_can_send_the_device_away_for_long(retry_after_s):
    wait_s = asked_s(retry_after_s)
    assert 0.0 <= wait_s <= MAX_ASKED_S
    if retry_after_s is not None and 0 < retry_after_s <= MAX_ASKED_S:
        assert wait_s == retry_after_s
    if retry_after_s is not None and math.isnan(retry_after_s):
        assert wait_s == 0.0
