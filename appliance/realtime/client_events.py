"""The 11 events that a client may send. Source: `RealtimeClientEvent` of the `openai` SDK.

`event_id` is not a field: the session object gives each event its id when it is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from appliance.realtime.client_structures import (
    UNSET,
    ClientItem,
    ResponseSettings,
    SessionSettings,
    Unset,
)


@dataclass(frozen=True, slots=True)
class SessionUpdate:
    """Merge these settings into the session's. Answered by `session.updated` or `error`."""

    TYPE: ClassVar[str] = "session.update"
    session: SessionSettings


@dataclass(frozen=True, slots=True)
class InputAudioBufferAppend:
    """Microphone audio. Never acknowledged."""

    TYPE: ClassVar[str] = "input_audio_buffer.append"
    audio: bytes  # s16le mono, 24 kHz


@dataclass(frozen=True, slots=True)
class InputAudioBufferCommit:
    """Make the buffered audio an item. Under 100 ms of it is refused; starts no response."""

    TYPE: ClassVar[str] = "input_audio_buffer.commit"


@dataclass(frozen=True, slots=True)
class InputAudioBufferClear:
    TYPE: ClassVar[str] = "input_audio_buffer.clear"


@dataclass(frozen=True, slots=True)
class OutputAudioBufferClear:
    """WebRTC and SIP only."""

    TYPE: ClassVar[str] = "output_audio_buffer.clear"


@dataclass(frozen=True, slots=True)
class ConversationItemCreate:
    """Add an item; at the end unless `previous_item_id` is given ("root": at the start)."""

    TYPE: ClassVar[str] = "conversation.item.create"
    item: ClientItem
    previous_item_id: str | Unset = UNSET


@dataclass(frozen=True, slots=True)
class ConversationItemDelete:
    TYPE: ClassVar[str] = "conversation.item.delete"
    item_id: str


@dataclass(frozen=True, slots=True)
class ConversationItemRetrieve:
    TYPE: ClassVar[str] = "conversation.item.retrieve"
    item_id: str


@dataclass(frozen=True, slots=True)
class ConversationItemTruncate:
    """Cut an assistant's audio where the user stopped hearing it.

    More than the audio that was sent is an error: see `RealtimeSession.clamp_heard_ms`.
    """

    TYPE: ClassVar[str] = "conversation.item.truncate"
    item_id: str
    audio_end_ms: int
    content_index: int = 0


@dataclass(frozen=True, slots=True)
class ResponseCreate:
    TYPE: ClassVar[str] = "response.create"
    response: ResponseSettings | Unset = UNSET


@dataclass(frozen=True, slots=True)
class ResponseCancel:
    """Stop a response: the one in the default conversation unless `response_id` is given."""

    TYPE: ClassVar[str] = "response.cancel"
    response_id: str | Unset = UNSET


ClientEvent = (
    SessionUpdate
    | InputAudioBufferAppend
    | InputAudioBufferCommit
    | InputAudioBufferClear
    | OutputAudioBufferClear
    | ConversationItemCreate
    | ConversationItemDelete
    | ConversationItemRetrieve
    | ConversationItemTruncate
    | ResponseCreate
    | ResponseCancel
)
