"""The patterns of the LED as JSON: what the device's own LED does, for the one on the page."""

from __future__ import annotations

import json
from collections.abc import Mapping

from appliance.panel.lights import FLASHES, LIGHTS, Pattern
from appliance.ports import Flash, Light


def patterns_json() -> str:
    """Return `{"lights": {name: pattern}, "flashes": {name: pattern}}`.

    A pattern is `{"colour": [red, green, blue], "beats": [[seconds, from, to], …]}`: colours 0 to
    1, and brightness as the eye sees it, 0 to 1. A light's beats go round, a flash's pass once.
    """
    table = {"lights": _named(LIGHTS), "flashes": _named(FLASHES)}
    return json.dumps(table, separators=(",", ":"))


def _named(patterns: Mapping[Light, Pattern] | Mapping[Flash, Pattern]) -> dict[str, object]:
    return {key.value: _plain(pattern) for key, pattern in patterns.items()}


def _plain(pattern: Pattern) -> dict[str, object]:
    colour = pattern.colour
    return {
        "colour": [colour.red, colour.green, colour.blue],
        "beats": [
            [beat.for_s, beat.level, beat.level if beat.to is None else beat.to]
            for beat in pattern.beats
        ],
    }
