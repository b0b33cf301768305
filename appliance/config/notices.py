"""What is allowed but worth a word: deprecated models, settings that the wire no longer takes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from appliance.config.settings import Settings
from appliance.config.sound import KNOWN_VOICES


@dataclass(frozen=True, slots=True)
class Retirement:
    """Models that the service shuts down."""

    names: re.Pattern[str]
    date: str  # ISO 8601
    instead: str

    def notice(self, setting: str, model: str) -> str | None:
        """Return the line about `model`, or None if it stays."""
        if not self.names.fullmatch(model):
            return None
        return f"{setting}: the service shuts {model} down on {self.date}; {self.instead}"


# Dates: the `openai` SDK's types and OpenAI's deprecations page, as of November 2026.
_DATED = r"(-\d{4}-\d{2}-\d{2})?"
_SPEECH = (
    Retirement(
        re.compile(rf"gpt-realtime-mini{_DATED}"), "2027-01-20", "use gpt-realtime-2.1-mini"
    ),
    Retirement(re.compile(rf"gpt-realtime{_DATED}"), "2027-01-20", "use gpt-realtime-2.1"),
    Retirement(
        re.compile(r"gpt-4o(-mini)?-realtime-preview.*"),
        "2026-05-07",
        "after that day it refuses every connection: use gpt-realtime-2.1-mini",
    ),
)
_TRANSCRIPTION = (
    Retirement(
        re.compile(r"whisper-1|gpt-4o(-mini)?-transcribe.*"),
        "2027-02-26",
        "gpt-transcribe is to follow it, but is not confirmed for conversations yet; "
        "without a transcript, turns still work",
    ),
)


def warnings_for(settings: Settings, explicit: Collection[str]) -> list[str]:
    """Return one line for each setting that is worth a word, its dotted name first.

    Args:
        settings: valid settings.
        explicit: dotted names of the settings that someone gave (`Loaded.explicit`): what is a
            default of ours is not held against the user.
    """
    return [
        *_about_models(settings),
        *_about_the_wire(settings, explicit),
        *_about_the_link(settings),
        *_not_yet(explicit),
    ]


# Settings that are taken, so that a file can be written once, and that nothing reads yet.
_NOT_YET = (
    "language.confidence_threshold",
    "language.detection_window",
    "language.auto_switch",
    "language.confirmation_prompt",
    "language.supported.",
    "security.",
    "scaling.max_concurrent_sessions",
    "scaling.resource_allocation.",
)


def has_effect(name: str) -> bool:
    """Return whether this version reads the setting with this dotted name."""
    return not name.startswith(_NOT_YET)


def _not_yet(explicit: Collection[str]) -> Iterator[str]:
    for name in sorted(explicit):
        if not has_effect(name):
            yield f"{name}: has no effect in this version yet"


def _about_models(settings: Settings) -> Iterator[str]:
    transcriber = settings.session.input_audio_transcription.model
    asked = (
        (_SPEECH, "session.model", settings.session.model),
        (_TRANSCRIPTION, "session.input_audio_transcription.model", transcriber),
    )
    for retirements, setting, model in asked:
        notices = (retirement.notice(setting, model) for retirement in retirements)
        yield from (notice for notice in notices if notice is not None)


def _about_the_wire(settings: Settings, explicit: Collection[str]) -> Iterator[str]:
    session, voice, turns = settings.session, settings.voice, settings.turn_detection
    if "session.temperature" in explicit:
        yield "session.temperature: the Realtime API no longer has it; it is never sent"
    if "session.modalities" in explicit and session.modalities != session.output_modalities:
        yield (
            'session.modalities: the Realtime API takes one; ["audio"] is sent, '
            "which brings the text along"
        )
    if voice.name not in KNOWN_VOICES:
        yield (
            f'voice.name: "{voice.name}" is not a voice known to this version '
            f"({', '.join(KNOWN_VOICES)}); the service may refuse it"
        )
    if "turn_detection.eagerness" in explicit and turns.type != "semantic_vad":
        yield "turn_detection.eagerness: has no effect with server_vad"
    if turns.idle_timeout_ms is not None and turns.type != "server_vad":
        yield "turn_detection.idle_timeout_ms: has no effect with semantic_vad"


def _about_the_link(settings: Settings) -> Iterator[str]:
    if settings.websocket.compression:
        yield "websocket.compression: costs latency, and audio hardly gets smaller"
    endpoint = settings.endpoint
    if endpoint.is_public and not endpoint.api_key.get_secret_value():
        yield (
            "endpoint.api_key: none given, and the public service asks for one: set "
            "OPENAI_API_KEY or the systemd credential openai_api_key"
        )
    if endpoint.exposes_key:
        yield "endpoint.url: ws:// sends the key unencrypted over the network; use wss://"
