"""A device on paper: the real runner, with devices and a service that are made of memory.

They keep nothing of what has passed, so that what grows is the runner's. For loops whose time is
simulated (`leaks.py`).
"""

from __future__ import annotations

import asyncio
import base64
import random
from collections import Counter, deque
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from leaks import SimulatedLoop

from appliance.devices.fakes import (
    FakeKeeper,
    FakeMicrophone,
    FakePanel,
    FakeSocket,
    FakeSpeaker,
    silence,
)
from appliance.errors import RemoteError
from appliance.panel.gestures import GestureRules, TalkMode
from appliance.realtime.client_events import SessionUpdate
from appliance.realtime.client_structures import AudioInput, AudioSettings, SessionSettings
from appliance.runner.button import ButtonRules
from appliance.runner.core import Runner
from appliance.runner.rules import Devices, Purse, Rules
from appliance.runner.spans import KEPT, SPANS
from appliance.runner.tools import time_tool, volume_tool
from appliance.session.budget import BudgetRules, BudgetState
from appliance.session.link import LinkRules
from appliance.session.prices import Prices
from appliance.session.turn import TurnRules

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # when the loop's time begins
STEP_S = 0.1  # in which simulated sound goes in and out


class PassingSpeaker(FakeSpeaker):
    """What it plays leaves in the loop's time; what has left is forgotten."""

    _leaving = False

    def play(self, item_id, pcm):
        super().play(item_id, pcm)
        self.played[:] = [(item_id, b"")]
        for old in list(self._heard)[:-4]:
            del self._heard[old]
        if not self._leaving:
            self._leaving = True
            asyncio.get_running_loop().call_later(STEP_S, self._leave)

    def _leave(self):
        self._leaving = bool(self._queue)
        if self._leaving:
            asyncio.get_running_loop().call_later(STEP_S, self._leave)
            self.hear(round(24_000 * STEP_S))


class ShortPanel(FakePanel):
    def show(self, light):
        super().show(light)
        del self.lights[:-1], self.flashes[:]


class ShortJournal:
    def __init__(self):
        self.lines = deque(maxlen=12)
        self.mistakes: list[str] = []  # exceptions of ours that ended a connection

    def event(self, name, message, *, level="info", **fields):
        self.lines.append(f"{name}: {message[:300]}")
        if "internal error" in message:
            self.mistakes.append(message[:2000])


class ShortKeeper(FakeKeeper):
    def keep(self, state):
        super().keep(state)
        del self.kept[:-1]


class CountingTrace:
    def __init__(self):
        self.kinds = Counter()
        self.turns = self.answered = self.sent_bytes = 0
        self.outcome = ""

    def record(self, kind, **fields):
        self.kinds[kind] += 1
        if kind == "turn":
            self.turns += 1
            self.outcome = str(fields["outcome"])
            self.answered += self.outcome == "answered"

    def sent_audio(self, pcm):
        self.sent_bytes += len(pcm)


class PaperSocket(FakeSocket):
    """One connection to a service that answers each question with 1.5 s of sound, or a tool."""

    def __init__(self, service):
        super().__init__()
        self._service = service
        self._replying = None
        self._last_item = None
        self.serve(type="session.created", session={"type": "realtime", "id": "sess_1"})

    async def send(self, text):
        await super().send(text)
        self.take(self.sent.pop())

    async def close(self):
        if self._replying is not None:
            self._replying.cancel()
        self._service.open.discard(self)
        await super().close()

    def take(self, message):
        """Answer one message of the device, as the service would."""
        match message["type"]:
            case "session.update":
                self.serve(type="session.updated", session={"type": "realtime", "id": "sess_1"})
            case "input_audio_buffer.commit":
                self._committed()
            case "input_audio_buffer.clear":
                self.serve(type="input_audio_buffer.cleared")
            case "conversation.item.create":
                self._added(message["item"])
            case "conversation.item.truncate":
                fields = {k: message[k] for k in ("item_id", "content_index", "audio_end_ms")}
                self.serve(type="conversation.item.truncated", **fields)
            case "response.create":
                self._replying = asyncio.create_task(self._reply(message["response"]["metadata"]))
            case "response.cancel" if self._replying is not None and not self._replying.done():
                self._replying.cancel()
            case "response.cancel":
                error = {"type": "invalid_request_error", "code": "response_cancel_not_active"}
                self.serve(type="error", error={**error, "message": "None is active."})

    def hear_speech(self):
        """Find by itself that something was said, and answer it."""
        for kind, when in (("started", "audio_start_ms"), ("stopped", "audio_end_ms")):
            item_id = self._service.next_id("item")
            kind = f"input_audio_buffer.speech_{kind}"
            self.serve(type=kind, item_id=item_id, **{when: 0})
        self._committed()
        self._replying = asyncio.create_task(self._reply({}))

    def _committed(self):
        item_id, before = self._service.new_id("item"), self._last_item
        self._last_item = item_id
        about = {"item_id": item_id, "previous_item_id": before}
        self.serve(type="input_audio_buffer.committed", **about)
        said = {"id": item_id, "type": "message", "role": "user", "content": []}
        self._added(said)
        kind = "conversation.item.input_audio_transcription.completed"
        words = "What is it that I said just now?"
        self.serve(type=kind, item_id=item_id, content_index=0, transcript=words)

    def _added(self, item):
        self.serve(type="conversation.item.added", item=item)
        self.serve(type="conversation.item.done", item=item)

    async def _reply(self, metadata):
        response = {"id": self._service.new_id("resp"), "conversation_id": "conv_1"}
        response |= {"metadata": metadata, "object": "realtime.response", "output": []}
        item = {"id": self._service.new_id("item"), "type": "message", "role": "assistant"}
        item["content"] = []
        if self._service.dice.random() < self._service.tool_share:
            item |= {"type": "function_call", "call_id": self._service.new_id("call")}
            item |= {"name": "set_volume", "arguments": '{"percent": 50}'}
            response["output"] = [item]
        status = "cancelled"
        self.serve(type="response.created", response={**response, "status": "in_progress"})
        try:
            await asyncio.sleep(0.3)
            place = {"response_id": response["id"], "output_index": 0}
            self.serve(type="response.output_item.added", item=item, **place)
            if not response["output"]:
                await self._speak({**place, "item_id": item["id"], "content_index": 0})
            self.serve(type="response.output_item.done", item=item, **place)
            status = "completed"
        finally:
            usage = {"total_tokens": 50, "input_token_details": {"audio_tokens": 20}}
            body = {**response, "status": status, "usage": usage}
            self.serve(type="response.done", response=body)

    async def _speak(self, place):
        sound = base64.b64encode(b"\x10\x00" * 7200).decode()
        for word in ("You ", "said ", "that, ", "I ", "think."):
            self.serve(type="response.output_audio_transcript.delta", delta=word, **place)
            self.serve(type="response.output_audio.delta", delta=sound, **place)
            await asyncio.sleep(STEP_S)
        self.serve(type="response.output_audio.done", **place)
        words = "You said that, I think."
        self.serve(type="response.output_audio_transcript.done", transcript=words, **place)


class PaperService:
    """Gives out connections; knows which are open."""

    def __init__(self, dice: random.Random, tool_share: float = 0.1) -> None:
        self.dice = dice
        self.tool_share = tool_share
        self.open: set[PaperSocket] = set()
        self.dials = 0
        self._ids = 0

    def new_id(self, kind: str) -> str:
        self._ids += 1
        return f"{kind}_{self._ids}"

    def next_id(self, kind: str) -> str:
        """Return what `new_id` will."""
        return f"{kind}_{self._ids + 1}"

    async def connect(self) -> PaperSocket:
        self.dials += 1
        await asyncio.sleep(STEP_S)
        socket = self.socket()
        self.open.add(socket)
        return socket

    def socket(self) -> PaperSocket:
        return PaperSocket(self)

    def drop(self) -> None:
        """End every connection."""
        for socket in self.open:
            socket.drop(RemoteError("the connection ended (1006)"))


class PaperDevice:
    """The runner with devices on paper, and the person before it."""

    def __init__(
        self, loop: SimulatedLoop, service: PaperService, cap_usd: float, mode: TalkMode
    ) -> None:
        self.loop, self.service, self.mode = loop, service, mode
        self.microphone, self.speaker = FakeMicrophone(), PassingSpeaker(loop.time)
        self.panel, self.journal = ShortPanel(loop.time), ShortJournal()
        self.trace = CountingTrace()
        rules = Rules(
            turn=TurnRules(talk_mode=mode),
            link=LinkRules(),
            button=ButtonRules(1.0, GestureRules(talk_mode=mode)),
            preroll_s=0.3,
            server_responds=True,
            budget=BudgetRules(Prices(10.0, 0.3, 20.0), cap_usd),
        )
        devices = Devices(
            self.microphone, self.speaker, self.panel, service, self.journal, self.trace
        )
        tools = (time_tool(self.now), volume_tool(self.speaker, 0.8))
        purse = Purse(BudgetState(), ShortKeeper, lambda: self.now().date(), lambda: True)
        self.runner = Runner(
            *(devices, rules, _opening, tools, loop.time, lambda _: silence(800)), purse=purse
        )
        # Full from the first turn on: that it fills is no leak.
        for name in SPANS:
            for _ in range(KEPT):
                self.runner.spans.add(name, random.random())

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.loop.time())

    @property
    def state(self) -> str:
        return type(self.runner.state).__name__

    @property
    def rests(self) -> bool:
        rest = "Listening" if self.mode == "hands_free" else "Idle"
        return self.state == rest and self.runner._line.is_ready

    async def until(self, seen, within_s: float = 120.0) -> None:
        """Let time pass until something is so."""
        try:
            async with asyncio.timeout(within_s):
                while not seen():  # noqa: ASYNC110  a state of many parts, of which no event tells
                    await asyncio.sleep(STEP_S)
        except TimeoutError:
            said = "\n".join(self.journal.lines)
            raise AssertionError(f"{self.state}, {self.runner._line.state}:\n{said}") from None

    async def speak(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP_S)):
            await asyncio.sleep(STEP_S)
            self.microphone.say(b"\x07\x01" * round(24_000 * STEP_S), self.loop.time() - STEP_S)

    async def ask(self, seconds: float = 0.5) -> None:
        """Press, speak, release, and wait until all of it is in."""
        self.panel.press()
        await self.speak(seconds)
        self.panel.release()
        await asyncio.sleep(0.01)
        while self.state == "Closing":
            self.microphone.say(silence(1000 * STEP_S), self.loop.time())
            await asyncio.sleep(0.01)


def _opening(toolbox):
    sound = AudioSettings(input=AudioInput(turn_detection=None))
    return SessionUpdate(SessionSettings(audio=sound, tools=toolbox.declared))


@asynccontextmanager
async def paper_device(service: PaperService, cap_usd: float = 0.0, mode: TalkMode = "hold"):
    """A running device that is ready; at the end it is stopped, and nothing may have gone wrong.

    `cap_usd`: what a day may cost; 0 for any sum.
    """
    loop = asyncio.get_running_loop()
    made = PaperDevice(loop, service, cap_usd, mode)
    stop = asyncio.Event()
    running = asyncio.create_task(made.runner.run(stop))
    await made.until(lambda: made.rests)
    yield made
    stop.set()
    await running
    assert made.loop.wrong == []
    assert made.journal.mistakes == []
