"""`appliance bench sound`: the sound chain and its peers, on the same recordings in one run."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.bench.cache import default_directory, kept
from appliance.bench.corpus import Corpus, Recordings, require
from appliance.bench.echo_bench import measure_echo
from appliance.bench.echo_scenes import ECHO_SET, QUICK_ECHO_SET, EchoScene, EchoSet, echo_scenes
from appliance.bench.noise_bench import measure_noise
from appliance.bench.noise_scenes import (
    NOISE_SET,
    QUICK_NOISE_SET,
    QUICK_VOICE_SET,
    VOICE_SET,
    NoiseItem,
    NoiseSet,
    noise_items,
)
from appliance.bench.peers import echo_cancellers, noise_suppressors, voice_detectors
from appliance.bench.progress import Progress
from appliance.bench.scores import Scores
from appliance.bench.systems import System
from appliance.bench.tables import echo_table, noise_table, voice_table
from appliance.bench.takes import Takes
from appliance.bench.voice_bench import measure_voice
from appliance.errors import UsageError

EPILOG = """examples:
  appliance bench sound --quick              what is installed, in under a minute
  appliance bench sound                      the sets of docs/bench.md: about ten minutes
  appliance bench sound --only noise,vad     not the echo
  appliance bench sound --out heard          keep every processed recording, to listen to
  appliance bench sound --json > sound.json  every item's and every scene's figures too

RTF is CPU time per second of audio, Python calls included, one thread, the median over the items;
the systems take turns on each item. It depends on the machine: compare within a run.
The quick set is small and its noise is made by the bench: its figures are no result.
"""
PARTS = ("noise", "echo", "vad")
TABLES = {"noise": noise_table, "echo": echo_table, "vad": voice_table}


@dataclass(frozen=True, slots=True)
class Bench:
    """What the parts of one run share."""

    quick: bool
    cache: Path
    scores: Scores
    corpus: Corpus
    progress: Progress
    takes: Takes


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `appliance bench sound`."""
    parser.description = "Measure the sound chain and every installed peer on the same recordings."
    parser.epilog = EPILOG
    parser.add_argument("--quick", action="store_true", help="a few recordings, for CI")
    parser.add_argument("--only", metavar="PART,…", help=f"these alone, of {', '.join(PARTS)}")
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep the processed WAV files")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")


def run(args: argparse.Namespace) -> int:
    """Measure and print.

    Raises:
        UsageError: no such part, recordings or scorers are missing, --out cannot be written.
    """
    parts = _parts(args.only)
    require([each for part in parts for each in _recordings(part, args.quick)])
    bench = Bench(args.quick, default_directory(), Scores(), Corpus(), Progress(), Takes(args.out))
    result: dict[str, Any] = {"set": "quick" if args.quick else "full"}
    missing: set[str] = set(bench.scores.missing) if "noise" in parts else set()
    for part in parts:
        systems, measure = MEASURES[part]
        known = systems()
        missing |= {name for each in known if not each.installed for name in each.packages}
        result[part] = measure(bench, [each for each in known if each.installed])
        if not args.json:
            sys.stdout.write(f"{TABLES[part](result[part])}\n\n")
            sys.stdout.flush()
    result["not_installed"] = sorted(missing)
    if args.json:
        sys.stdout.write(json.dumps(result, indent=2) + "\n")
    else:
        for package in sorted(missing):
            sys.stdout.write(f"not installed: pip install {package}\n")
    return 0


def _parts(only: str | None) -> list[str]:
    if only is None:
        return list(PARTS)
    named = only.split(",")
    unknown = sorted(set(named) - set(PARTS))
    if unknown:
        raise UsageError(f"--only: no part {', '.join(unknown)}: there are {', '.join(PARTS)}")
    return [each for each in PARTS if each in named]


def _recordings(part: str, quick: bool) -> list[Recordings]:
    sets: dict[str, tuple[NoiseSet, NoiseSet] | tuple[EchoSet, EchoSet]] = {
        "noise": (NOISE_SET, QUICK_NOISE_SET),
        "echo": (ECHO_SET, QUICK_ECHO_SET),
        "vad": (VOICE_SET, QUICK_VOICE_SET),
    }
    return sets[part][quick].recordings()


def _noise(bench: Bench, systems: Sequence[System]) -> dict[str, Any]:
    wanted = QUICK_NOISE_SET if bench.quick else NOISE_SET
    items = kept(bench.cache, wanted, NoiseItem, lambda: noise_items(wanted, bench.corpus))
    return measure_noise(items, systems, bench.scores, bench.progress, bench.takes)


def _echo(bench: Bench, systems: Sequence[System]) -> dict[str, Any]:
    wanted = QUICK_ECHO_SET if bench.quick else ECHO_SET
    scenes = kept(bench.cache, wanted, EchoScene, lambda: echo_scenes(wanted, bench.corpus))
    return measure_echo(
        scenes, wanted.drifts_ppm, systems, bench.scores, bench.progress, bench.takes
    )


def _vad(bench: Bench, systems: Sequence[System]) -> dict[str, Any]:
    wanted = QUICK_VOICE_SET if bench.quick else VOICE_SET
    items = kept(bench.cache, wanted, NoiseItem, lambda: noise_items(wanted, bench.corpus))
    return measure_voice(items, systems, bench.progress)


Measure = Callable[[Bench, Sequence[System]], dict[str, Any]]
MEASURES: dict[str, tuple[Callable[[], list[System]], Measure]] = {
    "noise": (noise_suppressors, _noise),
    "echo": (echo_cancellers, _echo),
    "vad": (voice_detectors, _vad),
}
