"""A runner whose devices are made of memory, and whose service is the test."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from appliance.devices.fakes import (
    FakeBoard,
    FakeConnector,
    FakeJournal,
    FakeKeeper,
    FakeMicrophone,
    FakePanel,
    FakeSpeaker,
    FakeTrace,
)
from appliance.panel.gestures import GestureRules
from appliance.realtime.client_events import SessionUpdate
from appliance.realtime.client_structures import AudioInput, AudioSettings, SessionSettings
from appliance.runner.button import ButtonRules
from appliance.runner.core import Runner
from appliance.runner.rules import Devices, Purse, Rules
from appliance.runner.tools import time_tool, volume_tool
from appliance.session.budget import BudgetRules, BudgetState
from appliance.session.health import HealthRules
from appliance.session.hearing import HearingRules
from appliance.session.link import LinkRules
from appliance.session.prices import Prices
from appliance.session.turn import TurnRules

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Bench:
    """The runner on its bench; `await until(...)` lets the loop run until something is so."""

    def __init__(
        self,
        mode="hold",
        errors=(),
        log_transcripts=False,
        chunk_samples=240,
        prompts=False,
        cap_usd=0.0,
        spent=None,
        gestures=None,
        health=None,
        panel=None,
        **turn,
    ):
        self.clock = time.monotonic
        self.microphone = FakeMicrophone()
        self.speaker = FakeSpeaker(self.clock)
        self.panel = panel or FakePanel(self.clock)
        self.connector = FakeConnector(errors)
        self.journal = FakeJournal()
        self.trace = FakeTrace()
        self.board = FakeBoard()
        self.today = NOON.date()
        self.keeper = None
        turn = {"min_press_ms": 0.0, **turn}
        rules = Rules(
            turn=TurnRules(talk_mode=mode, **turn),
            link=LinkRules(base_delay_s=0.01, max_delay_s=0.05, settled_s=0.0),
            button=ButtonRules(
                1.0, GestureRules(talk_mode=mode, min_press_ms=0.0, **(gestures or {}))
            ),
            preroll_s=0.3,
            server_responds=True,
            log_transcripts=log_transcripts,
            chunk_samples=chunk_samples,
            budget=BudgetRules(Prices(10.0, 0.3, 20.0), cap_usd),
            health=health or HealthRules(),
            hearing=HearingRules(),
        )
        devices = Devices(
            self.microphone,
            self.speaker,
            self.panel,
            self.connector,
            self.journal,
            self.trace,
            self.board,
        )
        purse = Purse(
            spent or BudgetState(), self._keep, lambda: self.today, lambda: self.board.clock_set()
        )
        tools = (time_tool(lambda: NOON), volume_tool(self.speaker, 0.8))
        pcm_of = said_as if prompts else lambda key: b""
        self.runner = Runner(devices, rules, opening, tools, prompt_pcm=pcm_of, purse=purse)

    def _keep(self, told):
        self.keeper = FakeKeeper(told)
        return self.keeper

    @property
    def socket(self):
        return self.connector.socket

    @property
    def state(self):
        return type(self.runner.state).__name__

    async def until(self, seen, within_s=5.0):
        async with asyncio.timeout(within_s):
            while not seen():  # noqa: ASYNC110  the loop must turn; what is awaited has no event
                await asyncio.sleep(0.001)

    async def online(self):
        """Let the session be set up."""
        await self.until(lambda: self.connector.sockets and self.socket.types())
        self.socket.serve(type="session.updated", session={"type": "realtime"})
        await self.until(lambda: self.runner._line.is_ready)

    def speak(self, ms=200):
        """Say something now, marked so that it is known again; return it."""
        pcm = b"\x07\x01" * (24 * ms)
        self.microphone.say(pcm, self.clock() - ms / 1000)
        return pcm

    async def ask(self):
        """Press, speak, release, and wait until it has been handed over."""
        self.panel.press()
        self.speak()
        self.panel.release()
        await self.until(lambda: self.state == "Closing")
        self.microphone.say(bytes(4800), self.clock())
        await self.until(lambda: self.socket.types()[-1] == "response.create")
        self.socket.serve(type="input_audio_buffer.committed", item_id="item_u")

    def answer(self, turn=1, response="resp_1", item="item_a", ms=1000, done=True):
        """Serve a reply."""
        self.socket.serve(
            type="response.created", response={"id": response, "metadata": {"turn": str(turn)}}
        )
        self.more(response, item, ms)
        if done:
            self.finish(response, turn)

    def more(self, response="resp_1", item="item_a", ms=1000):
        import base64

        self.socket.serve(
            type="response.output_audio.delta",
            response_id=response,
            item_id=item,
            output_index=0,
            content_index=0,
            delta=base64.b64encode(b"\x01\x02" * (24 * ms)).decode(),
        )

    def hears(self, item):
        """Serve what voice activity detection says when speech begins."""
        self.socket.serve(type="input_audio_buffer.speech_started", item_id=item, audio_start_ms=0)

    def finish(self, response="resp_1", turn=1, status="completed", **more):
        body = {"id": response, "status": status, "metadata": {"turn": str(turn)}, **more}
        self.socket.serve(type="response.done", response=body)

    @property
    def prompts(self):
        """What the device has said by itself."""
        played = [pcm for item, pcm in self.speaker.played if item.startswith("prompt-")]
        return [pcm.rstrip(b"\0").decode() for pcm in played]

    def sent(self, kind):
        return [message for message in self.socket.sent if message["type"] == kind]


def said_as(key):
    """A second of sound that tells which prompt it is."""
    return key.encode().ljust(48_000, b"\0")


def opening(toolbox):
    settings = SessionSettings(
        audio=AudioSettings(input=AudioInput(turn_detection=None)), tools=toolbox.declared
    )
    return SessionUpdate(settings)


@pytest.fixture
def bench():
    """`async with bench(...) as b:` runs it, and ends it with the test."""

    @asynccontextmanager
    async def running(**options):
        made = Bench(**options)
        stop = asyncio.Event()
        task = asyncio.create_task(made.runner.run(stop))
        await asyncio.sleep(0)
        try:
            yield made
        finally:
            stop.set()
            await asyncio.wait_for(task, 5)

    return running
