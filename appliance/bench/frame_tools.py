"""What `appliance bench frame` uses of this machine, and what to say where it is not there."""

from __future__ import annotations

import platform
import shutil
from dataclasses import dataclass

from appliance.bench import callgrind
from appliance.bench.objects import ARM
from appliance.bench.pi_share import Model


@dataclass(frozen=True, slots=True)
class Tools:
    """What is installed.

    Attributes:
        compiler: gcc, or None.
        valgrind: whether it is there, and its header.
        emulator: QEMU for ARM programs, or None.
        cross: what the names of ARM's gcc and nm begin with, or None.
        model: LLVM's models of cores, or None.
    """

    compiler: str | None
    valgrind: bool
    emulator: str | None
    cross: str | None
    model: Model | None


def installed() -> Tools:
    """Return what there is on this machine."""
    emulators = [shutil.which(name) for name in ("qemu-aarch64", "qemu-aarch64-static")]
    cross = "" if platform.machine() == ARM else "aarch64-linux-gnu-"
    return Tools(
        compiler=shutil.which("gcc"),
        valgrind=bool(shutil.which("valgrind")) and callgrind.HEADER.exists(),
        emulator=emulators[0] or emulators[1],
        cross=cross if shutil.which(f"{cross}gcc") and shutil.which(f"{cross}nm") else None,
        model=Model.find(),
    )


def lacking(tools: Tools, *, native: bool, arm: bool) -> list[str]:
    """Return a line for each tool that is not installed and that the targets wanted need."""
    told = []
    if native and tools.compiler is None:
        told.append("no gcc: no time of the kernels alone, no native instructions: install gcc")
    if native and not tools.valgrind:
        told.append("no valgrind: no native instructions, no share of Python: install valgrind")
    if arm and tools.emulator is None:
        told.append("no qemu-aarch64: no ARM instructions: install qemu-user (or qemu-user-static)")
    if arm and tools.cross is None:
        told.append(
            "no aarch64-linux-gnu-gcc: no ARM instructions: "
            "install gcc-aarch64-linux-gnu and libc6-dev-arm64-cross"
        )
    if arm and tools.model is None:
        told.append("no llvm-mca: no cycles, no share of a Pi: install llvm")
    return told
