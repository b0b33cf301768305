"""What a kernel executes on an ARM, instruction by instruction, as QEMU's log tells it.

QEMU in user mode logs every block of code that it translates (`-d in_asm`, with each
instruction's word) and every one that it enters (`exec`; `nochain` keeps it from leaving any out).
That needs no plugin, which Debian 13's QEMU, linked statically, could not load.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance import replay
from appliance.errors import ApplianceError

LIBRARIES = Path("/usr/aarch64-linux-gnu")  # where Debian's cross packages put ARM's C library
PROGRAM_ENDS = 1 << 28  # a program that is not relocated lies below, its libraries above

_ENTERED = re.compile(r"Trace \d+: 0x[0-9a-f]+ \[[0-9a-f]+/([0-9a-f]+)/")
_INSTRUCTION = re.compile(r"0x([0-9a-f]+): +([0-9a-f]{8})\b")


@dataclass(frozen=True, slots=True)
class Executed:
    """What the calls of one kernel executed, the C library's functions that it calls included.

    Attributes:
        blocks: the words (8 hexadecimal digits) of the instructions of each block, by address.
        calls: the addresses of the blocks that each call entered, in order.
    """

    blocks: dict[int, tuple[str, ...]]
    calls: tuple[tuple[int, ...], ...]

    def instructions(self) -> list[int]:
        """Return how many instructions each call executed."""
        sizes = {address: len(words) for address, words in self.blocks.items()}
        return [sum(sizes[address] for address in call) for call in self.calls]

    def weightiest(self, instructions: int) -> dict[int, int]:
        """Return the calls that a model is to see, each with how many went the very same way.

        Those with the most instructions, all alike taken together, first; as many as together
        have no more than `instructions`, but one at least.
        """
        alike: dict[tuple[int, ...], list[int]] = {}
        for call, way in enumerate(self.calls):
            alike.setdefault(way, []).append(call)
        each = self.instructions()
        ways = sorted(alike.values(), key=lambda calls: -each[calls[0]] * len(calls))
        found: dict[int, int] = {}
        for calls in ways:
            instructions -= each[calls[0]]
            if found and instructions < 0:
                break
            found[calls[0]] = len(calls)
        return found

    def words(self, call: int) -> list[str]:
        """Return the instructions of that call as they came."""
        return [word for address in self.calls[call] for word in self.blocks[address]]


def execute(emulator: str, program: Path, tools: str, calls: Sequence[replay.Call]) -> Executed:
    """Run `calls`, all of one kernel, in `program`, a `replay.driver` for aarch64.

    Args:
        emulator: QEMU's program.
        tools: what the name of the target's nm begins with.

    Raises:
        ApplianceError: the program ended early, or QEMU's log is not as expected.
    """
    log = program.with_suffix(".log")
    root = ["-L", str(LIBRARIES)] if LIBRARIES.is_dir() else []
    # All names are bound before main, so that no call pays for looking one up.
    command = [emulator, *root, "-E", "LD_BIND_NOW=1", "-d", "exec,nochain,in_asm"]
    try:
        replay.play_in([*command, "-D", str(log), str(program)], calls)
        executed = _read(log, *_fences(program, tools))
    finally:
        log.unlink(missing_ok=True)
    if len(executed.calls) != len(calls):
        raise ApplianceError(
            f"{emulator}: its log shows {len(executed.calls)} of {len(calls)} calls of "
            f"{calls[0].kernel.name}"
        )
    return executed


def _fences(program: Path, tools: str) -> tuple[int, int]:
    listing = subprocess.run(
        [f"{tools}nm", str(program)], capture_output=True, text=True, check=True
    )
    lines = [line.split() for line in listing.stdout.splitlines()]
    at = {words[-1]: int(words[0], 16) for words in lines if len(words) == 3}
    return at[replay.BEGINS], at[replay.ENDS]


def _read(log: Path, begins: int, ends: int) -> Executed:
    blocks: dict[int, tuple[str, ...]] = {}
    calls: list[tuple[int, ...]] = []
    entered: list[int] = []
    block: list[str] | None = None
    start, inside = 0, False
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line[0] == "T" and (seen := _ENTERED.match(line)):
                address = int(seen[1], 16)
                if address == begins:
                    inside, entered = True, []
                elif address == ends:
                    inside = False
                    calls.append(tuple(entered))
                elif inside and address >= PROGRAM_ENDS:
                    entered.append(address)
            elif line[0] == "0" and (seen := _INSTRUCTION.match(line)):
                if block is None:
                    block, start = [], int(seen[1], 16)
                block.append(seen[2])
            elif block is not None:
                blocks[start], block = tuple(block), None
    missing = {address for call in calls for address in call} - blocks.keys()
    if missing:
        raise ApplianceError(
            "QEMU's log shows blocks without their instructions: a QEMU that cannot disassemble"
        )
    return Executed(blocks, tuple(calls))
