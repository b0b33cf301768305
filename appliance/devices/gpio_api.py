"""The part of the `RPi.GPIO` API that we use, and what can go wrong with it.

On current kernels and on the Pi 5 `rpi-lgpio` gives that API; on old boards RPi.GPIO itself does.
Where the two differ we keep to what both can do. Names and forms: rpi-lgpio 0.6, RPi.GPIO 0.7.2.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from appliance.errors import HardwareError


class Pwm(Protocol):
    def start(self, dc: float, /) -> None: ...
    def stop(self) -> None: ...
    def ChangeDutyCycle(self, dc: float, /) -> None: ...  # noqa: N802 - RPi.GPIO's name


class GpioModule(Protocol):
    """The part of `RPi.GPIO` that we use."""

    BCM: int
    IN: int
    OUT: int
    LOW: int
    HIGH: int
    PUD_UP: int
    BOTH: int

    def setwarnings(self, value: bool, /) -> None: ...
    def setmode(self, mode: int, /) -> None: ...
    def setup(
        self, channel: int, direction: int, /, pull_up_down: int = ..., initial: int = ...
    ) -> None: ...
    def input(self, channel: int, /) -> int: ...
    def output(self, channel: int, value: int, /) -> None: ...
    def add_event_detect(
        self, channel: int, edge: int, /, callback: Callable[[int], None] = ...
    ) -> None: ...
    def remove_event_detect(self, channel: int, /) -> None: ...
    def cleanup(self, channels: Sequence[int], /) -> None: ...
    def PWM(self, channel: int, frequency: float, /) -> Pwm: ...  # noqa: N802 - RPi.GPIO's name


def load_gpio() -> GpioModule:
    """Import `RPi.GPIO`.

    Raises:
        HardwareError: it is not installed, or this machine has no pins that it can use.
    """
    try:
        return cast(GpioModule, importlib.import_module("RPi.GPIO"))
    except ImportError as missing:
        cure = "on a Raspberry Pi: pip install rpi-lgpio"
        raise unusable(missing, cure) from missing
    except OSError as unwritable:
        # lgpio makes a named pipe in its working directory while it is imported.
        cure = "point LG_WD to a directory that can be written to"
        raise unusable(unwritable, cure) from unwritable
    except RuntimeError as refused:
        raise unusable(refused, "run it on a Raspberry Pi, with access to its GPIO") from refused


def failures_of(gpio: GpioModule) -> tuple[type[Exception], ...]:
    """Return what the library raises. rpi-lgpio lets errors of lgpio through, which are bare."""
    error = getattr(getattr(gpio, "lgpio", None), "error", None)
    usual: tuple[type[Exception], ...] = (RuntimeError, OSError, ValueError)
    if isinstance(error, type) and issubclass(error, Exception):
        return (*usual, error)
    return usual


def unusable(why: Exception, cure: str) -> HardwareError:
    """Return an error of one line: what, and what to do."""
    what = " ".join(str(why).split())
    return HardwareError(f'no GPIO ({what}): {cure}, or set [hardware] panel = "terminal"')
