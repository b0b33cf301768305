"""Which sound card is meant, by what does not change when a plug is moved or a kernel counts anew.

    auto                 a USB microphone array that we know, then any USB card, then the default
    card:ArrayUAC10      ALSA's card id, as `arecord -l` prints it
    usb:2886:0018        USB vendor and product
    usb-path:1-1.2       the socket it is plugged into, as /sys/bus/usb/devices names it
    pcm:NAME             a PCM of ALSA's configuration, as `arecord -L` prints it

Numbers of cards are facts of one boot: they are read here and never taken from a setting.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from appliance.errors import HardwareError

# USB microphone arrays that we have met, best first: ReSpeaker Mic Array v2.0, ReSpeaker XVF3800.
KNOWN_ARRAYS = ("2886:0018", "2886:001a")
_HARDWARE = re.compile(r"\(hw:(\d+),\d+\)$")  # how PortAudio ends the name of a card's device


class Direction(Enum):
    """Which way sound goes through a device."""

    CAPTURE = "capture"
    PLAYBACK = "playback"


@dataclass(frozen=True, slots=True)
class SoundCard:
    """One card of the kernel's. `usb_id` ("2886:0018") and `usb_path` ("1-1.2") are "" off USB."""

    number: int
    card_id: str
    usb_id: str
    usb_path: str
    captures: bool
    plays: bool

    def can(self, direction: Direction) -> bool:
        return self.captures if direction is Direction.CAPTURE else self.plays

    def __str__(self) -> str:
        return " ".join(
            word
            for word in (
                f"card:{self.card_id}",
                self.usb_id and f"usb:{self.usb_id}",
                self.usb_path and f"usb-path:{self.usb_path}",
            )
            if word
        )


@dataclass(frozen=True, slots=True)
class AudioDevice:
    """One device of PortAudio's. `index` holds only until PortAudio is started anew."""

    index: int
    name: str
    inputs: int  # channels, 0 if it cannot capture
    outputs: int
    rate_hz: int  # the one it likes best
    is_default_input: bool = False
    is_default_output: bool = False

    def channels(self, direction: Direction) -> int:
        return self.inputs if direction is Direction.CAPTURE else self.outputs

    def is_default(self, direction: Direction) -> bool:
        return self.is_default_input if direction is Direction.CAPTURE else self.is_default_output

    @property
    def card_number(self) -> int | None:
        """Number of the kernel's card behind it; None for a PCM of ALSA's configuration."""
        found = _HARDWARE.search(self.name)
        return int(found.group(1)) if found else None


def read_cards(root: Path = Path("/")) -> tuple[SoundCard, ...]:
    """Return the kernel's sound cards in the order of their numbers, as sysfs has them.

    Args:
        root: where `sys/` is; a test has its own. Without /sys/class/sound there are no cards.
    """
    folder = root / "sys/class/sound"
    cards = [
        _read_card(folder, entry, int(entry.name[4:]))
        for entry in folder.glob("card[0-9]*")
        if entry.name[4:].isdigit()
    ]
    return tuple(sorted(cards, key=lambda card: card.number))


def _read_card(folder: Path, entry: Path, number: int) -> SoundCard:
    usb_id = usb_path = ""
    # `device` leads to the USB interface (1-1.2:1.0); the USB device is the directory above it.
    for parent in (entry / "device").resolve().parents:
        if (parent / "idVendor").exists():
            usb_id = f"{_word(parent / 'idVendor')}:{_word(parent / 'idProduct')}".lower()
            usb_path = parent.name
            break
    return SoundCard(
        number=number,
        card_id=_word(entry / "id") or f"card{number}",
        usb_id=usb_id,
        usb_path=usb_path,
        captures=any(folder.glob(f"pcmC{number}D*c")),
        plays=any(folder.glob(f"pcmC{number}D*p")),
    )


def _word(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""  # the card went while we looked


def resolve(
    selector: str,
    cards: tuple[SoundCard, ...],
    devices: tuple[AudioDevice, ...],
    direction: Direction,
) -> AudioDevice:
    """Return the device that `selector` means, now.

    Raises:
        HardwareError: not a selector, nothing matches (the text says what there is), or more
            than one card does.
    """
    kind, _, value = selector.partition(":")
    if selector == "auto":
        return _automatic(cards, devices, direction)
    if selector.isdigit() or kind == "hw" or kind == "plughw":
        raise HardwareError(
            f"sound card {selector!r}: numbers change from boot to boot; choose by card:, usb:, "
            "usb-path: or pcm: (`appliance devices` lists what there is)"
        )
    if kind == "pcm" and value:
        for device in devices:
            if device.name == value and device.channels(direction):
                return device
    elif kind in ("card", "usb", "usb-path") and value:
        matching = [card for card in cards if _matches(card, kind, value) and card.can(direction)]
        if len(matching) > 1:
            raise HardwareError(
                f"{selector} means {len(matching)} sound cards: "
                + "; ".join(map(str, matching))
                + ". Choose one by its usb-path:"
            )
        if matching:
            return _device_of(matching[0], devices, direction)
    else:
        raise HardwareError(
            f"sound card {selector!r} is not understood: want auto, card:ID, usb:VENDOR:PRODUCT, "
            "usb-path:PATH or pcm:NAME"
        )
    raise HardwareError(
        f"no sound card {selector} for {direction.value}; "
        + _what_there_is(cards, devices, direction)
    )


def is_unplugged(selector: str, cards: tuple[SoundCard, ...], direction: Direction) -> bool:
    """Whether `selector` means a card of the kernel's, and the kernel has none such."""
    kind, _, value = selector.partition(":")
    if kind not in ("card", "usb", "usb-path"):
        return False
    return not any(_matches(card, kind, value) and card.can(direction) for card in cards)


def is_free(
    selector: str, cards: tuple[SoundCard, ...], direction: Direction, root: Path = Path("/")
) -> bool:
    """Whether the kernel would let us have a card that `selector` means, by its name or as auto.

    Args:
        root: where `dev/` is; a test has its own.
    """
    kind, _, value = selector.partition(":")
    end = "c" if direction is Direction.CAPTURE else "p"
    for card in cards:
        if not (card.usb_id if kind == "auto" else _matches(card, kind, value)):
            continue
        for node in (root / "dev/snd").glob(f"pcmC{card.number}D*{end}"):
            try:
                os.close(os.open(node, os.O_RDWR | os.O_NONBLOCK))
            except OSError:
                continue  # another program has it (EBUSY), or it has just gone
            return True
    return False


def _matches(card: SoundCard, kind: str, value: str) -> bool:
    match kind:
        case "card":
            return card.card_id == value
        case "usb":
            return card.usb_id == value.lower()
        case "usb-path":
            return card.usb_path == value
        case _:
            return False


def _automatic(
    cards: tuple[SoundCard, ...], devices: tuple[AudioDevice, ...], direction: Direction
) -> AudioDevice:
    on_usb = [card for card in cards if card.usb_id and card.can(direction)]
    known = [card for usb_id in KNOWN_ARRAYS for card in on_usb if card.usb_id == usb_id]
    for card in known + on_usb:
        for device in devices:
            if device.card_number == card.number and device.channels(direction):
                return device
    for device in devices:
        if device.is_default(direction) and device.channels(direction):
            return device
    raise HardwareError(
        f"no sound card for {direction.value}; " + _what_there_is(cards, devices, direction)
    )


def _device_of(
    card: SoundCard, devices: tuple[AudioDevice, ...], direction: Direction
) -> AudioDevice:
    for device in devices:
        if device.card_number == card.number and device.channels(direction):
            return device
    raise HardwareError(
        f"{card} is plugged in but cannot be opened for {direction.value}: another program "
        "(perhaps a desktop's sound server) has it"
    )


def _what_there_is(
    cards: tuple[SoundCard, ...], devices: tuple[AudioDevice, ...], direction: Direction
) -> str:
    names = [str(card) for card in cards if card.can(direction)]
    names += [
        f"pcm:{device.name}"
        for device in devices
        if device.card_number is None and device.channels(direction)
    ]
    return f"there is {'; '.join(names)}" if names else "there is none at all"
