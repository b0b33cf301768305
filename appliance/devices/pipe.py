"""A panel and a trace for another program: lines of text on standard input and output.

In: `press` and `release`. Out: one JSON object a line, with `kind`, `t` (s, monotonic clock) and
what belongs to the kind. The demo and the flow tests drive the real device process this way.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TextIO

from appliance.ports import Flash, Light


class JsonTrace:
    """Writes what happens as JSON lines, and what was sent as raw PCM if a file is named."""

    def __init__(
        self, stream: TextIO, clock: Callable[[], float], sent_to: Path | None = None
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._sent: BinaryIO | None = sent_to.open("wb", buffering=0) if sent_to else None

    def record(self, kind: str, **fields: object) -> None:
        line = {"kind": kind, "t": round(self._clock(), 6), **fields}
        self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._stream.flush()

    def sent_audio(self, pcm: bytes) -> None:
        if self._sent is not None:
            self._sent.write(pcm)


class NoTrace:
    """The daemon's own: watches nothing, keeps nothing."""

    def record(self, kind: str, **fields: object) -> None: ...

    def sent_audio(self, pcm: bytes) -> None: ...


class PipePanel:
    """The button is a line on a stream; the light is in the trace, which the runner writes."""

    def __init__(self, commands: TextIO, clock: Callable[[], float]) -> None:
        self._commands = commands
        self._clock = clock
        self._edge: Callable[[bool, float], None] | None = None

    def start(self, edge: Callable[[bool, float], None]) -> None:
        self._edge = edge
        asyncio.get_running_loop().add_reader(self._commands.fileno(), self._read)

    def _read(self) -> None:
        line = self._commands.readline()
        at_s = self._clock()
        if not line:  # the other program is gone: nobody holds the button any more
            self.stop()
        elif self._edge is not None and line.strip() in ("press", "release"):
            self._edge(line.strip() == "press", at_s)

    def show(self, light: Light) -> None: ...

    def flash(self, flash: Flash) -> None: ...

    def stop(self) -> None:
        if self._edge is not None:
            self._edge = None
            asyncio.get_running_loop().remove_reader(self._commands.fileno())


class NoPanel:
    """For a device without button and LEDs (hands-free mode)."""

    def start(self, edge: Callable[[bool, float], None]) -> None: ...

    def show(self, light: Light) -> None: ...

    def flash(self, flash: Flash) -> None: ...

    def stop(self) -> None: ...
