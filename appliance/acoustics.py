"""pyroomacoustics, for the tools that make rooms, without what it starts on the side."""

from __future__ import annotations

import importlib
import sys
from typing import Any


def load_acoustics() -> Any:
    """Import pyroomacoustics and return it; it publishes no types.

    Where it finds `sounddevice` it imports that, for recording, which starts PortAudio; and that
    looks for sound cards once in a process. Ours would then never see those of the sound room.
    """
    kept = sys.modules.get("sounddevice")
    sys.modules["sounddevice"] = None  # type: ignore[assignment]  # how an import is made to fail
    try:
        return importlib.import_module("pyroomacoustics")
    finally:
        if kept is None:
            del sys.modules["sounddevice"]
        else:
            sys.modules["sounddevice"] = kept
