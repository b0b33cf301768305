"""The conversation: its items in order, the sound that belongs to them, what they cost. Pure."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

from appliance.simulator.shape import Json, Refusal
from appliance.simulator.usage import (
    Billed,
    assistant_audio_tokens,
    text_tokens,
    user_audio_tokens,
)
from appliance.units import ms_to_samples, pcm_samples, samples_to_ms


@dataclass(slots=True)
class Item:
    """One item as the wire shows it, and what the wire does not show."""

    wire: dict[str, Json]
    pcm: bytes = b""  # s16le mono, 24 kHz: said by the user, or sent of the reply
    heard: str | None = None  # what the server understood of a user's sound
    transcript_ends_ms: list[tuple[int, str]] = field(default_factory=list)  # per word of a reply

    @property
    def id(self) -> str:
        return str(self.wire["id"])

    @property
    def role(self) -> str:
        return str(self.wire.get("role", ""))

    @property
    def sound_ms(self) -> int:
        return samples_to_ms(pcm_samples(self.pcm))

    def shown(self) -> dict[str, Json]:
        """Return a copy for an event."""
        return copy.deepcopy(self.wire)

    def words(self) -> str:
        """Return everything that was said or written in this item."""
        if self.wire["type"] == "function_call_output":
            return str(self.wire["output"])
        if self.wire["type"] == "function_call":
            return f"{self.wire['name']} {self.wire['arguments']}"
        parts = [p.get("text") or p.get("transcript") or "" for p in self.wire["content"]]
        return " ".join([*parts, self.heard or ""] if self.heard not in parts else parts).strip()

    def billed(self) -> Billed:
        """Return what this item costs when it is part of a request."""
        if self.role == "user" and self.pcm:
            written = sum(text_tokens(p.get("text") or "") for p in self.wire["content"])
            return Billed(self.id, written, user_audio_tokens(self.sound_ms))
        return Billed(self.id, text_tokens(self.words()), assistant_audio_tokens(self.sound_ms))


class Conversation:
    """Items in order. Methods that may refuse return a Refusal in the API's words."""

    def __init__(self, conversation_id: str) -> None:
        self.id = conversation_id
        self.items: list[Item] = []

    def find(self, item_id: str) -> Item | None:
        return next((item for item in self.items if item.id == item_id), None)

    def before(self, item_id: str) -> str | None:
        """Return the id of the item just before `item_id`, None for the first."""
        index = next(i for i, item in enumerate(self.items) if item.id == item_id)
        return self.items[index - 1].id if index else None

    def last_id(self) -> str | None:
        return self.items[-1].id if self.items else None

    def add(self, item: Item, previous_id: str | None = None) -> Refusal | None:
        """Put `item` at the end, after `previous_id`, or first if that is "root"."""
        if self.find(item.id):
            message = f"Error adding item: an item with id '{item.id}' already exists."
            return Refusal("item_id_already_exists", message, "item.id")
        if previous_id is None:
            self.items.append(item)
        elif previous_id == "root":
            self.items.insert(0, item)
        else:
            ids = [each.id for each in self.items]
            if previous_id not in ids:
                message = (
                    f"Error adding item: the previous item with id '{previous_id}' does not exist."
                )
                return Refusal("invalid_value", message, "previous_item_id")
            self.items.insert(ids.index(previous_id) + 1, item)
        return None

    def delete(self, item_id: str) -> Refusal | None:
        item = self.find(item_id)
        if item is None:
            return _no_such("deleting", item_id, "item_delete_invalid_item_id")
        self.items.remove(item)
        return None

    def retrieve(self, item_id: str) -> Item | Refusal:
        return self.find(item_id) or _no_such(
            "retrieving", item_id, "item_retrieve_invalid_item_id"
        )

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> Refusal | None:
        """Forget a reply's sound after `audio_end_ms`, and the words not heard by then."""
        item = self.find(item_id)
        if item is None:
            return _no_such("truncating", item_id, "item_truncate_invalid_item_id")
        if item.role != "assistant" or not item.pcm:
            message = "Only model output audio messages can be truncated"
            return Refusal("invalid_value", message, "item_id")
        if content_index >= len(item.wire["content"]):
            message = f"Content index {content_index} is out of range."
            return Refusal("invalid_value", message, "content_index")
        if audio_end_ms > item.sound_ms:
            message = f"Audio content of {item.sound_ms}ms is already shorter than {audio_end_ms}ms"
            return Refusal("invalid_value", message, "audio_end_ms")
        item.pcm = item.pcm[: 2 * ms_to_samples(audio_end_ms)]
        kept = [word for end_ms, word in item.transcript_ends_ms if end_ms <= audio_end_ms]
        item.wire["content"][content_index]["transcript"] = " ".join(kept)
        return None


def _no_such(doing: str, item_id: str, code: str) -> Refusal:
    message = f"Error {doing} item: the item with id '{item_id}' does not exist."
    return Refusal(code, message, "item_id")
