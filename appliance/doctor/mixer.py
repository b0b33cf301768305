"""The gain of a sound card's own converter, through `amixer`.

Only a control that says its scale in dB is of use: of others nobody knows what a step does.
Source: what `amixer contents` prints (alsa-utils 1.2.8), and the TLV types of the kernel's
Documentation/sound/designs/tlv (dBscale: a step in dB; dBminmax: both ends).
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.errors import HardwareError

_WITHIN_S = 5.0
# As ALSA's drivers name what stands before the converter, best first.
_NAMES = ("Capture Volume", "Mic Capture Volume", "Headset Capture Volume", "ADC Capture Volume")
_HEAD = re.compile(r"numid=(\d+),iface=MIXER,name='(.*Capture Volume)'(?:,index=\d+)?$", re.M)
_RANGE = re.compile(r"; type=INTEGER,access=rw\S*,values=(\d+),min=(-?\d+),max=(-?\d+)")
_VALUES = re.compile(r": values=(-?\d+)")
_SCALE = re.compile(r"\| dBscale-min=(-?[\d.]+)dB,step=([\d.]+)dB")
_ENDS = re.compile(r"\| dBminmax-min=(-?[\d.]+)dB,max=(-?[\d.]+)dB")


@dataclass(frozen=True, slots=True)
class Control:
    """A control of a card as it stands; `value` counts its steps."""

    card: int
    number: int  # ALSA's numid
    name: str
    value: int
    low: int
    high: int
    low_db: float  # at `low`
    step_db: float

    @property
    def now_db(self) -> float:
        return self.db_at(self.value)

    def db_at(self, value: int) -> float:
        return self.low_db + self.step_db * (value - self.low)

    def value_at(self, wanted_db: float) -> int:
        """Return the step that is nearest to `wanted_db`, but not above it, within the range."""
        steps = int((wanted_db - self.low_db) / self.step_db + 1e-6)
        return min(self.high, max(self.low, self.low + steps))


def find_control(card: int | None) -> Control | None:
    """Return the capture control of a card (its number of today); None if it has none of use."""
    if card is None:
        return None
    told = _run(["amixer", "-c", str(card), "contents"])
    found = {control.name: control for control in read_controls(card, told or "")}
    preferred = [found[name] for name in _NAMES if name in found]
    return next(iter([*preferred, *found.values()]), None)


def read_controls(card: int, text: str) -> list[Control]:
    """Return the capture controls with a scale in dB, from what `amixer contents` prints."""
    found = []
    for head in _HEAD.finditer(text):
        block = text[head.end() :].split("\nnumid=", 1)[0]
        control = _read(card, int(head.group(1)), head.group(2), block)
        if control is not None:
            found.append(control)
    return found


def _read(card: int, number: int, name: str, block: str) -> Control | None:
    limits, values = _RANGE.search(block), _VALUES.search(block)
    scale, ends = _SCALE.search(block), _ENDS.search(block)
    if limits is None or values is None:
        return None
    low, high = int(limits.group(2)), int(limits.group(3))
    if scale is not None:
        low_db, step_db = float(scale.group(1)), float(scale.group(2))
    elif ends is not None and high > low:
        low_db = float(ends.group(1))
        step_db = (float(ends.group(2)) - low_db) / (high - low)
    else:
        return None
    if step_db <= 0.0:
        return None
    return Control(card, number, name, int(values.group(1)), low, high, low_db, step_db)


def set_value(control: Control, value: int) -> Control:
    """Set the control, and return how it stands then.

    Raises:
        HardwareError: it cannot be set.
    """
    told = _run(["amixer", "-c", str(control.card), "cset", f"numid={control.number}", str(value)])
    now = _read(control.card, control.number, control.name, told or "")
    if now is None:
        raise HardwareError(f"{control.name} of card {control.card} cannot be set (use sudo?)")
    return now


def store(card: int) -> bool:
    """Have ALSA keep the card's mixer over a restart; return whether it does."""
    return _run(["alsactl", "store", str(card)]) is not None


def _run(words: Sequence[str]) -> str | None:
    """Return what a program says, None if it is missing or fails."""
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, errors="replace", timeout=_WITHIN_S, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None
