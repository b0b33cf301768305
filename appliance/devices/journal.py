"""Lines for people: into the journal when systemd runs us, else onto a stream."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping

from systemd import journal

from appliance.ports import Journal

IDENTIFIER = "appliance"  # journalctl -t appliance
PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3}  # syslog's numbers


class SystemdJournal:
    """Structured lines: each field stands beside the message, in capitals."""

    def event(self, name: str, message: str, *, level: str = "info", **fields: object) -> None:
        told = {
            f"APPLIANCE_{key}": str(value) for key, value in fields.items() if value is not None
        }
        journal.send(
            message,
            PRIORITY=PRIORITIES[level],
            SYSLOG_IDENTIFIER=IDENTIFIER,
            APPLIANCE_EVENT=name,
            **told,
        )


class LineJournal:
    """One line an event, for a terminal; debug lines are left out."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def event(self, name: str, message: str, *, level: str = "info", **fields: object) -> None:
        if level != "debug":
            self._say(message if level == "info" else f"{level}: {message}")


def journal_for(environ: Mapping[str, str] = os.environ) -> Journal:
    """Return the journal if systemd connected our standard error to it, else standard error."""
    if environ.get("JOURNAL_STREAM"):
        return SystemdJournal()
    return LineJournal(lambda line: print(line, file=sys.stderr, flush=True))
