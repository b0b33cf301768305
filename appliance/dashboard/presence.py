"""Who looks at the dashboard, and for how long nobody has."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


class Presence:
    """Counts requests that are being answered, streams among them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Take it that somebody was here a moment ago: it is why we were started."""
        self._clock = clock
        self._here = 0
        self._left_s = clock()
        self._changed = asyncio.Event()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count one for as long as the block lasts."""
        self._here += 1
        self._changed.set()
        try:
            yield
        finally:
            self._here -= 1
            self._left_s = self._clock()
            self._changed.set()

    async def until_away(self, idle_s: float) -> None:
        """Return once nobody has been here for `idle_s` seconds."""
        while True:
            self._changed.clear()
            if self._here:
                await self._changed.wait()
                continue
            left_s = self._left_s + idle_s - self._clock()
            if left_s <= 0:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._changed.wait()
