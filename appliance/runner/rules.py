"""What a runner is made of: its devices, and its limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from appliance.ports import (
    Connector,
    Journal,
    Keeper,
    Microphone,
    NetworkWatch,
    Panel,
    Speaker,
    Trace,
)
from appliance.runner.button import ButtonRules
from appliance.session.budget import BudgetRules, BudgetState
from appliance.session.health import HealthRules, Readings
from appliance.session.hearing import HearingRules
from appliance.session.link import LinkRules
from appliance.session.turn import TurnRules


class Board(Protocol):
    """What a machine can say of itself."""

    def look(self) -> Readings:
        """Return everything that can be read now. It may block: called on a thread."""


@dataclass(frozen=True, slots=True)
class Devices:
    microphone: Microphone
    speaker: Speaker
    panel: Panel
    connector: Connector
    journal: Journal
    trace: Trace
    board: Board | None = None  # None: nobody looks after the machine
    network: NetworkWatch | None = None  # None: nobody tells when it comes up


def _today() -> date:
    return datetime.now().astimezone().date()


def _unknown() -> bool | None:
    return None


@dataclass(frozen=True, slots=True)
class Purse:
    """The day's cost so far, and what keeps it over a restart."""

    state: BudgetState = field(default_factory=BudgetState)
    keeper: Callable[[Callable[[str, str], None]], Keeper] | None = None  # None: nothing does
    today: Callable[[], date] = _today  # where the device is
    clock_set: Callable[[], bool | None] = _unknown  # whether `today` can be believed


@dataclass(frozen=True, slots=True)
class Rules:
    """Limits from the settings, by the room that they go to."""

    turn: TurnRules
    link: LinkRules
    button: ButtonRules
    preroll_s: float
    server_responds: bool
    chunk_samples: int = 1024  # that one append carries
    log_transcripts: bool = False
    budget: BudgetRules = field(default_factory=BudgetRules)
    health: HealthRules = field(default_factory=HealthRules)
    hearing: HearingRules = field(default_factory=HearingRules)
