"""The circuit breaker, under many callers and any order of results."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock

from hypothesis import given
from hypothesis import strategies as st

from appliance.session.breaker import (
    WHOLE,
    BreakerRules,
    Closed,
    HalfOpen,
    Open,
    admit,
    failed,
    succeeded,
)

RULES = BreakerRules()


def opened(now_s=0.0):
    breaker = WHOLE
    for _ in range(RULES.failure_threshold):
        breaker = failed(breaker, now_s, RULES)
    return breaker


def test_the_seeds_threshold_and_pause():
    breaker = WHOLE
    for n in range(1, 5):
        breaker = failed(breaker, 0.0, RULES)
        assert breaker == Closed(n)
        assert admit(breaker, 0.0, RULES) == (breaker, True)
    breaker = failed(breaker, 0.0, RULES)
    assert breaker == Open(60.0)
    assert admit(breaker, 59.999, RULES) == (breaker, False)
    assert admit(breaker, 60.0, RULES) == (HalfOpen(120.0), True)


def test_a_success_between_forgets_the_failures_before_it():
    breaker = failed(failed(WHOLE, 0.0, RULES), 0.0, RULES)
    assert succeeded() == WHOLE
    assert failed(succeeded(), 0.0, RULES) == Closed(1) != breaker


def test_exactly_one_of_a_hundred_concurrent_callers_probes():
    """Each caller is a thread; the state is one value under a lock, as a caller must hold it."""
    breaker, lock, start = opened(), Lock(), Barrier(100)

    def call(_):
        nonlocal breaker
        start.wait()
        with lock:
            breaker, may = admit(breaker, 60.0, RULES)
        return may

    with ThreadPoolExecutor(100) as callers:
        assert sum(callers.map(call, range(100))) == 1
    assert isinstance(breaker, HalfOpen)


def test_a_failed_probe_opens_it_for_another_pause():
    probing, _ = admit(opened(), 60.0, RULES)
    assert failed(probing, 61.0, RULES) == Open(121.0)


def test_a_probe_of_which_nothing_is_heard_is_followed_by_another():
    probing, _ = admit(opened(), 60.0, RULES)
    assert admit(probing, 119.0, RULES) == (probing, False)
    assert admit(probing, 120.0, RULES) == (HalfOpen(180.0), True)


moves = st.lists(
    st.tuples(st.sampled_from(["call", "fail", "succeed"]), st.floats(0, 40)), max_size=200
)


@given(moves, st.integers(1, 10), st.floats(0.1, 100))
def test_in_any_order_it_holds_its_promises(moves, threshold, reset_s):
    rules = BreakerRules(threshold, reset_s)
    breaker, now_s, in_a_row, opened_s = WHOLE, 0.0, 0, None
    for move, pause_s in moves:
        now_s += pause_s
        if move == "call":
            before = breaker
            breaker, may = admit(breaker, now_s, rules)
            if isinstance(before, Closed):
                assert may
            if may and not isinstance(before, Closed):
                assert opened_s is not None
                assert now_s - opened_s >= reset_s
                assert isinstance(breaker, HalfOpen)
                opened_s = now_s
                assert not admit(breaker, now_s, rules)[1], "a second probe"
        elif move == "fail":
            was_open = isinstance(breaker, Open)
            breaker, in_a_row = failed(breaker, now_s, rules), in_a_row + 1
            if isinstance(breaker, Open) and not was_open:
                opened_s = now_s
            assert isinstance(breaker, Open) or in_a_row < threshold
        else:
            breaker, in_a_row, opened_s = succeeded(), 0, None
