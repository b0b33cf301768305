"""Decide when to dial, and when to give up. Pure: no clock, no I/O, no chance.

    Down ─Start─► Dialling ─Opened─► Ready ─Lost─► Dialling at once, or Resting if it was new
                     │  ▲              │
              Failed │  │ deadline,    └─ deadline (session age, when no turn is going on): Dialling
                     ▼  │ or a press
                  Resting                any ─Refused─► Refused ─a press─► Dialling

`Failed` waits longer each time (exponential backoff with jitter); it never gives up. `Refused`
(wrong key, no quota, no such model) is not retried by itself: only a press, or its long deadline,
tries again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Down:
    deadline_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Dialling:
    attempt: int
    deadline_s: float


@dataclass(frozen=True, slots=True)
class Ready:
    attempt: int  # failures before this link, forgotten once it has held for a while
    opened_s: float
    deadline_s: float


@dataclass(frozen=True, slots=True)
class Resting:
    attempt: int
    deadline_s: float


@dataclass(frozen=True, slots=True)
class Refused:
    code: str
    deadline_s: float


LinkState = Down | Dialling | Ready | Resting | Refused


@dataclass(frozen=True, slots=True)
class Start:
    pass


@dataclass(frozen=True, slots=True)
class Opened:
    """The session is set up."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection failed or ended."""

    chance: float  # 0.0 to 1.0, for the jitter


@dataclass(frozen=True, slots=True)
class RefusedForGood:
    code: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Somebody pressed the button."""


@dataclass(frozen=True, slots=True)
class LinkTick:
    busy: bool  # a turn is going on


LinkEvent = Start | Opened | Lost | RefusedForGood | Wanted | LinkTick


@dataclass(frozen=True, slots=True)
class Dial:
    pass


@dataclass(frozen=True, slots=True)
class HangUp:
    pass


LinkEffect = Dial | HangUp


@dataclass(frozen=True, slots=True)
class LinkRules:
    """Defaults are the seed's recovery and scaling blocks."""

    base_delay_s: float = 1.0
    max_delay_s: float = 10.0
    multiplier: float = 2.0
    jitter: bool = True
    dial_timeout_s: float = 15.0
    session_age_s: float = 1800.0
    busy_retry_s: float = 10.0
    settled_s: float = 5.0
    refused_s: float = 600.0


def backoff_s(attempt: int, chance: float, rules: LinkRules) -> float:
    """Return the pause before try number `attempt` (from 0), in seconds.

    Args:
        attempt: how many tries have failed since the link was last good, from 0.
        chance: 0.0 to 1.0; spreads devices that lost the service together over 10 %.
    """
    try:
        delay_s = min(rules.base_delay_s * rules.multiplier**attempt, rules.max_delay_s)
    except OverflowError:
        delay_s = rules.max_delay_s
    return delay_s * (1.0 + 0.1 * chance) if rules.jitter else delay_s


def link_step(
    state: LinkState, event: LinkEvent, now_s: float, rules: LinkRules
) -> tuple[LinkState, tuple[LinkEffect, ...]]:
    """Return the next state and the effects to run. Total: never raises."""
    dialling = Dialling(0, now_s + rules.dial_timeout_s)
    match state, event:
        case Down(), Start():
            return dialling, (Dial(),)
        case Dialling(attempt), Opened():
            return Ready(attempt, now_s, now_s + rules.session_age_s), ()
        case Ready(_, opened_s), Lost() if now_s - opened_s >= rules.settled_s:
            return dialling, (Dial(),)
        case ((Dialling(attempt) | Ready(attempt)), Lost(chance)):
            return Resting(attempt + 1, now_s + backoff_s(attempt, chance, rules)), ()
        case ((Resting() | Refused()), Wanted()):
            return dialling, (Dial(),)
        case ((Dialling() | Ready()), RefusedForGood(code)):
            return Refused(code, now_s + rules.refused_s), (HangUp(),)
        case _, LinkTick(busy) if now_s >= state.deadline_s:
            return _overdue(state, busy, now_s, rules)
        case _:
            return state, ()


def _overdue(
    state: LinkState, busy: bool, now_s: float, rules: LinkRules
) -> tuple[LinkState, tuple[LinkEffect, ...]]:
    match state:
        case Ready() if busy:
            return replace(state, deadline_s=now_s + rules.busy_retry_s), ()
        case Ready():
            return Dialling(0, now_s + rules.dial_timeout_s), (HangUp(), Dial())
        case Dialling(attempt):
            return Resting(attempt + 1, now_s + backoff_s(attempt, 1.0, rules)), (HangUp(),)
        case Resting(attempt):
            return Dialling(attempt, now_s + rules.dial_timeout_s), (Dial(),)
        case Refused():
            return Dialling(0, now_s + rules.dial_timeout_s), (Dial(),)
        case Down():
            return state, ()
