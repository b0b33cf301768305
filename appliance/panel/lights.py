"""What the LEDs show. Pure: no clock, no I/O; times in seconds of the monotonic clock.

Each light is a colour and a rhythm. The rhythm alone tells them apart, so that one LED is
enough, and so that nobody needs to see colours. No light or flash blinks more than three times in
any second (WCAG 2.3.1: more can provoke seizures).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from appliance.ports import Flash, Light

STEP_S = 0.05  # between the steps of a fade: 20 a second look smooth
_HAIR_S = 1e-4  # a beat begins this much early, so that rounding cannot place us just before it


@dataclass(frozen=True, slots=True)
class Rgb:
    """What the red, green and blue LED give, 0.0 to 1.0 each."""

    red: float
    green: float
    blue: float


@dataclass(frozen=True, slots=True)
class Beat:
    """A part of a rhythm: brightness as the eye sees it, 0.0 to 1.0; `to` makes it a fade."""

    for_s: float
    level: float
    to: float | None = None


@dataclass(frozen=True, slots=True)
class Pattern:
    colour: Rgb
    beats: tuple[Beat, ...]  # of a light: over and over; of a flash: once


def _on(for_s: float) -> Beat:
    return Beat(for_s, 1.0)


def _off(for_s: float) -> Beat:
    return Beat(for_s, 0.0)


RED, GREEN, BLUE = Rgb(1, 0, 0), Rgb(0, 1, 0), Rgb(0, 0, 1)
WHITE, AMBER, PURPLE, CYAN, PINK = (
    Rgb(1, 1, 1),
    Rgb(1, 0.4, 0),
    Rgb(0.6, 0, 1),
    Rgb(0, 0.7, 1),
    Rgb(1, 0, 0.3),
)

LIGHTS: dict[Light, Pattern] = {
    # It waits for a person: slow and even, like a cursor.
    Light.SETUP: Pattern(BLUE, (_on(1.0), _off(1.0))),
    # It is busy and will be done soon: breathing needs no answer.
    Light.STARTING: Pattern(WHITE, (Beat(1.0, 0.0, to=1.0), Beat(1.0, 1.0, to=0.0))),
    # Two blinks: "no, no". Amber: it mends itself.
    Light.NO_NETWORK: Pattern(AMBER, (_on(0.15), _off(0.2), _on(0.15), _off(1.5))),
    # Three blinks, and red: a person has to do something.
    Light.FAULT: Pattern(RED, (_on(0.15), _off(0.2), _on(0.15), _off(0.2), _on(0.15), _off(1.15))),
    # Steady, as on a camera: as long as this is on, the microphone is.
    Light.LISTENING: Pattern(GREEN, (_on(1.0),)),
    # Quick and even: it works.
    Light.THINKING: Pattern(PURPLE, (_on(0.25), _off(0.25))),
    # On, with a short dip: not quite the steady light of listening.
    Light.SPEAKING: Pattern(CYAN, (_on(0.85), _off(0.15))),
    # Long, short, as in Morse's N, for no.
    Light.MUTED: Pattern(PINK, (_on(0.8), _off(0.3), _on(0.2), _off(0.7))),
    # Dark, but for a blip that shows it is alive: a steady light glows on a dead program too.
    # A full colour, because one that is mixed needs PWM, and this light is on for most of a life.
    Light.IDLE: Pattern(GREEN, (_on(0.06), _off(3.94))),
}

# A flash begins and ends dark, so that it shows on a light that is on.
FLASHES: dict[Flash, Pattern] = {
    # Two short: "tap-tap", the press was no more than that.
    Flash.TOO_SHORT: Pattern(AMBER, (_off(0.1), _on(0.1), _off(0.1), _on(0.1), _off(0.1))),
    # One long, and red.
    Flash.ERROR: Pattern(RED, (_off(0.1), _on(0.8), _off(0.1))),
    # One short.
    Flash.CONFIRM: Pattern(WHITE, (_off(0.1), _on(0.2), _off(0.1))),
}

_RANK = {light: rank for rank, light in enumerate(Light)}

Overlay = tuple[Flash, float]  # a flash and when it began


def most_urgent(lights: Iterable[Light]) -> Light:
    """Return the light that wins; IDLE if there is none."""
    return min(lights, key=_RANK.__getitem__, default=Light.IDLE)


def flash_s(flash: Flash) -> float:
    """Return how long a flash lasts, in seconds."""
    return sum(beat.for_s for beat in FLASHES[flash].beats)


def colour_at(light: Light, flash: Overlay | None, light_started_s: float, now_s: float) -> Rgb:
    """Return what red, green and blue give at `now_s`."""
    moment = _moment(light, flash, light_started_s, now_s)
    colour, power = moment.pattern.colour, _power(moment)
    return Rgb(colour.red * power, colour.green * power, colour.blue * power)


def mono_at(light: Light, flash: Overlay | None, light_started_s: float, now_s: float) -> float:
    """Return what a single LED gives at `now_s`, 0.0 to 1.0."""
    return _power(_moment(light, flash, light_started_s, now_s))


def next_change_s(
    light: Light, flash: Overlay | None, light_started_s: float, now_s: float
) -> float | None:
    """Return when to draw again, always later than `now_s`; None if nothing will change."""
    moment = _moment(light, flash, light_started_s, now_s)
    if moment.is_steady:
        return None
    left_s = moment.left_s + _HAIR_S
    if moment.beat.to is not None and left_s > 1.5 * STEP_S:
        return now_s + STEP_S
    return now_s + left_s


@dataclass(frozen=True, slots=True)
class _Moment:
    pattern: Pattern
    beat: Beat
    left_s: float  # until the next beat
    is_steady: bool = False


def _moment(light: Light, flash: Overlay | None, light_started_s: float, now_s: float) -> _Moment:
    if flash is not None:
        sign, flash_started_s = flash
        over = _beat_at(FLASHES[sign], max(0.0, now_s - flash_started_s) + _HAIR_S)
        if over is not None:
            return over
    pattern = LIGHTS[light]
    period_s = sum(beat.for_s for beat in pattern.beats)
    into_s = (max(0.0, now_s - light_started_s) + _HAIR_S) % period_s
    found = _beat_at(pattern, into_s)
    if found is None:  # into_s met the period by rounding
        found = _Moment(pattern, pattern.beats[0], pattern.beats[0].for_s)
    steady = len(pattern.beats) == 1 and pattern.beats[0].to is None
    return _Moment(pattern, found.beat, found.left_s, steady)


def _beat_at(pattern: Pattern, into_s: float) -> _Moment | None:
    end_s = 0.0
    for beat in pattern.beats:
        end_s += beat.for_s
        if into_s < end_s:
            return _Moment(pattern, beat, end_s - into_s)
    return None


def _power(moment: _Moment) -> float:
    """Return the duty that looks as bright as the beat says: the eye answers to the root."""
    beat = moment.beat
    if beat.to is None:
        return beat.level**2
    done = min(1.0, max(0.0, 1 - moment.left_s / beat.for_s))
    return float((beat.level + (beat.to - beat.level) * done) ** 2)
