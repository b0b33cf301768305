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

from fault_proxy import Answer, FaultProxy

from appliance.devices.fakes import (
    FakeJournal,
    FakeMicrophone,
    FakePanel,
    FakeSpeaker,
    FakeTrace,
)
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
from appliance.runner.rules import Devices, Rules
from appliance.session.link import LinkRules
from appliance.session.turn import TurnRules
from appliance.simulator.server import Options, RealtimeServer

SAY_MS = 400


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
    def __init__(self, proxy, server, link):
        self.clock = time.monotonic
        self.proxy, self.server = proxy, server
        self.microphone, self.speaker = FakeMicrophone(), FakeSpeaker(self.clock)
        self.panel, self.journal, self.trace = FakePanel(self.clock), FakeJournal(), FakeTrace()
        options = WebSocketOptions(
            ping_interval_s=0.5, ping_timeout_s=2.0, open_timeout_s=1.5, close_timeout_s=0.1
        )
        connector = WebSocketConnector(f"{proxy.url}?model=gpt-realtime", "key", options=options)
        rules = Rules(
            turn=TurnRules(min_press_ms=0.0, tail_s=0.01, reply_timeout_s=5.0),
            link=link,
            button=ButtonRules(1.0, GestureRules(min_press_ms=0.0)),
            preroll_s=0.0,
            server_responds=True,
        )
        devices = Devices(
            self.microphone, self.speaker, self.panel, connector, self.journal, self.trace
        )
        self.runner = Runner(devices, rules, opening, ())
        self.turn = 0

    @property
    def line(self):
        return self.runner._line

    @property
    def state(self):
        return type(self.runner.state).__name__

    async def until(self, seen, within_s=15.0):
        async with asyncio.timeout(within_s):
            while not seen():  # noqa: ASYNC110  a state of many parts, of which no event tells
                await asyncio.sleep(0.002)

    def outcomes(self):
        return [r["outcome"] for r in self.trace.records if r["kind"] == "turn"]

    def seen(self, kind, **fields):
        return [r for r in self.trace.records if r["kind"] == kind and fields.items() <= r.items()]

    async def say(self):
        """Press, say this turn's number, and release."""
        self.turn += 1
        self.panel.press()
        await self.until(lambda: self.state == "Listening")
        for _ in range(SAY_MS // 40):
            self.microphone.say(self.turn.to_bytes(2, "little") * 960, self.clock())
        self.panel.release()
        await self.until(lambda: self.state != "Listening")
        while self.state == "Closing":
            self.microphone.say(bytes(1920), self.clock() + 1.0)
            await asyncio.sleep(0.002)

    async def hear(self):
        """Let the answer be heard to its end; return how the turn ended."""
        before = len(self.outcomes())

        def over():
            self.speaker.hear_all()
            return len(self.outcomes()) > before

        await self.until(over)
        return self.outcomes()[-1]

    async def say_and_hear(self, over_s=0.0):
        """Have a turn; its answer is heard bit by bit, over this time."""
        before = len(self.outcomes())
        await self.say()
        await self.until(lambda: self.state != "Waiting" or len(self.outcomes()) > before, 40.0)
        step_s, started_s = 0.02, self.clock()
        while self.clock() - started_s < over_s and self.state == "Speaking":
            self.speaker.hear(round(24_000 * step_s))
            await asyncio.sleep(step_s)
        return await self.hear() if len(self.outcomes()) == before else self.outcomes()[-1]

    def is_linked(self):
        """Whether the device has a session, and the way to the server is open."""
        return self.line.is_ready and any(pipe.is_upgraded for pipe in self.proxy.alive())

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


@asynccontextmanager
async def link_world(**link):
    """Run a device whose link has these rules; it is connected."""
    options = Options(port=0, pace=math.inf)
    async with (
        RealtimeServer(options, NumberEars(), Hum()) as server,
        FaultProxy(server.port) as proxy,
    ):
        made = World(proxy, server, LinkRules(**link))
        stop = asyncio.Event()
        task = asyncio.create_task(made.runner.run(stop))
        await made.until(lambda: made.line.is_ready)
        try:
            yield made
        finally:
            stop.set()
            await asyncio.wait_for(task, 10)


# Each kind of fault: what is done, and the name that it must be told by


def answers(status, body=b"", **headers):
    def do(w):
        w.proxy.answer = Answer(status, body, headers)
        w.proxy.reset()

    return do


def error_body(code):
    return b'{"error": {"type": "x", "code": "%s", "message": "No."}}' % code.encode()


def refuse(w):
    w.proxy.refuse()
    w.proxy.reset()


def be_deaf(w):
    w.proxy.is_deaf = True
    w.proxy.reset()


def be_slow(w):
    w.proxy.handshake_delay_s = 5.0
    w.proxy.reset()


FAULTS = {
    "nothing listens": (refuse, "connection_refused"),
    "a deaf server": (be_deaf, "connect_timeout"),
    "a slow handshake": (be_slow, "connect_timeout"),
    "reset": (lambda w: w.proxy.reset(), "link_lost"),
    "end without a goodbye": (lambda w: w.proxy.drop(), "link_lost"),
    "half open": (lambda w: w.proxy.half_open(), "stalled"),
    "bytes that are no frame": (lambda w: w.proxy.garbage(), "protocol_error"),
    "a frame too large": (lambda w: w.proxy.oversized(2**40), "protocol_error"),
    "going away": (lambda w: w.proxy.close(1001), "session_expired"),
    "goodbye": (lambda w: w.proxy.close(1000), "link_lost"),
    "internal error": (lambda w: w.proxy.close(1011, "oops"), "service_unavailable"),
    "private code": (lambda w: w.proxy.close(4321), "service_unavailable"),
    "beta refused": (lambda w: w.proxy.close(4000), "beta_api_shape_disabled"),
    "401": (answers(401, error_body("invalid_api_key")), "invalid_api_key"),
    "401 without a word": (answers(401), "invalid_api_key"),
    "403": (answers(403, error_body("account_deactivated")), "account_deactivated"),
    "404 model gone": (answers(404, error_body("model_not_found")), "model_not_found"),
    "429 quota": (answers(429, error_body("insufficient_quota")), "insufficient_quota"),
    "429 rate": (answers(429, b"", **{"Retry-After": "1"}), "rate_limit_exceeded"),
    "500": (answers(500), "service_unavailable"),
    "503": (answers(503, b"", **{"Retry-After": "1"}), "service_unavailable"),
    "log-in page": (
        answers(302, b"", Location="http://portal.example/login"),
        "captive_portal",
    ),
    "page in place of an answer": (
        answers(200, b"<html>Welcome", **{"Content-Type": "text/html"}),
        "captive_portal",
    ),
}
