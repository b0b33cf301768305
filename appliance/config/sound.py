"""Sections `[audio]` and `[voice]`: sound on the wire and how the reply sounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import field_validator

from appliance.config.section import Conflict, Section, setting

# Voices of the Realtime API in November 2026; a newer name is accepted with a warning.
KNOWN_VOICES = (
    "alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar",
)  # fmt: skip
WIRE_SPEED_MAX = 1.5  # the API's `audio.output.speed` goes no further


class Audio(Section):
    """Sound on the wire, and how much of it is handled at once."""

    format: Literal["pcm16"] = setting(
        "pcm16", "Sample format: signed 16 bit, little endian.", why="the device speaks PCM only"
    )
    sample_rate: Literal[24000] = setting(
        24000, "Sample rate on the wire.", unit="Hz", why="the Realtime API takes 24000 only"
    )
    input_chunk_size: int = setting(
        1024, "Microphone samples that one append carries.", unit="samples", low=240, high=8192
    )
    output_chunk_size: int = setting(
        2048, "Most samples handed to the sound card at a time.", unit="samples", low=240, high=8192
    )
    total_buffer: int = setting(
        4096,
        "Most samples queued towards the sound card; the rest of a reply waits where it can be "
        "cut at once. At least `output_chunk_size`.",
        unit="samples",
        low=240,
        high=65536,
    )
    channels: Literal[1] = setting(
        1, "Channels on the wire.", why="the Realtime API takes mono only"
    )

    @field_validator("sample_rate", "channels", mode="before")
    @classmethod
    def _whole(cls, value: object) -> object:
        if type(value) is not int:  # a Literal takes what is equal: true for 1, 24000.0
            raise ValueError("is not a whole number")
        return value

    def conflicts(self) -> Iterator[Conflict]:
        if self.total_buffer < self.output_chunk_size:
            yield Conflict(
                ("total_buffer", "output_chunk_size"),
                f"{self.total_buffer} is less than output_chunk_size ({self.output_chunk_size}): "
                "one write would not fit",
            )


class Voice(Section):
    """How the reply sounds."""

    name: str = setting(
        "alloy",
        f"Voice of the model. Known: {', '.join(KNOWN_VOICES)}.",
        pattern=r"^\S+$",
        allowed="the name of a voice",
    )
    speed: float = setting(
        1.0,
        f"Speaking rate; up to {WIRE_SPEED_MAX} by the service, the rest on the device.",
        unit="times",
        low=0.25,
        high=4.0,
    )
    pitch: float = setting(
        0.0, "Shift of pitch, on the device.", unit="semitones", low=-20.0, high=20.0
    )
    volume: float = setting(0.8, "Loudness, on the device.", low=0.0, high=1.0)
    emphasis: Literal["none", "moderate", "strong"] = setting(
        "moderate", "How lively the model is told to speak (a sentence in the instructions)."
    )

    @property
    def wire_speed(self) -> float:
        """The part of `speed` that the service does, 0.25 to 1.5."""
        return min(self.speed, WIRE_SPEED_MAX)

    @property
    def device_speed(self) -> float:
        """The part of `speed` that is left for the device's time stretch, 1.0 or more."""
        return self.speed / self.wire_speed
