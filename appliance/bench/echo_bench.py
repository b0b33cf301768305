"""Echo cancellation: every system on every scene, without drift and with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.bench.corpus import resampled
from appliance.bench.echo_scenes import NEAR_FROM_S, EchoScene
from appliance.bench.progress import Progress
from appliance.bench.scores import SCORE_HZ, Scores, delay_samples, loss_db
from appliance.bench.systems import FULL_SCALE, System, call, sound, warm
from appliance.bench.takes import Takes
from appliance.bench.timing import ratios
from appliance.units import WIRE_RATE_HZ

Samples = NDArray[np.float64]

EARLY_S, LATE_S = (1.0, 3.0), (4.0, NEAR_FROM_S)  # far end alone
BOTH_S = (8.5, 15.5)  # double talk
UNTOUCHED = "untouched"
FIGURES = ("loss_early_db", "loss_late_db", "pesq", "stoi")


@dataclass(frozen=True, slots=True)
class _Heard:
    samples: Samples  # 16 kHz
    rtf: float


def measure_echo(
    scenes: Sequence[EchoScene],
    drifts_ppm: Sequence[int],
    systems: Sequence[System],
    scores: Scores,
    progress: Progress,
    takes: Takes,
) -> dict[str, Any]:
    """Return a row for each drift and system (means over the scenes), and every scene's figures.

    PESQ and STOI are against the near end as the microphone hears it. One delay is taken out for
    each system, the median over the scenes without drift.
    """
    warm(systems, 2)
    progress.begin(len(scenes) * len(drifts_ppm))
    rows: list[dict[str, Any]] = []
    by_scene: list[dict[str, Any]] = []
    rtfs: dict[str, list[float]] = {each.name: [] for each in systems}
    delays: dict[str, int] = {}
    for drift_ppm in drifts_ppm:
        heard = _run(scenes, drift_ppm, systems, progress, takes)
        for name, outs in heard.items():
            rtfs[name] += [each.rtf for each in outs]
            delays.setdefault(name, _delay(scenes, outs))
        at_drift = []
        for number, scene in enumerate(scenes):
            mic, near = (_at_score_rate(each) for each in (scene.mic, scene.near))
            outs_of = {name: outs[number].samples for name, outs in heard.items()}
            for name, out in {UNTOUCHED: mic, **outs_of}.items():
                late = out[delays.get(name, 0) :]
                figures = _figures(mic, near, late, scores)
                at_drift.append(
                    {"system": name, "drift_ppm": drift_ppm, **scene.about(), **figures}
                )
        by_scene += at_drift
        for name in (UNTOUCHED, *heard):
            mine = [each for each in at_drift if each["system"] == name]
            row: dict[str, Any] = {"system": name, "drift_ppm": drift_ppm}
            row |= {figure: float(np.mean([each[figure] for each in mine])) for figure in FIGURES}
            if name in heard:
                row["rtf"] = float(np.median([each.rtf for each in heard[name]]))
                row["delay_ms"] = 1000 * delays[name] / SCORE_HZ
            rows.append(row)
    progress.end()
    return {
        "scenes": len(scenes),
        "rows": rows,
        "cpu_ratio": ratios(rtfs),
        "by_scene": by_scene,
    }


def _run(
    scenes: Sequence[EchoScene],
    drift_ppm: int,
    systems: Sequence[System],
    progress: Progress,
    takes: Takes,
) -> dict[str, list[_Heard]]:
    heard: dict[str, list[_Heard]] = {each.name: [] for each in systems}
    for scene in scenes:
        name = f"echo/{scene.number + 1:02}-{drift_ppm:+d}ppm"
        progress.step(name)
        reference = scene.references[drift_ppm]
        takes.keep(name, "microphone", scene.mic, WIRE_RATE_HZ)
        takes.keep(name, "reference", reference, WIRE_RATE_HZ)
        for system in systems:
            answer = call(system, WIRE_RATE_HZ, scene.mic, reference)
            heard[system.name].append(_Heard(sound(system, answer, SCORE_HZ), answer.rtf))
            takes.keep(name, system.name, sound(system, answer, system.rate_hz), system.rate_hz)
    return heard


def _figures(mic: Samples, near: Samples, out: Samples, scores: Scores) -> dict[str, float]:
    both = _part(near, BOTH_S), _part(out, BOTH_S)
    return {
        "loss_early_db": loss_db(_part(mic, EARLY_S), _part(out, EARLY_S)),
        "loss_late_db": loss_db(_part(mic, LATE_S), _part(out, LATE_S)),
        "pesq": scores.pesq(*both),
        "stoi": scores.stoi(*both),
    }


def _delay(scenes: Sequence[EchoScene], outs: Sequence[_Heard]) -> int:
    found = [
        delay_samples(_at_score_rate(scene.near), out.samples)
        for scene, out in zip(scenes, outs, strict=True)
    ]
    return int(np.median(found))


def _at_score_rate(signal: NDArray[np.int16]) -> Samples:
    return resampled(signal / FULL_SCALE, WIRE_RATE_HZ, SCORE_HZ)


def _part(samples: Samples, between_s: tuple[float, float]) -> Samples:
    first, last = (round(each * SCORE_HZ) for each in between_s)
    return samples[first:last]
