"""The table of `appliance bench frame`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from appliance.bench.pi_share import BOARDS, CORES

if TYPE_CHECKING:
    from appliance.bench.frame import Row

NONE = "-"
HEADS = (
    ("", "stage"),
    ("µs", "call"),
    ("µs", "kernel"),
    ("native instr.", "all"),
    ("native instr.", "kernel"),
    ("ARM kernel", "instr."),
    *(("cycles", core.removeprefix("cortex-").upper()) for core in CORES),
    *(("of a core", board.name) for board in BOARDS),
    ("Python of it", BOARDS[0].name),
)


def table(rows: Sequence[Row]) -> str:
    """Return two lines of headings and a line for each row, in columns."""
    cells = [[head for head, _ in HEADS], [head for _, head in HEADS], *map(_cells, rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(HEADS))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )


def _cells(row: Row) -> list[str]:
    arm, first = row.arm, row.shares.get(BOARDS[0].name)
    cells = [
        row.stage.name,
        _number(row.call_us, 1),
        _number(row.kernel_us, 1),
        _number(row.native.all.instructions if row.native else None),
        _number(row.native.kernels.instructions if row.native else None),
        _number(arm.instructions if arm else None),
        *(_number(arm.cycles[core].at_most if arm and arm.cycles else None) for core in CORES),
    ]
    for board in BOARDS:
        share = row.shares.get(board.name)
        cells.append(_percent(share.total if share else None))
    cells.append(_percent(first.python if first else None))
    return cells


def _number(value: float | None, digits: int = 0) -> str:
    return NONE if value is None else f"{value:.{digits}f}"


def _percent(value: float | None) -> str:
    return NONE if value is None else f"{100 * value:.2f} %"
