"""`appliance bench frame`: what 10 ms of sound cost, stage by stage, here and on a Pi."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from appliance import replay
from appliance.bench import callgrind, emulated, frame_time, objects, pi_share
from appliance.bench.callgrind import Counted
from appliance.bench.frame_stages import Stage, chosen, kernels_of
from appliance.bench.frame_table import table
from appliance.bench.frame_tools import Tools, installed, lacking
from appliance.bench.objects import ARM, NATIVE
from appliance.bench.pi_share import BOARDS, CORES, DERIVATION, Cycles, Share
from appliance.bench.progress import Progress
from appliance.errors import UsageError

EPILOG = """examples:
  appliance bench frame                              every stage, about two minutes
  appliance bench frame --quick --stage echo,denoise
  appliance bench frame --stage highpass+vad         both in every frame
  appliance bench frame --target native --json > frame.json

A column whose tool is not installed is "-"; the package that brings it is named.
"""
MODELLED = 200_000  # instructions of a kernel that go through the model of a core
MODELLED_QUICKLY = 50_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done.

    Attributes:
        frames: measured, of each stage, after `warm_up` others.
        passes: over the frames for a time; the best counts.
        modelled: instructions of a kernel that go through the model, at most.
        native, arm: whether to measure there.
    """

    frames: int
    warm_up: int
    passes: int
    modelled: int
    native: bool
    arm: bool


@dataclass(frozen=True, slots=True)
class Arm:
    """A frame's kernels on the ARM: instructions, and cycles by core."""

    instructions: float
    cycles: dict[str, Cycles]


@dataclass(frozen=True, slots=True)
class Row:
    """One stage; None where something was not asked for or could not be measured."""

    stage: Stage
    call_us: float | None
    kernel_us: float | None
    native: Counted | None
    arm: Arm | None
    shares: dict[str, Share]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `appliance bench frame`."""
    parser.description = "Time and instructions of each stage of the sound chain, per 10 ms."
    parser.epilog = EPILOG
    parser.add_argument(
        "--stage", default="", metavar="NAME,…", help="these alone; a+b for both in a frame"
    )
    parser.add_argument("--frames", type=int, metavar="N", help="measured of each (default: 50)")
    parser.add_argument(
        "--target", default="native,aarch64", metavar="WHERE,…", help="native, aarch64 or both"
    )
    parser.add_argument("--quick", action="store_true", help="fewer frames, less exact")
    parser.add_argument(
        "--objects",
        type=Path,
        metavar="DIR",
        help="keep the kernels that are built in DIR/native and DIR/aarch64, and use them again",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Measure and print; 0."""
    stages, plan = chosen(args.stage), _plan(args)
    tools = installed()
    missing = lacking(tools, native=plan.native, arm=plan.arm)
    for line in missing:
        sys.stderr.write(f"appliance: {line}\n")
    with tempfile.TemporaryDirectory(prefix="bench-frame-") as scratch:
        rows, about = measure(stages, plan, tools, Path(scratch), args.objects)
    if args.json:
        sys.stdout.write(json.dumps(as_json(rows, plan, about, missing), indent=1) + "\n")
        return 0
    sys.stdout.write(f"{about}\n{plan.frames} frames of 10 ms of each stage, recorded speech\n\n")
    sys.stdout.write(table(rows) + "\n\n" + DERIVATION)
    return 0


def _plan(args: argparse.Namespace) -> Plan:
    where = {name.strip() for name in args.target.split(",")}
    if not where or where - {NATIVE, ARM}:
        raise UsageError(f"--target: want native, aarch64 or both, got {args.target}")
    frames = args.frames if args.frames is not None else (10 if args.quick else 50)
    if not 1 <= frames <= 1000:
        raise UsageError(f"--frames: want 1 to 1000, got {frames}")
    return Plan(
        frames=frames,
        warm_up=100 if args.quick else 300,
        passes=2 if args.quick else 10,
        modelled=MODELLED_QUICKLY if args.quick else MODELLED,
        native=NATIVE in where,
        arm=ARM in where,
    )


def measure(
    stages: list[Stage], plan: Plan, tools: Tools, scratch: Path, kept: Path | None = None
) -> tuple[list[Row], str]:
    """Measure `stages`; return a row for each, and what was measured, in one line.

    Args:
        scratch: an empty directory for what is thrown away.
        kept: where the objects are, or are put; None for scratch.

    Raises:
        ApplianceError: a tool that is there failed.
    """
    progress = Progress()
    progress.begin(len(stages) + 2)
    progress.step("kernels")
    kernels, home = kernels_of(stages), kept or scratch
    native = objects.ready(kernels, NATIVE, home / NATIVE)
    about = f"native: {objects.about(native)}"
    drivers: dict[str, Path] = {}
    if plan.native and tools.compiler:
        drivers[NATIVE] = replay.driver(kernels, native, tools.compiler)
    if plan.arm and tools.emulator and tools.cross is not None:
        arm = objects.ready(kernels, ARM, home / ARM)
        about += f"; ARM: {objects.about(arm)}"
        drivers[ARM] = replay.driver(kernels, arm, f"{tools.cross}gcc")
    if tools.model and ARM in drivers:
        about += f"; cycles: llvm-mca {tools.model.version}"
    counted: dict[str, Counted] = {}
    if plan.native and tools.valgrind and tools.compiler:
        progress.step("valgrind")
        names = [stage.name for stage in stages]
        counted = callgrind.count(names, native, scratch, frames=plan.frames, warm_up=plan.warm_up)
    rows = []
    for stage in stages:
        progress.step(stage.name)
        rows.append(_row(stage, plan, tools, native, drivers, counted.get(stage.name)))
    progress.end()
    return rows, about


def _row(
    stage: Stage,
    plan: Plan,
    tools: Tools,
    native: Path,
    drivers: dict[str, Path],
    counted: Counted | None,
) -> Row:
    call_us = kernel_us = None
    if plan.native:
        call_us = frame_time.call_us(
            stage, native, frames=plan.frames, warm_up=plan.warm_up, passes=plan.passes
        )
    calls = frame_time.record(stage, native, frames=plan.frames, warm_up=plan.warm_up)
    if NATIVE in drivers:
        kernel_us = frame_time.kernel_us(
            calls, drivers[NATIVE], frames=plan.frames, passes=plan.passes
        )
    arm = _on_arm(calls, plan, tools, drivers[ARM]) if ARM in drivers else None
    shares = {}
    if arm is not None and arm.cycles:
        python = counted.all - counted.kernels if counted else None
        for board in BOARDS:
            cycles = arm.cycles[board.core].at_most
            of_kernels = counted.kernels if counted else None
            shares[board.name] = pi_share.share(board, cycles, of_kernels, python)
    return Row(stage, call_us, kernel_us, counted, arm, shares)


def _on_arm(calls: list[replay.Call], plan: Plan, tools: Tools, driver: Path) -> Arm:
    instructions, cycles = 0.0, dict.fromkeys(CORES if tools.model else (), Cycles())
    for mine in frame_time.by_kernel(calls):
        executed = emulated.execute(str(tools.emulator), driver, str(tools.cross), mine)
        each = executed.instructions()
        instructions += sum(each) / plan.frames
        if tools.model is None:
            continue
        some = executed.weightiest(plan.modelled)
        stand_for = sum(each) / sum(each[call] * alike for call, alike in some.items())
        for call, alike in some.items():
            words = executed.words(call)
            for core in CORES:
                took = tools.model.cycles(words, core)
                cycles[core] = cycles[core].plus(took, alike * stand_for / plan.frames)
    return Arm(instructions, cycles)


def as_json(rows: list[Row], plan: Plan, about: str, missing: list[str]) -> dict[str, Any]:
    """Return what `--json` prints; null where there is no measurement."""
    return {
        "measured": about,
        "frames": plan.frames,
        "warm_up_frames": plan.warm_up,
        "boards": [asdict(board) for board in BOARDS],
        "missing": missing,
        "derivation": DERIVATION,
        "stages": [_stage_json(row) for row in rows],
    }


def _stage_json(row: Row) -> dict[str, Any]:
    return {
        "name": row.stage.name,
        "fed": row.stage.fed,
        "call_us": row.call_us,
        "kernel_us": row.kernel_us,
        "native": asdict(row.native) if row.native else None,
        "aarch64": asdict(row.arm) if row.arm else None,
        "share_of_a_core": {
            name: {"kernels": share.kernels, "python": share.python, "total": share.total}
            for name, share in row.shares.items()
        },
    }
