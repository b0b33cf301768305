"""Debounce the button. Pure: no clock, no I/O; times are given, in seconds of the monotonic clock.

Rules
- A press counts at its very first edge: what is said from there on must be kept.
- A release counts once the contact has been open for DEBOUNCE_MS without a break, and is dated
  at the edge that opened it. Until then every closing is a bounce of the same press, so that a
  press that stops cannot start again.
- Edges can be lost. One that repeats the known level while a release is pending means that the
  contact closed in between: the wait begins anew. Any other repetition tells nothing.
- Edges can come out of order by a little. Time never goes back here: such an edge is taken as
  if it came at the latest time seen.
- The contact begins as open. A button that is down when the device starts has not been pressed:
  it is held, and begins as such (`held`). Its release is one like any other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

DEBOUNCE_MS = 30.0  # tactile switches settle within 5 to 20 ms


@dataclass(frozen=True, slots=True)
class Edge:
    """The contact changed, or is said to have changed."""

    pressed: bool
    at_s: float


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Pressed:
    at_s: float


@dataclass(frozen=True, slots=True)
class Released:
    at_s: float


@dataclass(frozen=True, slots=True)
class Held:
    """The button is down, and nobody has seen it go down."""

    at_s: float


Event = Pressed | Released


@dataclass(frozen=True, slots=True)
class ButtonState:
    """`pressed`: as told. `open_s`: since when the contact of a pressed button has been open."""

    pressed: bool = False
    open_s: float | None = None
    settles_s: float | None = None  # when that opening becomes a release
    latest_s: float = float("-inf")  # no time before this is believed


def held(at_s: float) -> tuple[ButtonState, Held]:
    """Return how a button begins that is down at `at_s` already, and what the finger does."""
    return ButtonState(pressed=True, latest_s=at_s), Held(at_s)


def step(
    state: ButtonState, seen: Edge | Tick, debounce_ms: float = DEBOUNCE_MS
) -> tuple[ButtonState, tuple[Event, ...]]:
    """Return the next state and what the finger did, oldest first. Total: never raises."""
    at_s = max(seen.at_s, state.latest_s)
    state, events = _settle(replace(state, latest_s=at_s))
    if isinstance(seen, Tick):
        return state, events
    if not state.pressed:
        if not seen.pressed:
            return state, events
        return ButtonState(pressed=True, latest_s=at_s), (*events, Pressed(at_s))
    if seen.pressed:
        return replace(state, open_s=None, settles_s=None), events
    return replace(state, open_s=at_s, settles_s=at_s + debounce_ms / 1000), events


def next_tick_s(state: ButtonState) -> float | None:
    """Return the time by which `step` wants a Tick; None if only an edge can matter."""
    return state.settles_s


def _settle(state: ButtonState) -> tuple[ButtonState, tuple[Event, ...]]:
    """Count the release if the contact has been open for long enough."""
    if state.open_s is None or state.settles_s is None or state.latest_s < state.settles_s:
        return state, ()
    return ButtonState(latest_s=state.latest_s), (Released(state.open_s),)
