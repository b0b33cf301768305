"""What people are told: lines in the journal, flashes, sentences; and the trace beside them."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from appliance.faults import Severity, fault, sentence
from appliance.ports import Flash, Light
from appliance.prompts.keys import PROMPTS
from appliance.runner.announcer import Announcer
from appliance.runner.rules import Devices
from appliance.runner.spans import Spans
from appliance.runner.turns import TurnBook
from appliance.session.health import MB, Readings
from appliance.session.link import Announce
from appliance.session.prices import Tokens
from appliance.session.vocabulary import State


class Reporter:
    """One place for everything that is told."""

    def __init__(self, devices: Devices, book: TurnBook, announcer: Announcer) -> None:
        self._devices = devices
        self._book = book
        self._announcer = announcer
        self._standing: set[str] = set()
        self._lost_samples = 0

    @property
    def lights(self) -> set[Light]:
        """What the faults that last show on the panel."""
        return {light for name in self._standing if (light := fault(name).light) is not None}

    def explain(self, name: str) -> None:
        """Tell what is wrong: the journal, a flash, and a sentence if there is one."""
        self._devices.journal.event(name, sentence(name), level=fault(name).severity.level)
        self._devices.trace.record("fault", fault=name)
        self._sign_and_say(name)

    def begins(self, name: str, figure: str = "") -> None:
        """Tell a fault that lasts until `ends`; `figure` is what was measured."""
        self._standing.add(name)
        told = f"{sentence(name)} ({figure})" if figure else sentence(name)
        self._devices.journal.event(name, told, level=fault(name).severity.level)
        self._devices.trace.record("fault", fault=name, stands=True)
        self._sign_and_say(name)

    def _sign_and_say(self, name: str) -> None:
        flash = fault(name).flash
        if flash is not None:
            self._devices.panel.flash(flash)
        self._announcer.explain(name)

    def ends(self, name: str) -> None:
        """Tell that it is over: nothing need be said of it any more."""
        self._standing.discard(name)
        prompt = PROMPTS.get(fault(name).prompt or "")
        if prompt is not None:
            self._announcer.settled(prompt.topic)
        self.is_over(name)

    def stands(self, name: str) -> None:
        """Record a fault that lasts until `is_over`; it is told elsewhere."""
        self._devices.trace.record("fault", fault=name, stands=True)

    def is_over(self, name: str) -> None:
        """Write down that a fault is over."""
        self._devices.journal.event(f"{name}_over", f"No longer: {fault(name).cause}")
        self._devices.trace.record("fault_over", fault=name)

    def loss(self, lost_samples: int) -> None:
        """Tell, once, that of what was said before it could be sent too much had to be dropped."""
        before, self._lost_samples = self._lost_samples, lost_samples
        if lost_samples != before:
            self._devices.trace.record("streams", lost_samples=lost_samples)
        if lost_samples and not before:
            self.explain("audio_dropped")

    def charged(self, turn: int, usd: float) -> None:
        """Record what a turn has cost so much more."""
        self._devices.trace.record("cost", turn=turn, usd=usd)

    def spent(self, today_usd: float, *, stopped: bool) -> None:
        """Record the day's cost, and whether it ends here."""
        self._devices.trace.record("cost", today_usd=today_usd, stopped=stopped)

    def board(self, readings: Readings) -> None:
        """Record what the board says of itself."""
        resident, free = readings.resident_bytes, readings.disk_free_bytes
        self._devices.trace.record(
            "board",
            temperature_c=readings.temperature_c,
            resident_mb=None if resident is None else resident / MB,
            disk_free_mb=None if free is None else free / MB,
            undervolted=readings.undervolted,
        )

    def day(self, day: str, usd: float, tokens: Tokens) -> None:
        """Write down what a day that has ended cost."""
        self._devices.journal.event(
            "day", f"{day}: ${usd:.4f}", DAY=day, COST_USD=round(usd, 6), AUDIO_TOKENS=tokens.audio
        )

    def link_news(self, news: Announce) -> None:
        """Say that the service is away, or back; the line has written it down."""
        if news.news == "back":
            self._announcer.settled("connection")
            self._announcer.say("back_online")
        elif news.news == "offline" and fault(news.fault).severity is not Severity.STANDING:
            self._announcer.say("offline_now")
        else:
            self._sign_and_say(news.fault)

    def still_offline(self) -> None:
        """Say to somebody who wants to talk that the device has been offline for a while."""
        self._announcer.explain("circuit_open")

    def hardware(self, name: str, lost: str) -> None:
        """Say that the microphone or the loudspeaker is gone (`lost`: its fault), or back ("")."""
        if lost:
            self._sign_and_say(lost)
        else:
            self._announcer.say(f"{name}_back")

    def link_up(self, took_s: float, *, dropped: bool) -> None:
        """Write down how long it took; `dropped`: something said before was too old to be sent."""
        self._devices.journal.event(
            "link_up", f"connected in {took_s * 1000:.0f} ms", CONNECT_MS=round(took_s * 1000)
        )
        if dropped:
            self.explain("speech_dropped")

    def texts(self, texts: Iterable[tuple[str, str]], *, log: bool) -> None:
        """Record what was said and answered; in the journal too, if the settings want it."""
        for kind, text in texts:
            self._devices.trace.record(kind, text=text)
            if log:
                self._devices.journal.event(kind, f"{kind}: {text}")

    def lines(self, lines: Iterable[tuple[str, str]]) -> None:
        """Write down what the service complains of."""
        for name, line in lines:
            self._devices.journal.event(name, line, level=fault(name).severity.level)

    def state(self, state: State) -> None:
        """Record where the turn machine is now."""
        name = type(state).__name__.lower()
        self._devices.trace.record("state", state=name, turn=state.turn)

    def sign(self, flash: Flash) -> None:
        """Show a short sign."""
        self._devices.panel.flash(flash)
        self._devices.trace.record("flash", flash=flash.value)

    def turn(self, turn: int, outcome: str) -> None:
        """Write the one line about a turn that has ended."""
        record = self._book[turn]
        fields = record.fields()
        self._devices.journal.event(
            "turn",
            record.line(turn, outcome),
            TURN=turn,
            OUTCOME=outcome,
            SAID_MS=fields["said_ms"],
            RELEASE_TO_FIRST_SOUND_MS=fields["waited_ms"],
            REPLY_MS=fields["reply_ms"],
            COST_USD=fields["cost_usd"],
        )
        self._devices.trace.record("turn", turn=turn, outcome=outcome, **fields)

    def summary(self, spans: Spans, lost_samples: int, state: State) -> None:
        """Record what a demo or a test wants to know at the end."""
        microphone, speaker = self._devices.microphone, self._devices.speaker
        self._devices.trace.record(
            "summary",
            spans_ms=spans.summary(),
            overflows=microphone.overflows,
            underflows=speaker.underflows,
            opens=microphone.opens + speaker.opens,
            lost_samples=lost_samples,
            state=type(state).__name__.lower(),
            numba_loaded="numba" in sys.modules or "llvmlite" in sys.modules,
        )
