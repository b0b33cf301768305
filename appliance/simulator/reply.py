"""Make one response: its events in the API's order, at the pace of the real service."""

from __future__ import annotations

import asyncio
import base64
import math
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from appliance.errors import ApplianceError
from appliance.simulator.brain import Answer, Call
from appliance.simulator.conversation import Conversation, Item
from appliance.simulator.order import Order
from appliance.simulator.player import NextReply
from appliance.simulator.script import FailNext, SayNext
from appliance.simulator.shape import Json
from appliance.simulator.usage import (
    Billed,
    assistant_audio_tokens,
    text_tokens,
    usage_of,
)
from appliance.units import ms_to_samples, pcm_samples, samples_to_ms

PIECES_MS = (100, 200, 400)  # the first sounds come in small pieces, the rest in the last size
WORDS_AHEAD_MS = 300  # the transcript runs ahead of the sound
_T = TypeVar("_T")


class _Cut(Exception):  # noqa: N818 - no error, but the way in which a response ends early
    """The response ends now, with this status and these status_details."""

    def __init__(self, status: str, **details: Json) -> None:
        super().__init__(status)
        self.status = status
        self.details: dict[str, Json] = {"type": status, **details}


class Desk(Protocol):
    """What a reply needs of its connection."""

    conversation: Conversation
    pace: float  # seconds of sound sent in a second
    billed: list[Billed]  # what the latest request held and made: it is cached

    async def send(self, kind: str, **fields: Json) -> None: ...
    async def think(self, order: Order, context: list[Item]) -> Answer: ...
    async def speak(self, order: Order, text: str) -> bytes: ...
    def new_id(self, kind: str) -> str: ...


class Reply:
    """One response, from response.created to response.done."""

    def __init__(
        self, desk: Desk, order: Order, context: list[Item], twist: NextReply | None
    ) -> None:
        """`context` is what it answers to; `twist` is what a script has arranged."""
        self.id = desk.new_id("resp")
        self.order = order
        self.finished = asyncio.Event()
        self.sound_ms = 0  # sent so far
        self.first_sound_s: float | None = None  # on the loop's clock
        self._desk = desk
        self._context = context
        self._twist = twist
        self._cut: asyncio.Future[_Cut] = asyncio.get_running_loop().create_future()
        self._output: list[Item] = []

    def cancel(self, reason: str) -> None:
        """End as soon as possible, for "client_cancelled" or "turn_detected"."""
        if not self._cut.done():
            self._cut.set_result(_Cut("cancelled", reason=reason))

    async def run(self) -> None:
        """Send the whole response."""
        status, details = "completed", None
        try:
            await self._desk.send("response.created", response=self._wire("in_progress", None))
            await self._desk.send("rate_limits.updated", rate_limits=_rate_limits())
            self._twist_at(0)
            await self._answer()
        except _Cut as cut:
            status, details = cut.status, cut.details
        finally:
            self.finished.set()
        await self._desk.send("response.done", response=self._wire(status, details))

    async def _answer(self) -> None:
        if isinstance(self._twist, SayNext):
            await self._message(self._twist.text)
            return
        try:
            answer = await self._unless_cut(self._desk.think(self.order, self._context))
        except ApplianceError as error:
            raise _server_error("server_error", str(error)) from error
        if isinstance(answer, Call):
            await self._function_call(answer)
        else:
            await self._message(answer.text)

    async def _unless_cut(self, work: Coroutine[Any, Any, _T]) -> _T:
        task = asyncio.ensure_future(work)
        try:
            either: set[asyncio.Future[Any]] = {task, self._cut}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if self._cut.done():
                raise self._cut.result()
            return task.result()
        finally:
            task.cancel()

    def _twist_at(self, sound_ms: float) -> None:
        twist = self._twist
        if twist is None or isinstance(twist, SayNext) or sound_ms < twist.after_ms:
            return
        if isinstance(twist, FailNext):
            raise _server_error(twist.code, f"The response failed: {twist.code}.")
        raise _Cut("incomplete", reason=twist.reason)

    # Items

    async def _open(self, wire: dict[str, Json]) -> Item:
        wire = {"id": self._desk.new_id("item"), "object": "realtime.item", **wire}
        item = Item({**wire, "status": "in_progress"})
        self._output.append(item)
        await self._item_event("response.output_item.added", item)
        if self.order.in_conversation:
            self._desk.conversation.add(item)
            await self._conversation_event("conversation.item.added", item)
        return item

    async def _close(self, item: Item, status: str) -> None:
        item.wire["status"] = status
        await self._item_event("response.output_item.done", item)
        if self.order.in_conversation and self._desk.conversation.find(item.id):
            await self._conversation_event("conversation.item.done", item)

    async def _item_event(self, kind: str, item: Item) -> None:
        index = self._output.index(item)
        await self._desk.send(kind, response_id=self.id, output_index=index, item=item.shown())

    async def _conversation_event(self, kind: str, item: Item) -> None:
        before = self._desk.conversation.before(item.id)
        await self._desk.send(kind, previous_item_id=before, item=item.shown())

    async def _function_call(self, call: Call) -> None:
        call_id = self._desk.new_id("call")
        wire = {"type": "function_call", "name": call.name, "call_id": call_id, "arguments": ""}
        item = await self._open(wire)
        place = {
            "response_id": self.id,
            "item_id": item.id,
            "output_index": self._output.index(item),
            "call_id": call_id,
        }
        half = len(call.arguments) // 2
        for delta in (call.arguments[:half], call.arguments[half:]):
            await self._desk.send("response.function_call_arguments.delta", **place, delta=delta)
        item.wire["arguments"] = call.arguments
        await self._desk.send(
            "response.function_call_arguments.done",
            **place,
            name=call.name,
            arguments=call.arguments,
        )
        await self._close(item, "completed")

    async def _message(self, text: str) -> None:
        spoken = self.order.modality == "audio"
        item = await self._open({"type": "message", "role": "assistant", "content": []})
        place = {
            "response_id": self.id,
            "item_id": item.id,
            "output_index": self._output.index(item),
            "content_index": 0,
        }
        short, key = ("audio", "transcript") if spoken else ("text", "text")
        await self._desk.send("response.content_part.added", **place, part={"type": short, key: ""})
        item.wire["content"] = [{"type": f"output_{short}", key: ""}]
        cut = None
        try:
            await (self._speak if spoken else self._write)(item, text, place)
        except _Cut as early:
            cut = early
        said = item.wire["content"][0][key]
        kind = "response.output_text.done"
        if spoken:
            await self._desk.send("response.output_audio.done", **place)
            kind = "response.output_audio_transcript.done"
        await self._desk.send(kind, **place, **{key: said})
        await self._desk.send(
            "response.content_part.done", **place, part={"type": short, key: said}
        )
        await self._close(item, "incomplete" if cut else "completed")
        if cut:
            raise cut

    async def _speak(self, item: Item, text: str, place: dict[str, Json]) -> None:
        try:
            pcm = await self._unless_cut(self._desk.speak(self.order, text))
        except ApplianceError as error:
            raise _server_error("server_error", str(error)) from error
        whole_ms = samples_to_ms(pcm_samples(pcm))
        end_ms = whole_ms
        limit = self.order.max_output_tokens
        tokens = text_tokens(text) + assistant_audio_tokens(whole_ms)
        if limit is not None and tokens > limit:
            end_ms = whole_ms * limit // tokens
        words = _word_ends(text, whole_ms)
        loop = asyncio.get_running_loop()
        self.first_sound_s = began = loop.time()
        piece = 0
        while self.sound_ms < end_ms:
            step_ms = PIECES_MS[min(piece, len(PIECES_MS) - 1)]
            until_ms = min(end_ms, self.sound_ms + step_ms)
            await self._words(item, words, until_ms + WORDS_AHEAD_MS, end_ms, place)
            sound = pcm[2 * ms_to_samples(self.sound_ms) : 2 * ms_to_samples(until_ms)]
            item.pcm += sound
            self.sound_ms = until_ms
            delta = base64.b64encode(sound).decode()
            await self._desk.send("response.output_audio.delta", **place, delta=delta)
            self._twist_at(self.sound_ms)
            piece += 1
            due_s = began + self.sound_ms / 1000 / self._desk.pace
            await self._unless_cut(asyncio.sleep(max(0.0, due_s - loop.time())))
        if end_ms < whole_ms:
            raise _Cut("incomplete", reason="max_output_tokens")

    async def _words(
        self,
        item: Item,
        words: list[tuple[int, str]],
        until_ms: int,
        end_ms: int,
        place: dict[str, Json],
    ) -> None:
        """Send the words that end by `until_ms`, but none that the sound does not reach."""
        part = item.wire["content"][0]
        while words and words[0][0] <= min(until_ms, end_ms):
            ends_ms, word = words.pop(0)
            delta = word if not part["transcript"] else f" {word}"
            part["transcript"] += delta
            item.transcript_ends_ms.append((ends_ms, word))
            await self._desk.send("response.output_audio_transcript.delta", **place, delta=delta)

    async def _write(self, item: Item, text: str, place: dict[str, Json]) -> None:
        part = item.wire["content"][0]
        limit = self.order.max_output_tokens
        for word in text.split():
            grown = f"{part['text']} {word}".strip()
            if limit is not None and text_tokens(grown) > limit:
                raise _Cut("incomplete", reason="max_output_tokens")
            delta = grown[len(part["text"]) :]
            part["text"] = grown
            await self._desk.send("response.output_text.delta", **place, delta=delta)
            await self._unless_cut(asyncio.sleep(0))
        self._twist_at(math.inf)

    # The response object

    def _wire(self, status: str, details: dict[str, Json] | None) -> dict[str, Json]:
        order = self.order
        output: dict[str, Json] = {"format": {"type": "audio/pcm", "rate": 24000}}
        if isinstance(order.voice, str):
            output["voice"] = order.voice
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details,
            "output": [item.shown() for item in self._output],
            "conversation_id": self._desk.conversation.id if order.in_conversation else None,
            "output_modalities": [order.modality],
            "max_output_tokens": order.max_output_tokens or "inf",
            "audio": {"output": output},
            "usage": None if status in ("in_progress", "failed") else self._usage(),
            "metadata": order.metadata,
        }

    def _usage(self) -> dict[str, Json]:
        order = self.order
        head = text_tokens(order.instructions) + text_tokens(str(list(order.tools)))
        made = [item.billed() for item in self._output]
        own = {item.id for item in self._output}
        request = [Billed(f"{order.instructions}{order.tools}", head, 0)]
        request += [item.billed() for item in self._context if item.id not in own]
        output = Billed("", sum(b.text_tokens for b in made), sum(b.audio_tokens for b in made))
        usage = usage_of(request, self._desk.billed, output)
        if order.in_conversation:
            self._desk.billed = request + made
        return usage


def _word_ends(text: str, whole_ms: int) -> list[tuple[int, str]]:
    """Return each word with the time at which it ends, taking letters to last alike."""
    words = text.split()
    letters = sum(len(word) + 1 for word in words)
    ends, passed = [], 0
    for word in words:
        passed += len(word) + 1
        ends.append((whole_ms * passed // letters, word))
    return ends


def _server_error(code: str, message: str) -> _Cut:
    kind = "server_error" if code == "server_error" else "invalid_request_error"
    return _Cut("failed", error={"type": kind, "code": code, "message": message})


def _rate_limits() -> list[dict[str, Json]]:
    return [
        {"name": "requests", "limit": 10_000, "remaining": 9_999, "reset_seconds": 0.006},
        {"name": "tokens", "limit": 250_000, "remaining": 249_000, "reset_seconds": 0.24},
    ]
