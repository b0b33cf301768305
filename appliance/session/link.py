"""Decide when to dial, when to wait, when to give way. Pure: no clock, no I/O, no chance.

    Disconnected ──Start, or a press──► Connecting ──Opened──► Ready ◄──► Renewing
    Connecting, or a Ready that is new ──Lost──► WaitingToRetry ──time, or a press──► Connecting
    ... at the end of a round, or when the breaker opens ──► OpenCircuit ──probe──► Connecting
    Ready, Renewing ──Lost──► Connecting, at once
    Ready ──nobody talks for long──► Disconnected
    any ──RefusedForGood──► Refused ──a press──► Connecting

Rules
- A link that had held is dialled anew at once. What fails is retried after `backoff_s`; a round
  of retries that ends without success, or an open breaker, is *offline*: people are told once,
  and one probe is made each `reset_s`, for ever. Coming back is told, too.
- A press shortens the wait for a retry to the first wait of all. It does not force an open
  breaker, nor a service that has said how long to wait.
- When this machine's network comes up, what failed for want of it is dialled at once, by a probe
  and past an open breaker: that one was to spare a service, and none was asked.
- What is final (key, quota, model, account) is not tried again until somebody presses; the first
  press tries at once, further ones once in `reset_s`.
- Before a session is too old, the next one is opened while it still serves (Renewing), and takes
  over in a quiet moment. If the old one dies meanwhile, the next one takes its place.
- An answer that came whole (Served) wipes out all failures before it; a link that holds and does
  not answer (stalled) is a failure however long it has held.
- What waits for the world has a deadline; Disconnected, and Refused without a press, wait for a
  person.
"""

from __future__ import annotations

import math
from dataclasses import replace

from appliance.session.backoff import asked_s, backoff_s
from appliance.session.breaker import WHOLE, Closed, Open, admit, failed
from appliance.session.link_vocabulary import (
    NETWORK_FAULTS,
    STALLED,
    TOO_SLOW,
    Announce,
    Connecting,
    Dial,
    DialNext,
    Disconnected,
    DropNext,
    HangUp,
    LinkEffect,
    LinkEvent,
    LinkRules,
    LinkState,
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
)

__all__ = [
    "STALLED",
    "TOO_SLOW",
    "Announce",
    "Connecting",
    "Dial",
    "DialNext",
    "Disconnected",
    "DropNext",
    "HangUp",
    "LinkEffect",
    "LinkEvent",
    "LinkRules",
    "LinkState",
    "LinkTick",
    "Lost",
    "NetworkUp",
    "NextLost",
    "NextOpened",
    "OpenCircuit",
    "Opened",
    "Ready",
    "Refused",
    "RefusedForGood",
    "Renewing",
    "Served",
    "Start",
    "Switch",
    "Tries",
    "WaitingToRetry",
    "Wanted",
    "link_step",
    "tries_of",
]

Step = tuple[LinkState, tuple[LinkEffect, ...]]


def link_step(state: LinkState, event: LinkEvent, now_s: float, rules: LinkRules) -> Step:
    """Return the next state and the effects to run, in order. Total: never raises."""
    if isinstance(event, LinkTick):
        overdue = now_s >= state.deadline_s
        return _overdue(state, event, now_s, rules) if overdue else (state, ())
    match state:
        case Disconnected() if isinstance(event, Start | Wanted):
            return _dial(Tries(), now_s, rules)
        case Connecting():
            return _connecting(state, event, now_s, rules)
        case Ready():
            return _ready(state, event, now_s, rules)
        case Renewing():
            return _renewing(state, event, now_s, rules)
        case WaitingToRetry(tries, soonest_s) if isinstance(event, Wanted):
            if now_s >= soonest_s:
                return _dial(tries, now_s, rules)
            return replace(state, deadline_s=soonest_s), ()
        case OpenCircuit() if isinstance(event, Wanted):
            return _probe(state, now_s, rules)
        case WaitingToRetry(tries) | OpenCircuit(tries) if isinstance(event, NetworkUp):
            if tries.fault not in NETWORK_FAULTS:
                return state, ()
            return _dial(replace(tries, failures=0, breaker=WHOLE), now_s, rules)
        case Refused() if isinstance(event, Wanted):
            return _press_refused(state, now_s, rules)
        case _:
            return state, ()


def tries_of(state: LinkState) -> Tries:
    """Return what has failed so far."""
    match state:
        case Disconnected():
            return Tries()
        case Renewing(old):
            return old.tries
        case _:
            return state.tries


# States in which a connection is open or being opened


def _connecting(state: Connecting, event: LinkEvent, now_s: float, rules: LinkRules) -> Step:
    match event:
        case Opened():
            known = state.tries
            back = (Announce("back", known.fault),) if known.told else ()
            return _up(replace(known, told=False), now_s, now_s, rules), back
        case Lost(chance, fault, retry_after_s):
            return _fail(state.tries, fault, chance, asked_s(retry_after_s), now_s, rules)
        case RefusedForGood(code, fault):
            return _refuse(state.tries, code, fault, now_s, rules)
        case _:
            return state, ()


def _ready(state: Ready, event: LinkEvent, now_s: float, rules: LinkRules) -> Step:
    match event:
        case Lost(_, fault) if fault == STALLED:
            return _stall(state.tries, now_s, rules)
        case Lost() if now_s - state.opened_s >= rules.settled_s:
            return _dial(Tries(), now_s, rules)
        case Lost(chance, fault, retry_after_s):
            return _fail(state.tries, fault, chance, asked_s(retry_after_s), now_s, rules)
        case RefusedForGood(code, fault):
            return _refuse(state.tries, code, fault, now_s, rules)
        case Served() if state.tries != Tries():
            return replace(state, tries=Tries()), ()
        case Wanted() if rules.idle_close_s < math.inf:
            return _due(replace(state, used_s=now_s), rules), ()
        case _:
            return state, ()


def _renewing(state: Renewing, event: LinkEvent, now_s: float, rules: LinkRules) -> Step:
    match event:
        case NextOpened() if state.next_opened_s is None:
            return replace(state, next_opened_s=now_s, deadline_s=now_s), ()
        case NextLost():
            return _renew_later(state.old, now_s, rules), ()
        case Lost():
            return _switch(state, rules)
        case RefusedForGood(code, fault):
            refused, effects = _refuse(state.old.tries, code, fault, now_s, rules)
            return refused, (DropNext(), *effects)
        case Served() | Wanted():
            old, _ = _ready(state.old, event, now_s, rules)
            return replace(state, old=old) if isinstance(old, Ready) else state, ()
        case _:
            return state, ()


def _dial(tries: Tries, now_s: float, rules: LinkRules) -> Step:
    return Connecting(tries, now_s + rules.dial_timeout_s), (Dial(),)


def _up(tries: Tries, opened_s: float, used_s: float, rules: LinkRules) -> Ready:
    age_s = min(rules.session_age_s, max(0.0, rules.session_cap_s - rules.cap_margin_s))
    return _due(Ready(tries, opened_s, used_s, opened_s + age_s, 0.0), rules)


def _due(ready: Ready, rules: LinkRules) -> Ready:
    return replace(ready, deadline_s=min(ready.renew_s, ready.used_s + rules.idle_close_s))


def _switch(state: Renewing, rules: LinkRules) -> Step:
    """Let the next connection be the one, set up or still on its way."""
    if state.next_opened_s is None:
        return Connecting(Tries(), state.deadline_s), (Switch(),)
    return _up(state.old.tries, state.next_opened_s, state.old.used_s, rules), (Switch(),)


def _renew_later(old: Ready, now_s: float, rules: LinkRules) -> Ready:
    return _due(replace(old, renew_s=now_s + rules.reset_s), rules)


# States in which something has failed


def _fail(
    tries: Tries, fault: str, chance: float, wait_s: float, now_s: float, rules: LinkRules
) -> Step:
    failures = tries.failures + 1
    breaker = failed(tries.breaker, now_s, rules.breaker)
    known = replace(tries, failures=failures, breaker=breaker, fault=fault)
    if isinstance(breaker, Closed) and failures <= rules.max_retries:
        pause_s = max(backoff_s(failures - 1, chance, rules.backoff), wait_s)
        soonest_s = now_s + max(rules.base_delay_s, wait_s)
        return WaitingToRetry(known, soonest_s, now_s + pause_s), ()
    return _go_offline(known, wait_s, now_s, rules)


def _go_offline(tries: Tries, wait_s: float, now_s: float, rules: LinkRules) -> Step:
    probe_s = tries.breaker.until_s if isinstance(tries.breaker, Open) else now_s + rules.reset_s
    probe_s = max(probe_s, now_s + wait_s)
    known = replace(tries, breaker=Open(probe_s), told=True)
    news = () if tries.told else (Announce("offline", tries.fault),)
    return OpenCircuit(known, probe_s), news


def _stall(tries: Tries, now_s: float, rules: LinkRules) -> Step:
    """The wait was long enough already: dial at once, but not for ever."""
    breaker = failed(tries.breaker, now_s, rules.breaker)
    known = replace(tries, failures=tries.failures + 1, breaker=breaker, fault=STALLED)
    if isinstance(breaker, Closed) and known.failures <= rules.max_retries:
        return _dial(known, now_s, rules)
    return _go_offline(known, 0.0, now_s, rules)


def _probe(state: OpenCircuit, now_s: float, rules: LinkRules) -> Step:
    breaker, may = admit(state.tries.breaker, now_s, rules.breaker)
    return _dial(replace(state.tries, breaker=breaker), now_s, rules) if may else (state, ())


def _refuse(tries: Tries, code: str, fault: str, now_s: float, rules: LinkRules) -> Step:
    """Wait for a person, whose first press tries at once; if that is refused, the next waits."""
    breaker = Open(now_s + rules.reset_s if tries.by_hand else now_s)
    known = replace(
        tries, failures=tries.failures + 1, breaker=breaker, fault=fault or code, told=True
    )
    return Refused(known, code, math.inf), (HangUp(), Announce("refused", known.fault))


def _press_refused(state: Refused, now_s: float, rules: LinkRules) -> Step:
    breaker = state.tries.breaker
    if isinstance(breaker, Open) and now_s < breaker.until_s:
        return replace(state, deadline_s=breaker.until_s), ()
    # What fails from here on is trouble of another kind, and gets a round of its own.
    return _dial(replace(state.tries, failures=0, breaker=WHOLE, by_hand=True), now_s, rules)


# Deadlines


def _overdue(state: LinkState, tick: LinkTick, now_s: float, rules: LinkRules) -> Step:
    match state:
        case Connecting(tries):
            failure, effects = _fail(tries, TOO_SLOW, tick.chance, 0.0, now_s, rules)
            return failure, (HangUp(), *effects)
        case Ready():
            return _ready_overdue(state, tick.busy, now_s, rules)
        case Renewing():
            return _renewing_overdue(state, tick.busy, now_s, rules)
        case WaitingToRetry(tries):
            return _dial(tries, now_s, rules)
        case OpenCircuit():
            return _probe(state, now_s, rules)
        case Refused():
            return _press_refused(state, now_s, rules)
        case _:
            return state, ()


def _ready_overdue(state: Ready, busy: bool, now_s: float, rules: LinkRules) -> Step:
    if now_s >= state.used_s + rules.idle_close_s:
        if not busy:
            return Disconnected(), (HangUp(),)
        state = replace(state, used_s=now_s)
    if now_s < state.renew_s:
        return _due(state, rules), ()
    ends_soon = now_s >= state.opened_s + rules.session_cap_s - rules.cap_margin_s
    if busy and not ends_soon:
        return _due(replace(state, renew_s=now_s + rules.busy_retry_s), rules), ()
    return Renewing(state, None, now_s + rules.dial_timeout_s), (DialNext(),)


def _renewing_overdue(state: Renewing, busy: bool, now_s: float, rules: LinkRules) -> Step:
    if state.next_opened_s is None:
        return _renew_later(state.old, now_s, rules), (DropNext(),)
    if busy:
        return replace(state, deadline_s=now_s + rules.busy_retry_s), ()
    return _switch(state, rules)
