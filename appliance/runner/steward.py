"""Look after the board: card, memory, heat, supply, updates."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from appliance.faults import fault, sentence
from appliance.ports import Journal
from appliance.runner.reporter import Reporter
from appliance.runner.rules import Board
from appliance.session.health import (
    LOOK_EVERY_S,
    MB,
    HealthRules,
    HealthState,
    Readings,
    Wrote,
    health_step,
)
from appliance.session.troubles import Begins

NOT_SAVED = "state_not_saved"  # in the table of faults


class Steward:
    """Looks every few seconds, on a thread, and tells what has begun and what is over."""

    def __init__(
        self,
        rules: HealthRules,
        board: Board | None,
        reporter: Reporter,
        journal: Journal,
        clock: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        """`changed()` is called after each look and write; without a board there is no look."""
        self._rules = rules
        self._board = board
        self._reporter = reporter
        self._journal = journal
        self._clock = clock
        self._changed = changed
        self._state = HealthState()
        self._look: asyncio.Task[None] | None = None
        self._has_fitted = False  # at least once, the process was not too large
        self._is_unsaved = False
        self.due_s = math.inf

    @property
    def has_outgrown(self) -> bool:
        """Whether the process has grown so far that a new one is better, when nobody talks.

        One that is too large from its start would not be smaller at the next.
        """
        return self._has_fitted and self._state.is_critical(self._rules)

    def start(self) -> None:
        """Look now, and from now on."""
        if self._board is not None:
            self.due_s = self._clock()
            self.tick()

    def tick(self) -> None:
        if self._board is not None and self._clock() >= self.due_s:
            self.due_s = self._clock() + LOOK_EVERY_S
            if self._look is None:  # a slow one is not overtaken
                self._look = asyncio.create_task(self._take(self._board), name="look")

    def wrote(self, name: str, why: str) -> None:
        """Take what the writing of state came to (see `ports.Keeper`)."""
        if name == NOT_SAVED:
            self._is_unsaved = True
            level = fault(name).severity.level
            self._journal.event(name, f"{sentence(name)} ({why})", level=level)
            self._reporter.stands(name)
            return
        if self._is_unsaved:
            self._is_unsaved = False
            self._reporter.is_over(NOT_SAVED)
        self._step(Wrote(full=bool(name)))

    def outgrown(self) -> str:
        """Return why the process ends, in one sentence."""
        size_mb = (self._state.readings.resident_bytes or 0) / MB
        limit_mb = self._rules.memory_critical_mb
        return (
            f"the process has grown to {size_mb:.0f} MB, over metrics.memory_usage.critical "
            f"({limit_mb:g} MB): it ends, to be started anew"
        )

    async def close(self) -> None:
        """Wait for the look that is being taken, and take no other."""
        self.due_s = math.inf
        look, self._look = self._look, None
        if look is not None:
            look.cancel()
            await asyncio.wait({look})

    async def _take(self, board: Board) -> None:
        try:
            readings = await asyncio.to_thread(board.look)
        finally:
            self._look = None
        self._reporter.board(readings)
        self._step(readings)
        known = readings.resident_bytes is not None
        self._has_fitted |= known and not self._state.is_critical(self._rules)

    def _step(self, event: Readings | Wrote) -> None:
        self._state, told = health_step(self._state, event, self._clock(), self._rules)
        for each in told:
            if isinstance(each, Begins):
                self._reporter.begins(each.fault, each.figure)
            else:
                self._reporter.ends(each.fault)
        self._changed()
