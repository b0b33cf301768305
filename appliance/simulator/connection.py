"""One WebSocket connection: client events in, server events out."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from appliance.errors import ApplianceError
from appliance.simulator.brain import Answer
from appliance.simulator.conversation import Conversation, Item
from appliance.simulator.hearing import Ears
from appliance.simulator.listening import Listening, decoded
from appliance.simulator.mind import answer_to, asked_text
from appliance.simulator.order import Order, order_of
from appliance.simulator.player import Player
from appliance.simulator.reply import Reply
from appliance.simulator.schema import CLIENT_EVENT
from appliance.simulator.script import Step
from appliance.simulator.session import update_refusal, updated
from appliance.simulator.shape import Json, Refusal, known_part, refusal_of
from appliance.simulator.speech import Voice
from appliance.simulator.transcribe import transcription_events
from appliance.simulator.usage import Billed
from appliance.simulator.wire import Wire, new_id

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Manners:
    """What is the same for every connection of a server."""

    ears: Ears
    voice: Voice
    pace: float
    strict: bool
    session_limit_s: float
    now: Callable[[], datetime]


class Connection:
    """The state of one session, and what each client event does to it."""

    def __init__(
        self,
        wire: Wire,
        settings: dict[str, Json],
        manners: Manners,
        steps: tuple[Step, ...],
    ) -> None:
        self.conversation = Conversation(new_id("conv"))
        self.billed: list[Billed] = []
        self.pace = manners.pace
        self.player = Player(steps, wire)
        self._wire = wire
        self._settings = settings
        self._manners = manners
        self._listening = Listening(self)
        self._replies: list[Reply] = []  # running
        self._reply_owed = False
        self._voice_used = False
        self._hearings: dict[str, asyncio.Task[str | None]] = {}
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._handlers: dict[str, Callable[[dict[str, Json]], Awaitable[Refusal | None]]] = {
            "session.update": self._session_update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "output_audio_buffer.clear": self._output_clear,
            "conversation.item.create": self._item_create,
            "conversation.item.delete": self._item_delete,
            "conversation.item.retrieve": self._item_retrieve,
            "conversation.item.truncate": self._item_truncate,
            "response.create": self._response_create,
            "response.cancel": self._response_cancel,
        }

    async def run(self) -> None:
        """Serve until the connection ends, from either side."""
        async with self._group:
            self._listening.configure(self._settings["audio"]["input"]["turn_detection"])
            await self.send("session.created", session=self._settings)
            self._spawn(self.player.play())
            self._spawn(self._end_session())
            self._spawn(self._watch_idle())
            try:
                await self._read()
            finally:
                for task in self._tasks:
                    task.cancel()

    # Out

    def new_id(self, kind: str) -> str:
        return new_id(kind)

    async def send(self, kind: str, **fields: Json) -> None:
        """Send one event; nothing happens if the connection is gone."""
        event = {"type": kind, "event_id": new_id("event"), **fields}
        await self._wire.send(event)
        await self.player.server_event(event)

    async def _refuse(self, refusal: Refusal, event_id: Json) -> None:
        error = {
            "type": refusal.type,
            "code": refusal.code,
            "message": refusal.message,
            "param": refusal.param,
            "event_id": event_id if isinstance(event_id, str) else None,
        }
        await self.send("error", error=error)

    # In

    async def _read(self) -> None:
        while (message := await self._wire.receive()) is not None:
            if isinstance(message, str):
                await self._take(message)
            else:
                await self._refuse(Refusal(None, "Events are sent as text messages."), None)

    async def _take(self, text: str) -> None:
        try:
            event = json.loads(text)
        except (ValueError, RecursionError) as error:
            await self._refuse(
                Refusal("invalid_json", f"The event could not be parsed as JSON: {error}"), None
            )
            return
        if not isinstance(event, dict):
            await self._refuse(Refusal("invalid_type", "An event is a JSON object."), None)
            return
        self._wire.took(event)
        if self.player.client_event(event):
            refusal = refusal_of(CLIENT_EVENT, event, "", self._manners.strict)
            if refusal is None:
                taken = known_part(CLIENT_EVENT, event)
                refusal = await self._handlers[event["type"]](taken)
            if refusal is not None:
                await self._refuse(refusal, event.get("event_id"))
        if self.player.has_more:
            self._spawn(self.player.play())

    async def _session_update(self, event: dict[str, Json]) -> Refusal | None:
        update = event["session"]
        strict = self._manners.strict
        if refusal := update_refusal(self._settings, update, self._voice_used, strict):
            return refusal
        self._settings = updated(self._settings, update)
        self._listening.configure(self._settings["audio"]["input"]["turn_detection"])
        await self.send("session.updated", session=self._settings)
        return None

    async def _append(self, event: dict[str, Json]) -> Refusal | None:
        pcm = decoded(event["audio"], "audio")
        if isinstance(pcm, Refusal):
            return pcm
        self._wire.took_sound(pcm)
        await self._listening.append(pcm)
        return None

    async def _commit(self, _event: dict[str, Json]) -> Refusal | None:
        return await self._listening.commit()

    async def _clear(self, _event: dict[str, Json]) -> Refusal | None:
        await self._listening.clear()
        return None

    async def _output_clear(self, _event: dict[str, Json]) -> Refusal | None:
        message = "'output_audio_buffer.clear' is only for WebRTC and SIP connections."
        return Refusal("invalid_value", message, "type")

    async def _item_create(self, event: dict[str, Json]) -> Refusal | None:
        item = self._made(event["item"], "item")
        if isinstance(item, Refusal):
            return item
        if refusal := self.conversation.add(item, event.get("previous_item_id")):
            return refusal
        if item.pcm:
            self._begin_hearing(item)
            self._transcribe_if_set(item)
        await self._show(item)
        return None

    async def _item_delete(self, event: dict[str, Json]) -> Refusal | None:
        if refusal := self.conversation.delete(event["item_id"]):
            return refusal
        await self.send("conversation.item.deleted", item_id=event["item_id"])
        return None

    async def _item_retrieve(self, event: dict[str, Json]) -> Refusal | None:
        item = self.conversation.retrieve(event["item_id"])
        if isinstance(item, Refusal):
            return item
        shown = item.shown()
        for part in shown.get("content", []):
            if part["type"] in ("input_audio", "output_audio"):
                part["audio"] = base64.b64encode(item.pcm).decode()
        await self.send("conversation.item.retrieved", item=shown)
        return None

    async def _item_truncate(self, event: dict[str, Json]) -> Refusal | None:
        place = {key: event[key] for key in ("item_id", "content_index", "audio_end_ms")}
        if refusal := self.conversation.truncate(**place):
            return refusal
        await self.send("conversation.item.truncated", **place)
        return None

    async def _response_create(self, event: dict[str, Json]) -> Refusal | None:
        order = order_of(self._settings, event.get("response", {}))
        active = self._active()
        if order.in_conversation and active is not None:
            return Refusal(
                "conversation_already_has_active_response",
                f"Conversation already has an active response in progress: {active.id}."
                " Wait until the response is finished before creating a new one.",
            )
        context = list(self.conversation.items)
        if order.input is not None:
            context = []
            for index, raw in enumerate(order.input):
                path = f"response.input[{index}]"
                if raw["type"] == "item_reference":
                    item = self.conversation.retrieve(raw["id"])
                else:
                    item = self._made(raw, path)
                if isinstance(item, Refusal):
                    return item
                context.append(item)
            for item in context:
                if item.role == "user" and item.pcm and item.id not in self._hearings:
                    self._begin_hearing(item)
        self._start(order, context)
        return None

    async def _response_cancel(self, event: dict[str, Json]) -> Refusal | None:
        wanted = event.get("response_id")
        reply = self._active()
        if wanted is not None:
            running = [each for each in self._replies if not each.finished.is_set()]
            reply = next((each for each in running if each.id == wanted), None)
        if reply is None:
            message = "Cancellation failed: no active response found"
            return Refusal("response_cancel_not_active", message)
        reply.cancel("client_cancelled")
        await reply.finished.wait()
        return None

    # Turns

    async def interrupt(self) -> None:
        """Someone speaks: end the reply that is under way."""
        if reply := self._active():
            reply.cancel("turn_detected")
            await reply.finished.wait()

    async def take_speech(self, item_id: str, pcm: bytes) -> None:
        """Make a user item of `pcm`, and begin to understand it."""
        content = [{"type": "input_audio", "transcript": None}]
        wire = {"type": "message", "role": "user", "content": content, "status": "completed"}
        item = Item({"id": item_id, "object": "realtime.item", **wire}, pcm)
        await self.send(
            "input_audio_buffer.committed",
            previous_item_id=self.conversation.last_id(),
            item_id=item_id,
        )
        self.conversation.add(item)
        self._begin_hearing(item)
        self._transcribe_if_set(item)
        await self._show(item)

    async def respond(self) -> None:
        """Reply to the conversation, at once or when the present reply is done."""
        if self._active() is not None:
            self._reply_owed = True
            return
        self._start(order_of(self._settings, {}), list(self.conversation.items))

    async def think(self, order: Order, context: list[Item]) -> Answer:
        last = asked_text(context)
        if last is not None and last.id in self._hearings:
            last.heard = await asyncio.shield(self._hearings[last.id])
        return answer_to(order, context, self._manners.now())

    async def speak(self, order: Order, text: str) -> bytes:
        self._voice_used = True
        name = order.voice if isinstance(order.voice, str) else "custom"
        return await self._manners.voice.speak(text, name, order.language, order.speed)

    def _active(self) -> Reply | None:
        """Return the running reply of the conversation; those out of band do not count."""
        running = (r for r in self._replies if r.order.in_conversation)
        return next((r for r in running if not r.finished.is_set()), None)

    def _start(self, order: Order, context: list[Item]) -> None:
        reply = Reply(self, order, context, self.player.next_reply())
        self._replies.append(reply)
        self._spawn(self._run_reply(reply))

    async def _run_reply(self, reply: Reply) -> None:
        await reply.run()
        self._replies.remove(reply)
        if not reply.order.in_conversation:
            return
        now = asyncio.get_running_loop().time()
        heard_at = (reply.first_sound_s or now) + reply.sound_ms / 1000
        self._listening.reply_ends_in(max(0.0, heard_at - now))
        if self._reply_owed:
            self._reply_owed = False
            await self.respond()

    def _begin_hearing(self, item: Item) -> None:
        arranged = self.player.next_hearing()

        async def hear() -> str | None:
            if arranged is not None:
                return arranged.text
            try:
                return await self._manners.ears.hear(item.pcm)
            except ApplianceError as error:
                _log.warning("%s", error)
                return None

        self._hearings[item.id] = self._spawn(hear())

    def _transcribe_if_set(self, item: Item) -> None:
        settings = self._settings["audio"]["input"]["transcription"]
        if settings is not None:
            self._spawn(self._transcribe(item, self._hearings[item.id], settings))

    async def _transcribe(
        self, item: Item, hearing: asyncio.Task[str | None], settings: dict[str, Json]
    ) -> None:
        text = await asyncio.shield(hearing)
        if text is not None:
            item.wire["content"][0]["transcript"] = text
        for kind, fields in transcription_events(item.id, text, settings, item.sound_ms):
            await self.send(kind, **fields)

    def _made(self, raw: dict[str, Json], path: str) -> Item | Refusal:
        """Return a new item from a checked client's one; its sound is taken out of the wire."""
        wire = {"object": "realtime.item", "status": "completed", **raw}
        wire["id"] = raw.get("id") or new_id("item")
        item = Item(wire)
        for index, part in enumerate(item.wire.get("content", [])):
            if part["type"] == "input_audio":
                pcm = decoded(part["audio"], f"{path}.content[{index}].audio")
                if isinstance(pcm, Refusal):
                    return pcm
                item.pcm += pcm
        item.wire = item.shown()
        for part in item.wire.get("content", []):
            part.pop("audio", None)
        return item

    async def _show(self, item: Item) -> None:
        before = self.conversation.before(item.id)
        for kind in ("conversation.item.added", "conversation.item.done"):
            await self.send(kind, previous_item_id=before, item=item.shown())

    # Time

    async def _end_session(self) -> None:
        limit_s = self._manners.session_limit_s
        await asyncio.sleep(limit_s)
        message = f"Your session hit the maximum duration of {limit_s / 60:g} minutes."
        await self._refuse(Refusal("session_expired", message), None)
        await self._wire.close(1001, "session_expired")

    async def _watch_idle(self) -> None:
        while True:
            await self._listening.idle_due.wait()
            await self._listening.idle_passed()

    def _spawn(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
