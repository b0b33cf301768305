"""What a process costs, read from /proc (proc(5))."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cost:
    """`cpu_s`: processor time used so far; `rss_mb`: resident memory now, in MB of 10^6 bytes."""

    cpu_s: float
    rss_mb: float


def cost_of(pid: int) -> Cost:
    """Return what the process has cost until now, its threads included."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    fields = stat.rpartition(")")[2].split()  # the name in brackets may hold anything
    ticks = int(fields[11]) + int(fields[12])
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Cost(
        ticks / os.sysconf("SC_CLK_TCK"), round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
    )


def libraries_of(pid: int) -> frozenset[str]:
    """Return the file names of what the process has mapped: programs, libraries, data."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return frozenset(
        Path(fields[5]).name for line in lines if len(fields := line.split(None, 5)) > 5
    )


def is_clean(libraries: frozenset[str]) -> bool:
    """Say whether no compiler is among them: the device runs kernels that were compiled before."""
    return not any("llvmlite" in name or "libLLVM" in name for name in libraries)
