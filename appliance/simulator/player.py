"""Play one connection's script beside the server's own behaviour."""

from __future__ import annotations

import asyncio
from collections import deque
from string import Template
from typing import Protocol

from appliance.simulator.script import (
    After,
    Arrangement,
    Close,
    Delay,
    Drop,
    Expect,
    FailNext,
    FilterNext,
    HearNext,
    SayNext,
    Send,
    SendText,
    Stall,
    Step,
)
from appliance.simulator.shape import MISSING, Json

NextReply = SayNext | FailNext | FilterNext


class Stage(Protocol):
    """What a script can do to a connection."""

    async def send_scripted(self, event: dict[str, Json]) -> None: ...
    async def send_text(self, text: str) -> None: ...
    async def stall(self, dead: bool, ms: int) -> None: ...
    async def close(self, code: int, reason: str) -> None: ...
    def drop(self) -> None: ...


class Player:
    """Holds the place in the script, and what it has arranged for the next replies."""

    def __init__(self, steps: tuple[Step, ...], stage: Stage) -> None:
        self._steps = deque(steps)
        self._stage = stage
        self._matched = 0  # of the step that waits now
        self._playing = False
        self._replies: deque[NextReply] = deque()
        self._hearings: deque[HearNext] = deque()
        self._latest = {"response_id": "", "item_id": "", "event_id": ""}

    @property
    def done(self) -> bool:
        """Return whether every step has been played."""
        return not self._steps and not self._playing

    @property
    def has_more(self) -> bool:
        """Return whether there is something to play now, without waiting for an event."""
        waits = not self._steps or isinstance(self._steps[0], Expect | After)
        return not waits and not self._playing

    def next_reply(self) -> NextReply | None:
        return self._replies.popleft() if self._replies else None

    def next_hearing(self) -> HearNext | None:
        return self._hearings.popleft() if self._hearings else None

    def client_event(self, event: dict[str, Json]) -> bool:
        """Take note of a client event; return whether the server shall handle it.

        What the script arranges right behind it is in force before the server handles it.
        """
        self._latest["event_id"] = str(event.get("event_id", ""))
        step = self._steps[0] if self._steps and not self._playing else None
        if not isinstance(step, Expect) or not self._counts(step, event):
            return True
        while self._steps and isinstance(self._steps[0], Arrangement):
            self._arrange(self._steps.popleft())
        return step.handle

    async def server_event(self, event: dict[str, Json]) -> None:
        """Take note of an event just sent, and play what is due before any other is sent."""
        for key, value in (
            ("response_id", event.get("response_id") or event.get("response", {}).get("id")),
            ("item_id", event.get("item_id") or event.get("item", {}).get("id")),
        ):
            if value:
                self._latest[key] = value
        step = self._steps[0] if self._steps and not self._playing else None
        if isinstance(step, After) and self._counts(step, event):
            await self.play()

    async def play(self) -> None:
        """Play steps until one has to wait for an event."""
        if self._playing:
            return
        self._playing = True
        try:
            while self._steps and not isinstance(self._steps[0], Expect | After):
                await self._perform(self._steps.popleft())
        finally:
            self._playing = False

    def _counts(self, step: Expect | After, event: dict[str, Json]) -> bool:
        if not holds(event, step.event):
            return False
        self._matched += 1
        if self._matched < step.count:
            return False
        self._matched = 0
        self._steps.popleft()
        return True

    def _arrange(self, step: Step) -> None:
        match step:
            case HearNext():
                self._hearings.append(step)
            case SayNext() | FailNext() | FilterNext():
                self._replies.append(step)

    async def _perform(self, step: Step) -> None:
        match step:
            case Send(event):
                await self._stage.send_scripted(_filled(event, self._latest))
            case SendText(text):
                await self._stage.send_text(Template(text).safe_substitute(self._latest))
            case Delay(ms):
                await asyncio.sleep(ms / 1000)
            case Stall(dead, ms):
                await self._stage.stall(dead, ms)
            case Close(code, reason):
                await self._stage.close(code, reason)
            case Drop():
                self._stage.drop()
            case _:
                self._arrange(step)


def holds(whole: Json, part: Json) -> bool:
    """Return whether `whole` has everything that `part` has; lists are compared in full."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            holds(whole.get(key, MISSING), value) for key, value in part.items()
        )
    return bool(whole == part)


def _filled(value: Json, names: dict[str, str]) -> Json:
    match value:
        case str():
            return Template(value).safe_substitute(names)
        case dict():
            return {key: _filled(each, names) for key, each in value.items()}
        case list():
            return [_filled(each, names) for each in value]
        case _:
            return value
