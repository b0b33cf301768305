"""From instructions to the share of one Pi's core: cycles by LLVM's model of that core.

A kernel's cycles: the instructions that one call executed, in the order in which it did, go
through llvm-mca as one straight piece. The Python's cycles: an estimate from what valgrind saw.
What neither knows is in DERIVATION, which goes with every result.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.bench.callgrind import Events
from appliance.errors import ApplianceError

FRAME_S = 0.01
A53, A72 = "cortex-a53", "cortex-a72"


@dataclass(frozen=True, slots=True)
class Board:
    """A Pi, and its core as LLVM calls it."""

    name: str
    core: str
    hz: float


BOARDS = (
    Board("Zero 2 W", A53, 1.0e9),
    Board("3B+", A53, 1.4e9),
    Board("4", A72, 1.8e9),
)
CORES = (A53, A72)
# What a miss or a wrong guess costs beyond one cycle an instruction: KCachegrind's estimation.
L1_MISS, L2_MISS, MISPREDICTED = 10, 100, 10

DERIVATION = """\
share = (kernel cycles + Python cycles) / (clock of the core x 10 ms)
Kernel cycles: the ARM instructions of whole calls, in the order in which QEMU executed them,
  through llvm-mca's model of the core (all loads hit level 1, all branches are foreseen; a load
  waits for every store before it: at most; JSON has at_least, too), and the misses and wrong
  guesses that valgrind saw in the kernel of this machine, at the price below.
Python cycles: the instructions of this machine outside the kernels, as if ARM's Python needed as
  many, 1 cycle each; 10 more for a miss of level 1 or a mispredicted branch, 100 for one of
  level 2. Caches are a Cortex-A53's (32 kB, 32 kB, 512 kB), whatever the board.
Left out: what other work does to the caches between two frames, memory that other cores and the
  GPU use, throttling, Linux. Nothing was run on a Pi: this is an order of size.
"""


@dataclass(frozen=True, slots=True)
class Cycles:
    """Of a core, between two suppositions.

    Attributes:
        at_most: every load waits for the stores before it, as if each might be to its place.
        at_least: none does; what a filter hands on through memory from sample to sample is then
            not waited for, either.
    """

    at_most: float = 0.0
    at_least: float = 0.0

    def plus(self, other: Cycles, times: float) -> Cycles:
        """Return the sum with `times` of another."""
        return Cycles(self.at_most + other.at_most * times, self.at_least + other.at_least * times)


class Model:
    """LLVM's models of cores."""

    def __init__(self, disassembler: str, analyser: str) -> None:
        """Take the programs llvm-mc and llvm-mca."""
        self._disassembler, self._analyser = disassembler, analyser
        self._texts: dict[str, str] = {}

    @classmethod
    def find(cls) -> Model | None:
        """Return the newest of LLVM that is installed, or None."""
        for suffix in ("", *(f"-{version}" for version in range(30, 13, -1))):
            found = [shutil.which(f"{name}{suffix}") for name in ("llvm-mc", "llvm-mca")]
            if found[0] and found[1]:
                return cls(found[0], found[1])
        return None

    @property
    def version(self) -> str:
        """Of LLVM, as the program says."""
        said = _run([self._analyser, "--version"], "")
        found = re.search(r"version (\S+)", said)
        return found[1] if found else "unknown"

    def cycles(self, words: Sequence[str], core: str) -> Cycles:
        """Return how long `core` takes for these instructions, one after another.

        Args:
            words: each as 8 hexadecimal digits; calls and returns among them are taken for
                instructions that do nothing, since what they lead to follows.

        Raises:
            ApplianceError: LLVM does not know one of them.
        """
        self._learn(words)
        text = "\n".join(self._texts[word] for word in words)
        views = ["-instruction-info=0", "-resource-pressure=0"]
        command = [self._analyser, "-mtriple=aarch64", f"-mcpu={core}", "-iterations=1", *views]
        return Cycles(
            at_most=_total(_run([*command, "-noalias=false"], text)),
            at_least=_total(_run([*command, "-noalias=true"], text)),
        )

    def _learn(self, words: Sequence[str]) -> None:
        new = sorted(set(words) - self._texts.keys())
        if not new:
            return
        octets = (" ".join(f"0x{word[i : i + 2]}" for i in (6, 4, 2, 0)) for word in new)
        said = _run([self._disassembler, "-triple=aarch64", "-disassemble"], "\n".join(octets))
        lines = [line.strip() for line in said.splitlines()]
        lines = [line for line in lines if line and not line.startswith(".text")]
        if len(lines) != len(new):
            raise ApplianceError(f"llvm-mc read {len(lines)} of {len(new)} instructions")
        for word, line in zip(new, lines, strict=True):
            leads_away = line.split()[0] in ("bl", "blr", "ret")
            self._texts[word] = "nop" if leads_away else line


def _total(said: str) -> int:
    found = re.search(r"^Total Cycles: +(\d+)", said, re.M)
    if found is None:
        raise ApplianceError("llvm-mca says no Total Cycles: a version that is not known here")
    return int(found[1])


@dataclass(frozen=True, slots=True)
class Share:
    """Of one core of a board, 0 to 1; None where something was not measured."""

    kernels: float
    python: float | None

    @property
    def total(self) -> float | None:
        """Both."""
        return None if self.python is None else self.kernels + self.python


def waits(events: Events) -> float:
    """Return the cycles that misses and wrong guesses add."""
    return (
        L1_MISS * events.l1_misses + L2_MISS * events.l2_misses + MISPREDICTED * events.mispredicted
    )


def share(
    board: Board, kernel_cycles: float, kernels: Events | None, python: Events | None
) -> Share:
    """Return what a frame takes of `board`.

    Args:
        kernel_cycles: of all kernels in a frame, `Cycles.at_most`.
        kernels, python: what valgrind counted in a frame; None if it did not.
    """
    a_frame = board.hz * FRAME_S
    of_kernels = (kernel_cycles + (waits(kernels) if kernels else 0.0)) / a_frame
    if python is None:
        return Share(of_kernels, None)
    return Share(of_kernels, (python.instructions + waits(python)) / a_frame)


def _run(command: list[str], given: str) -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join(done.stderr.split())[:300]
        raise ApplianceError(f"{Path(command[0]).name} failed: {said}")
    return done.stdout
