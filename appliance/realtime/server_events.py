"""The 46 events that the server sends. Source: `RealtimeServerEvent` of the `openai` SDK.

Fields are the SDK's, with three that it requires made optional, because nothing here depends on
them and a server that leaves one out should still be understood: `error.event_id`, `name` of
`response.function_call_arguments.done`, and `usage` of a finished transcription.
One long file, so that the union stands beside its members.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from appliance.realtime.server_structures import (
    ContentPart,
    Conversation,
    ErrorDetail,
    Item,
    Language,
    LogProb,
    RateLimit,
    Response,
    SessionInfo,
    TranscriptionError,
    TranscriptionUsage,
)

# Places that many events share


@dataclass(frozen=True, slots=True)
class _ItemEvent:
    event_id: str
    item_id: str


@dataclass(frozen=True, slots=True)
class _OutputEvent:
    """About one item of a response."""

    event_id: str
    response_id: str
    item_id: str
    output_index: int


@dataclass(frozen=True, slots=True)
class _PartEvent(_OutputEvent):
    """About one content part of that item."""

    content_index: int


# Session


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """Something we sent was refused, or the session is over. Most leave the session open."""

    TYPE: ClassVar[str] = "error"
    error: ErrorDetail
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class SessionCreated:
    """The first event of every connection."""

    TYPE: ClassVar[str] = "session.created"
    event_id: str
    session: SessionInfo


@dataclass(frozen=True, slots=True)
class SessionUpdated:
    TYPE: ClassVar[str] = "session.updated"
    event_id: str
    session: SessionInfo


@dataclass(frozen=True, slots=True)
class ConversationCreated:
    TYPE: ClassVar[str] = "conversation.created"
    event_id: str
    conversation: Conversation


@dataclass(frozen=True, slots=True)
class RateLimitsUpdated:
    """Comes when a response starts: never a sign of its end."""

    TYPE: ClassVar[str] = "rate_limits.updated"
    event_id: str
    rate_limits: tuple[RateLimit, ...]


# Items


@dataclass(frozen=True, slots=True)
class ConversationItemAdded:
    TYPE: ClassVar[str] = "conversation.item.added"
    event_id: str
    item: Item
    previous_item_id: str | None = None


@dataclass(frozen=True, slots=True)
class ConversationItemDone:
    TYPE: ClassVar[str] = "conversation.item.done"
    event_id: str
    item: Item
    previous_item_id: str | None = None


@dataclass(frozen=True, slots=True)
class ConversationItemCreated:
    """The beta's name for added and done."""

    TYPE: ClassVar[str] = "conversation.item.created"
    event_id: str
    item: Item
    previous_item_id: str | None = None


@dataclass(frozen=True, slots=True)
class ConversationItemRetrieved:
    TYPE: ClassVar[str] = "conversation.item.retrieved"
    event_id: str
    item: Item


@dataclass(frozen=True, slots=True)
class ConversationItemDeleted(_ItemEvent):
    TYPE: ClassVar[str] = "conversation.item.deleted"


@dataclass(frozen=True, slots=True)
class ConversationItemTruncated(_ItemEvent):
    TYPE: ClassVar[str] = "conversation.item.truncated"
    content_index: int
    audio_end_ms: int


# What the user said; may come before or after the response's events


@dataclass(frozen=True, slots=True)
class InputTranscriptionDelta(_ItemEvent):
    TYPE: ClassVar[str] = "conversation.item.input_audio_transcription.delta"
    content_index: int | None = None
    delta: str | None = None
    logprobs: tuple[LogProb, ...] | None = None


@dataclass(frozen=True, slots=True)
class InputTranscriptionCompleted(_ItemEvent):
    TYPE: ClassVar[str] = "conversation.item.input_audio_transcription.completed"
    content_index: int
    transcript: str
    usage: TranscriptionUsage | None = None
    languages: tuple[Language, ...] | None = None
    logprobs: tuple[LogProb, ...] | None = None


@dataclass(frozen=True, slots=True)
class InputTranscriptionFailed(_ItemEvent):
    TYPE: ClassVar[str] = "conversation.item.input_audio_transcription.failed"
    content_index: int
    error: TranscriptionError


@dataclass(frozen=True, slots=True)
class InputTranscriptionSegment(_ItemEvent):
    TYPE: ClassVar[str] = "conversation.item.input_audio_transcription.segment"
    content_index: int
    id: str
    speaker: str
    start: float  # s
    end: float  # s
    text: str


# Input audio


@dataclass(frozen=True, slots=True)
class InputAudioBufferCommitted(_ItemEvent):
    TYPE: ClassVar[str] = "input_audio_buffer.committed"
    previous_item_id: str | None = None


@dataclass(frozen=True, slots=True)
class InputAudioBufferCleared:
    TYPE: ClassVar[str] = "input_audio_buffer.cleared"
    event_id: str


@dataclass(frozen=True, slots=True)
class InputAudioBufferSpeechStarted(_ItemEvent):
    TYPE: ClassVar[str] = "input_audio_buffer.speech_started"
    audio_start_ms: int  # since the session began


@dataclass(frozen=True, slots=True)
class InputAudioBufferSpeechStopped(_ItemEvent):
    TYPE: ClassVar[str] = "input_audio_buffer.speech_stopped"
    audio_end_ms: int  # since the session began


@dataclass(frozen=True, slots=True)
class InputAudioBufferTimeoutTriggered(_ItemEvent):
    TYPE: ClassVar[str] = "input_audio_buffer.timeout_triggered"
    audio_start_ms: int
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class InputAudioBufferDtmfEventReceived:
    """SIP only; the one event without an id."""

    TYPE: ClassVar[str] = "input_audio_buffer.dtmf_event_received"
    event: str  # the key: 0-9, A-D, # or *
    received_at: int  # Unix time, s


# Output audio buffer: WebRTC and SIP only


@dataclass(frozen=True, slots=True)
class OutputAudioBufferStarted:
    TYPE: ClassVar[str] = "output_audio_buffer.started"
    event_id: str
    response_id: str


@dataclass(frozen=True, slots=True)
class OutputAudioBufferStopped:
    TYPE: ClassVar[str] = "output_audio_buffer.stopped"
    event_id: str
    response_id: str


@dataclass(frozen=True, slots=True)
class OutputAudioBufferCleared:
    TYPE: ClassVar[str] = "output_audio_buffer.cleared"
    event_id: str
    response_id: str


# Responses


@dataclass(frozen=True, slots=True)
class ResponseCreated:
    TYPE: ClassVar[str] = "response.created"
    event_id: str
    response: Response


@dataclass(frozen=True, slots=True)
class ResponseDone:
    """The end of a response, good or bad: look at `response.status`."""

    TYPE: ClassVar[str] = "response.done"
    event_id: str
    response: Response


@dataclass(frozen=True, slots=True)
class ResponseOutputItemAdded:
    TYPE: ClassVar[str] = "response.output_item.added"
    event_id: str
    response_id: str
    output_index: int
    item: Item


@dataclass(frozen=True, slots=True)
class ResponseOutputItemDone:
    TYPE: ClassVar[str] = "response.output_item.done"
    event_id: str
    response_id: str
    output_index: int
    item: Item


@dataclass(frozen=True, slots=True)
class ResponseContentPartAdded(_PartEvent):
    TYPE: ClassVar[str] = "response.content_part.added"
    part: ContentPart


@dataclass(frozen=True, slots=True)
class ResponseContentPartDone(_PartEvent):
    TYPE: ClassVar[str] = "response.content_part.done"
    part: ContentPart


@dataclass(frozen=True, slots=True)
class OutputTextDelta(_PartEvent):
    TYPE: ClassVar[str] = "response.output_text.delta"
    delta: str


@dataclass(frozen=True, slots=True)
class OutputTextDone(_PartEvent):
    TYPE: ClassVar[str] = "response.output_text.done"
    text: str


@dataclass(frozen=True, slots=True)
class OutputAudioDelta(_PartEvent):
    """Reply audio; arrives faster than real time."""

    TYPE: ClassVar[str] = "response.output_audio.delta"
    delta: bytes  # s16le mono, 24 kHz


@dataclass(frozen=True, slots=True)
class OutputAudioDone(_PartEvent):
    TYPE: ClassVar[str] = "response.output_audio.done"


@dataclass(frozen=True, slots=True)
class OutputTranscriptDelta(_PartEvent):
    TYPE: ClassVar[str] = "response.output_audio_transcript.delta"
    delta: str


@dataclass(frozen=True, slots=True)
class OutputTranscriptDone(_PartEvent):
    TYPE: ClassVar[str] = "response.output_audio_transcript.done"
    transcript: str


@dataclass(frozen=True, slots=True)
class FunctionCallArgumentsDelta(_OutputEvent):
    TYPE: ClassVar[str] = "response.function_call_arguments.delta"
    call_id: str
    delta: str


@dataclass(frozen=True, slots=True)
class FunctionCallArgumentsDone(_OutputEvent):
    TYPE: ClassVar[str] = "response.function_call_arguments.done"
    call_id: str
    arguments: str
    name: str | None = None


# Remote tools (MCP)


@dataclass(frozen=True, slots=True)
class McpCallArgumentsDelta(_OutputEvent):
    TYPE: ClassVar[str] = "response.mcp_call_arguments.delta"
    delta: str
    obfuscation: str | None = None


@dataclass(frozen=True, slots=True)
class McpCallArgumentsDone(_OutputEvent):
    TYPE: ClassVar[str] = "response.mcp_call_arguments.done"
    arguments: str


@dataclass(frozen=True, slots=True)
class McpCallInProgress(_ItemEvent):
    TYPE: ClassVar[str] = "response.mcp_call.in_progress"
    output_index: int


@dataclass(frozen=True, slots=True)
class McpCallCompleted(_ItemEvent):
    TYPE: ClassVar[str] = "response.mcp_call.completed"
    output_index: int


@dataclass(frozen=True, slots=True)
class McpCallFailed(_ItemEvent):
    TYPE: ClassVar[str] = "response.mcp_call.failed"
    output_index: int


@dataclass(frozen=True, slots=True)
class McpListToolsInProgress(_ItemEvent):
    TYPE: ClassVar[str] = "mcp_list_tools.in_progress"


@dataclass(frozen=True, slots=True)
class McpListToolsCompleted(_ItemEvent):
    TYPE: ClassVar[str] = "mcp_list_tools.completed"


@dataclass(frozen=True, slots=True)
class McpListToolsFailed(_ItemEvent):
    TYPE: ClassVar[str] = "mcp_list_tools.failed"


# All of them


ServerEvent = (
    ErrorEvent
    | SessionCreated
    | SessionUpdated
    | ConversationCreated
    | RateLimitsUpdated
    | ConversationItemAdded
    | ConversationItemDone
    | ConversationItemCreated
    | ConversationItemRetrieved
    | ConversationItemDeleted
    | ConversationItemTruncated
    | InputTranscriptionDelta
    | InputTranscriptionCompleted
    | InputTranscriptionFailed
    | InputTranscriptionSegment
    | InputAudioBufferCommitted
    | InputAudioBufferCleared
    | InputAudioBufferSpeechStarted
    | InputAudioBufferSpeechStopped
    | InputAudioBufferTimeoutTriggered
    | InputAudioBufferDtmfEventReceived
    | OutputAudioBufferStarted
    | OutputAudioBufferStopped
    | OutputAudioBufferCleared
    | ResponseCreated
    | ResponseDone
    | ResponseOutputItemAdded
    | ResponseOutputItemDone
    | ResponseContentPartAdded
    | ResponseContentPartDone
    | OutputTextDelta
    | OutputTextDone
    | OutputAudioDelta
    | OutputAudioDone
    | OutputTranscriptDelta
    | OutputTranscriptDone
    | FunctionCallArgumentsDelta
    | FunctionCallArgumentsDone
    | McpCallArgumentsDelta
    | McpCallArgumentsDone
    | McpCallInProgress
    | McpCallCompleted
    | McpCallFailed
    | McpListToolsInProgress
    | McpListToolsCompleted
    | McpListToolsFailed
)


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """An event of a type that came after this code: note it at debug level and go on."""

    type: str


Received = ServerEvent | UnknownEvent
