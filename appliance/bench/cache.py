"""Made scenes are kept between runs, outside the checkout; without that all works, only later."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from appliance.bench import corpus, echo_scenes, noise_scenes, systems
from appliance.bench.echo_scenes import EchoScene, EchoSet
from appliance.bench.noise_scenes import NoiseItem, NoiseSet

Made = TypeVar("Made", NoiseItem, EchoScene)

MAKERS = (corpus, echo_scenes, noise_scenes, systems)  # whose code decides what a scene holds


def default_directory() -> Path:
    """Return where scenes are kept: under $XDG_CACHE_HOME, else ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "voice-appliance" / "bench"


def kept(
    directory: Path,
    wanted: NoiseSet | EchoSet,
    kind: type[Made],
    make: Callable[[], Iterable[Made]],
) -> list[Made]:
    """Return the scenes of a set, from the directory if it has these very ones.

    What is kept is keyed by the set, the code that makes it and the recordings' names and sizes; an
    older one of the same set is removed.
    """
    stem = wanted.name.replace(" ", "-")
    path = directory / f"{stem}-{_key(wanted)}.npz"
    try:
        return _load(path, kind)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        made = list(make())  # not there, or damaged: it is made anew
    try:
        _save(path, made)
        for old in directory.glob(f"{stem}-{'?' * len(_key(wanted))}.npz"):
            if old != path:
                old.unlink()
    except OSError:
        return made  # a directory that cannot be written costs time, and nothing else
    return made


def _key(wanted: NoiseSet | EchoSet) -> str:
    digest = hashlib.sha256(repr(wanted).encode())
    for module in MAKERS:
        digest.update(Path(str(module.__file__)).read_bytes())
    for recordings in wanted.recordings():
        for each in recordings.files():
            digest.update(f"{each} {each.stat().st_size}\n".encode())
    return digest.hexdigest()[:16]


def _save(path: Path, made: list[Made]) -> None:
    arrays: dict[str, Any] = {}
    plain: list[dict[str, Any]] = []
    for number, scene in enumerate(made):
        values = {f.name: getattr(scene, f.name) for f in dataclasses.fields(scene)}
        plain.append({})
        for name, value in values.items():
            if isinstance(value, np.ndarray):
                arrays[f"{number}/{name}"] = value
            elif isinstance(value, dict):
                arrays |= {f"{number}/{name}/{key}": each for key, each in value.items()}
            else:
                plain[-1][name] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
        np.savez(part, about=np.array(json.dumps(plain)), **arrays)
    Path(part.name).replace(path)


def _load(path: Path, kind: type[Made]) -> list[Made]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
        values: list[dict[str, Any]] = json.loads(str(held["about"]))
        for name in held.files:
            number, *rest = name.split("/")
            if len(rest) == 1:
                values[int(number)][rest[0]] = held[name]
            elif rest:
                values[int(number)].setdefault(rest[0], {})[int(rest[1])] = held[name]
    return [kind(**each) for each in values]
