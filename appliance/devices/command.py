"""`appliance devices`: what there is to listen and speak with, and what the settings take of it."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from appliance.config.load import load_settings
from appliance.devices.portaudio_system import SoundSystem
from appliance.devices.soundcards import AudioDevice, Direction, SoundCard
from appliance.errors import HardwareError

_EPILOG = """\
examples:
  appliance devices                       copy a selector into hardware.microphone or .speaker
  appliance devices --config my.toml      ... and see which ones these settings would take
  appliance devices --json                for a program

A card may also be chosen as usb:VENDOR:PRODUCT or usb-path:PATH, or left to `auto`: a microphone
array that we know, then any USB card, then the default. Numbers are not taken: they change.
"""
_COLUMNS = ("selector", "name", "card", "usb", "usb path", "in", "out", "rate", "taken as")


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list. `inputs`, `outputs` and `rate_hz` are 0 for a card that is in use."""

    selector: str
    name: str
    card: str
    usb: str
    usb_path: str
    inputs: int
    outputs: int
    rate_hz: int
    taken_as: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a setting takes now: a device's name, or the problem."""

    setting: str
    device: str | None
    problem: str | None


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description = "List microphones and loudspeakers, by names that stay."
    parser.epilog = _EPILOG
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file (TOML)")


def run(args: argparse.Namespace) -> int:
    """Print the list; that there is nothing to list is no error.

    Raises:
        ConfigError: the settings are wrong.
        HardwareError: PortAudio cannot be started.
    """
    hardware = load_settings(args.config).hardware
    with SoundSystem() as system:
        choices = {
            "microphone": _choose(system, hardware.microphone, Direction.CAPTURE),
            "speaker": _choose(system, hardware.speaker, Direction.PLAYBACK),
        }
        listed = list_devices(system.cards, system.devices, choices)
    if args.json:
        shown = {name: asdict(choice) for name, choice in choices.items()}
        print(json.dumps({"devices": [asdict(line) for line in listed]} | shown, indent=2))
        return 0
    for line in format_table(listed):
        print(line)
    for name, choice in choices.items():
        if choice.problem:
            print(f"{name} ({choice.setting}): {choice.problem}")
    return 0


def _choose(system: SoundSystem, selector: str, direction: Direction) -> Choice:
    try:
        return Choice(selector, system.find(selector, direction).name, None)
    except HardwareError as error:
        return Choice(selector, None, str(error))


def list_devices(
    cards: tuple[SoundCard, ...],
    devices: tuple[AudioDevice, ...],
    choices: dict[str, Choice],
) -> list[Listed]:
    """Return a line for each device, then one for each card that PortAudio could not open."""
    by_number = {card.number: card for card in cards}
    opened = {device.card_number for device in devices}
    lines = []
    for device in devices:
        if not device.inputs and not device.outputs:
            continue
        number = device.card_number
        card = by_number.get(number) if number is not None else None
        taken_as = tuple(name for name, choice in choices.items() if choice.device == device.name)
        lines.append(_line(device, card, taken_as))
    return lines + [_line(None, card, ()) for card in cards if card.number not in opened]


def _line(device: AudioDevice | None, card: SoundCard | None, taken_as: tuple[str, ...]) -> Listed:
    if card is not None:
        selector = f"card:{card.card_id}"
    else:
        selector = f"pcm:{device.name}" if device is not None else ""
    return Listed(
        selector=selector,
        name=device.name if device else "(in use by another program)",
        card=card.card_id if card else "",
        usb=card.usb_id if card else "",
        usb_path=card.usb_path if card else "",
        inputs=device.inputs if device else 0,
        outputs=device.outputs if device else 0,
        rate_hz=device.rate_hz if device else 0,
        taken_as=taken_as,
    )


def format_table(listed: list[Listed]) -> list[str]:
    """Return the table, a line each; one line that says so if there is nothing."""
    if not listed:
        return ["no sound card, and no PCM in ALSA's configuration: nothing to list"]
    rows = [_COLUMNS] + [
        (
            line.selector,
            line.name,
            line.card or "-",
            line.usb or "-",
            line.usb_path or "-",
            str(line.inputs),
            str(line.outputs),
            str(line.rate_hz),
            ", ".join(line.taken_as),
        )
        for line in listed
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
