"""How long a frame takes on this machine: a stage with its Python, and its kernels alone."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from appliance import replay
from appliance.bench.frame_stages import Stage
from appliance.dsp.kernel import REGISTRY
from appliance.errors import ApplianceError


def call_us(stage: Stage, objects: Path, *, frames: int, warm_up: int, passes: int) -> float:
    """Return the CPU time of a frame in µs, the Python call included.

    The mean over `frames`, for a frame may do more than its neighbour; the best of `passes`, for
    what else the machine does can only add.
    """
    REGISTRY.use(str(objects))
    try:
        do = stage.make()
        number = 0
        for _ in range(warm_up):
            do(number)
            number += 1
        took = []
        for _ in range(passes):
            start = time.thread_time_ns()
            for each in range(number, number + frames):
                do(each)
            took.append(time.thread_time_ns() - start)
            number += frames
    finally:
        REGISTRY.use(None)
    return min(took) / frames / 1000


def record(stage: Stage, objects: Path, *, frames: int, warm_up: int) -> list[replay.Call]:
    """Return the kernels' calls in `frames` after the warm-up, in order."""
    with replay.recording(str(objects)) as calls:
        do = stage.make()
        for number in range(warm_up):
            do(number)
            calls.clear()
        for number in range(warm_up, warm_up + frames):
            do(number)
        return list(calls)


def by_kernel(calls: Sequence[replay.Call]) -> list[list[replay.Call]]:
    """Return `calls` apart by kernel, as `replay.play_in` takes them."""
    apart: dict[str, list[replay.Call]] = {}
    for call in calls:
        apart.setdefault(call.kernel.name, []).append(call)
    return list(apart.values())


def kernel_us(calls: Sequence[replay.Call], program: Path, *, frames: int, passes: int) -> float:
    """Return the time of a frame's kernels in µs, in a C program: no Python, no ctypes.

    Each call is run with the same input in every pass, and the best time of each counts.

    Args:
        program: a `replay.driver` of this machine.

    Raises:
        ApplianceError: the program ended early.
    """
    total = 0
    for mine in by_kernel(calls):
        given = b"".join(b"".join(call.before) for call in mine)
        rounds = [_nanoseconds(program, mine, given) for _ in range(passes)]
        total += sum(map(min, zip(*rounds, strict=True)))
    return total / frames / 1000


def _nanoseconds(program: Path, calls: Sequence[replay.Call], given: bytes) -> list[int]:
    name = calls[0].kernel.name
    command = [str(program), name, "times"]
    done = subprocess.run(command, input=given, capture_output=True, check=False)
    times = [int(line) for line in done.stderr.split()] if not done.returncode else []
    if len(times) != len(calls):
        raise ApplianceError(f"{name}: the driver ended after {len(times)} of {len(calls)} calls")
    return times
