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
MARKS = {"commit": "commit sent", "sounded": "first sound", "cut": "cut"}


def draw_timeline(heard: Heard, path: Path) -> Path:
    """Write the picture and return its path."""
    length_s = len(heard.you) / WIRE_RATE_HZ
    figure, axes = plt.subplots(
        4, 1, figsize=(13, 7), sharex=True, height_ratios=[3, 3, 1, 1], layout="constrained"
    )
    _wave(axes[0], heard.you, "you", "#4c9be8")
    _wave(axes[1], heard.device, "device", "#57b36a")
    _bands(axes[2], heard, "state", "turn")
    _bands(axes[3], heard, "light", "LED")
    for record in heard.story.records:
        if record["kind"] in MARKS:
            _mark(axes[:2], record, heard.start_s)
    axes[3].set_xlabel("seconds")
    axes[3].set_xlim(0, length_s)
    figure.suptitle(_title(heard.summary))
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def _title(summary: dict[str, Any]) -> str:
    wait = summary["spans_ms"].get("release_to_first_sound", {}).get("p50")
    waited = f"answered {wait:.0f} ms after release" if wait is not None else "no answer"
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
    ends = [change["t"] for change in changes[1:]] + [heard.start_s + len(heard.you) / WIRE_RATE_HZ]
    for change, end_s in zip(changes, ends, strict=True):
        label, begin_s = change[kind], change["t"] - heard.start_s
        axes.axvspan(begin_s, end_s - heard.start_s, color=COLOURS.get(label, "#cccccc"))
        if end_s - change["t"] > 0.35:
            axes.text(max(0.0, begin_s) + 0.02, 0.5, label.replace("_", " "), va="center", size=8)
    axes.set_yticks([])
    axes.set_ylabel(name)


def _mark(waves: Any, record: dict[str, Any], start_s: float) -> None:
    at_s = record.get("at_s", record.get("silent_s", record["t"])) - start_s
    for axes in waves:
        axes.axvline(at_s, color="#333333", linewidth=0.8, linestyle="--")
    waves[0].text(at_s, 1.02, f"{MARKS[record['kind']]} {at_s:.2f}", size=7, ha="center")
