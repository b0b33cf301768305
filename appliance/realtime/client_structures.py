"""The nested parts of what we send: session settings, items, tools, response parameters.

An optional key that is UNSET is left out of the JSON; `None` is sent as `null`, and only where
the API gives `null` a meaning ("off"). Sources: the `openai` SDK's types
(`openai/types/realtime/*_param.py`) and the API reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Final, Literal

from appliance.units import WIRE_RATE_HZ


class Unset(Enum):
    """The type of UNSET; an enum, so that type checkers narrow `value is UNSET`."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET

Modality = Literal["audio", "text"]


# Session settings


@dataclass(frozen=True, slots=True)
class PcmFormat:
    """s16le mono; the API takes no other rate."""

    TYPE: ClassVar[str] = "audio/pcm"
    rate: int = WIRE_RATE_HZ


@dataclass(frozen=True, slots=True)
class Transcription:
    """What writes down the user's speech. With no language given, the model finds it."""

    model: str | Unset = UNSET
    language: str | Unset = UNSET  # ISO 639-1
    languages: tuple[str, ...] | Unset = UNSET
    keywords: tuple[str, ...] | Unset = UNSET
    prompt: str | Unset = UNSET
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | Unset = UNSET


@dataclass(frozen=True, slots=True)
class NoiseReduction:
    type: Literal["near_field", "far_field"]
    strength: float | Unset = UNSET


@dataclass(frozen=True, slots=True)
class ServerVad:
    """Turn detection by loudness. Send every value: server defaults have been seen to differ."""

    TYPE: ClassVar[str] = "server_vad"
    threshold: float | Unset = UNSET  # 0.0 to 1.0
    prefix_padding_ms: int | Unset = UNSET
    silence_duration_ms: int | Unset = UNSET
    idle_timeout_ms: int | Unset | None = UNSET  # 5000 to 30000
    create_response: bool | Unset = UNSET
    interrupt_response: bool | Unset = UNSET


@dataclass(frozen=True, slots=True)
class SemanticVad:
    """Turn detection by meaning."""

    TYPE: ClassVar[str] = "semantic_vad"
    eagerness: Literal["low", "medium", "high", "auto"] | Unset = UNSET
    create_response: bool | Unset = UNSET
    interrupt_response: bool | Unset = UNSET


TurnDetection = ServerVad | SemanticVad


@dataclass(frozen=True, slots=True)
class AudioInput:
    """`None` turns the feature off; turn detection is on unless it is turned off."""

    format: PcmFormat | Unset = UNSET
    transcription: Transcription | Unset | None = UNSET
    noise_reduction: NoiseReduction | Unset | None = UNSET
    turn_detection: TurnDetection | Unset | None = UNSET


@dataclass(frozen=True, slots=True)
class VoiceId:
    """A custom voice."""

    id: str


@dataclass(frozen=True, slots=True)
class AudioOutput:
    """`voice` is locked after the first audio of a session."""

    format: PcmFormat | Unset = UNSET
    voice: str | VoiceId | Unset = UNSET
    speed: float | Unset = UNSET  # 0.25 to 1.5


@dataclass(frozen=True, slots=True)
class AudioSettings:
    input: AudioInput | Unset = UNSET
    output: AudioOutput | Unset = UNSET


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """`parameters` is a JSON schema of type "object"."""

    TYPE: ClassVar[str] = "function"
    name: str
    description: str | Unset = UNSET
    parameters: Mapping[str, object] | Unset = UNSET


@dataclass(frozen=True, slots=True)
class ChooseFunction:
    """A tool choice that makes the model call this function."""

    TYPE: ClassVar[str] = "function"
    name: str


ToolChoice = Literal["auto", "none", "required"] | ChooseFunction


@dataclass(frozen=True, slots=True)
class RetentionRatio:
    """Truncation that drops old items in blocks, which keeps more of the prompt cache."""

    TYPE: ClassVar[str] = "retention_ratio"
    retention_ratio: float  # 0.0 to 1.0


@dataclass(frozen=True, slots=True)
class Reasoning:
    """For reasoning models only; others refuse it."""

    effort: Literal["minimal", "low", "medium", "high", "xhigh"]


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What `session.update` may set. The model is not here: it is fixed by the URL."""

    TYPE: ClassVar[str] = "realtime"
    instructions: str | Unset = UNSET
    output_modalities: tuple[Modality] | Unset = UNSET  # one of them, never both
    audio: AudioSettings | Unset = UNSET
    max_output_tokens: int | Literal["inf"] | Unset = UNSET  # 1 to 4096
    tools: tuple[FunctionTool, ...] | Unset = UNSET
    tool_choice: ToolChoice | Unset = UNSET
    parallel_tool_calls: bool | Unset = UNSET
    reasoning: Reasoning | Unset = UNSET
    truncation: Literal["auto", "disabled"] | RetentionRatio | Unset = UNSET
    tracing: Literal["auto"] | Unset | None = UNSET
    include: tuple[Literal["item.input_audio_transcription.logprobs"], ...] | Unset = UNSET


# Items of the conversation


@dataclass(frozen=True, slots=True)
class InputText:
    TYPE: ClassVar[str] = "input_text"
    text: str


@dataclass(frozen=True, slots=True)
class InputAudio:
    TYPE: ClassVar[str] = "input_audio"
    audio: bytes  # s16le mono, 24 kHz
    transcript: str | Unset = UNSET


@dataclass(frozen=True, slots=True)
class OutputText:
    TYPE: ClassVar[str] = "output_text"
    text: str


@dataclass(frozen=True, slots=True)
class SystemMessage:
    TYPE: ClassVar[str] = "message"
    ROLE: ClassVar[str] = "system"
    content: tuple[InputText, ...]
    id: str | Unset = UNSET


@dataclass(frozen=True, slots=True)
class UserMessage:
    TYPE: ClassVar[str] = "message"
    ROLE: ClassVar[str] = "user"
    content: tuple[InputText | InputAudio, ...]
    id: str | Unset = UNSET


@dataclass(frozen=True, slots=True)
class AssistantMessage:
    """What the model said earlier, as text; audio cannot be given back to it."""

    TYPE: ClassVar[str] = "message"
    ROLE: ClassVar[str] = "assistant"
    content: tuple[OutputText, ...]
    id: str | Unset = UNSET


@dataclass(frozen=True, slots=True)
class FunctionCallItem:
    TYPE: ClassVar[str] = "function_call"
    call_id: str
    name: str
    arguments: str  # JSON
    id: str | Unset = UNSET


@dataclass(frozen=True, slots=True)
class FunctionCallOutputItem:
    TYPE: ClassVar[str] = "function_call_output"
    call_id: str
    output: str  # any text, JSON by habit
    id: str | Unset = UNSET


@dataclass(frozen=True, slots=True)
class ItemReference:
    """An item of the conversation, as input to an out-of-band response."""

    TYPE: ClassVar[str] = "item_reference"
    id: str


ClientItem = (
    SystemMessage | UserMessage | AssistantMessage | FunctionCallItem | FunctionCallOutputItem
)


# Parameters of one response


@dataclass(frozen=True, slots=True)
class ResponseAudioOutput:
    format: PcmFormat | Unset = UNSET
    voice: str | VoiceId | Unset = UNSET


@dataclass(frozen=True, slots=True)
class ResponseAudio:
    output: ResponseAudioOutput | Unset = UNSET


@dataclass(frozen=True, slots=True)
class ResponseSettings:
    """What one response does differently from the session.

    `conversation` "none" makes it out of band: it reads `input` in place of the conversation and
    adds nothing to it. The server echoes `metadata` (at most 16 pairs; keys to 64 characters,
    values to 512) in `response.created` and `response.done`.
    """

    conversation: Literal["auto", "none"] | Unset = UNSET
    input: tuple[ClientItem | ItemReference, ...] | Unset = UNSET
    instructions: str | Unset = UNSET
    output_modalities: tuple[Modality] | Unset = UNSET
    audio: ResponseAudio | Unset = UNSET
    max_output_tokens: int | Literal["inf"] | Unset = UNSET
    metadata: Mapping[str, str] | Unset | None = UNSET
    tools: tuple[FunctionTool, ...] | Unset = UNSET
    tool_choice: ToolChoice | Unset = UNSET
    parallel_tool_calls: bool | Unset = UNSET
    reasoning: Reasoning | Unset = UNSET
