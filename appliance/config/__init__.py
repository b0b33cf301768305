"""Typed settings: one model per section, read from file, environment and credentials.

The names are fetched when they are asked for: the daemon takes its settings from a process of
their own (see `apart`), and must not hold pydantic for the sake of a type.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from appliance.config.load import Loaded, load, load_settings
    from appliance.config.notices import warnings_for
    from appliance.config.settings import Settings

__all__ = ["Loaded", "Settings", "load", "load_settings", "warnings_for"]
_HOMES = {
    "Loaded": "load",
    "load": "load",
    "load_settings": "load",
    "warnings_for": "notices",
    "Settings": "settings",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    # `load` is a module here, too: the import has just put it in the function's place.
    globals()[name] = value
    return value
