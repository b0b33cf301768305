"""A panel and a trace for another program: lines of text on standard input and output.

In: `press` and `release`. Out: one JSON object a line, with `kind`, `t` (s, monotonic clock) and
what belongs to the kind. The demo and the flow tests drive the real device process this way.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TextIO

from appliance.errors import UsageError
from appliance.ports import Flash, Light


class JsonTrace:
    """Writes what happens as JSON lines, and what was sent as raw PCM if a file is named."""

    def __init__(
        self,
        stream: TextIO,
        clock: Callable[[], float],
        sent_to: Path | None = None,
        quit: Callable[[], None] = lambda: None,
    ) -> None:
        """Open `sent_to`; `quit` is called once nobody reads the stream any more.

        Raises:
            UsageError: the file cannot be written.
        """
        self._stream = stream
        self._clock = clock
        self._quit = quit
        self._is_read = True
        try:
            self._sent: BinaryIO | None = sent_to.open("wb", buffering=0) if sent_to else None
        except OSError as error:
            raise UsageError(f"--sent {sent_to}: {error.strerror}") from error

    def record(self, kind: str, **fields: object) -> None:
        if not self._is_read:
            return
        line = {"kind": kind, "t": round(self._clock(), 6), **fields}
        try:
            self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._stream.flush()
        except BrokenPipeError:
            self._is_read = False
            self._quit()

    def sent_audio(self, pcm: bytes) -> None:
        if self._sent is not None:
            self._sent.write(pcm)

    def close(self) -> None:
        if self._sent is not None:
            self._sent.close()


class NoTrace:
    """The daemon's own: watches nothing, keeps nothing."""

    def record(self, kind: str, **fields: object) -> None: ...

    def sent_audio(self, pcm: bytes) -> None: ...


class PipePanel:
    """The button is a line on a pipe; the light is in the trace, which the runner writes."""

    def __init__(
        self, commands: TextIO | None, clock: Callable[[], float], quit: Callable[[], None]
    ) -> None:
        """Take the pipe; `quit` is called once the other program has gone."""
        self._commands = commands
        self._clock = clock
        self._quit = quit
        self._edge: Callable[[bool, float], None] | None = None
        self._pressed = False
        self._unread = b""

    def start(self, edge: Callable[[bool, float], None]) -> None:
        try:
            fd = self._commands.fileno() if self._commands else -1
            asyncio.get_running_loop().add_reader(fd, self._read, fd)
        except (OSError, ValueError) as error:
            raise UsageError("--panel pipe: standard input is no pipe to read presses from") from (
                error
            )
        self._edge = edge

    def _read(self, fd: int) -> None:
        chunk = os.read(fd, 4096)
        at_s = self._clock()
        *lines, self._unread = (self._unread + chunk).split(b"\n")
        for line in lines:
            if line.strip() in (b"press", b"release"):
                self._tell(line.strip() == b"press", at_s)
        if not chunk:  # the other program has gone: nobody holds the button any more
            if self._pressed:
                self._tell(False, at_s)
            self.stop()
            self._quit()

    def _tell(self, pressed: bool, at_s: float) -> None:
        self._pressed = pressed
        if self._edge is not None:
            self._edge(pressed, at_s)

    def show(self, light: Light) -> None: ...

    def flash(self, flash: Flash) -> None: ...

    def stop(self) -> None:
        if self._edge is not None and self._commands is not None:
            self._edge = None
            asyncio.get_running_loop().remove_reader(self._commands.fileno())


class NoPanel:
    """For a device without button and LEDs (hands-free mode)."""

    def start(self, edge: Callable[[bool, float], None]) -> None: ...

    def show(self, light: Light) -> None: ...

    def flash(self, flash: Flash) -> None: ...

    def stop(self) -> None: ...
