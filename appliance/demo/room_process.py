"""Start the room's own process, and hear from it what it did."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from appliance.demo.room import Room
from appliance.errors import UsageError

READY_WITHIN_S = 30.0
STOP_WITHIN_S = 10.0


class RoomProcess:
    """`python -m appliance.demo.renderer`, which plays the room until `end`."""

    def __init__(self, server: str, room: Room, speech: Path) -> None:
        """Take the sound server's address, the room, and a file for the mouth's part of it."""
        self._arguments = ["--server", server, "--room", json.dumps(asdict(room))]
        self._arguments += ["--speech", str(speech)]
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Begin to build the room."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "appliance.demo.renderer", *self._arguments),
            stdin=asyncio.subprocess.PIPE,  # whose end is its end, however that comes about
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def stands(self) -> None:
        """Return once sound goes through the room.

        Raises:
            UsageError: it did not start; the text has its own last words.
        """
        assert self._process is not None, "it was started"
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                line = await _stream(self._process.stdout).readline()
        except TimeoutError as late:
            raise UsageError(f"the room did not stand within {READY_WITHIN_S:.0f} s") from late
        if not line:
            words = (await _stream(self._process.stderr).read()).decode(errors="replace")
            raise UsageError(f"the room did not stand: {_last(words)}")

    async def end(self) -> dict[str, Any]:
        """Take the room down and return what it says of itself; {} if it is gone already.

        Raises:
            UsageError: it broke down before.
        """
        process, self._process = self._process, None
        if process is None:
            return {}
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                out, err = await process.communicate(b"")
        except TimeoutError:
            process.kill()
            out, err = await process.communicate()
        if process.returncode == 1:
            raise UsageError(f"the room broke down: {_last(err.decode(errors='replace'))}")
        said: dict[str, Any] = json.loads(out.splitlines()[-1]) if out.strip() else {}
        return said


def _last(words: str) -> str:
    lines = words.strip().splitlines()
    return lines[-1] if lines else "no reason"


def _stream(reader: asyncio.StreamReader | None) -> asyncio.StreamReader:
    assert reader is not None, "it was asked for"
    return reader
