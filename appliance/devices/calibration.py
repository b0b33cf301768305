"""How loud the microphone is, as `appliance calibrate` has measured it, and what follows from that.

The automatic gain brings any voice to one level, but takes a second to do so each time the device
starts, and everything before it in the chain sees the level that the card gives: a voice 30 dB too
soft is missed in every sixth frame, and one below -52 dBFS interrupts nothing. So what is kept is
one gain in front of the whole chain. It belongs to one card, and does nothing to another.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from appliance.devices.portaudio_system import SoundSystem
from appliance.devices.soundcards import AudioDevice, Direction, SoundCard
from appliance.devices.state_file import StateFile
from appliance.errors import HardwareError
from appliance.ports import Journal

FILE = "calibration.json"
VERSION = 1
LOWEST_DB, HIGHEST_DB = -20.0, 40.0  # of the gain; the chain holds 18 dB over full scale


@dataclass(frozen=True, slots=True)
class Calibration:
    """`microphone` is `name_of` its card. Levels are of the card, before `input_gain_db`."""

    microphone: str
    input_gain_db: float
    speech_dbfs: float  # active level, ITU-T P.56
    noise_dbfs: float
    at_s: float  # Unix time
    mixer_control: str = ""  # of the card, that was set as well; "" if none was
    mixer_db: float = 0.0
    mixer_was_db: float = 0.0

    def gain_db_for(self, microphone: str) -> float:
        """Return the gain for the microphone that is open now, 0 if it is another one."""
        return self.input_gain_db if microphone == self.microphone else 0.0

    def as_state(self) -> dict[str, object]:
        """Return what a StateFile keeps."""
        return {"version": VERSION, **asdict(self)}


def calibration_file(directory: Path) -> StateFile:
    """Return where it is kept, in the directory of the device's state."""
    return StateFile(directory / FILE, VERSION)


def read_calibration(directory: Path | None) -> tuple[Calibration | None, tuple[str, ...]]:
    """Return what was kept, None if there is none, and a line for each thing amiss with it."""
    if directory is None:
        return None, ()
    found = calibration_file(directory).read()
    if found.state is None:
        return None, found.lines
    kept = _calibration(found.state)
    if kept is None:
        return None, (*found.lines, f"{directory / FILE} holds no calibration: calibrate anew")
    return kept, found.lines


def calibration_in(directory: Path | None, journal: Journal) -> Calibration | None:
    """Return what was kept; what is amiss with it goes to the journal."""
    kept, lines = read_calibration(directory)
    for line in lines:
        journal.event("state_damaged", line, level="warning")
    return kept


def _calibration(state: Mapping[str, object]) -> Calibration | None:
    texts = {name: state.get(name, "") for name in ("microphone", "mixer_control")}
    names = ("input_gain_db", "speech_dbfs", "noise_dbfs", "at_s", "mixer_db", "mixer_was_db")
    numbers = {name: _number(state.get(name)) for name in names}
    if not all(isinstance(text, str) for text in texts.values()) or None in numbers.values():
        return None
    gain_db = numbers["input_gain_db"]
    if gain_db is None or not LOWEST_DB <= gain_db <= HIGHEST_DB:
        return None
    known = {name: number for name, number in numbers.items() if number is not None}
    return Calibration(
        microphone=str(texts["microphone"]), mixer_control=str(texts["mixer_control"]), **known
    )


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def name_of(device: AudioDevice, cards: Iterable[SoundCard]) -> str:
    """Return what a microphone is known by, whatever socket it is in and whatever its number."""
    card = next((each for each in cards if each.number == device.card_number), None)
    if card is None:
        return f"pcm:{device.name}"
    return f"usb:{card.usb_id}" if card.usb_id else f"card:{card.card_id}"


def input_gain_db(kept: Calibration | None, system: SoundSystem, selector: str) -> float:
    """Return the gain for what `selector` means now; 0 without a calibration of it."""
    if kept is None:
        return 0.0
    try:
        device = system.find(selector, Direction.CAPTURE)
    except HardwareError:
        return 0.0  # it went between two questions: who opens it will be told
    return kept.gain_db_for(name_of(device, system.cards))
