"""Sections `[turn_detection]`, `[language]` and `[session]`: how a conversation is held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field, field_validator

from appliance.config.section import Conflict, Section, setting

_MODEL_NAME = r"^\S+$"


class TurnDetection(Section):
    """How the service notices that the speaker has finished (tap-to-talk and hands-free)."""

    type: Literal["server_vad", "semantic_vad"] = setting(
        "server_vad", "By silence (`server_vad`) or by meaning (`semantic_vad`)."
    )
    threshold: float = setting(
        0.5, "How sure the service must be that it hears speech.", low=0.0, high=1.0
    )
    prefix_padding_ms: int = setting(
        300, "Sound kept from before the speech began.", unit="ms", low=0, high=10000
    )
    silence_duration_ms: int = setting(
        500, "Silence that ends a turn.", unit="ms", low=0, high=10000
    )
    create_response: bool = setting(True, "Whether the end of a turn asks for a reply by itself.")
    interrupt_response: bool = setting(True, "Whether speech interrupts the reply that plays.")
    idle_timeout_ms: Annotated[int, Field(ge=5000, le=30000)] | None = setting(
        None, "Silence after which the model speaks up (`server_vad` only).", unit="ms"
    )
    eagerness: Literal["low", "medium", "high", "auto"] = setting(
        "auto", "How soon the model takes its turn (`semantic_vad` only)."
    )


class SpokenLanguage(Section):
    """One language that can be told apart."""

    confidence: float = setting(..., "How sure its detection is expected to be.", low=0.0, high=1.0)
    code: str = setting(
        ...,
        "Its code, for the service.",
        pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
        allowed='an ISO 639 code like "it"',
    )


SEED_LANGUAGES: Mapping[str, SpokenLanguage] = MappingProxyType(
    {
        "english": SpokenLanguage(confidence=0.95, code="en"),
        "spanish": SpokenLanguage(confidence=0.90, code="es"),
        "french": SpokenLanguage(confidence=0.88, code="fr"),
        "german": SpokenLanguage(confidence=0.85, code="de"),
        "japanese": SpokenLanguage(confidence=0.82, code="ja"),
        "chinese": SpokenLanguage(confidence=0.80, code="zh"),
        "portuguese": SpokenLanguage(confidence=0.78, code="pt"),
        "russian": SpokenLanguage(confidence=0.75, code="ru"),
    }
)


class Language(Section):
    """Which languages are told apart, and when the device follows a change."""

    confidence_threshold: float = setting(
        0.7, "Confidence from which a detected language counts.", low=0.0, high=1.0
    )
    detection_window: int = setting(
        3000, "Speech that is looked at.", unit="ms", low=500, high=30000
    )
    fallback_language: str = setting(
        "english", "Language when detection fails.", allowed="a name of `supported`"
    )
    auto_switch: bool = setting(True, "Whether the device follows the speaker's language.")
    confirmation_prompt: bool = setting(True, "Whether it confirms a change in the new language.")
    supported: Mapping[str, SpokenLanguage] = setting(
        dict(SEED_LANGUAGES),
        "The languages. Naming one replaces the list; what a named one of these eight leaves out "
        "keeps its value.",
        allowed="a table for each language, with `confidence` (0 to 1) and `code` (ISO 639)",
    )

    @field_validator("supported", mode="before")
    @classmethod
    def _fill_from_the_seed(cls, given: object) -> object:
        if not isinstance(given, Mapping):
            return given
        return {
            name: {**SEED_LANGUAGES[name].model_dump(), **entry}
            if isinstance(entry, Mapping) and name in SEED_LANGUAGES
            else entry
            for name, entry in given.items()
        }

    def conflicts(self) -> Iterator[Conflict]:
        if self.fallback_language not in self.supported:
            yield Conflict(
                ("fallback_language", f"supported.{self.fallback_language}"),
                f'"{self.fallback_language}" is not one of language.supported: '
                + ", ".join(self.supported),
            )

    @property
    def detection_window_s(self) -> float:
        """`detection_window` in seconds."""
        return self.detection_window / 1000


class InputAudioTranscription(Section):
    """The transcript of what the user said; its failure never ends a turn."""

    model: str = setting(
        "whisper-1",
        "Model that writes down what the user said.",
        pattern=_MODEL_NAME,
        allowed="the name of a model",
    )


class NoiseReduction(Section):
    """Noise reduction, on the device and at the service."""

    enabled: bool = setting(True, "Whether the device reduces noise.")
    level: Literal["off", "low", "moderate", "high"] = setting(
        "moderate", "How much the device reduces noise."
    )
    remote: Literal["none", "near_field", "far_field"] = setting(
        "none", "Noise reduction at the service: none, close talk, or across a room."
    )


class Session(Section):
    """What is asked of the model, and the device's own sound processing."""

    model: str = setting(
        "gpt-realtime-2.1-mini",
        "Realtime model. Any name is accepted; a deprecated one is warned about.",
        pattern=_MODEL_NAME,
        allowed="the name of a model",
    )
    modalities: Annotated[tuple[Literal["text", "audio"], ...], Field(strict=False)] = setting(
        ("text", "audio"),
        'Kept from the beta. The service now gets `["audio"]`, which brings the text along.',
        allowed='a list of "text" and "audio"',
    )
    personality: str = setting("friendly", "Manner of the assistant, one word or a few.")
    instructions: str = setting("", "Free text that is added to the instructions.")
    input_audio_transcription: InputAudioTranscription = InputAudioTranscription()
    tool_choice: Literal["auto", "none", "required"] = setting(
        "auto", "Whether the model may, must not or must use a tool."
    )
    temperature: float = setting(
        0.8,
        "Kept from the beta; the Realtime API no longer has it, so it is never sent.",
        low=0.0,
        high=2.0,
    )
    max_response_output_tokens: Annotated[int, Field(ge=1, le=4096)] | Literal["inf"] = setting(
        4096, "Most tokens of one reply.", unit="tokens"
    )
    noise_reduction: NoiseReduction = NoiseReduction()
    echo_cancellation: bool = setting(True, "Whether the device removes its own voice.")
    auto_gain_control: bool = setting(True, "Whether the device evens out loudness.")

    @property
    def output_modalities(self) -> tuple[Literal["audio"]]:
        """What goes on the wire: this device has no screen, and audio brings its transcript."""
        return ("audio",)
