"""Which light do the LEDs show? What was seen on their lines, held against every pattern."""

from __future__ import annotations

import numpy as np
from machine import Seen
from numpy.typing import NDArray

from appliance.panel.lights import LIGHTS, colour_at
from appliance.ports import Light

BIN_S = 0.05  # several pulses of a dimmed LED
PHASE_S = 0.025  # steps in which a pattern's begin is looked for
SAME_S = 0.02  # for so long a colour must stay, to be told from one that passes by

Duties = NDArray[np.float64]


def misfit(seen: Seen, light: Light, begin_s: float, end_s: float) -> float:
    """Return how far what was seen is from a light's pattern, at the phase that suits it best.

    0.0 is the pattern itself, 1.0 its opposite: the root of the mean square of the differences of
    red, green and blue, less what comes of looking at pulses only now and then.
    """
    middles, duties, chance = _binned(seen, begin_s, end_s)
    period_s = sum(beat.for_s for beat in LIGHTS[light].beats)
    errors = []
    for phase_s in np.arange(0.0, period_s, PHASE_S):
        expected = np.array([_power(light, at - begin_s + phase_s) for at in middles])
        errors.append(np.mean((duties - expected) ** 2) - chance)
    return float(np.sqrt(max(0.0, min(errors))))


def shown(seen: Seen, begin_s: float, end_s: float) -> tuple[Light, float]:
    """Return the light that fits best between two moments, and its misfit."""
    found = {light: misfit(seen, light, begin_s, end_s) for light in LIGHTS}
    best = min(found, key=lambda light: found[light])
    return best, found[best]


def first_steady(seen: Seen, colour: tuple[bool, bool, bool], since_s: float) -> float:
    """Return when the LEDs first gave this colour and kept it, from then on; inf: never."""
    fits = (seen.lit == np.array(colour)).all(axis=1)
    for at in np.flatnonzero(fits & (seen.at_s >= since_s)):
        stretch = (seen.at_s >= seen.at_s[at]) & (seen.at_s <= seen.at_s[at] + SAME_S)
        if fits[stretch].all():
            return float(seen.at_s[at])
    return float("inf")


def _power(light: Light, into_s: float) -> tuple[float, float, float]:
    """Return the mean of a light over a bin around a moment."""
    parts = [colour_at(light, None, 0.0, into_s + off) for off in np.linspace(-0.4, 0.4, 5) * BIN_S]
    return (
        float(np.mean([part.red for part in parts])),
        float(np.mean([part.green for part in parts])),
        float(np.mean([part.blue for part in parts])),
    )


def _binned(seen: Seen, begin_s: float, end_s: float) -> tuple[Duties, Duties, float]:
    """Return the middle of each bin, its duties, and the variance that chance alone makes."""
    edges = np.arange(begin_s, end_s, BIN_S)
    middles, duties, chances = [], [], []
    for edge in edges:
        within = (seen.at_s >= edge) & (seen.at_s < edge + BIN_S)
        count = int(within.sum())
        if count >= 4:
            duty = seen.lit[within].mean(axis=0)
            middles.append(edge + BIN_S / 2)
            duties.append(duty)
            chances.append(np.mean(duty * (1 - duty)) / (count - 1))
    return np.array(middles), np.array(duties), float(np.mean(chances))
