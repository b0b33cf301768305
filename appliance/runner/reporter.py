"""What people are told: lines in the journal, flashes, sentences; and the trace beside them."""

from __future__ import annotations

import sys

from appliance.faults import Severity, fault, sentence
from appliance.ports import Flash
from appliance.runner.announcer import Announcer
from appliance.runner.rules import Devices
from appliance.runner.spans import Spans
from appliance.runner.turns import TurnBook
from appliance.session.link import Announce


class Reporter:
    """One place for everything that is told."""

    def __init__(self, devices: Devices, book: TurnBook, announcer: Announcer) -> None:
        self._devices = devices
        self._book = book
        self._announcer = announcer

    def explain(self, name: str) -> None:
        """Tell what is wrong: the journal, a flash, and a sentence if there is one."""
        self._devices.journal.event(name, sentence(name), level=fault(name).severity.level)
        self._devices.trace.record("fault", fault=name)
        self._devices.panel.flash(Flash.ERROR)
        self._announcer.explain(name)

    def link_news(self, news: Announce) -> None:
        """Say that the service is away, or back; the line has written it down."""
        if news.news == "back":
            self._announcer.settled("connection")
            self._announcer.say("back_online")
        elif news.news == "offline" and fault(news.fault).severity is not Severity.STANDING:
            self._announcer.say("offline_now")
        else:
            self._announcer.explain(news.fault)

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
            WAITED_MS=fields["waited_ms"],
            REPLY_MS=fields["reply_ms"],
            COST_USD=fields["cost_usd"],
        )
        self._devices.trace.record("turn", turn=turn, outcome=outcome, **fields)

    def summary(self, spans: Spans, lost_samples: int, state: str) -> None:
        """Record what a demo or a test wants to know at the end."""
        microphone, speaker = self._devices.microphone, self._devices.speaker
        self._devices.trace.record(
            "summary",
            spans_ms=spans.summary(),
            overflows=microphone.overflows,
            underflows=speaker.underflows,
            opens=microphone.opens + speaker.opens,
            lost_samples=lost_samples,
            state=state,
            numba_loaded="numba" in sys.modules or "llvmlite" in sys.modules,
        )
