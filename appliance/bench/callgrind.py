"""How many instructions a frame takes on this machine, Python's own included, as valgrind counts.

Valgrind runs the program on a processor of its own, so the counts repeat to the last instruction.
It also follows caches and branches as a Cortex-A53's would be: what the Python around a kernel
costs on a Pi is estimated from that (`pi_share`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from appliance.dsp.kernel import VARIABLE
from appliance.dsp.kernel_object import LIBRARY
from appliance.errors import ApplianceError

# Bytes, ways, bytes of a line: the core of a Zero 2 W and a 3B+, with the level 2 of their chip.
CACHES = ("--I1=32768,2,64", "--D1=32768,4,64", "--LL=524288,16,64")
OPTIONS = (
    "--tool=callgrind", "--instr-atstart=no", "--cache-sim=yes", "--branch-sim=yes", *CACHES,
    "--compress-strings=no", "--compress-pos=no",
)  # fmt: skip
HEADER = Path("/usr/include/valgrind/callgrind.h")

HOOK = """#include <valgrind/callgrind.h>
void count_on(void) { CALLGRIND_START_INSTRUMENTATION; }
void count_off(void) { CALLGRIND_STOP_INSTRUMENTATION; }
void count_from_zero(void) { CALLGRIND_ZERO_STATS; }
void count_to(const char *name) { CALLGRIND_DUMP_STATS_AT(name); }
"""


@dataclass(frozen=True, slots=True)
class Events:
    """What happened, in all frames or, divided, in one.

    Attributes:
        instructions: executed.
        l1_misses: of both level 1 caches.
        l2_misses: of level 2: main memory was read.
        mispredicted: branches.
    """

    instructions: float = 0.0
    l1_misses: float = 0.0
    l2_misses: float = 0.0
    mispredicted: float = 0.0

    def __add__(self, other: Events) -> Events:
        return Events(
            self.instructions + other.instructions,
            self.l1_misses + other.l1_misses,
            self.l2_misses + other.l2_misses,
            self.mispredicted + other.mispredicted,
        )

    def __sub__(self, other: Events) -> Events:
        return self + other.times(-1.0)

    def times(self, factor: float) -> Events:
        """Return each number times `factor`."""
        return Events(
            self.instructions * factor,
            self.l1_misses * factor,
            self.l2_misses * factor,
            self.mispredicted * factor,
        )


@dataclass(frozen=True, slots=True)
class Counted:
    """One frame of one stage: all of it, and the kernels alone."""

    all: Events
    kernels: Events


def count(
    stages: Iterable[str], objects: Path, scratch: Path, *, frames: int, warm_up: int
) -> dict[str, Counted]:
    """Run `stages`, by their names, under valgrind; return the mean frame of each.

    Args:
        objects: directory of the kernels' machine code.
        scratch: directory for valgrind's files.

    Raises:
        ApplianceError: the compiler or valgrind failed.
    """
    names = list(stages)
    source, hook, out = scratch / "hook.c", scratch / "hook.so", scratch / "callgrind.out"
    source.write_text(HOOK, encoding="utf-8")
    _run(["gcc", "-O1", "-shared", "-fPIC", "-o", str(hook), str(source)], {})
    child = [sys.executable, "-m", "appliance.bench.callgrind_child", "--hook", str(hook)]
    child += ["--stage", ",".join(names), "--warm-up", str(warm_up), "--frames", str(frames)]
    # The order of a set's members would be another at every start.
    environment = {VARIABLE: str(objects), "PYTHONHASHSEED": "0"}
    _run(["valgrind", *OPTIONS, f"--callgrind-out-file={out}", *child], environment)
    found = {}
    for part in scratch.glob(f"{out.name}.*"):
        name, counted = read(part.read_text(encoding="utf-8", errors="replace").splitlines())
        found[name] = Counted(counted.all.times(1 / frames), counted.kernels.times(1 / frames))
        part.unlink()
    missing = [name for name in names if name not in found]
    if missing:
        raise ApplianceError(f"valgrind counted nothing of {', '.join(missing)}")
    return {name: found[name] for name in names}


def read(lines: Iterable[str]) -> tuple[str, Counted]:
    """Return what one of callgrind's files is of, and its counts.

    The kernels' are those of every call into their object from outside it: with all that they
    call in turn.
    """
    name, events = "", []
    everything, kernels = Events(), Events()
    inside = target_inside = into_kernels = False
    for line in lines:
        if line.startswith("desc: Trigger: Client Request: "):
            name = line.rpartition(": ")[2]
        elif line.startswith("events: "):
            events = line.split()[1:]
        elif line.startswith("summary: "):
            everything = _events(events, line.split()[1:])
        elif line.startswith("ob="):
            inside = target_inside = line.endswith(f"/{LIBRARY}")
        elif line.startswith("fn="):
            target_inside = inside
        elif line.startswith("cob="):
            target_inside = line.endswith(f"/{LIBRARY}")
        elif line.startswith("calls="):
            into_kernels = target_inside and not inside
            target_inside = inside  # without a `cob=` a call stays in the object
        elif into_kernels:
            kernels += _events(events, line.split()[1:])
            into_kernels = False
    return name, Counted(everything, kernels)


def _events(names: list[str], values: list[str]) -> Events:
    """Add up callgrind's columns; those that it leaves out at the end are zero."""
    seen = dict(zip(names, map(int, values), strict=False))

    def total(*columns: str) -> float:
        return float(sum(seen.get(each, 0) for each in columns))

    return Events(
        total("Ir"),
        total("I1mr", "D1mr", "D1mw"),
        total("ILmr", "DLmr", "DLmw"),
        total("Bcm", "Bim"),
    )


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = " ".join(done.stderr.split())[-400:]
        raise ApplianceError(f"{Path(command[0]).name} failed: {said}")
