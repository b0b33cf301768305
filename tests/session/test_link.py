"""The link machine: every way in, every way out."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.session.breaker import Closed, HalfOpen, Open
from appliance.session.link import (
    STALLED,
    Announce,
    Connecting,
    Dial,
    DialNext,
    Disconnected,
    DropNext,
    HangUp,
    LinkRules,
    LinkTick,
    Lost,
    NetworkUp,
    NextLost,
    NextOpened,
    OpenCircuit,
    Opened,
    Ready,
    Refused,
    RefusedForGood,
    Renewing,
    Served,
    Start,
    Switch,
    Tries,
    WaitingToRetry,
    Wanted,
    link_step,
    tries_of,
)

RULES = LinkRules()
TICK = LinkTick(busy=False)
BUSY = LinkTick(busy=True)


def after(state, *events, at=0.0, rules=RULES):
    """Take events at one moment; return the state, and the effects of the last."""
    effects = ()
    for event in events:
        state, effects = link_step(state, event, at, rules)
    return state, effects


def ready(at=0.0, rules=RULES):
    return after(Disconnected(), Start(), Opened(), at=at, rules=rules)[0]


def offline(rules=RULES):
    """Fail from the first dial on, until it gives up dialling often."""
    state, effects = after(Disconnected(), Start())
    while not isinstance(state, OpenCircuit):
        state, effects = link_step(state, Lost(0.0, "dns_failed"), state.deadline_s, rules)
        if isinstance(state, WaitingToRetry):
            state, _ = link_step(state, TICK, state.deadline_s, rules)
    return state, effects


def test_dial_talk_lose_dial_again_at_once():
    state, effects = after(Disconnected(), Start())
    assert effects == (Dial(),)
    state, effects = after(state, Opened(), at=1.0)
    assert isinstance(state, Ready)
    assert effects == ()
    state, effects = after(state, Lost(0.0, "link_lost"), at=100.0)
    assert isinstance(state, Connecting)
    assert state.tries == Tries()
    assert effects == (Dial(),)


# Retries


def test_a_round_waits_as_the_seed_says_and_then_goes_offline():
    state, now_s, waits = after(Disconnected(), Start())[0], 0.0, []
    while True:
        state, effects = link_step(state, Lost(0.0, "no_route"), now_s, RULES)
        if isinstance(state, OpenCircuit):
            break
        assert effects == ()
        waits.append(state.deadline_s - now_s)
        now_s = state.deadline_s
        state, effects = link_step(state, TICK, now_s, RULES)
        assert effects == (Dial(),)
    assert waits == [1.0, 2.0, 4.0, 8.0]  # the fifth failure opens the breaker
    assert effects == (Announce("offline", "no_route"),)
    assert state.deadline_s == now_s + 60.0


def test_without_a_breaker_in_the_way_there_are_five_retries():
    rules = replace(RULES, failure_threshold=1000)
    state, now_s, waits = after(Disconnected(), Start())[0], 0.0, []
    while not isinstance(state, OpenCircuit):
        state, _ = link_step(state, Lost(0.0), now_s, rules)
        waits.append(state.deadline_s - now_s)
        now_s = state.deadline_s
        if isinstance(state, WaitingToRetry):
            state, _ = link_step(state, TICK, now_s, rules)
    assert waits == [1.0, 2.0, 4.0, 8.0, 10.0, 60.0]


def test_offline_probes_for_ever_at_the_breakers_pace_and_tells_it_once():
    state, _ = offline()
    for _ in range(1000):
        due_s = state.deadline_s
        assert link_step(state, TICK, due_s - 0.001, RULES) == (state, ())
        state, effects = link_step(state, TICK, due_s, RULES)
        assert effects == (Dial(),)
        assert isinstance(state.tries.breaker, HalfOpen)
        state, effects = link_step(state, Lost(1.0), due_s + 5.0, RULES)
        assert isinstance(state, OpenCircuit)
        assert effects == ()
        assert state.deadline_s == due_s + 65.0


def test_coming_back_is_told_with_what_is_over():
    state, _ = offline()
    state, effects = after(state, TICK, Opened(), at=state.deadline_s)
    assert isinstance(state, Ready)
    assert effects == (Announce("back", "dns_failed"),)
    state, _ = after(state, Served(), at=state.opened_s + 1.0)
    assert state.tries == Tries()


def test_a_short_trouble_that_nobody_was_told_of_is_not_announced():
    state, _ = after(Disconnected(), Start(), Lost(0.0))
    assert after(state, TICK, Opened(), at=1.0)[1] == ()


def test_a_press_shortens_the_wait_to_the_first_and_counts_as_a_retry():
    state, now_s = after(Disconnected(), Start())[0], 0.0
    for _ in range(4):
        state, _ = after(state, Lost(1.0), at=now_s)
        assert isinstance(state, WaitingToRetry)
        state, effects = after(state, Wanted(), Wanted(), at=now_s + 0.1)
        assert effects == ()
        now_s = state.deadline_s
        state, effects = after(state, TICK, at=now_s)
        assert effects == (Dial(),)
    assert now_s == 4.0
    state, _ = after(state, Lost(0.0), at=now_s)
    assert isinstance(state, OpenCircuit)
    assert after(state, Wanted(), at=63.0) == (state, ())


def test_a_press_after_the_first_wait_dials_at_once():
    state = Connecting(Tries(failures=3), 15.0)
    state, _ = after(state, Lost(0.0))
    assert state.deadline_s == 8.0
    assert after(state, Wanted(), at=1.0)[1] == (Dial(),)


def test_exactly_one_of_a_hundred_callers_is_the_probe():
    state, _ = offline()
    due_s, dials = state.deadline_s, 0
    for event in [Wanted(), TICK] * 50:
        state, effects = link_step(state, event, due_s, RULES)
        dials += effects.count(Dial())
    assert dials == 1


def test_who_says_how_long_to_wait_is_obeyed_by_presses_too():
    state, _ = after(Disconnected(), Start(), Lost(0.0, "rate_limit_exceeded", 30.0))
    assert state.deadline_s == 30.0
    assert after(state, Wanted(), at=10.0) == (state, ())
    assert isinstance(after(state, TICK, at=30.0)[0], Connecting)


@pytest.mark.parametrize(("asked_s", "waits_s"), [(0.2, 1.0), (1e9, 600.0), (math.nan, 1.0)])
def test_but_not_below_our_own_wait_nor_for_ever(asked_s, waits_s):
    state, _ = after(Disconnected(), Start(), Lost(0.0, "x", asked_s))
    assert state.deadline_s == waits_s


def test_a_probe_that_is_sent_away_for_longer_waits_longer():
    state, _ = offline()
    due_s = state.deadline_s
    state, _ = after(state, TICK, Lost(0.0, "service_unavailable", 300.0), at=due_s)
    assert state.deadline_s == due_s + 300.0
    assert isinstance(after(state, TICK, at=state.deadline_s)[0], Connecting)


def test_a_dial_without_an_end_is_ended():
    state, _ = after(Disconnected(), Start())
    state, effects = link_step(state, LinkTick(busy=True, chance=0.0), 15.0, RULES)
    assert effects == (HangUp(),)
    assert isinstance(state, WaitingToRetry)
    assert state.tries.fault == "connect_timeout"
    assert state.deadline_s == 16.0


def test_a_service_that_takes_us_and_drops_us_is_not_hammered():
    state, now_s, dials = after(Disconnected(), Start())[0], 0.0, 0
    while now_s < 600.0:
        state, _ = after(state, Opened(), Lost(0.0), at=now_s)
        now_s = state.deadline_s
        state, effects = link_step(state, TICK, now_s, RULES)
        dials += effects.count(Dial())
    assert dials <= 4 + 10


def test_an_expired_session_is_replaced_at_once_without_a_penalty():
    state, effects = after(ready(), Lost(0.0, "session_expired"), at=3600.0)
    assert effects == (Dial(),)
    assert state.tries.failures == 0


# A link that stands and does not answer


def test_a_stalled_link_is_dialled_at_once_but_not_for_ever():
    state, now_s, dials = ready(), 0.0, 0
    while isinstance(state, Ready):
        now_s += 20.0
        state, effects = link_step(state, Lost(0.0, STALLED), now_s, RULES)
        dials += effects.count(Dial())
        if isinstance(state, Connecting):
            state, _ = link_step(state, Opened(), now_s, RULES)
    assert dials == 4
    assert isinstance(state, OpenCircuit)
    assert effects == (Announce("offline", STALLED),)


def test_an_answer_that_came_whole_forgives_all_stalls():
    state = ready()
    for n in range(20):
        state, effects = after(state, Lost(0.0, STALLED), at=20.0 * n)
        assert effects == (Dial(),)
        state, _ = after(state, Opened(), Served(), at=20.0 * n)


# Refusals


def refused(at=1.0):
    return after(Disconnected(), Start(), RefusedForGood("invalid_api_key"), at=at)


def test_a_refusal_is_told_and_not_retried_by_itself():
    state, effects = refused()
    assert isinstance(state, Refused)
    assert state.code == "invalid_api_key"
    assert effects == (HangUp(), Announce("refused", "invalid_api_key"))
    assert after(state, TICK, at=1e9) == (state, ())


def test_the_first_press_tries_at_once_further_ones_at_the_breakers_pace():
    state, _ = refused()
    state, effects = after(state, Wanted(), at=2.0)
    assert effects == (Dial(),)
    state, _ = after(state, RefusedForGood("invalid_api_key"), at=3.0)
    for at in (4.0, 30.0, 62.0):
        state, effects = after(state, Wanted(), at=at)
        assert effects == ()
    assert state.deadline_s == 63.0  # the press is not forgotten
    state, effects = after(state, TICK, at=63.0)
    assert effects == (Dial(),)


def test_a_press_after_the_pause_need_not_wait():
    state, _ = refused()
    state, _ = after(state, Wanted(), RefusedForGood("invalid_api_key"), at=2.0)
    state, effects = after(state, Wanted(), at=62.0)
    assert effects == (Dial(),)


def test_a_refusal_that_is_over_is_announced():
    state, _ = refused()
    _, effects = after(state, Wanted(), Opened(), at=9.0)
    assert effects == (Announce("back", "invalid_api_key"),)


def test_each_refusal_keeps_its_own_name():
    for code in ("invalid_api_key", "insufficient_quota", "model_not_found"):
        state, effects = after(ready(), RefusedForGood(code, f"fault_{code}"), at=50.0)
        assert state.code == code
        assert effects[-1] == Announce("refused", f"fault_{code}")


# Renewal


def renewing(at=1800.0):
    state, effects = after(ready(), TICK, at=at)
    assert effects == (DialNext(),)
    assert isinstance(state, Renewing)
    return state


def test_a_session_is_renewed_beside_the_old_one_and_switched_in_a_quiet_moment():
    state, effects = after(renewing(), NextOpened(), at=1801.0)
    assert effects == ()
    state, effects = after(state, BUSY, at=state.deadline_s)
    assert effects == ()
    assert state.deadline_s == 1802.0
    state, effects = after(state, TICK, at=1802.0)
    assert effects == (Switch(),)
    assert isinstance(state, Ready)
    assert state.renew_s == 1801.0 + 1800.0


def test_a_busy_session_is_renewed_later_but_before_its_end():
    state = ready()
    while not isinstance(state, Renewing):
        state, _ = after(state, BUSY, at=state.deadline_s)
        assert state.deadline_s < 3600.0 - 60.0
    assert 3480.0 <= state.deadline_s - RULES.dial_timeout_s < 3482.0


def test_a_session_age_beyond_the_services_own_is_cut_to_it():
    state = ready(rules=replace(RULES, session_age_s=86400.0))
    assert state.deadline_s == 3480.0


def test_an_old_session_that_ends_meanwhile_leaves_its_place():
    state, effects = after(renewing(), Lost(0.0, "session_expired"), at=1801.0)
    assert effects == (Switch(),)
    assert isinstance(state, Connecting)
    state, effects = after(renewing(), NextOpened(), Lost(0.0), at=1801.0)
    assert effects == (Switch(),)
    assert isinstance(state, Ready)


def test_a_renewal_that_fails_is_tried_again_while_the_old_session_serves():
    state, effects = after(renewing(), NextLost(), at=1801.0)
    assert effects == ()
    assert isinstance(state, Ready)
    assert state.deadline_s == 1861.0
    state, effects = after(renewing(), TICK, at=1815.0)
    assert effects == (DropNext(),)
    assert state.deadline_s == 1875.0


def test_a_refusal_during_renewal_ends_both():
    state, effects = after(renewing(), RefusedForGood("insufficient_quota"), at=1801.0)
    assert isinstance(state, Refused)
    assert effects[:2] == (DropNext(), HangUp())


# Idle close


def test_nobody_talks_so_it_hangs_up_until_somebody_does():
    rules = replace(RULES, idle_close_s=300.0)
    state = ready(rules=rules)
    state, _ = after(state, Wanted(), at=200.0, rules=rules)
    assert state.deadline_s == 500.0
    state, effects = after(state, TICK, at=500.0, rules=rules)
    assert (state, effects) == (Disconnected(), (HangUp(),))
    assert after(state, TICK, at=1e9, rules=rules) == (state, ())
    assert after(state, Wanted(), at=1e9, rules=rules)[1] == (Dial(),)


def test_it_does_not_hang_up_on_somebody():
    rules = replace(RULES, idle_close_s=300.0)
    state, effects = after(ready(rules=rules), BUSY, at=300.0, rules=rules)
    assert effects == ()
    assert state.deadline_s == 600.0


def test_idle_close_is_off_by_default():
    state = ready()
    assert after(state, Wanted(), at=9.0) == (state, ())
    assert state.deadline_s == 1800.0


# Any order

events = st.one_of(
    st.sampled_from([Start(), Opened(), Served(), NextOpened(), NextLost(), Wanted()]),
    st.builds(RefusedForGood, st.sampled_from(["invalid_api_key", "insufficient_quota"])),
    st.builds(
        Lost,
        st.floats(0, 1),
        st.sampled_from(["link_lost", STALLED, "session_expired"]),
        st.one_of(st.none(), st.floats()),
    ),
    st.builds(LinkTick, st.booleans(), st.floats(0, 1)),
)
rules_of_all_kinds = st.builds(
    LinkRules,
    max_retries=st.integers(0, 8),
    failure_threshold=st.integers(1, 8),
    idle_close_s=st.sampled_from([math.inf, 100.0]),
    session_age_s=st.sampled_from([1.0, 1800.0, 86400.0]),
)


class Lines:
    """The connections that a caller of the machine has open."""

    def __init__(self):
        self.current = self.next = False

    def may_tell(self, event):
        if isinstance(event, Opened | Lost | RefusedForGood | Served):
            return self.current
        return self.next or not isinstance(event, NextOpened | NextLost)

    def ended(self, event):
        if isinstance(event, Lost | RefusedForGood):
            self.current = False
        if isinstance(event, NextLost):
            self.next = False

    def perform(self, effect):
        match effect:
            case Dial():
                assert not self.current, "two connections where one is wanted"
                self.current = True
            case DialNext():
                assert self.current
                assert not self.next
                self.next = True
            case HangUp():
                self.current = False
            case DropNext():
                self.next = False
            case Switch():
                assert self.next, "a switch to nothing"
                self.current, self.next = True, False


@given(st.lists(st.tuples(events, st.floats(0, 700)), max_size=80), rules_of_all_kinds)
def test_in_any_order_it_holds_its_promises(moves, rules):
    state, now_s, lines = Disconnected(), 0.0, Lines()
    for event, pause_s in moves:
        now_s += pause_s
        if not lines.may_tell(event):
            continue
        lines.ended(event)
        state, effects = link_step(state, event, now_s, rules)
        for effect in effects:
            lines.perform(effect)
        assert lines.current == isinstance(state, Connecting | Ready | Renewing)
        assert lines.next == isinstance(state, Renewing)
        if isinstance(event, LinkTick) and not isinstance(state, Renewing):
            assert state.deadline_s > now_s, "a deadline that is over spins"
        if not isinstance(state, Disconnected | Refused):
            assert state.deadline_s < math.inf, "it waits for nothing"
        assert state.deadline_s - now_s <= 3600.0 or isinstance(state, Disconnected | Refused)
        breaker = tries_of(state).breaker
        if isinstance(state, WaitingToRetry):
            assert isinstance(breaker, Closed)
        if isinstance(state, OpenCircuit):
            assert breaker == Open(state.deadline_s)


# The network of this machine comes up


def test_what_failed_for_want_of_a_network_is_dialled_when_it_comes_past_an_open_breaker():
    state, _ = offline()
    state, effects = after(state, NetworkUp(), at=1000.0)
    assert effects == (Dial(),)
    assert tries_of(state).failures == 0, "it gets a round of retries of its own"
    _, effects = after(state, Opened(), at=1001.0)
    assert effects == (Announce("back", "dns_failed"),), "people were told that it was away"


@pytest.mark.parametrize("fault", ["no_wifi", "no_route", "dns_failed"])
def test_a_wait_for_the_network_ends_with_it(fault):
    state, _ = after(Disconnected(), Start(), Lost(0.0, fault))
    assert isinstance(state, WaitingToRetry)
    assert after(state, NetworkUp())[1] == (Dial(),)


def test_a_service_that_fails_is_spared_whatever_the_network_does():
    state, _ = after(Disconnected(), Start(), Lost(0.0, "service_unavailable", 30.0))
    assert after(state, NetworkUp()) == (state, ())
    refused, _ = after(Disconnected(), Start(), RefusedForGood("invalid_api_key"))
    assert after(refused, NetworkUp()) == (refused, ())
    assert after(ready(), NetworkUp()) == (ready(), ())
