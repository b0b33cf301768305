"""Keep a day's cost within its cap. Pure: events in, effects out, time and date injected.

Rules
- Each response is charged once, by its usage, or by the documented rule if it has none.
- At 80 % of the cap the person is told, once a day. From 100 % on no turn begins (`may_begin`);
  a turn that has begun is served to its end. A new day, or a higher cap, lets it go on.
- A new day begins when a clock that has been set shows a later date than the sum's. A clock that
  has not been set (a board without a battery starts in 1970, or where it stopped) begins no day,
  and one that goes back keeps the sum: a wrong clock gives no money away.
- In one run, a second new day begins no sooner than 20 h after the one before: a clock that jumps
  forth and back gains one day at most.
- After 26 h of running time, longer than any date lasts, a new sum begins whatever the clock
  says: a wrong clock locks nobody out for ever. Running time is kept over a restart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date
from typing import TypeGuard

from appliance.session.prices import PICO, Prices, Tokens, estimate
from appliance.session.troubles import Begins, Ends

VERSION = 1  # of what `dump` returns
WARNING, CAP = "cost_warning", "cost_cap_reached"  # in the table of faults
LEAST_DAY_S = 20 * 3600.0  # shorter than any date: 23 h, with summer time
LONGEST_DAY_S = 26 * 3600.0  # longer than any date: 25 h
SAVE_EVERY_S = 3600.0  # of running time alone; a charge is saved at once
REMEMBERED = 32  # responses: none is charged twice


@dataclass(frozen=True, slots=True)
class BudgetRules:
    prices: Prices = field(default_factory=Prices)
    cap_usd: float = 0.0  # a day; 0: no cap
    warn_percent: int = 80

    @property
    def cap_pico(self) -> int:
        return round(self.cap_usd * PICO)


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, by two clocks."""

    at_s: float  # of the monotonic clock
    today: date  # where the device is
    clock_set: bool  # whether `today` can be believed


@dataclass(frozen=True, slots=True)
class Billed:
    """A response has ended, with its bill. One without an id is taken for a new one."""

    turn: int
    tokens: Tokens
    response_id: str = ""


@dataclass(frozen=True, slots=True)
class Unbilled:
    """A response has ended without a bill, or with its link."""

    turn: int
    said_ms: int
    reply_ms: int
    response_id: str = ""


@dataclass(frozen=True, slots=True)
class Transcribed:
    """The service has written down what was said."""

    turn: int
    said_ms: int


@dataclass(frozen=True, slots=True)
class SessionBegan:
    """The service knows nothing of what was said before; its text is billed when it is used."""


@dataclass(frozen=True, slots=True)
class Looked:
    """Time has passed, or the program has just started."""


BudgetEvent = Billed | Unbilled | Transcribed | SessionBegan | Looked


@dataclass(frozen=True, slots=True)
class Charged:
    """What this turn has cost so much more."""

    turn: int
    tokens: Tokens
    usd: float
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class DayEnded:
    """The sum of a day, for the journal; None if its date was never known."""

    day: date | None
    usd: float
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class Save:
    """Write `dump(state)` to the card."""


BudgetEffect = Charged | DayEnded | Begins | Ends | Save


@dataclass(frozen=True, slots=True)
class BudgetState:
    """The first five are kept over a restart."""

    day: date | None = None  # that the sum is of; None until a clock has been believed
    spent_pico: int = 0
    tokens: Tokens = field(default_factory=Tokens)
    warned: bool = False  # today
    ran_s: float = 0.0  # since the sum began
    seen_s: float | None = None  # the latest time of this run
    saved_s: float = 0.0  # the running time that is on the card
    turned: bool = False  # a new day has begun in this run
    stopped: bool = False  # the cap's fault stands
    talked: Tokens = field(default_factory=Tokens)  # what this session holds
    charged: tuple[str, ...] = ()  # responses, the newest last

    @property
    def spent_usd(self) -> float:
        return self.spent_pico / PICO


def may_begin(state: BudgetState, rules: BudgetRules) -> bool:
    """Return whether a turn may begin: nothing of it is sent otherwise."""
    return not 0 < rules.cap_pico <= state.spent_pico


def budget_step(
    state: BudgetState, event: BudgetEvent, now: Moment, rules: BudgetRules
) -> tuple[BudgetState, tuple[BudgetEffect, ...]]:
    """Return the next state and the effects to run, in order. Total: never raises."""
    state, effects = _pass_time(state, now)
    match event:
        case Billed(turn, tokens, response_id) if response_id not in state.charged:
            state = replace(_remember(state, response_id), talked=tokens)
            charged = rules.prices.of_tokens(tokens)
            state, more = _charge(state, turn, tokens, charged, estimated=False)
            effects += more
        case Unbilled(turn, said_ms, reply_ms, response_id) if response_id not in state.charged:
            tokens = estimate(said_ms, reply_ms, state.talked)
            state = replace(_remember(state, response_id), talked=tokens)
            charged = rules.prices.of_tokens(tokens)
            state, more = _charge(state, turn, tokens, charged, estimated=True)
            effects += more
        case Transcribed(turn, said_ms):
            charged = rules.prices.of_transcript(said_ms)
            state, more = _charge(state, turn, Tokens(), charged, estimated=False)
            effects += more
        case SessionBegan():
            state = replace(state, talked=Tokens())
        case _:
            pass
    state, told = _compare(state, rules)
    if Save() in effects or told or state.ran_s - state.saved_s >= SAVE_EVERY_S:
        effects = tuple(effect for effect in effects if effect != Save())
        return replace(state, saved_s=state.ran_s), (*effects, *told, Save())
    return state, effects


def _pass_time(state: BudgetState, now: Moment) -> tuple[BudgetState, tuple[BudgetEffect, ...]]:
    """Count the running time, and begin a new day if it is due."""
    before_s = now.at_s if state.seen_s is None else state.seen_s
    seen_s = max(before_s, now.at_s)
    state = replace(state, seen_s=seen_s, ran_s=state.ran_s + seen_s - before_s)
    dated: tuple[BudgetEffect, ...] = ()
    if state.day is None and now.clock_set:
        state, dated = replace(state, day=now.today), (Save(),)
    later = now.clock_set and state.day is not None and now.today > state.day
    by_date = later and (not state.turned or state.ran_s >= LEAST_DAY_S)
    if not by_date and state.ran_s < LONGEST_DAY_S:
        return state, dated
    ended = DayEnded(state.day, state.spent_usd, state.tokens)
    state = replace(
        state,
        day=now.today if now.clock_set else state.day,
        spent_pico=0,
        tokens=Tokens(),
        warned=False,
        ran_s=0.0,
        saved_s=0.0,
        turned=True,
    )
    return state, (ended, Save())


def _charge(
    state: BudgetState, turn: int, tokens: Tokens, pico: int, *, estimated: bool
) -> tuple[BudgetState, tuple[BudgetEffect, ...]]:
    state = replace(state, spent_pico=state.spent_pico + pico, tokens=state.tokens + tokens)
    return state, (Charged(turn, tokens, pico / PICO, estimated), Save())


def _remember(state: BudgetState, response_id: str) -> BudgetState:
    if not response_id:
        return state
    return replace(state, charged=(*state.charged, response_id)[-REMEMBERED:])


def _compare(
    state: BudgetState, rules: BudgetRules
) -> tuple[BudgetState, tuple[BudgetEffect, ...]]:
    """Tell what the sum, the cap or the day has changed."""
    cap, spent = rules.cap_pico, state.spent_pico
    figure = f"${state.spent_usd:.2f} of ${rules.cap_usd:.2f}"
    if not may_begin(state, rules):
        told = () if state.stopped else (Begins(CAP, figure),)
        return replace(state, stopped=True, warned=True), told
    effects: tuple[BudgetEffect, ...] = (Ends(CAP),) if state.stopped else ()
    state = replace(state, stopped=False)
    if cap > 0 and not state.warned and spent * 100 >= cap * rules.warn_percent:
        return replace(state, warned=True), (*effects, Begins(WARNING, figure))
    return state, effects


# On the card


def dump(state: BudgetState) -> dict[str, object]:
    """Return what must outlast a restart, as JSON knows it."""
    return {
        "version": VERSION,
        "day": state.day.isoformat() if state.day else None,
        "spent_pico": state.spent_pico,
        "warned": state.warned,
        "ran_s": round(state.ran_s),
        "tokens": asdict(state.tokens),
    }


def load(saved: Mapping[str, object]) -> BudgetState | None:
    """Return the state that `dump` wrote; None if it did not write this."""
    day, counts = saved.get("day"), saved.get("tokens")
    spent, ran_s, warned = (saved.get(name) for name in ("spent_pico", "ran_s", "warned"))
    names = {each.name for each in fields(Tokens)}
    if saved.get("version") != VERSION or not isinstance(warned, bool):
        return None
    if not (_is_count(spent) and _is_count(ran_s) and isinstance(counts, Mapping)):
        return None
    if set(counts) != names or not all(map(_is_count, counts.values())):
        return None
    try:
        known = None if day is None else date.fromisoformat(str(day))
    except ValueError:
        return None
    return BudgetState(known, spent, Tokens(**counts), warned, float(ran_s), saved_s=float(ran_s))


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
