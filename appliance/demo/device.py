"""The device as a process of its own, with the demo's finger on its button."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.errors import UsageError

READY_WITHIN_S = 90.0  # without kernels at hand, numba compiles the sound chain first
STOP_WITHIN_S = 10.0
LONGEST_LINE = 1 << 20


@dataclass(slots=True)
class Story:
    """Everything that a process told, in order; each record has `kind` and `t` (s, monotonic)."""

    records: list[dict[str, Any]] = field(default_factory=list)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [record for record in self.records if record["kind"] == kind]

    def last(self, kind: str) -> dict[str, Any] | None:
        found = self.of(kind)
        return found[-1] if found else None


class DeviceProcess:
    """`appliance run --panel pipe`: presses go in, the story comes out."""

    def __init__(self, told: Callable[[dict[str, Any]], None]) -> None:
        self.story = Story()
        self._told = told
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._errors: asyncio.Task[None] | None = None
        self._ended = False
        self._news = asyncio.Condition()
        self._said: list[str] = []  # on standard error

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise UsageError("the device has not been started")
        return self._process

    async def start(self, environ: Mapping[str, str], config: Path | None, sent_to: Path) -> None:
        """Start it and wait until a person could talk to it.

        Raises:
            UsageError: it ended, or the endpoint could not be reached; the text says why.
        """
        arguments = ["run", "--panel", "pipe", "--sent", str(sent_to)]
        arguments += ["--config", str(config)] if config else []
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "appliance",
            *arguments,
            env={**os.environ, **environ},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
        )
        self._reader = asyncio.create_task(self._read())
        self._errors = asyncio.create_task(self._read_errors())
        await self.wait_for(
            lambda: bool(self.story.of("ready") or self.story.of("link_trouble")),
            READY_WITHIN_S,
            "the device did not get ready",
        )
        trouble = self.story.last("link_trouble")
        if trouble is not None:
            raise UsageError(f"no session: {trouble['why']}")

    def press(self) -> None:
        self._type("press")

    def release(self) -> None:
        self._type("release")

    def _type(self, word: str) -> None:
        if self._running.stdin is not None and not self._running.stdin.is_closing():
            self._running.stdin.write(f"{word}\n".encode())

    async def wait_for(self, seen: Callable[[], bool], within_s: float, otherwise: str) -> None:
        """Wait until the story makes `seen` true.

        Raises:
            UsageError: the device ended first, or the time is over; `otherwise` and its own words.
        """
        if await self.sees(seen, within_s):
            return
        if self._ended:
            raise UsageError(f"{otherwise}: it ended{self._last_words()}")
        raise UsageError(f"{otherwise} within {within_s:.0f} s{self._last_words()}")

    async def sees(self, seen: Callable[[], bool], within_s: float) -> bool:
        """Wait until the story makes `seen` true, and say whether it did."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s), self._news:
                await self._news.wait_for(lambda: seen() or self._has_ended())
        return seen()

    def _has_ended(self) -> bool:
        return self._ended

    def _last_words(self) -> str:
        return f" ({self._said[-1]})" if self._said else ""

    async def _read(self) -> None:
        stdout = self._running.stdout
        while stdout is not None and (line := await stdout.readline()):
            record = json.loads(line)
            self.story.records.append(record)
            self._told(record)
            async with self._news:
                self._news.notify_all()
        self._ended = True
        async with self._news:
            self._news.notify_all()

    async def _read_errors(self) -> None:
        stderr = self._running.stderr
        while stderr is not None and (line := await stderr.readline()):
            self._said.append(line.decode(errors="replace").strip())

    async def stop(self) -> int:
        """End it as systemd would, and return its exit code."""
        process = self._process
        if process is None:
            return 0
        if process.returncode is None and not self._ended:
            process.terminate()  # else it is ending by itself, and asyncio waits for it
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                code = await process.wait()
        except TimeoutError:
            process.kill()
            code = await process.wait()
        for task in (self._reader, self._errors):
            if task is not None:
                await asyncio.gather(task, return_exceptions=True)
        return code
