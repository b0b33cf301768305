"""A day's cost: no response is lost, the cap stops where it is crossed, no clock gives money."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.faults import FAULTS
from appliance.session.budget import (
    CAP,
    LONGEST_DAY_S,
    SAVE_EVERY_S,
    WARNING,
    Billed,
    BudgetRules,
    BudgetState,
    Charged,
    DayEnded,
    Looked,
    Moment,
    Save,
    SessionBegan,
    Transcribed,
    Unbilled,
    budget_step,
    dump,
    load,
    may_begin,
)
from appliance.session.prices import PICO, Prices, Tokens
from appliance.session.troubles import Begins, Ends

DAY = date(2026, 11, 25)
H = 3600.0
CENT = Tokens(audio_out=500)  # 500 · $20 / 10⁶
DOLLAR = BudgetRules(cap_usd=1.0)
NEW = BudgetState()


def at(hours=0.0, day=DAY, clock_set=True):
    return Moment(hours * H, day, clock_set)


def run(*seen, rules=DOLLAR, state=NEW):
    """Step through pairs of an event and a moment; return the state and all effects."""
    effects = []
    for event, now in seen:
        state, more = budget_step(state, event, now, rules)
        effects += more
    return state, effects


def cents(count, now=None):
    return [(Billed(1, CENT), now or at())] * count


def told(effects):
    return [each.fault for each in effects if isinstance(each, Begins)]


# What things cost


def test_a_turn_is_charged_by_each_price():
    tokens = Tokens(100, 1000, 200, 50, 500, 80)
    expected = (100 * 10 + 1000 * 0.3 + 200 * 20 + 50 * 0.6 + 500 * 0.06 + 80 * 2.4) / 1e6
    state, effects = run((Billed(7, tokens), at()))
    (charged,) = [each for each in effects if isinstance(each, Charged)]
    assert (charged.turn, charged.tokens, charged.estimated) == (7, tokens, False)
    assert charged.usd == pytest.approx(expected, abs=1e-12)
    assert state.spent_pico == 5_552_000_000  # exactly
    assert state.tokens == tokens


def test_an_estimate_holds_the_conversation_so_far_until_a_new_session():
    first = Tokens(20, 0, 40, 100, 0, 10)
    seen = [(Billed(1, first), at()), (Unbilled(2, 2000, 1000), at())]
    _, effects = run(*seen, (Unbilled(3, 0, 0), at()), (SessionBegan(), at()))
    _, (*_, last, _) = run(*seen, (SessionBegan(), at()), (Unbilled(3, 100, 0), at()))
    charges = [each for each in effects if isinstance(each, Charged)]
    assert charges[1] == replace(charges[1], tokens=Tokens(20, 60, 20, 0, 110, 0), estimated=True)
    assert charges[2].tokens == Tokens(audio_cached=100, text_cached=110)
    assert last.tokens == Tokens(audio_in=1)


def test_the_transcript_is_charged_by_its_length():
    state, _ = run((Transcribed(1, 30_000), at()))
    assert state.spent_usd == pytest.approx(0.003)
    assert state.tokens == Tokens()


def test_a_response_that_is_told_twice_is_charged_once():
    state, _ = run(
        (Billed(1, CENT, "resp_1"), at()),
        (Billed(1, CENT, "resp_1"), at()),
        (Unbilled(1, 5000, 0, "resp_1"), at()),
        (Billed(1, CENT, "resp_2"), at()),
        *cents(2),  # without an id nobody can tell
    )
    assert state.spent_usd == pytest.approx(0.04)


# Warning and stop


def test_told_once_at_eighty_percent_and_once_at_the_cap():
    state, effects = run(*cents(79))
    assert told(effects) == []
    state, effects = run(*cents(1), state=state)
    assert effects[-2:] == [Begins(WARNING, "$0.80 of $1.00"), Save()]
    state, effects = run(*cents(19), state=state)
    assert told(effects) == []
    assert may_begin(state, DOLLAR)
    state, effects = run(*cents(1), state=state)
    assert told(effects) == [CAP]
    assert not may_begin(state, DOLLAR)
    state, effects = run(*cents(5), state=state)  # the turn that had begun
    assert told(effects) == []
    assert state.spent_usd == pytest.approx(1.05)
    assert {WARNING, CAP} <= set(FAULTS)


def test_one_response_over_both_limits_is_told_as_the_cap_alone():
    _, effects = run((Billed(1, Tokens(audio_out=60_000)), at()), (Looked(), at(1)))
    assert told(effects) == [CAP]


def test_without_a_cap_all_is_counted_and_nothing_stopped():
    state, effects = run(*cents(500), rules=BudgetRules())
    assert told(effects) == []
    assert may_begin(state, BudgetRules())
    assert state.spent_usd == pytest.approx(5.0)


def test_a_new_day_lets_it_go_on():
    state, _ = run(*cents(100))
    state, effects = run((Looked(), at(5, DAY + timedelta(1))), state=state)
    assert effects == [DayEnded(DAY, 1.0, Tokens(audio_out=50_000)), Ends(CAP), Save()]
    assert may_begin(state, DOLLAR)
    _, effects = run(*cents(80, at(6, DAY + timedelta(1))), state=state)
    assert told(effects) == [WARNING], "it may be told again"


def test_a_higher_cap_lets_it_go_on_and_no_cap_too():
    state, _ = run(*cents(100))
    for rules in (BudgetRules(cap_usd=2.0), BudgetRules()):
        after, effects = run((Looked(), at()), rules=rules, state=state)
        assert effects == [Ends(CAP), Save()]
        assert may_begin(after, rules)


def test_who_has_heard_of_a_cap_is_not_warned_of_a_higher_one_that_day():
    state, _ = run((Billed(1, Tokens(audio_out=60_000)), at()))
    _, effects = run((Looked(), at()), *cents(19), rules=BudgetRules(cap_usd=1.4), state=state)
    assert told(effects) == []


def test_a_restart_keeps_the_sum_and_tells_of_the_cap_again():
    state, _ = run(*cents(100))
    again = load(json.loads(json.dumps(dump(state))))
    assert not may_begin(again, DOLLAR)
    again, effects = run((Looked(), at()), (Looked(), at()), state=again)
    assert told(effects) == [CAP]
    warned = load(dump(run(*cents(85))[0]))
    assert told(run((Looked(), at()), *cents(1), state=warned)[1]) == [], "once a day"


# Clocks


def test_a_board_that_starts_in_1970_keeps_the_sum_until_its_clock_is_set():
    spent = load(dump(run(*cents(100))[0]))
    early = date(1970, 1, 1)
    state, _ = run(
        (Looked(), at(0, early, clock_set=False)),
        (Looked(), at(0.1, early + timedelta(1), clock_set=False)),
        state=spent,
    )
    assert not may_begin(state, DOLLAR)
    same, _ = run((Looked(), at(0.2, DAY)), state=state)
    assert not may_begin(same, DOLLAR)
    after, _ = run((Looked(), at(0.2, DAY + timedelta(3))), state=state)
    assert may_begin(after, DOLLAR)
    assert after.day == DAY + timedelta(3)


def test_what_was_spent_before_the_first_date_counts_to_it():
    state, effects = run(*cents(100, at(0, date(1970, 1, 1), clock_set=False)), (Looked(), at(1)))
    assert state.day == DAY
    assert not may_begin(state, DOLLAR)
    assert not [each for each in effects if isinstance(each, DayEnded)]


def test_a_jump_forward_of_a_clock_that_is_not_set_gives_nothing():
    state, _ = run(*cents(100), (Looked(), at(1, date(2099, 1, 1), clock_set=False)))
    assert not may_begin(state, DOLLAR)


def test_a_set_clock_that_jumps_forth_and_back_gains_one_day_at_most():
    seen = cents(100)
    for jump in range(1, 30):
        seen += [
            (Looked(), at(jump / 2, DAY + timedelta(jump))),
            *cents(100, at(jump / 2, DAY + timedelta(jump))),
            (Looked(), at(jump / 2 + 0.1, DAY)),
        ]
    _, effects = run(*seen)
    assert len([each for each in effects if isinstance(each, DayEnded)]) == 1, "in 15 h"


def test_a_day_in_the_far_future_locks_nobody_out_for_ever():
    lost = run((Looked(), at(0, date(2099, 1, 1))), *cents(100, at(0, date(2099, 1, 1))))[0]
    state, _ = run((Looked(), at(25.9)), state=lost)
    assert not may_begin(state, DOLLAR)
    state, _ = run((Looked(), at(26)), state=lost)
    assert may_begin(state, DOLLAR)
    assert state.day == DAY


def test_running_time_counts_over_restarts_even_if_nothing_is_spent():
    state = run(*cents(100, at(0, DAY, clock_set=False)))[0]
    for _ in range(3):
        hours = [(Looked(), at(each / 10, DAY, clock_set=False)) for each in range(91)]
        state, effects = run(*hours, state=state)
        assert 8 <= effects.count(Save()) <= 10, "about once an hour"
        state = load(dump(state))
    assert may_begin(state, DOLLAR)


def test_a_monotonic_clock_that_goes_back_is_no_running_time():
    state, _ = run((Looked(), at(5)), (Looked(), at(1)), (Looked(), at(5)))
    assert state.ran_s == 0.0


@pytest.mark.parametrize("length_h", [23, 24, 25])
def test_sound_days_begin_at_their_midnights(length_h):
    seen = [(Looked(), at(0.5))]
    for day in range(1, 10):
        midnight_h = day * length_h
        seen += [
            (Looked(), at(midnight_h - 0.01, DAY + timedelta(day - 1))),
            *cents(1, at(midnight_h + 0.01, DAY + timedelta(day))),
        ]
    _, effects = run(*seen)
    ended = [each.day for each in effects if isinstance(each, DayEnded)]
    assert ended == [DAY + timedelta(each) for each in range(9)]


# Any order

tokens = st.builds(Tokens, *[st.integers(0, 5000)] * 6)
events = st.one_of(
    st.builds(Billed, st.integers(0, 3), tokens),
    st.builds(Unbilled, st.integers(0, 3), st.integers(-5, 60_000), st.integers(-5, 60_000)),
    st.builds(Transcribed, st.integers(0, 3), st.integers(-5, 60_000)),
    st.just(SessionBegan()),
    st.just(Looked()),
)
steps = st.lists(events, max_size=40)
prices = st.builds(Prices, *[st.integers(0, 99_999).map(lambda n: n / 1000)] * 7)
caps = st.floats(0, 3, allow_nan=False)
jumps = st.tuples(st.floats(-5, 30), st.integers(-400, 400), st.booleans())


@given(steps, prices, caps)
def test_within_a_day_the_sum_only_grows_and_is_told_where_it_crosses(seen, prices, cap_usd):
    rules = BudgetRules(prices, cap_usd)
    state, exact, tellings = BudgetState(), Fraction(0), []
    for event in seen:
        before = state
        state, effects = budget_step(state, event, at(), rules)
        for each in effects:
            if isinstance(each, Charged):
                pico = prices.of_tokens(each.tokens)
                if isinstance(event, Transcribed):
                    pico = prices.of_transcript(event.said_ms)
                exact += Fraction(pico, PICO)
                assert each.usd == pytest.approx(pico / PICO)
        assert Fraction(state.spent_pico, PICO) == exact
        assert state.spent_pico >= before.spent_pico
        crossed = may_begin(before, rules) and not may_begin(state, rules)
        assert (CAP in told(effects)) == crossed
        tellings += told(effects)
        assert (effects.count(Save()) == 1) == (effects != ())
    assert tellings.count(CAP) == (not may_begin(state, rules))
    assert tellings.count(WARNING) <= 1
    warned_at = rules.cap_pico * rules.warn_percent
    passed = 0 < warned_at <= state.spent_pico * 100
    assert (WARNING in tellings or CAP in tellings) == passed


@given(st.lists(st.tuples(events, jumps), max_size=60), caps)
def test_whatever_the_clocks_say_a_restart_changes_nothing_and_days_are_rare(seen, cap_usd):
    rules = BudgetRules(cap_usd=cap_usd)
    state, hours, seen_h, ended = BudgetState(), 100.0, [], []
    for event, (hours_on, days_off, clock_set) in seen:
        now = at(hours + hours_on, DAY + timedelta(days_off), clock_set)
        seen_h.append(hours + hours_on)
        hours += max(0.0, hours_on)
        state, effects = budget_step(state, event, now, rules)
        ended += [each for each in effects if isinstance(each, DayEnded)]
        assert state.ran_s < LONGEST_DAY_S
        kept = load(json.loads(json.dumps(dump(state))))
        assert dump(kept) == dump(state)
        assert may_begin(kept, rules) == may_begin(state, rules)
    ran_h = max(seen_h) - seen_h[0] if seen_h else 0.0
    assert len(ended) <= 1 + ran_h / 20, "a day by the date, and one in 20 h"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=4,
    ),
    st.sampled_from(sorted(dump(BudgetState()))),
)
def test_a_state_that_was_tampered_with_is_refused_or_sound(value, name):
    loaded = load({**dump(BudgetState()), name: value})
    if loaded is not None:
        state, _ = run((Billed(1, CENT), at()), state=loaded)
        json.dumps(dump(state))
        assert state.spent_pico >= 0


@pytest.mark.parametrize("bad", [{}, {"version": 2}, {**dump(BudgetState()), "tokens": {"a": 1}}])
def test_another_versions_state_is_none(bad):
    assert load(bad) is None


def test_running_time_is_saved_once_an_hour():
    _, effects = run((Looked(), at()), (Looked(), at(0.9)), (Looked(), at(1)), (Looked(), at(1.5)))
    assert effects == [Save(), Save()], f"the first date, and after {SAVE_EVERY_S} s"
