"""What there is to know of one fault."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from appliance.ports import Flash, Light


class Severity(Enum):
    """What a fault asks of a person, least first (the order is that of urgency)."""

    HARMLESS = "harmless"  # nothing: a line for those who look
    NOTICE = "notice"  # to know of it; everything works
    TURN = "turn"  # to ask again: this turn is lost, the next may work
    STANDING = "standing"  # to wait or to help: it lasts, and ends by itself once its cause is gone
    FINAL = "final"  # to act: trying again is of no use

    @property
    def rank(self) -> int:
        """0 for the least urgent."""
        return list(Severity).index(self)

    @property
    def level(self) -> str:
        """The level of its line in the journal (ports.Journal)."""
        return _LEVELS[self]


_LEVELS = {
    Severity.HARMLESS: "debug",
    Severity.NOTICE: "info",
    Severity.TURN: "warning",
    Severity.STANDING: "warning",
    Severity.FINAL: "error",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table. All texts are whole sentences, fit for one line of the journal."""

    key: str  # APPLIANCE_EVENT; where the service has a code of its own for it, that code
    severity: Severity
    detected: str  # how the device notices it
    cause: str
    cure: str
    message_id: str  # 32 hex digits, made once by chance and never changed
    light: Light | None = None  # shown as long as it lasts
    flash: Flash | None = None  # shown once
    prompt: str | None = None  # what is said (appliance.prompts.catalogue); None: nothing

    @property
    def sentence(self) -> str:
        """The line for a person: what is wrong, and what helps."""
        return f"{self.cause} {self.cure}"
