"""Functions that the model may call. Errors go back to the model, which explains them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from appliance.errors import UsageError
from appliance.ports import Speaker
from appliance.realtime.client_structures import FunctionTool
from appliance.session.vocabulary import ToolCall

Handler = Callable[[Mapping[str, object]], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Tool:
    """`handle` takes the arguments and returns the result; UsageError tells what is wrong.

    One that `waits` for anything is run on a thread of its own, so that the device does not.
    """

    declared: FunctionTool
    handle: Handler
    waits: bool = False


class ToolBox:
    """The registry of tools, by name."""

    def __init__(self, tools: tuple[Tool, ...]) -> None:
        self._tools = {tool.declared.name: tool for tool in tools}

    @property
    def declared(self) -> tuple[FunctionTool, ...]:
        return tuple(tool.declared for tool in self._tools.values())

    def start(self, call: ToolCall, done: Callable[[str], None]) -> None:
        """Run it soon, and call `done(result)` on the event loop; see `run`.

        Not within this call: what a tool does may be an event of its own.
        """
        loop = asyncio.get_running_loop()

        def work() -> None:
            output = self.run(call)
            with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
                loop.call_soon_threadsafe(done, output)

        tool = self._tools.get(call.name)
        if tool is not None and tool.waits:
            # A daemon: one that never returns must not keep the process from ending.
            threading.Thread(target=work, name=f"tool-{call.name}", daemon=True).start()
        else:
            loop.call_soon(lambda: done(self.run(call)))

    def run(self, call: ToolCall) -> str:
        """Return the result as JSON; whatever is wrong with the call is told in `error`."""
        tool = self._tools.get(call.name)
        if tool is None:
            return _error(f"there is no function {call.name!r}; there are {', '.join(self._tools)}")
        try:
            arguments = json.loads(call.arguments or "{}")
        except (ValueError, RecursionError):
            return _error("the arguments are not JSON")
        if not isinstance(arguments, dict):
            return _error("the arguments are not an object")
        try:
            return json.dumps(tool.handle(arguments), ensure_ascii=False)
        except UsageError as wrong:
            return _error(str(wrong))


def _error(message: str) -> str:
    return json.dumps({"error": message}, ensure_ascii=False)


def time_tool(now: Callable[[], datetime]) -> Tool:
    """Tells the device's own date and time, which the model cannot know."""

    def handle(_: Mapping[str, object]) -> Mapping[str, object]:
        at = now()
        return {
            "time": f"{at:%H:%M}",
            "date": f"{at:%Y-%m-%d}",
            "weekday": f"{at:%A}",
            "time_zone": at.tzname() or "local",
        }

    declared = FunctionTool(
        name="get_time",
        description="The present local time, date and weekday.",
        parameters={"type": "object", "properties": {}, "additionalProperties": False},
    )
    return Tool(declared, handle)


def volume_tool(speaker: Speaker, volume: float) -> Tool:
    """Sets the loudspeaker's volume, from `volume` (0.0 to 1.0) on, until the next start."""
    present = volume

    def handle(arguments: Mapping[str, object]) -> Mapping[str, object]:
        nonlocal present
        percent = arguments.get("percent")
        if isinstance(percent, bool) or not isinstance(percent, int | float):
            raise UsageError("percent must be a number from 0 to 100")
        if not 0 <= percent <= 100:
            raise UsageError(f"percent must be from 0 to 100, not {percent}")
        before, present = present, percent / 100
        speaker.set_volume(present)
        return {"percent": percent, "before": round(before * 100)}

    declared = FunctionTool(
        name="set_volume",
        description="Set the loudspeaker's volume.",
        parameters={
            "type": "object",
            "properties": {"percent": {"type": "number", "minimum": 0, "maximum": 100}},
            "required": ["percent"],
            "additionalProperties": False,
        },
    )
    return Tool(declared, handle)
