"""A device that talks to the local server through a proxy that breaks what passes, for tests.

The runner, its connector and the server are real. Microphone, loudspeaker, ears and voice are made
of memory, so that a turn takes a fraction of a second, and the server hears exactly which turns'
sound it was given.
"""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from appliance.devices.fakes import (
    FakeJournal,
    FakeMicrophone,
    FakePanel,
    FakeSpeaker,
    FakeTrace,
)
from appliance.devices.state_file import StateFile, StateKeeper
from appliance.devices.websocket import WebSocketConnector, WebSocketOptions
from appliance.panel.gestures import GestureRules
from appliance.realtime.client_events import SessionUpdate
from appliance.realtime.client_structures import (
    AudioInput,
    AudioSettings,
    SessionSettings,
    Transcription,
)
from appliance.runner.button import ButtonRules
from appliance.runner.core import Runner
from appliance.runner.rules import Devices, Purse, Rules
from appliance.session.budget import VERSION, BudgetRules
from appliance.session.link import LinkRules
from appliance.session.turn import TurnRules
from appliance.simulator.certificates import Certificates
from appliance.simulator.fault_kinds import FaultTarget
from appliance.simulator.fault_proxy import FaultProxy
from appliance.simulator.server import Options, RealtimeServer

CHUNKS, CHUNK_MS = 10, 40  # that somebody says in a turn
WRITE_AGAIN_S = 0.5  # after a write of state that failed; 30 s on the device
OPTIONS = WebSocketOptions(
    ping_interval_s=0.5, ping_timeout_s=3.0, open_timeout_s=3.0, close_timeout_s=0.1
)


class NumberEars:
    """Hears which turns' sound is in a question: each turn is a constant of its own."""

    async def hear(self, pcm):
        samples = memoryview(pcm).cast("h")
        turns = [n for n, before in zip(samples, [0, *samples], strict=False) if n != before]
        return "question " + " and ".join(str(n) for n in turns if n)

    async def close(self):
        pass


class Hum:
    """Speaks 50 ms a letter."""

    async def speak(self, text, voice, language, speed):
        return b"\x10\x00" * (1200 * len(text))


class World:
    """`target` is what `appliance.simulator.faults` does its faults to."""

    def __init__(self, target, server, rules, surroundings):
        self.clock = time.monotonic
        self.target, self.proxy, self.server = target, target.proxy, server
        self.surroundings = surroundings
        self.days_off = 0  # how far the wall clock has jumped
        self.microphone, self.speaker = FakeMicrophone(), FakeSpeaker(self.clock)
        self.panel, self.journal, self.trace = FakePanel(self.clock), FakeJournal(), FakeTrace()
        connector = WebSocketConnector(
            self.proxy.url.replace("127.0.0.1", surroundings.host) + "?model=gpt-realtime",
            "key",
            options=OPTIONS,
            tls=surroundings.trust,
            wall_clock=lambda: time.time() + 86_400 * self.days_off,
        )
        devices = Devices(
            self.microphone, self.speaker, self.panel, connector, self.journal, self.trace
        )
        purse = Purse(
            keeper=self._keeper if surroundings.card else None,
            today=lambda: date.today() + timedelta(days=self.days_off),
            clock_set=lambda: True,
        )
        self.runner = Runner(devices, rules, opening, (), purse=purse)
        self.turn = 0
        self._outcomes, self._read = [], 0  # and how much of the trace they are of

    def _keeper(self, told):
        file = StateFile(self.surroundings.card / "budget.json", VERSION)
        return StateKeeper(file, told, retry_s=WRITE_AGAIN_S)

    @property
    def line(self):
        return self.runner._line

    @property
    def state(self):
        return type(self.runner.state).__name__

    async def until(self, seen, within_s=30.0):
        try:
            async with asyncio.timeout(within_s):
                while not seen():  # noqa: ASYNC110  a state of many parts, of which no event tells
                    await asyncio.sleep(0.01)
        except TimeoutError as late:
            late.add_note(f"{self.line.state} {self.runner.state} {self.journal.lines[-8:]}")
            raise

    def outcomes(self):
        new = self.trace.records[self._read :]
        self._read += len(new)
        self._outcomes += [r["outcome"] for r in new if r["kind"] == "turn"]
        return self._outcomes

    def seen(self, kind, **fields):
        return [r for r in self.trace.records if r["kind"] == kind and fields.items() <= r.items()]

    async def say(self, over_s=0.0):
        """Press, say this turn's number for so long, and release."""
        self.turn += 1
        self.panel.press()
        await self.until(lambda: self.state == "Listening")
        for _ in range(CHUNKS):
            self._sound(self.turn.to_bytes(2, "little") * (24 * CHUNK_MS), self.clock())
            if over_s:
                await asyncio.sleep(over_s / CHUNKS)
        self.panel.release()
        await self.until(lambda: self.state != "Listening")
        while self.state == "Closing":
            self._sound(bytes(1920), self.clock() + 1.0)
            await asyncio.sleep(0.002)

    def _sound(self, pcm, at_s):
        if self.microphone._deliver is not None:  # one that is gone hears nothing
            self.microphone.say(pcm, at_s)

    async def hear(self):
        """Let the answer be heard to its end; return how the turn ended."""
        before = len(self.outcomes())

        def over():
            self.speaker.hear_all()
            return len(self.outcomes()) > before

        await self.until(over)
        return self.outcomes()[-1]

    async def say_and_hear(self, say_s=0.0, hear_s=0.0):
        """Have a turn; it is said, and its answer heard bit by bit, over these times."""
        before = len(self.outcomes())
        await self.say(say_s)
        await self.until(lambda: self.state != "Waiting" or len(self.outcomes()) > before, 60.0)
        step_s, started_s = 0.02, self.clock()
        while self.clock() - started_s < hear_s and self.state == "Speaking":
            self.speaker.hear(round(24_000 * step_s))
            await asyncio.sleep(step_s)
        return await self.hear() if len(self.outcomes()) == before else self.outcomes()[-1]

    def works(self):
        """Whether somebody can talk now: a session, an open way to the server, and hardware."""
        is_open = any(pipe.is_upgraded for pipe in self.proxy.alive())
        return self.runner.is_well and is_open

    def told_of(self, fault):
        """How often the journal has named this fault."""
        return [name for name, _ in self.journal.lines].count(fault)

    def told_questions(self):
        return [words for role, words in self.told() if role == "user"]

    def told(self):
        """What the service's newest session knows of the conversation: (role, words)."""
        items = self.server.connections[-1].conversation.items
        return [(item.role, item.words()) for item in items]


def opening(toolbox):
    sound = AudioInput(turn_detection=None, transcription=Transcription(model="whisper-1"))
    return SessionUpdate(SessionSettings(audio=AudioSettings(input=sound)))


@dataclass(frozen=True)
class Surroundings:
    """What a device has around it."""

    certificates: Certificates | None = None  # the way to the server is TLS
    host: str = "127.0.0.1"  # the server's name; this machine's address must come of it
    hosts: Any = None  # what it is looked up in
    card: Path | None = None  # where state is kept
    pace: float = math.inf  # of an answer's sound, times real time

    @property
    def trust(self):
        return None if self.certificates is None else self.certificates.trust()


@asynccontextmanager
async def link_world(surroundings=None, **link):
    """Run a device whose link has these rules; it is connected."""
    around = surroundings or Surroundings()
    rules = Rules(
        turn=TurnRules(min_press_ms=0.0, tail_s=0.01),
        link=LinkRules(**link),
        button=ButtonRules(1.0, GestureRules(min_press_ms=0.0)),
        preroll_s=0.0,
        server_responds=True,
        budget=BudgetRules(cap_usd=5.0),
    )
    certificates = around.certificates
    async with (
        RealtimeServer(Options(port=0, pace=around.pace), NumberEars(), Hum()) as server,
        FaultProxy(server.port, tls=certificates and certificates.context) as proxy,
    ):
        made = World(FaultTarget(proxy, certificates), server, rules, around)
        stop = asyncio.Event()
        task = asyncio.create_task(made.runner.run(stop))
        await made.until(lambda: made.line.is_ready)
        try:
            yield made
        finally:
            stop.set()
            await asyncio.wait_for(task, 10)
