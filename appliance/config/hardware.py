"""Section `[hardware]`: what is plugged in, and how the button is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from pydantic import field_validator

from appliance.config.section import Conflict, Section, setting

_SELECTOR = re.compile(
    r"auto|card:[A-Za-z0-9_-]+|usb:[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4}|usb-path:\d+-\d+(\.\d+)*|pcm:\S.*",
    re.ASCII,
)
# Card numbers in any dress: 1, card:1, hw:1,0, plughw:1, pcm:hw:1, hw:CARD=1.
_NUMBER = re.compile(r"(card:|(pcm:)?(plug|sys|d)?hw:(CARD=)?|pcm:)?\d+(,.*)?", re.ASCII)
_SELECTOR_WORDS = "auto, card:NAME, usb:VVVV:PPPP, usb-path:1-1.2 or pcm:NAME"


def _pin(default: int, meaning: str) -> int:
    pin: int = setting(default, meaning, unit="BCM", low=0, high=27)
    return pin


class Hardware(Section):
    """What is plugged in, and how the button is read."""

    panel: Literal["gpio", "terminal", "none"] = setting(
        "gpio", "Where button and LEDs are: on the header, in a terminal, or nowhere."
    )
    talk_mode: Literal["hold", "tap", "hands_free"] = setting(
        "hold", "Hold the button while speaking, tap it to begin, or speak at any time."
    )
    microphone: str = setting(
        "auto", "Sound card that listens; see `appliance devices`.", allowed=_SELECTOR_WORDS
    )
    speaker: str = setting(
        "auto", "Sound card that speaks; see `appliance devices`.", allowed=_SELECTOR_WORDS
    )
    microphone_channel: int = setting(
        0, "Channel of a microphone with several, from 0; of a `single` one.", low=0, high=7
    )
    array: Literal["single", "linear-2", "linear-4", "respeaker-xvf3000", "respeaker-xvf3800"] = (
        setting("single", "Where the microphones are, if several are to be heard together.")
    )
    array_mode: Literal["superdirective", "delay-sum", "processed"] = setting(
        "superdirective", "A beam that follows the talker, or the array's own processed channel."
    )
    button_pin: int = _pin(17, "Pin of the button, which connects it to ground.")
    led: Literal["rgb", "single", "none"] = setting("rgb", "Kind of LED.")
    led_red_pin: int = _pin(22, "Pin of the red LED (`rgb`).")
    led_green_pin: int = _pin(23, "Pin of the green LED (`rgb`).")
    led_blue_pin: int = _pin(24, "Pin of the blue LED (`rgb`).")
    led_pin: int = _pin(27, "Pin of the LED (`single`).")
    led_active_high: bool = setting(True, "Whether a high pin lights the LED.")
    preroll_ms: int = setting(300, "Sound kept from before the press.", unit="ms", low=0, high=5000)
    debounce_ms: int = setting(
        30, "Time within which contact bounce is ignored.", unit="ms", low=0, high=1000
    )
    min_press_ms: int = setting(150, "A shorter press is not speech.", unit="ms", low=0, high=10000)
    long_press_ms: int = setting(
        1000, "A press this long mutes (`tap` and `hands_free`).", unit="ms", low=100, high=60000
    )
    double_press_ms: int = setting(
        400,
        "Two short presses that begin within this time stop the reply.",
        unit="ms",
        low=0,
        high=5000,
    )
    max_turn_s: float = setting(60.0, "Longest turn.", unit="s", above=0.0, high=170.0)
    reply_timeout_s: float = setting(
        15.0, "Time within which a reply must begin.", unit="s", above=0.0, high=300.0
    )

    @field_validator("microphone", "speaker")
    @classmethod
    def _selector_that_stays(cls, text: str) -> str:
        if _NUMBER.fullmatch(text):
            raise ValueError(
                "is a card's number, which changes with plugs and boots: "
                f"use {_SELECTOR_WORDS}; `appliance devices` lists them"
            )
        if not (_SELECTOR.fullmatch(text) and text.isprintable()):
            raise ValueError(
                f"names no sound card: use {_SELECTOR_WORDS}; `appliance devices` lists them"
            )
        return text.lower() if text.startswith("usb:") else text

    def conflicts(self) -> Iterator[Conflict]:
        if self.panel == "gpio":
            yield from self._shared_pins()
        if self.array_mode == "processed" and not self.array.startswith("respeaker"):
            yield Conflict(
                ("array_mode", "array"), f"array {self.array} has no processed channel of its own"
            )
        if self.long_press_ms <= self.min_press_ms:
            yield Conflict(
                ("long_press_ms", "min_press_ms"),
                f"{self.long_press_ms} is not more than min_press_ms ({self.min_press_ms})",
            )

    def _shared_pins(self) -> Iterator[Conflict]:
        names = {
            "rgb": ("button_pin", "led_red_pin", "led_green_pin", "led_blue_pin"),
            "single": ("button_pin", "led_pin"),
            "none": ("button_pin",),
        }[self.led]
        owner: dict[int, str] = {}
        for name in names:
            pin = getattr(self, name)
            if pin in owner:
                yield Conflict(
                    (name, owner[pin], "led", "panel"), f"pin {pin} is also {owner[pin]}"
                )
            owner.setdefault(pin, name)

    @property
    def preroll_s(self) -> float:
        """`preroll_ms` in seconds."""
        return self.preroll_ms / 1000

    @property
    def debounce_s(self) -> float:
        """`debounce_ms` in seconds."""
        return self.debounce_ms / 1000

    @property
    def min_press_s(self) -> float:
        """`min_press_ms` in seconds."""
        return self.min_press_ms / 1000

    @property
    def long_press_s(self) -> float:
        """`long_press_ms` in seconds."""
        return self.long_press_ms / 1000

    @property
    def double_press_s(self) -> float:
        """`double_press_ms` in seconds."""
        return self.double_press_ms / 1000
