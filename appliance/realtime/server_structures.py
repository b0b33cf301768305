"""The nested parts of what the server sends: items, responses, usage, errors.

Every field that the SDK's types allow to be absent has a default, and `null` reads as that
default. Text that is an enumeration today (status, role, reason) is kept as text, because the
server adds values without notice. Source: the `openai` SDK's types (`openai/types/realtime/`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

# Items of the conversation


@dataclass(frozen=True, slots=True)
class ContentPart:
    """One part of a message: input_text, input_audio, output_text, output_audio, text, audio."""

    type: str | None = None
    text: str | None = None
    transcript: str | None = None
    audio: bytes | None = None  # s16le mono, 24 kHz
    image_url: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    TYPE: ClassVar[str] = "message"
    role: str
    content: tuple[ContentPart, ...]
    id: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class FunctionCall:
    TYPE: ClassVar[str] = "function_call"
    name: str
    arguments: str  # JSON, as the model wrote it: it may be wrong
    call_id: str | None = None
    id: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class FunctionCallOutput:
    TYPE: ClassVar[str] = "function_call_output"
    call_id: str
    output: str
    id: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class McpApprovalRequest:
    TYPE: ClassVar[str] = "mcp_approval_request"
    id: str
    server_label: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class McpApprovalResponse:
    TYPE: ClassVar[str] = "mcp_approval_response"
    id: str
    approval_request_id: str
    approve: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class McpTool:
    name: str
    input_schema: object
    description: str | None = None
    annotations: object = None


@dataclass(frozen=True, slots=True)
class McpListTools:
    TYPE: ClassVar[str] = "mcp_list_tools"
    server_label: str
    tools: tuple[McpTool, ...]
    id: str | None = None


@dataclass(frozen=True, slots=True)
class McpError:
    type: str  # protocol_error, tool_execution_error or http_error
    message: str
    code: int | None = None


@dataclass(frozen=True, slots=True)
class McpCall:
    TYPE: ClassVar[str] = "mcp_call"
    id: str
    server_label: str
    name: str
    arguments: str
    approval_request_id: str | None = None
    error: McpError | None = None
    output: str | None = None


@dataclass(frozen=True, slots=True)
class UnknownItem:
    """An item of a type that came after this code."""

    type: str
    id: str | None = None


Item = (
    Message
    | FunctionCall
    | FunctionCallOutput
    | McpApprovalRequest
    | McpApprovalResponse
    | McpListTools
    | McpCall
    | UnknownItem
)


# Responses


@dataclass(frozen=True, slots=True)
class StatusError:
    """Why a response failed; there is no `error` event beside it."""

    code: str | None = None
    type: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class StatusDetails:
    type: str | None = None
    reason: str | None = None  # turn_detected, client_cancelled, max_output_tokens, content_filter
    error: StatusError | None = None


@dataclass(frozen=True, slots=True)
class CachedTokensDetails:
    audio_tokens: int = 0
    text_tokens: int = 0
    image_tokens: int = 0


@dataclass(frozen=True, slots=True)
class InputTokenDetails:
    audio_tokens: int = 0
    text_tokens: int = 0
    image_tokens: int = 0
    cached_tokens: int = 0  # of the above, those billed at the cached rate
    cached_tokens_details: CachedTokensDetails = CachedTokensDetails()


@dataclass(frozen=True, slots=True)
class OutputTokenDetails:
    audio_tokens: int = 0
    text_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one response; a count that the server leaves out reads 0."""

    total_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    input_token_details: InputTokenDetails = InputTokenDetails()
    output_token_details: OutputTokenDetails = OutputTokenDetails()


@dataclass(frozen=True, slots=True)
class Response:
    """`status` is in_progress, completed, cancelled, incomplete or failed."""

    id: str | None = None
    conversation_id: str | None = None  # None also for a response out of band
    status: str | None = None
    status_details: StatusDetails | None = None
    output: tuple[Item, ...] = ()
    output_modalities: tuple[str, ...] | None = None
    audio: Mapping[str, object] | None = None
    max_output_tokens: int | Literal["inf"] | None = None
    metadata: Mapping[str, str] | None = None
    usage: Usage | None = None


# The rest


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """The session as the server sees it; `raw` is the whole object."""

    type: str | None = None
    id: str | None = None
    model: str | None = None
    expires_at: int | None = None  # Unix time, s
    raw: Mapping[str, object] = field(default_factory=dict, repr=False, metadata={"whole": True})


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """`event_id` is the client event that caused it, where there is one.

    The SDK requires `type` and `message`; here they may be absent, because an error that cannot
    be read hides why we were refused.
    """

    type: str = ""
    message: str = ""
    code: str | None = None
    param: str | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class TranscriptionError:
    code: str | None = None
    type: str | None = None
    message: str | None = None
    param: str | None = None


@dataclass(frozen=True, slots=True)
class LogProb:
    token: str
    logprob: float
    bytes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Language:
    code: str


@dataclass(frozen=True, slots=True)
class TranscriptionUsage:
    """Tokens (`type` "tokens") or seconds of audio (`type` "duration")."""

    type: str
    total_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    input_token_details: InputTokenDetails = InputTokenDetails()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RateLimit:
    name: str | None = None  # requests, tokens
    limit: int | None = None
    remaining: int | None = None
    reset_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    id: str | None = None
