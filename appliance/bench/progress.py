"""A line that says how far a long command has got, where somebody is there to read it."""

from __future__ import annotations

import sys
from typing import TextIO

WIDTH = 30


class Progress:
    """Counts steps on one line of standard error, if that is a terminal; else it is silent."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._shown = self._stream.isatty()
        self._done = 0
        self._total = 1

    def begin(self, total: int) -> None:
        """Begin a part of `total` steps."""
        self._done, self._total = 0, max(1, total)

    def step(self, what: str) -> None:
        """Say what is done next."""
        self._done += 1
        if self._shown:
            filled = WIDTH * min(self._done, self._total) // self._total
            bar = "█" * filled + "·" * (WIDTH - filled)
            self._stream.write(f"\r\033[K{bar} {self._done}/{self._total} {what}")
            self._stream.flush()

    def end(self) -> None:
        """Take the line away."""
        if self._shown:
            self._stream.write("\r\033[K")
            self._stream.flush()
