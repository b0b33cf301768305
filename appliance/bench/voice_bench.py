"""Voice activity: how much speech is found where as much noise is taken for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from appliance.bench.noise_scenes import NoiseItem, is_speech
from appliance.bench.progress import Progress
from appliance.bench.scores import area, hits_at
from appliance.bench.systems import System, call, warm
from appliance.bench.timing import OURS, ratios
from appliance.units import WIRE_RATE_HZ


def measure_voice(
    items: Sequence[NoiseItem], systems: Sequence[System], progress: Progress
) -> dict[str, Any]:
    """Return a row for each peer: its false alarms and hits, and ours at as many false alarms.

    All frames of all items are taken together. A peer answers yes or no, ours a probability.
    """
    warm(systems, 1)
    progress.begin(len(items))
    answers: dict[str, list[Any]] = {each.name: [] for each in systems}
    rtfs: dict[str, list[float]] = {each.name: [] for each in systems}
    truths = []
    for item in items:
        progress.step(f"vad {item.noise} {item.snr_db:.0f} dB {item.talker}")
        truths.append(is_speech(item.clean))
        for system in systems:
            answer = call(system, WIRE_RATE_HZ, item.noisy)
            rtfs[system.name].append(answer.rtf)
            answers[system.name].append(answer.values[: len(truths[-1])])
    progress.end()
    truth = np.concatenate(truths)
    decided = {name: np.concatenate(each).astype(np.float64) for name, each in answers.items()}
    ours = decided[OURS]
    rows = []
    for system in systems:
        if system.ours:
            continue
        yes = decided[system.name] > 0.5
        false_alarms = float(yes[~truth].mean())
        rows.append(
            {
                "system": system.name,
                "false_alarms": false_alarms,
                "hits": float(yes[truth].mean()),
                "ours_hits": hits_at(ours, truth, false_alarms),
                "rtf": float(np.median(rtfs[system.name])),
            }
        )
    return {
        "items": len(items),
        "frames": len(truth),
        "speech": float(truth.mean()),
        "rows": rows,
        "ours": {
            "area": area(ours, truth),
            "hits_at_half": float((ours[truth] >= 0.5).mean()),
            "false_alarms_at_half": float((ours[~truth] >= 0.5).mean()),
            "rtf": float(np.median(rtfs[OURS])),
        },
        "cpu_ratio": ratios(rtfs),
    }
