"""The figures that the tests of the virtual machine measure: kept, and printed as one table."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self

from appliance.runner.spans import percentile

FOLDER = Path(__file__).resolve().parents[2] / "artefacts/system"


@dataclass(frozen=True, slots=True)
class Figures:
    """One measured quantity.

    Attributes:
        goal: what it should be at most, in its unit; None where there is none.
        stalled_ms: for how long at once the machine under it had no time at all.
    """

    name: str
    unit: Literal["ms", "s", "MB"]
    count: int
    median: float
    p95: float
    worst: float
    goal: float | None
    stalled_ms: float
    load: float  # of this machine, in the last minute

    @classmethod
    def of(
        cls,
        name: str,
        values: Sequence[float],
        unit: Literal["ms", "s", "MB"],
        goal: float | None = None,
        stalled_s: float = 0.0,
    ) -> Self:
        """Return the figures of values; those in ms, and their goal, are given in seconds."""
        scale = 1000.0 if unit == "ms" else 1.0
        scaled = [each * scale for each in values]
        return cls(
            name,
            unit,
            len(values),
            percentile(scaled, 50) or 0.0,
            percentile(scaled, 95) or 0.0,
            round(max(scaled), 1),
            None if goal is None else goal * scale,
            round(stalled_s * 1000, 1),
            round(os.getloadavg()[0], 1),
        )

    @classmethod
    def of_span(cls, name: str, span: Mapping[str, float], goal_s: float) -> Self:
        """Return those that the daemon tells of one of its spans (appliance.runner.spans)."""
        load = round(os.getloadavg()[0], 1)
        values = (int(span["n"]), span["p50"], span["p95"], span["p99"])
        return cls(name, "ms", *values, goal_s * 1000, 0.0, load)

    def keep(self) -> None:
        """Write them down, in place of earlier ones of this name."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        words = self.name.lower().replace(",", "").split()
        (FOLDER / f"{'-'.join(words)}.json").write_text(json.dumps(asdict(self), indent=2) + "\n")


def table(since_unix_s: float) -> Iterable[str]:
    """Yield a table of the figures that were kept since then."""
    files = sorted(FOLDER.glob("*.json"), key=lambda path: path.stat().st_mtime)
    kept = [json.loads(path.read_text()) for path in files if path.stat().st_mtime >= since_unix_s]
    if not kept:
        return
    head = ["n", "median", "p95", "worst", "goal", "stalls", "load"]
    yield f"{'':36}" + "".join(f"{word:>9}" for word in head)
    for each in kept:
        goal = "" if each["goal"] is None else f"{each['goal']:g}"
        values = [f"{each[name]:.1f}" for name in ("median", "p95", "worst")]
        cells = [each["count"], *values, goal, f"{each['stalled_ms']:.0f} ms", each["load"]]
        yield f"{each['name'] + ', ' + each['unit']:36}" + "".join(f"{cell:>9}" for cell in cells)
