"""What a press means. Pure: no clock, no I/O; times in seconds of the monotonic clock.

    hold               press: talk begins, at once    release: talk ends
    tap, hands_free    short press: toggle            held for LONG_PRESS: mute or unmute
    any                two short presses: stop        held for over a minute: stuck

Rules
- Nothing waits to see whether more will come. The first press of a double press does what one
  press does, and Stop follows when the second one is released. In tap and hands_free the second
  press is Stop alone: a toggle before it would only send off what is being dropped.
- A double press is two presses, each short (below min_press_ms where holding is talking, below
  long_press_ms elsewhere), whose starts lie within double_press_ms. A third one is a new first.
- A long press counts while it is still held, and its release does nothing.
- Talk ends at the latest when a turn may last no longer; the release then does nothing.
- A stuck button is reported once and obeyed no longer: nothing until it is released, which is
  reported too. Where holding is talking, a button is not stuck while a turn may last.
- A button that was down before anybody looked means nothing, whatever it is held for, but that it
  is stuck after a minute.
- A late Tick changes nothing: what was due before an event comes out before it, with its date.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from appliance.panel.button import Held, Pressed, Released, Tick

TalkMode = Literal["hold", "tap", "hands_free"]


@dataclass(frozen=True, slots=True)
class GestureRules:
    talk_mode: TalkMode = "hold"
    min_press_ms: float = 150.0  # shorter is a tap, not talk (hold mode)
    double_press_ms: float = 400.0  # from start to start
    long_press_ms: float = 800.0  # tap and hands_free
    max_turn_s: float = 60.0  # holding is not talking for longer (hold mode)
    stuck_s: float = 60.0  # nobody holds a button for longer


@dataclass(frozen=True, slots=True)
class TalkStart:
    at_s: float


@dataclass(frozen=True, slots=True)
class TalkEnd:
    at_s: float
    held_ms: float


@dataclass(frozen=True, slots=True)
class Toggle:
    """Start or stop listening."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Stop:
    at_s: float


@dataclass(frozen=True, slots=True)
class ToggleMute:
    at_s: float


@dataclass(frozen=True, slots=True)
class StuckButton:
    """The button has been down for longer than anybody holds it."""

    at_s: float


@dataclass(frozen=True, slots=True)
class FreeButton:
    """A button that was stuck has been released: it is obeyed again."""

    at_s: float


Gesture = TalkStart | TalkEnd | Toggle | Stop | ToggleMute | StuckButton | FreeButton


@dataclass(frozen=True, slots=True)
class GestureState:
    pressed_s: float | None = None  # since when the button is down
    first_s: float | None = None  # start of a short press that may be half of a double press
    was_long: bool = False  # this press has been taken as a long one
    was_over: bool = False  # its talk has ended, and it is still held
    was_stuck: bool = False  # this press has been reported as stuck


def step(
    state: GestureState, seen: Pressed | Held | Released | Tick, rules: GestureRules
) -> tuple[GestureState, tuple[Gesture, ...]]:
    """Return the next state and what was meant, in order. Total: never raises."""
    state, due = _overdue(state, seen.at_s, rules)
    match seen:
        case Pressed(at_s) if state.pressed_s is None:
            begun: tuple[Gesture, ...] = (TalkStart(at_s),) if rules.talk_mode == "hold" else ()
            return replace(state, pressed_s=at_s), (*due, *begun)
        case Held(at_s) if state.pressed_s is None:
            # As a press of which all has been taken that could be meant.
            return GestureState(pressed_s=at_s, was_long=True, was_over=True), due
        case Released(at_s) if state.pressed_s is not None:
            state, ended = _released(state, state.pressed_s, at_s, rules)
            return state, (*due, *ended)
        case _:
            return state, due


def next_tick_s(state: GestureState, rules: GestureRules) -> float | None:
    """Return the time by which `step` wants a Tick; None if only a press or release can matter."""
    if state.pressed_s is None or state.was_stuck:
        return None
    stuck_s = _stuck_s(state.pressed_s, rules)
    if rules.talk_mode == "hold":
        return stuck_s if state.was_over else min(state.pressed_s + rules.max_turn_s, stuck_s)
    return stuck_s if state.was_long else min(_long_s(state.pressed_s, rules), stuck_s)


def _overdue(
    state: GestureState, now_s: float, rules: GestureRules
) -> tuple[GestureState, tuple[Gesture, ...]]:
    """Take what time alone has brought about up to `now_s`."""
    if state.pressed_s is None or state.was_stuck:
        return state, ()
    gestures: tuple[Gesture, ...] = ()
    long_s, stuck_s = _long_s(state.pressed_s, rules), _stuck_s(state.pressed_s, rules)
    over_s = state.pressed_s + rules.max_turn_s
    if rules.talk_mode != "hold" and not state.was_long and now_s >= long_s < stuck_s:
        state, gestures = replace(state, was_long=True, first_s=None), (ToggleMute(long_s),)
    if rules.talk_mode == "hold" and not state.was_over and now_s >= over_s:
        state = replace(state, was_over=True, first_s=None)
        gestures = (TalkEnd(over_s, rules.max_turn_s * 1000),)
    if now_s < stuck_s:
        return state, gestures
    return replace(state, was_stuck=True, first_s=None), (*gestures, StuckButton(stuck_s))


def _released(
    state: GestureState, pressed_s: float, at_s: float, rules: GestureRules
) -> tuple[GestureState, tuple[Gesture, ...]]:
    if state.was_stuck:
        return GestureState(), (FreeButton(at_s),)
    if state.was_long or state.was_over:
        return GestureState(), ()
    holding = rules.talk_mode == "hold"
    held_ms = max(0.0, (at_s - pressed_s) * 1000)
    is_short = held_ms < (rules.min_press_ms if holding else rules.long_press_ms)
    since_first_ms = None if state.first_s is None else (pressed_s - state.first_s) * 1000
    is_double = is_short and since_first_ms is not None and since_first_ms <= rules.double_press_ms
    gestures: tuple[Gesture, ...] = (TalkEnd(at_s, held_ms),) if holding else ()
    if is_double:
        gestures = (*gestures, Stop(at_s))
    elif not holding:
        gestures = (Toggle(at_s),)
    return GestureState(first_s=pressed_s if is_short and not is_double else None), gestures


def _long_s(pressed_s: float, rules: GestureRules) -> float:
    return pressed_s + rules.long_press_ms / 1000


def _stuck_s(pressed_s: float, rules: GestureRules) -> float:
    holding = rules.talk_mode == "hold"
    return pressed_s + (max(rules.stuck_s, rules.max_turn_s) if holding else rules.stuck_s)
