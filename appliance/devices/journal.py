"""Lines for people: into the journal when systemd runs us, else onto a stream."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping

from systemd import journal

from appliance.config.secrets import Redactor
from appliance.faults.events import fields_of
from appliance.ports import Journal

IDENTIFIER = "appliance"  # journalctl -t appliance
PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3}  # syslog's numbers

Clean = Callable[[str], str]  # takes secrets out of a text


class SystemdJournal:
    """Structured lines: beside the message stand

    - MESSAGE_ID, by which `journalctl -x` finds the catalogue's explanation;
    - APPLIANCE_EVENT, and of a fault APPLIANCE_FAULT and APPLIANCE_SEVERITY;
    - the line's own fields, like APPLIANCE_TURN, APPLIANCE_SAID_MS and APPLIANCE_COST_USD.
    """

    def __init__(self, clean: Clean, send: Callable[..., None] = journal.send) -> None:
        """Send nothing yet.

        Args:
            clean: takes secrets out of a text.
            send: as `systemd.journal.send`.
        """
        self._clean = clean
        self._send = send

    def event(self, name: str, message: str, *, level: str = "info", **fields: object) -> None:
        told = {
            f"APPLIANCE_{key}": self._clean(str(value))
            for key, value in fields.items()
            if value is not None
        }
        self._send(
            self._clean(message),
            PRIORITY=PRIORITIES[level],
            SYSLOG_IDENTIFIER=IDENTIFIER,
            APPLIANCE_EVENT=name,
            **{**told, **fields_of(name)},
        )


class LineJournal:
    """One line an event, for a terminal; debug lines are left out."""

    def __init__(self, say: Callable[[str], None], clean: Clean) -> None:
        self._say = say
        self._clean = clean

    def event(self, name: str, message: str, *, level: str = "info", **fields: object) -> None:
        if level != "debug":
            told = self._clean(message)
            self._say(told if level == "info" else f"{level}: {told}")


def journal_for(
    api_key: str = "",
    say: Callable[[str], None] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Journal:
    """Return the journal if systemd connected our standard error to it, else lines for a terminal.

    Args:
        api_key: what no line may show; what has the look of a key is never shown.
        say: prints one line; None for standard error.
    """
    clean = Redactor([api_key]).clean
    if say is None and environ.get("JOURNAL_STREAM"):
        return SystemdJournal(clean)
    return LineJournal(say or (lambda line: print(line, file=sys.stderr, flush=True)), clean)
