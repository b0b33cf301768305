"""What a runner is made of: its devices, and its limits."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.ports import Connector, Journal, Microphone, Panel, Speaker, Trace
from appliance.runner.button import ButtonRules
from appliance.runner.turns import Prices
from appliance.session.link import LinkRules
from appliance.session.turn import TurnRules


@dataclass(frozen=True, slots=True)
class Devices:
    microphone: Microphone
    speaker: Speaker
    panel: Panel
    connector: Connector
    journal: Journal
    trace: Trace


@dataclass(frozen=True, slots=True)
class Rules:
    """Limits from the settings, by the room that they go to."""

    turn: TurnRules
    link: LinkRules
    button: ButtonRules
    prices: Prices
    preroll_s: float
    server_responds: bool
    chunk_samples: int = 1024  # that one append carries
    log_transcripts: bool = False
