"""The bench's results as tables in Markdown, to be read in a terminal or pasted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from appliance.bench.timing import OURS

NONE = ""


def noise_table(result: Mapping[str, Any]) -> str:
    """Return the table of noise suppression."""
    cells = [
        (
            _bold(row["system"]),
            f"{row['pesq']:.2f}",
            _number(row["stoi"], 3),
            _number(row["dnsmos"], 2),
            _number(row.get("rtf"), 4),
            _number(row.get("delay_ms"), 0),
            _ratio(result, row["system"]),
        )
        for row in result["rows"]
    ]
    head = ("system", "PESQ-wb", "STOI", "DNSMOS", "RTF", "delay ms", "CPU of ours")
    title = f"## Noise suppression: {result['items']} items, first 2 s not scored"
    return f"{title}\n{table(head, cells)}\n{_in_words(result)}"


def echo_table(result: Mapping[str, Any]) -> str:
    """Return one table for each drift."""
    head = ("system", "loss dB, 1–3 s", "4–8 s", "PESQ-wb", "STOI", "RTF", "delay ms")
    parts = []
    for drift_ppm in dict.fromkeys(row["drift_ppm"] for row in result["rows"]):
        cells = [
            (
                _bold(row["system"]),
                f"{row['loss_early_db']:.1f}",
                f"{row['loss_late_db']:.1f}",
                f"{row['pesq']:.2f}",
                _number(row["stoi"], 3),
                _number(row.get("rtf"), 4),
                _number(row.get("delay_ms"), 0),
            )
            for row in result["rows"]
            if row["drift_ppm"] == drift_ppm
        ]
        drift = f"drift {drift_ppm:+d} ppm" if drift_ppm else "no drift"
        title = f"## Echo cancellation: {result['scenes']} scenes, {drift}"
        parts.append(f"{title}\n{table(head, cells)}")
    return "\n\n".join(parts) + f"\n{_in_words(result)}"


def voice_table(result: Mapping[str, Any]) -> str:
    """Return the table of voice activity."""
    cells = [
        (
            row["system"],
            _number(row["false_alarms"], 3),
            _number(row["hits"], 3),
            _number(row["ours_hits"], 3),
            _number(row["rtf"], 5),
            _ratio(result, row["system"]),
        )
        for row in result["rows"]
    ]
    head = ("peer", "false alarms", "its hits", "ours at as many", "its RTF", "CPU of ours")
    ours = result["ours"]
    return (
        f"## Voice activity: {result['items']} items, {result['speech']:.0%} speech\n"
        f"{table(head, cells)}\n"
        f"Ours: area {_number(ours['area'], 3)}; at the threshold 0.5 hits "
        f"{_number(ours['hits_at_half'], 3)}, false alarms "
        f"{_number(ours['false_alarms_at_half'], 3)}; RTF {_number(ours['rtf'], 5)}."
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table whose columns line up."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    shown = ["| " + " | ".join(_padded(line, widths)) + " |" for line in lines]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([shown[0], rule, *shown[1:]])


def _padded(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *rest = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
    return [first, *(cell.strip().rjust(len(cell)) for cell in rest)]


def _bold(name: str) -> str:
    return f"**{name}**" if name == OURS else name


def _number(value: float | None, digits: int) -> str:
    """Return a figure without the zero before its point, as the tables in docs/ have it."""
    if value is None:
        return NONE
    shown = f"{value:.{digits}f}"
    return shown.removeprefix("0") if digits and shown.startswith("0.") else shown


def _ratio(result: Mapping[str, Any], name: str) -> str:
    ratio = result["cpu_ratio"].get(name)
    return NONE if ratio is None else _times(ratio)


def _times(ratio: float) -> str:
    return f"{ratio:.1f}×" if ratio >= 1 else f"{ratio:.2f}×"


def _in_words(result: Mapping[str, Any]) -> str:
    told = [f"{_times(ratio)} {name}" for name, ratio in result["cpu_ratio"].items()]
    return f"CPU time of ours: {', '.join(told)}." if told else "No peer to compare CPU time with."
