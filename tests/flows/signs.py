"""A device of which a test sees all that it tells, shows and says, beside the table of faults.

The runner is real, and so is whatever brings the fault about: the service and the network, the
board's files, the card, the sound. What a test does not give is made of memory.
"""

from __future__ import annotations

import asyncio
import math
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
from link_world import Hum, NumberEars, opening

from appliance.devices.fakes import FakeJournal, FakeMicrophone, FakePanel, FakeSpeaker, FakeTrace
from appliance.devices.websocket import WebSocketConnector, WebSocketOptions
from appliance.faults import FAULTS
from appliance.panel.gestures import GestureRules
from appliance.ports import Light
from appliance.runner.button import ButtonRules
from appliance.runner.core import Runner
from appliance.runner.rules import Devices, Purse, Rules
from appliance.session.budget import BudgetRules
from appliance.session.health import HealthRules
from appliance.session.hearing import HearingRules
from appliance.session.link import LinkRules
from appliance.session.turn import TurnRules
from appliance.simulator.fault_proxy import FaultProxy
from appliance.simulator.server import Options, RealtimeServer

TROUBLE = (Light.NO_NETWORK, Light.FAULT, Light.SETUP)  # lights of faults, not of turns
QUICK_LINK = {"base_delay_s": 0.02, "max_delay_s": 0.05, "settled_s": 0.0, "max_retries": 1}


@dataclass(frozen=True)
class Parts:
    """What a device is made of, as far as a test has its own."""

    microphone: object = None
    speaker: object = None
    board: object = None
    purse: Purse | None = None
    tools: tuple = ()
    mode: str = "hold"
    patience_s: float = 5.0  # with a server that does not answer
    link: dict = field(default_factory=dict)
    turn: dict = field(default_factory=dict)
    gestures: dict = field(default_factory=dict)
    health: HealthRules = field(default_factory=HealthRules)
    hearing: HearingRules = field(default_factory=HearingRules)
    budget: BudgetRules = field(default_factory=BudgetRules)


class LevelJournal(FakeJournal):
    """Keeps the levels, too: `levels` of each name, in order."""

    def __init__(self):
        super().__init__()
        self.levels = {}

    def event(self, name, message, *, level="info", **fields):
        super().event(name, message, level=level, **fields)
        self.levels.setdefault(name, []).append(level)


class Device:
    """The running device, and the person before it."""

    def __init__(self, connector, parts):
        self.clock = time.monotonic
        self.microphone = parts.microphone or FakeMicrophone()
        self.speaker = parts.speaker or FakeSpeaker(self.clock)
        self.panel, self.journal, self.trace = FakePanel(self.clock), LevelJournal(), FakeTrace()
        self.listens = True  # what the loudspeaker gets is heard to its end at once
        self.proxy = self.server = None
        gestures = {"talk_mode": parts.mode, "min_press_ms": 0.0, **parts.gestures}
        rules = Rules(
            turn=TurnRules(
                talk_mode=parts.mode,
                **{"min_press_ms": 0.0, "tail_s": 0.05, "reply_timeout_s": 5.0, **parts.turn},
            ),
            link=LinkRules(**{**QUICK_LINK, **parts.link}),
            button=ButtonRules(1.0, GestureRules(**gestures)),
            preroll_s=0.0,
            server_responds=True,
            budget=parts.budget,
            health=parts.health,
            hearing=parts.hearing,
        )
        devices = Devices(
            self.microphone,
            self.speaker,
            self.panel,
            connector,
            self.journal,
            self.trace,
            parts.board,
        )
        self.runner = Runner(
            *(devices, rules, opening, parts.tools), prompt_pcm=_half_a_second, purse=parts.purse
        )

    @property
    def state(self):
        return type(self.runner.state).__name__

    @property
    def is_linked(self):
        return self.runner._line.is_ready

    async def until(self, seen, within_s=10.0):
        try:
            async with asyncio.timeout(within_s):
                while not seen():
                    if self.listens and isinstance(self.speaker, FakeSpeaker):
                        self.speaker.hear_all()
                    await asyncio.sleep(0.002)
        except TimeoutError:
            raise AssertionError(f"it did not come to pass: {self}") from None

    def __repr__(self):
        shown = [light.value for light in self.panel.lights]
        return f"{self.state}; shown {shown}, {self.panel.flashes}; said {self.said}; told " + str(
            self.journal.lines
        )

    async def say(self, ms=400, pcm=b"\x07\x01"):
        """Press, speak, release, and wait until all of it is in."""
        self.panel.press()
        await self.until(lambda: self.state == "Listening")
        for _ in range(ms // 20):
            self.microphone.say(pcm * 480, self.clock())
        self.panel.release()
        await self.until(lambda: self.state != "Listening")
        while self.state == "Closing":
            self.microphone.say(bytes(960), self.clock() + 1.0)
            await asyncio.sleep(0.002)

    # What a person, or the journal's reader, gets to know

    @property
    def told(self):
        return [name for name, _ in self.journal.lines]

    @property
    def said(self):
        return [record["key"] for record in self.trace.records if record["kind"] == "prompt"]

    @property
    def outcomes(self):
        return [record["outcome"] for record in self.trace.records if record["kind"] == "turn"]

    def forget(self):
        """Let only what comes from now on count."""
        self.journal.lines.clear()
        self.journal.levels.clear()
        del self.panel.flashes[:], self.panel.lights[:]
        self.trace.records[:] = [r for r in self.trace.records if r["kind"] != "prompt"]

    async def gives_the_signs_of(self, fault, within_s=10.0):
        """Wait for line, light, flash and sentence of a fault; it may show no others."""
        row, panel = FAULTS[fault], self.panel
        await self.until(lambda: fault in self.told, within_s)
        await self.until(lambda: row.light is None or row.light in panel.lights, within_s)
        await self.until(lambda: row.flash is None or row.flash in panel.flashes, within_s)
        await self.until(lambda: row.prompt is None or row.prompt in self.said, within_s)
        assert {light for light in panel.lights if light in TROUBLE} <= {row.light}, self
        assert set(panel.flashes) <= {row.flash}, self
        if row.prompt is None:
            assert self.said == [], self


def _half_a_second(key):
    return key.encode().ljust(24_000, b"\0")


@asynccontextmanager
async def device(connector, parts=None):
    """Run a device that dials with this connector."""
    made = Device(connector, parts or Parts())
    stop = asyncio.Event()
    running = asyncio.create_task(made.runner.run(stop))
    await asyncio.sleep(0)
    try:
        yield made
    finally:
        stop.set()
        await asyncio.wait_for(running, 10)


@asynccontextmanager
async def service(before=None, tls=None, **options):
    """Run the local server, behind a proxy to which `before` is done; give both."""
    options = Options(**{"port": 0, "pace": math.inf, **options})
    async with (
        RealtimeServer(options, NumberEars(), Hum()) as server,
        FaultProxy(server.port, tls=tls) as proxy,
    ):
        if before is not None:
            before(proxy)
        yield server, proxy


@asynccontextmanager
async def linked_device(parts=None, **options):
    """Run a device that has its session with the local server, behind the proxy."""
    async with (
        service(**options) as (server, proxy),
        device(dialling(proxy.url, (parts or Parts()).patience_s), parts) as made,
    ):
        made.server, made.proxy = server, proxy
        await made.until(lambda: made.is_linked)
        yield made


def dialling(url, patience_s=5.0, **more):
    """Return the device's own connector; `patience_s` for a handshake, and for a pong."""
    options = WebSocketOptions(
        ping_interval_s=0.2,
        ping_timeout_s=patience_s,
        open_timeout_s=patience_s,
        close_timeout_s=0.1,
    )
    return WebSocketConnector(f"{url}?model=gpt-realtime", "key", options=options, **more)
