"""Noise suppression: every system on every item, and what the scores say of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from appliance.bench.corpus import resampled
from appliance.bench.noise_scenes import NoiseItem
from appliance.bench.progress import Progress
from appliance.bench.scores import SCORE_HZ, Scores, delay_samples
from appliance.bench.systems import FULL_SCALE, Pcm, System, call, pcm, sound, warm
from appliance.bench.takes import Takes
from appliance.bench.timing import ratios
from appliance.units import WIRE_RATE_HZ

NOT_SCORED_S = 2.0  # while a suppressor learns the noise
UNTOUCHED = "noisy"


@dataclass(frozen=True, slots=True)
class NoiseScore:
    """One item through one system."""

    system: str
    talker: str
    noise: str
    snr_db: float
    pesq: float
    stoi: float
    dnsmos: float | None


def measure_noise(
    items: Sequence[NoiseItem],
    systems: Sequence[System],
    scores: Scores,
    progress: Progress,
    takes: Takes,
) -> dict[str, Any]:
    """Return rows (means over the items), CPU ratios and the score of every item.

    The systems take turns on each item, so that a busy machine is busy for all. One delay is taken
    out for each system, the median of what correlation with the clean speech says.
    """
    warm(systems, 1)
    progress.begin(2 * len(items))
    heard: dict[str, list[Pcm]] = {each.name: [] for each in systems}
    rtfs: dict[str, list[float]] = {each.name: [] for each in systems}
    clean = [resampled(each.clean / FULL_SCALE, WIRE_RATE_HZ, SCORE_HZ) for each in items]
    for number, item in enumerate(items):
        name = f"noise/{number + 1:02}-{item.noise}-{item.snr_db:.0f}dB-{item.talker}"
        progress.step(name)
        takes.keep(name, UNTOUCHED, item.noisy, WIRE_RATE_HZ)
        takes.keep(name, "clean", item.clean, WIRE_RATE_HZ)
        for system in systems:
            answer = call(system, WIRE_RATE_HZ, item.noisy)
            rtfs[system.name].append(answer.rtf)
            heard[system.name].append(pcm(sound(system, answer, SCORE_HZ)))
            takes.keep(name, system.name, sound(system, answer, system.rate_hz), system.rate_hz)
    delays = {
        name: int(np.median([delay_samples(*each) for each in zip(clean, outs, strict=True)]))
        for name, outs in heard.items()
    }
    each_item = []
    for number, item in enumerate(items):
        progress.step("scores")
        begin = round(NOT_SCORED_S * SCORE_HZ)
        judged = {UNTOUCHED: resampled(item.noisy / FULL_SCALE, WIRE_RATE_HZ, SCORE_HZ)}
        for name, outs in heard.items():
            judged[name] = outs[number][delays[name] :] / FULL_SCALE
        for name, whole in judged.items():
            a, b = clean[number][begin:], whole[begin : len(clean[number])]
            each_item.append(
                NoiseScore(
                    name,
                    item.talker,
                    item.noise,
                    item.snr_db,
                    scores.pesq(a, b),
                    scores.stoi(a, b),
                    scores.dnsmos(b),
                )
            )
    progress.end()
    rows = [_row(UNTOUCHED, each_item)]
    for system in systems:
        row = _row(system.name, each_item)
        row["rtf"] = float(np.median(rtfs[system.name]))
        row["delay_ms"] = 1000 * delays[system.name] / SCORE_HZ
        rows.append(row)
    return {
        "items": len(items),
        "rows": rows,
        "cpu_ratio": ratios(rtfs),
        "by_item": [asdict(each) for each in each_item],
    }


def _row(system: str, each_item: Sequence[NoiseScore]) -> dict[str, Any]:
    mine = [each for each in each_item if each.system == system]
    mos = [each.dnsmos for each in mine if each.dnsmos is not None]
    return {
        "system": system,
        "pesq": float(np.mean([each.pesq for each in mine])),
        "stoi": float(np.mean([each.stoi for each in mine])),
        "dnsmos": float(np.mean(mos)) if mos else None,
    }
