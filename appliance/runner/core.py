"""Run the device: events of the world in, effects of the turn machine out.

Everything here happens on the event loop's thread. Decisions are made in `session`; this file
translates between the rooms, and keeps the marks that the latency spans are made of.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import assert_never

from appliance.ports import Captured, Light
from appliance.realtime.client_events import ConversationItemCreate, ResponseCancel, SessionUpdate
from appliance.realtime.client_structures import FunctionCallOutputItem
from appliance.realtime.server_events import ServerEvent
from appliance.runner.announcer import Announcer, floor_of
from appliance.runner.bargein import Ears
from appliance.runner.hardware import Hardware
from appliance.runner.intake import Intake
from appliance.runner.lamp import Lamp
from appliance.runner.ledger import Ledger
from appliance.runner.line import Line
from appliance.runner.outlet import Outlet
from appliance.runner.person import Person
from appliance.runner.reporter import Reporter
from appliance.runner.rules import Devices, Purse, Rules
from appliance.runner.service import ServiceReader
from appliance.runner.spans import Spans
from appliance.runner.steward import Steward
from appliance.runner.tools import Tool, ToolBox
from appliance.runner.turns import LATE, TurnBook
from appliance.runner.uplink import Uplink
from appliance.session import vocabulary as v
from appliance.session.link import Refused
from appliance.session.turn import light_of, step


class Runner:
    """The running device. `run` returns after `stop` is set and everything is closed."""

    def __init__(
        self,
        devices: Devices,
        rules: Rules,
        opening: Callable[[ToolBox], SessionUpdate],
        tools: tuple[Tool, ...],
        clock: Callable[[], float] = time.monotonic,
        prompt_pcm: Callable[[str], bytes] = lambda _: b"",
        purse: Purse | None = None,
    ) -> None:
        """Put the rooms together; nothing is opened.

        Args:
            opening: makes the event that sets a new session up.
            tools: what the model may call.
            prompt_pcm: the sound of a prompt (s16le mono, 24 kHz), empty if there is none.
            purse: the day's cost so far; None to begin with nothing and to keep nothing.
        """
        self._devices = devices
        self._rules = rules
        self._clock = clock
        self._tools = ToolBox(tools)
        self._book = TurnBook()
        self._service = ServiceReader(self._book)
        self.spans = Spans(devices.trace)
        self.state: v.State = v.Idle(0, clock() + rules.turn.tidy_s)
        self._announcer = Announcer(devices.speaker, prompt_pcm, devices.trace, clock)
        self._reporter = Reporter(devices, self._book, self._announcer)
        self._line = Line(
            self, devices.connector, lambda: opening(self._tools), rules.link, devices.journal,
            devices.trace, clock, self._reporter.link_news, devices.network,
        )  # fmt: skip
        self._uplink = Uplink(self._line, self._book, self.spans, devices.trace)
        self._intake = Intake(
            self._uplink, self._book, self.spans, rules.preroll_s, rules.chunk_samples, clock,
            self._mic_closed,
        )  # fmt: skip
        self._outlet = Outlet(devices.speaker, self._line, self._book, self.spans, devices.trace)
        self._hardware = Hardware(
            devices.microphone, devices.speaker, devices.journal, devices.trace,
            self._hardware_changed, lambda: not (self._is_busy or self._announcer.is_speaking),
        )  # fmt: skip
        self.ears = Ears(rules.hearing, self._reporter, devices.trace)
        self._steward = Steward(
            rules.health, devices.board, self._reporter, devices.journal, clock, self._refresh
        )
        self._ledger = Ledger(
            rules.budget, purse or Purse(), self._book, self._reporter, clock,
            self._steward.wrote, self._cost_stopped,
        )  # fmt: skip
        self._person = Person(
            rules.button, self._ledger, self._line, self._book, self._intake, self._reporter,
            self.ears, lambda: self.state, self._handle, self._refresh,
        )  # fmt: skip
        self._lamp = Lamp(devices.panel, devices.trace)
        self._hands_free = rules.turn.talk_mode == "hands_free"
        self._events: deque[v.Event] = deque()
        self._stepping = False
        self._told_ready = False
        self._closing = False  # from now on nothing is shown and nothing is due
        self.outgrown = ""  # why it has ended by itself, to be started anew
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, stop: asyncio.Event, ready: Callable[[], None] = lambda: None) -> None:
        """Start everything, serve until `stop` is set, and close everything.

        `ready` is called once: when the first session is set up, or cannot be; `is_well` tells
        whether a person can talk now. It sets `stop` itself if it must be started anew.
        """
        self._ready, self._stop = ready, stop
        self._person.button.start(self._devices.panel, self._edge)
        try:
            self._refresh()
            self._hardware.start(self._captured, self._outlet.sounded, self._drained)
            self._ledger.look()
            self._steward.start()
            self._line.start()
            self._handle(v.Begin())
            await stop.wait()
        finally:
            await self._close()

    @property
    def is_well(self) -> bool:
        """Whether microphone, loudspeaker and link all work."""
        return self._hardware.is_whole and self._line.is_ready

    async def _close(self) -> None:
        self._closing = True
        self._announcer.can_speak = False
        self._ledger.session_ended()
        if self._timer is not None:
            self._timer.cancel()
        self._hardware.stop()
        self._devices.panel.stop()
        if not isinstance(self.state, v.Idle | v.Muted):
            self._report(self.state.turn, "stopped")
        await self._line.close()
        await self._steward.close()
        await self._ledger.close()
        self._reporter.summary(self.spans, self._uplink.lost_samples, self.state)

    def _hardware_changed(self, name: str, lost: str) -> None:
        self._announcer.can_speak = self._hardware.can_speak
        self._reporter.hardware(name, lost)
        if not self._hardware.can_speak and isinstance(self.state, v.Speaking):
            self._handle(v.Failed(self.state.turn, "speaker_lost"))
        self._refresh()

    # The person

    def _edge(self, pressed: bool, at_s: float) -> None:
        self._person.button.edge(pressed, at_s)
        self._arm()

    def _cost_stopped(self, stopped: bool) -> None:
        """With hands free the next turn is open already: shut it, or open it again."""
        if self._hands_free and isinstance(self.state, v.Listening) and not self.state.speech:
            if stopped:
                self._intake.discard()
            else:
                self._intake.open(self.state.turn, None, pressed=False)
        self._refresh()

    def _captured(self, chunk: Captured) -> None:
        self.ears.take(chunk, turn_open=isinstance(self.state, v.Listening))
        if self._hands_free and self._announcer.is_speaking:
            # The microphone is open, and would take what the device says for a person's words.
            if chunk.voice_since_s is None:
                self._intake.overhear(chunk)
                return
            self._announcer.hush()
            if self._ledger.allows:
                self._intake.open(self.state.turn, chunk.voice_since_s, pressed=False)
        if self._intake.take(chunk) and isinstance(self.state, v.Listening):
            if self._hands_free and not self.state.speech:
                self._uplink.bound_silence(self.state.turn)
            else:
                self._reporter.loss(self._uplink.lost_samples)
        if chunk.voice_since_s is not None and isinstance(self.state, v.Waiting | v.Speaking):
            self._person.speaks_over(chunk, chunk.voice_since_s)

    def _mic_closed(self, said_ms: int) -> None:
        self._handle(v.MicClosed(self.state.turn, said_ms, self._line.is_ready))

    # The service

    def line_changed(self) -> None:
        self._refresh()

    def line_up(self, took_s: float) -> None:
        self.spans.add("connect", took_s)
        self._book.forget_responses()
        self._ledger.session_began()
        kept_from_s = self._clock() - self._rules.turn.held_s
        self._reporter.link_up(took_s, dropped=self._uplink.link_up(kept_from_s))
        self._handle(v.LinkUp())
        self._be_ready()

    def line_down(self, why: str) -> None:
        self._uplink.link_down()
        self._ledger.session_ended()
        self._devices.trace.record("link_down", why=why)
        self._handle(v.LinkDown())
        if isinstance(self.state, v.Idle | v.Muted):
            gc.collect()  # what a connection leaves behind holds on to itself

    def line_refused(self, code: str) -> None:
        if isinstance(self.state, v.Waiting):
            self._handle(v.Failed(self.state.turn, code))

    def line_event(self, event: ServerEvent) -> None:
        reading = self._service.read(event, self.state, self._line.session, self._clock())
        self._ledger.take(event)
        self._reporter.texts(reading.texts, log=self._rules.log_transcripts)
        self._reporter.lines(reading.lines)
        if reading.speech_began:
            if isinstance(self.state, v.Listening) and not self._intake.is_open:
                return  # it began before the microphone was shut for its cost
            self._uplink.speech_began(reading.speech_began, self.state.turn)
        if reading.commit_refused:
            self._uplink.commit_refused()
        if reading.acknowledged:
            self._acknowledged(reading.acknowledged)
        if reading.unwanted:
            self._line.send(ResponseCancel())
        for told in reading.events:
            self._handle(told)
        if reading.ask_again and isinstance(self.state, v.Waiting):
            self._uplink.ask_again(self.state.turn)

    def _acknowledged(self, item_id: str) -> None:
        announced = self._uplink.is_announced(item_id)
        self._book.answers(item_id, self.state.turn)  # its transcript is charged to this turn
        turn = self._uplink.acknowledged(item_id, self._rules.server_responds)
        if announced:
            self._book.expected_turn = LATE if turn is None else turn
        if turn is not None:
            self._handle(v.ServerCommitted(turn, self._rules.server_responds))
        self._handle(v.Delivered(self.state.turn))

    def _drained(self) -> None:
        if self._announcer.drained():
            return
        self._handle(v.Drained(self.state.turn))

    # The machine

    def _handle(self, event: v.Event) -> None:
        """Step the machine; what effects report back is taken after the step they belong to."""
        self._events.append(event)
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._events:
                before = self.state
                self.state, effects = step(
                    before, self._events.popleft(), self._clock(), self._rules.turn
                )
                if type(self.state) is not type(before) or self.state.turn != before.turn:
                    self._reporter.state(self.state)
                # Before the effects: what the device says itself is cut before a reply begins.
                self._announcer.floor(floor_of(self.state, hands_free=self._hands_free))
                for effect in effects:
                    self._perform(effect)
        finally:
            self._stepping = False
            self._refresh()
        if isinstance(self._line.state, Refused):
            self.line_refused(self._line.state.code)  # nobody needs to wait for an answer

    def _perform(self, effect: v.Effect) -> None:
        match effect:
            case v.OpenMic() if self._hands_free and not self._ledger.allows:
                pass  # it listens again when a turn may begin
            case v.OpenMic(turn):
                self._intake.open(turn, self._person.talk_from_s, pressed=not self._person.by_voice)
            case v.CloseMic(force=True):
                self._intake.close_now()
            case v.CloseMic():
                self._intake.close()
            case v.DiscardMic():
                self._intake.discard()
            case v.Commit(turn):
                self._uplink.commit(turn)
            case v.Ask(turn):
                self._uplink.ask(turn)
            case v.CancelReply(turn):
                self._uplink.cancel(turn)
                self._line.send(ResponseCancel())  # harmless if the answer has ended by itself
            case v.CutReply(turn):
                silenced = self._outlet.cut(self._person.talk_from_s)
                if silenced is not None:
                    self._handle(v.Silenced(turn, silenced.item_id, silenced.heard_ms))
            case v.Truncate(item_id, audio_end_ms):
                self._outlet.truncate(item_id, audio_end_ms)
            case v.Play(item_id, pcm):
                self._uplink.answered(self.state.turn)
                if self._hardware.can_speak:
                    self._outlet.play(self.state.turn, item_id, pcm)
                else:
                    self._handle(v.Failed(self.state.turn, "speaker_lost"))
            case v.RunTool(turn, call):
                self._uplink.answered(turn)
                self._tools.start(call, partial(self._tool_done, turn, call))
            case v.AnswerTool(call_id, output):
                self._line.send(ConversationItemCreate(FunctionCallOutputItem(call_id, output)))
            case v.Explain(name):
                self._reporter.explain(name)
            case v.Sign(flash):
                self._reporter.sign(flash)
            case v.Report(turn, outcome):
                self._report(turn, outcome)
            case v.Tidy():
                gc.collect()  # now, when nobody waits, instead of in the middle of a turn
            case _:
                assert_never(effect)

    def _tool_done(self, turn: int, call: v.ToolCall, output: str) -> None:
        if not self._closing:
            self._devices.trace.record("tool", name=call.name, output=output)
            self._handle(v.ToolDone(turn, call.call_id, output))

    def _report(self, turn: int, outcome: str) -> None:
        if outcome != "interrupted":  # else it may still be on its way
            self._uplink.give_up(turn)
        self._reporter.turn(turn, outcome)

    # Lights and time

    def _be_ready(self) -> None:
        if not self._told_ready:
            self._told_ready = True
            gc.collect()
            gc.freeze()  # what was loaded at start stays: later collections need not walk it
            self._refresh()
            self._ready()

    def _refresh(self) -> None:
        """Show what is most urgent, and wait for whatever is due next."""
        if self._closing:
            return
        if not self._told_ready and (self._line.is_troubled or self._line.is_refused):
            self._be_ready()
        lights = {light_of(self.state), *self._reporter.lights}
        if not self._told_ready:
            lights.add(Light.STARTING)
        elif self._line.is_troubled:
            lights.add(Light.NO_NETWORK)
        if self._line.is_refused or not self._hardware.is_whole:
            lights.add(Light.FAULT)
        self._lamp.show(lights)
        self._arm()

    def _arm(self) -> None:
        if self._closing:
            return
        if self._timer is not None:
            self._timer.cancel()
        due_s = min(
            self.state.deadline_s,
            self._line.due_s,
            self._announcer.due_s,
            self._ledger.due_s,
            self._steward.due_s,
            self._person.button.next_tick_s(self._clock()),
        )
        # Never before the next turn of the loop: a deadline that stays in the past must not spin.
        due_s = max(due_s, self._clock() + 0.001)
        self._timer = asyncio.get_running_loop().call_at(due_s, self._tick)

    def _tick(self) -> None:
        try:
            self._person.button.tick(self._clock())
            self._line.tick(busy=self._is_busy)
            self._announcer.tick()
            self._ledger.tick()
            self._steward.tick()
        finally:
            self._handle(v.Tick(self._line.is_ready))
        if self._steward.has_outgrown and not (self._is_busy or self._announcer.is_speaking):
            self.outgrown = self._steward.outgrown()
            self._stop.set()

    @property
    def _is_busy(self) -> bool:
        """Whether a new session now would disturb somebody."""
        waits_for_speech = isinstance(self.state, v.Listening) and not self.state.speech
        if waits_for_speech and self._hands_free:
            return False
        return not isinstance(self.state, v.Idle | v.Muted)
