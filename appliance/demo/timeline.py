"""The conversation as a picture: waveforms, turn states, LED states, latency marks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")  # no screen is needed

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from appliance.demo.conversation import Heard, Pcm
from appliance.units import WIRE_RATE_HZ

COLOURS = {
    "idle": "#d9d9d9",
    "listening": "#4c9be8",
    "closing": "#2f6db3",
    "waiting": "#f2b134",
    "thinking": "#f2b134",
    "working": "#c98bdb",
    "speaking": "#57b36a",
    "muted": "#999999",
    "starting": "#eeeeee",
    "no_network": "#e07b39",
    "fault": "#d64545",
    "setup": "#b39ddb",
}
MARKS = {
    "commit": "commit sent",
    "sounded": "first sound",
    "cut": "cut",
    "echo": "echo learnt",
}

ROOM_FOR_A_WORD = 0.05  # of the picture's width
CROWDED = 0.08  # of the picture's width: closer labels go above each other


def draw_timeline(heard: Heard, path: Path) -> Path:
    """Write the picture and return its path."""
    tapes = heard.tapes
    waves = [("you", tapes.you, "#4c9be8"), ("device", tapes.device, "#57b36a")]
    if heard.plan.room is not None:
        waves.insert(1, ("microphone", tapes.microphone, "#8d6fb8"))
    figure, axes = plt.subplots(
        len(waves) + 2,
        1,
        figsize=(13, 2.3 * len(waves) + 2.4),
        sharex=True,
        height_ratios=[3] * len(waves) + [1, 1],
        layout="constrained",
    )
    for each, (name, pcm, colour) in zip(axes, waves, strict=False):
        _wave(each, pcm, name, colour)
    _bands(axes[-2], heard, "state", "turn")
    _bands(axes[-1], heard, "light", "LED")
    _mark_all(axes[: len(waves)], heard)
    axes[-1].set_xlabel("seconds")
    axes[-1].set_xlim(0, tapes.length_s)
    figure.suptitle(_title(heard.summary))
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def _title(summary: dict[str, Any]) -> str:
    wait = summary["spans_ms"].get("release_to_first_sound", {}).get("p50")
    waited = f"answered {wait:.0f} ms after the question" if wait is not None else "no answer"
    return f"{waited}; {summary['speech_lost_samples']} samples of speech lost"


def _wave(axes: Axes, pcm: Pcm, name: str, colour: str) -> None:
    step = max(1, len(pcm) // 6000)
    usable = len(pcm) // step * step
    blocks = pcm[:usable].reshape(-1, step) / 32768
    at_s = np.arange(len(blocks)) * step / WIRE_RATE_HZ
    axes.fill_between(at_s, blocks.min(axis=1), blocks.max(axis=1), color=colour, linewidth=0)
    axes.set_ylim(-1, 1)
    axes.set_ylabel(name)
    axes.grid(alpha=0.3)


def _bands(axes: Axes, heard: Heard, kind: str, name: str) -> None:
    changes = heard.story.of(kind)
    start_s = heard.tapes.start_s
    ends = [change["t"] for change in changes[1:]] + [start_s + heard.tapes.length_s]
    for change, end_s in zip(changes, ends, strict=True):
        label, begin_s = change[kind], change["t"] - start_s
        axes.axvspan(begin_s, end_s - start_s, color=COLOURS.get(label, "#cccccc"))
        if end_s - change["t"] > ROOM_FOR_A_WORD * heard.tapes.length_s:
            axes.text(
                max(0.0, begin_s) + 0.02,
                0.5,
                label.replace("_", " "),
                va="center",
                size=8,
                clip_on=True,
            )
    axes.set_yticks([])
    axes.set_ylabel(name)


def _mark_all(waves: Any, heard: Heard) -> None:
    marked = [record for record in heard.story.records if record["kind"] in MARKS]
    learnt = [r for r in marked if r["kind"] == "echo" and r["converged"]][:1]
    last_s, row = -1e9, 0
    for record in (r for r in marked if r["kind"] != "echo" or r in learnt):
        at_s = record.get("at_s", record.get("silent_s", record["t"])) - heard.tapes.start_s
        crowded = at_s - last_s < CROWDED * heard.tapes.length_s
        last_s, row = at_s, (row + 1) % 3 if crowded else 0
        for axes in waves:
            axes.axvline(at_s, color="#333333", linewidth=0.8, linestyle="--")
        text = f"{MARKS[record['kind']]} {at_s:.2f}"
        waves[0].text(at_s, 1.02 + 0.16 * row, text, size=7, ha="center")
