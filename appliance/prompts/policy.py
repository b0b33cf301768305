"""Decide whether something may be said now. Pure: events in, effects out, time injected.

Rules
- Never while a person talks, never over a reply; what is being said then is cut.
- While somebody waits for an answer, only what says why none comes: STANDING and FINAL.
- One at a time, the most urgent first; of two equal ones the older.
- Never the same one twice within a minute: a second wish for it is forgotten, not kept.
- Of two about the same topic the later one counts; what has waited too long is not said at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

from appliance.faults import Severity
from appliance.prompts.keys import PROMPTS, Prompt


class Floor(Enum):
    """Whose turn it is to speak."""

    FREE = "free"
    PERSON = "person"  # the microphone is open for somebody
    WAITING = "waiting"  # somebody has asked, and nothing of the answer is heard yet
    REPLY = "reply"  # the answer is being played


@dataclass(frozen=True, slots=True)
class Wanted:
    """Something has happened that a person should hear of. An unknown key is ignored."""

    key: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What `topic` was about is over: what waits about it need not be said any more."""

    topic: str


@dataclass(frozen=True, slots=True)
class FloorIs:
    """Whose turn it is now; may be told again and again."""

    floor: Floor


@dataclass(frozen=True, slots=True)
class Ended:
    """The prompt's last sample has left the converter, or there is nothing to play it on."""

    key: str


@dataclass(frozen=True, slots=True)
class PromptTick:
    pass


PromptEvent = Wanted | Settled | FloorIs | Ended | PromptTick


@dataclass(frozen=True, slots=True)
class Say:
    key: str


@dataclass(frozen=True, slots=True)
class Hush:
    """Cut the prompt that is being said."""

    key: str


PromptEffect = Say | Hush


@dataclass(frozen=True, slots=True)
class PromptRules:
    repeat_s: float = 60.0  # the same prompt is not said again within this
    longest_s: float = 10.0  # a prompt that is not heard of for so long has ended


@dataclass(frozen=True, slots=True)
class PromptState:
    """`waiting` and `said` hold a key and a time each, oldest first, each key once at most."""

    floor: Floor = Floor.FREE
    saying: str | None = None
    until_s: float = math.inf  # of what is being said
    waiting: tuple[tuple[str, float], ...] = ()
    said: tuple[tuple[str, float], ...] = ()

    @property
    def deadline_s(self) -> float:
        """When a PromptTick is wanted; infinity if never."""
        return self.until_s


def prompt_step(
    state: PromptState, event: PromptEvent, now_s: float, rules: PromptRules
) -> tuple[PromptState, tuple[PromptEffect, ...]]:
    """Return the next state and the effects to run, in order. Total: never raises."""
    hushed: tuple[PromptEffect, ...] = ()
    if now_s >= state.until_s:
        state = _silent(state)
    match event:
        case Wanted(key) if key in PROMPTS:
            state = _with(state, PROMPTS[key], now_s, rules)
        case Settled(topic):
            state = replace(
                state, waiting=tuple(w for w in state.waiting if PROMPTS[w[0]].topic != topic)
            )
        case FloorIs(floor):
            if state.saying is not None and not _may_go_on(PROMPTS[state.saying], floor):
                hushed = (Hush(state.saying),)
                state = _silent(state)
            if floor is Floor.PERSON and state.floor is not Floor.PERSON:
                state = _without_old_turns(state)
            state = replace(state, floor=floor)
        case Ended(key) if key == state.saying:
            state = _silent(state)
        case _:
            pass
    state, said = _next(state, now_s, rules)
    return state, (*hushed, *said)


def _silent(state: PromptState) -> PromptState:
    return replace(state, saying=None, until_s=math.inf)


def _with(state: PromptState, prompt: Prompt, now_s: float, rules: PromptRules) -> PromptState:
    """Let a prompt wait, in the place of what it makes obsolete."""
    others = tuple(w for w in state.waiting if PROMPTS[w[0]].topic != prompt.topic)
    if _was_said(state, prompt.key, now_s, rules):
        return replace(state, waiting=others)
    return replace(state, waiting=(*others, (prompt.key, now_s)))


def _was_said(state: PromptState, key: str, now_s: float, rules: PromptRules) -> bool:
    return any(k == key and now_s - at_s < rules.repeat_s for k, at_s in state.said)


def _without_old_turns(state: PromptState) -> PromptState:
    """Forget what the last turn came to: its person has begun another."""
    kept = tuple(w for w in state.waiting if PROMPTS[w[0]].severity is not Severity.TURN)
    return replace(state, waiting=kept)


def _may_go_on(prompt: Prompt, floor: Floor) -> bool:
    """Whether a prompt may be heard while the floor is this."""
    match floor:
        case Floor.FREE:
            return True
        case Floor.WAITING:
            return prompt.severity.rank >= Severity.STANDING.rank
        case Floor.PERSON | Floor.REPLY:
            return False


def _next(
    state: PromptState, now_s: float, rules: PromptRules
) -> tuple[PromptState, tuple[PromptEffect, ...]]:
    """Drop what is stale, and say what is due if it may be said."""
    waiting = tuple(
        (key, since_s) for key, since_s in state.waiting if now_s - since_s <= PROMPTS[key].fresh_s
    )
    said = tuple((key, at_s) for key, at_s in state.said if now_s - at_s < rules.repeat_s)
    state = replace(state, waiting=waiting, said=said)
    if state.saying is not None:
        return state, ()
    allowed = [w for w in waiting if _may_go_on(PROMPTS[w[0]], state.floor)]
    if not allowed:
        return state, ()
    # max takes the first of equals, which is the oldest.
    chosen = max(allowed, key=lambda w: PROMPTS[w[0]].severity.rank)
    key = chosen[0]
    saying = replace(
        state,
        saying=key,
        until_s=now_s + rules.longest_s,
        waiting=tuple(w for w in waiting if w is not chosen),
        said=(*said, (key, now_s)),
    )
    return saying, (Say(key),)
