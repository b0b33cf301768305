"""The LEDs in words, for a terminal. Pure: text out, no I/O."""

from __future__ import annotations

from appliance.panel.lights import FLASHES, LIGHTS, Rgb
from appliance.ports import Flash, Light

_DARK, _LIT = "○", "●"


def draw(light: Light, flash: Flash | None = None, *, colour: bool = False) -> str:
    """Return one line without its end: a symbol, the light's name, and the flash's in brackets.

    With `colour` the symbol is painted by a 24-bit ANSI sequence.
    """
    symbol = _DARK if light is Light.IDLE and flash is None else _LIT
    if colour:
        symbol = _painted(symbol, (LIGHTS[light] if flash is None else FLASHES[flash]).colour)
    name = light.value.replace("_", " ")
    return f"{symbol} {name}" if flash is None else f"{symbol} {name} ({_name(flash)})"


def _name(flash: Flash) -> str:
    return flash.value.replace("_", " ")


def _painted(text: str, colour: Rgb) -> str:
    parts = (colour.red, colour.green, colour.blue)
    red, green, blue = (round(255 * part) for part in parts)
    return f"\x1b[38;2;{red};{green};{blue}m{text}\x1b[0m"
