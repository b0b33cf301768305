"""The faults that the local server can be made to suffer: their kinds, and how they are written.

    KIND[:ARGUMENT][@START][+LENGTH]        503:2@10s+20s

Times are seconds after the server is ready. A kind either lasts, until its LENGTH is over, or
happens once, to connections that are open then; if none is, it waits for one. What is to be seen
at the next handshake cuts what is open, so that there is a next one.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from appliance.errors import UsageError
from appliance.simulator.fault_kinds import KINDS, NUMBER, FaultTarget, Kind, status_kind


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, asked for: what, when, for how long (math.inf: to the end)."""

    name: str
    kind: Kind
    argument: str
    start_s: float = 0.0
    length_s: float = math.inf

    def begin(self, target: FaultTarget) -> None:
        """Do it now; what is open breaks off if the next handshake is what shows it."""
        self.kind.begin(target, self.argument)
        if self.kind.cuts:
            target.proxy.reset()


_FAULT = re.compile(
    r"(?P<name>[^:@+]+)(:(?P<argument>[^@+]*))?(@(?P<start>[^+]*))?(\+(?P<length>.*))?"
)
_TIME = re.compile(rf"(?P<number>{NUMBER})(?P<unit>ms|s|min)?")
_UNITS_S = {"ms": 0.001, "s": 1.0, "min": 60.0, None: 1.0}


def fault_of(text: str) -> Fault:
    """Return the fault that is written as KIND[:ARGUMENT][@START][+LENGTH].

    Raises:
        UsageError: there is no such kind, or something in it is not of the form.
    """
    parts = _FAULT.fullmatch(text)
    if parts is None:
        raise UsageError(
            f"--fault {text!r}: write KIND[:ARG][@START][+LENGTH], as in 503:2@10s+20s"
        )
    name, argument = parts["name"], parts["argument"]
    kind = KINDS.get(name)
    if kind is None and re.fullmatch(r"[45]\d\d", name):
        kind = status_kind(int(name))
    if kind is None:
        known = ", ".join(KINDS)
        raise UsageError(f"--fault {text}: no kind {name!r}; there are {known}, and 400 to 599")
    if argument is None:
        argument = kind.argument
    elif not re.fullmatch(kind.accepts or r"(?!)", argument):
        wanted = "takes no argument" if not kind.accepts else f"does not take {argument!r}"
        raise UsageError(f"--fault {text}: {name} {wanted}")
    if parts["length"] is not None and not kind.lasts:
        raise UsageError(f"--fault {text}: {name} happens once and has no length")
    start_s = 0.0 if parts["start"] is None else _seconds(text, parts["start"])
    length_s = math.inf if parts["length"] is None else _seconds(text, parts["length"])
    return Fault(name, kind, argument, start_s, length_s)


def _seconds(text: str, written: str) -> float:
    parts = _TIME.fullmatch(written)
    if parts is None:
        raise UsageError(f"--fault {text}: {written!r} is no time; write 10, 10s, 500ms or 2min")
    return float(parts["number"]) * _UNITS_S[parts["unit"]]


class Timeline:
    """Plays faults, each at its time; `told(line)` says what begins and ends."""

    def __init__(self, target: FaultTarget, told: Callable[[str], None]) -> None:
        self._target = target
        self._told = told
        self._standing: list[Fault] = []
        self._began_s = time.monotonic()

    async def play(self, faults: list[Fault]) -> None:
        """Return when all of them are over. Raises UsageError if the port is gone meanwhile."""
        self._began_s = time.monotonic()
        await asyncio.gather(*(self._play(fault) for fault in faults))

    async def _play(self, fault: Fault) -> None:
        await asyncio.sleep(fault.start_s)
        if not fault.kind.lasts or fault.name == "stall":
            await self._target.proxy.until_open()
        fault.begin(self._target)
        self._tell(fault, "begins" if fault.kind.lasts else "happens")
        if fault.kind.end is None:
            return
        self._standing.append(fault)
        if fault.length_s == math.inf:
            return
        await asyncio.sleep(fault.length_s)
        self._standing.remove(fault)
        fault.kind.end(self._target)
        await self._target.proxy.accept()
        for other in self._standing:  # of the same sort, perhaps
            other.kind.begin(self._target, other.argument)
        self._tell(fault, "ends")

    def _tell(self, fault: Fault, what: str) -> None:
        written = f"{fault.name}:{fault.argument}" if fault.argument else fault.name
        self._told(f"{time.monotonic() - self._began_s:.1f} s: {written} {what}")
