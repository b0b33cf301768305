"""Telling a person what happens, as it happens. Colour and redrawn lines on a terminal alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TextIO

from appliance.doctor.findings import Line, Outcome

_COLOURS = {Outcome.OK: 32, Outcome.WARN: 33, Outcome.FAIL: 31, Outcome.SKIPPED: 90}
_WIDEST_OUTCOME = max(len(outcome.value) for outcome in Outcome)
_NAME_WIDTH = 12
_METER_WIDTH = 40
_METER_FLOOR_DBFS = -60.0


class Teller:
    """Writes lines, and one line in progress below them, which a terminal shows and a file not."""

    def __init__(
        self,
        out: TextIO,
        keyboard: TextIO | None = None,
        environ: Mapping[str, str] = os.environ,
        *,
        quiet: bool = False,
    ) -> None:
        """Tell on `out`; answers are read from `keyboard` (standard input).

        Args:
            quiet: leave out the lines of findings: somebody else prints them.
        """
        self._out = out
        self._quiet = quiet
        self._keyboard = keyboard if keyboard is not None else sys.stdin
        self.to_terminal = out.isatty()
        self.colour = self.to_terminal and not environ.get("NO_COLOR")

    @property
    def has_listener(self) -> bool:
        """Whether somebody can be asked: a terminal at both ends."""
        return self.to_terminal and self._keyboard.isatty()

    def say(self, text: str) -> None:
        """Write one line for good."""
        self._put(f"{self._erased}{text}\n")

    def progress(self, text: str) -> None:
        """Say what goes on; the next thing said takes its place."""
        if self.to_terminal:
            self._put(f"{self._erased}{text}")

    def meter(self, level_dbfs: float, peak_dbfs: float, what: str) -> None:
        """Draw a level, -60 to 0 dBFS, in place."""
        if not self.to_terminal:
            return
        cells = [_cell(level_dbfs), _cell(peak_dbfs)]
        bar = "".join(
            "█" if i < cells[0] else ("|" if i == cells[1] else "·") for i in range(_METER_WIDTH)
        )
        self.progress(f"{bar} {level_dbfs:6.1f} dBFS  {what}")

    def ask(self, question: str) -> bool:
        """Ask for yes or no; an empty answer is a yes, the end of input a no."""
        self._put(f"{self._erased}{question} [Y/n] ")
        answer = self._keyboard.readline()
        return bool(answer) and answer.strip().lower() in ("", "y", "yes", "j", "ja", "o", "oui")

    def line(self, line: Line) -> None:
        """Tell what a check came to, and below it what helps."""
        if self._quiet:
            self._put(self._erased)
            return
        finding = line.finding
        word = f"{finding.outcome.value:<{_WIDEST_OUTCOME}}"
        self.say(
            f"{self._painted(word, finding.outcome)}  {line.check:<{_NAME_WIDTH}} {finding.said}"
        )
        if finding.cure:
            self.say(f"{'':<{_WIDEST_OUTCOME}}  {'':<{_NAME_WIDTH}} → {finding.cure}")

    @property
    def _erased(self) -> str:
        return "\r\033[K" if self.to_terminal else ""

    def _painted(self, text: str, outcome: Outcome) -> str:
        return f"\033[{_COLOURS[outcome]}m{text}\033[0m" if self.colour else text

    def _put(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def _cell(level_dbfs: float) -> int:
    share = 1.0 - max(0.0, min(1.0, level_dbfs / _METER_FLOOR_DBFS))
    return min(_METER_WIDTH - 1, int(share * _METER_WIDTH))
