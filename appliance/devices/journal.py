"""Lines for people: into the journal when systemd runs us, else onto a stream."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TextIO

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


class StreamJournal:
    """One line an event, for a terminal; debug lines are left out."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self._stream = stream

    def event(self, name: str, message: str, *, level: str = "info", **fields: object) -> None:
        if level == "debug":
            return
        mark = "" if level == "info" else f"{level}: "
        self._stream.write(f"{mark}{message}\n")
        self._stream.flush()


def journal_for(environ: Mapping[str, str] = os.environ) -> Journal:
    """Return the journal if systemd connected our standard error to it, else standard error."""
    return SystemdJournal() if environ.get("JOURNAL_STREAM") else StreamJournal()
