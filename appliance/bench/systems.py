"""What is measured: a system is called frame by frame, in the form that its own API takes."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from appliance.bench.corpus import resampled

Pcm = NDArray[np.int16]
Form = Literal["bytes", "int16", "float32"]
Step = Callable[..., Any]  # one frame of each input in, what the system answers out

FULL_SCALE = 32768.0
AFTER_S = 0.1  # of silence after the recording, so that a delayed end comes out


@dataclass(frozen=True, slots=True)
class System:
    """Ours or a peer.

    Attributes:
        name: as the tables call it.
        packages: to be installed with pip; empty for ours.
        modules: that must be there for it to run.
        rate_hz: what it works at; recordings are resampled to it outside of the timed part.
        frame: samples that one call takes.
        form: of its frames: bytes (s16le), arrays of int16, or of float32 at full scale ±1.0.
        start: returns the call of a fresh instance.
    """

    name: str
    packages: tuple[str, ...]
    modules: tuple[str, ...]
    rate_hz: int
    frame: int
    form: Form
    start: Callable[[], Step]

    @property
    def ours(self) -> bool:
        return not self.packages

    @property
    def installed(self) -> bool:
        return all(importlib.util.find_spec(each) is not None for each in self.modules)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a system made of one recording."""

    values: list[Any]  # a frame of sound each, in the system's form; or a decision each
    spent_s: float  # CPU time of all calls
    sound_s: float

    @property
    def rtf(self) -> float:
        """CPU time per second of audio."""
        return self.spent_s / self.sound_s


def call(system: System, rate_hz: int, *signals: Pcm) -> Answer:
    """Run a fresh instance over recordings of one length; only its calls are timed."""
    inputs = [_frames(system, rate_hz, each) for each in signals]
    step = system.start()
    began = time.process_time()
    values = [step(*frames) for frames in zip(*inputs, strict=True)]
    spent_s = time.process_time() - began
    return Answer(values, spent_s, len(values) * system.frame / system.rate_hz)


def sound(system: System, answer: Answer, to_hz: int) -> NDArray[np.float64]:
    """Return the answer as one recording at `to_hz`, full scale ±1.0."""
    if system.form == "bytes":
        whole = np.frombuffer(b"".join(answer.values), np.int16).astype(np.float64) / FULL_SCALE
    else:
        whole = np.concatenate(answer.values).astype(np.float64)
        if system.form == "int16":
            whole /= FULL_SCALE
    return resampled(whole, system.rate_hz, to_hz)


def warm(systems: Sequence[System], inputs: int) -> None:
    """Let each do a second of silence, so that no library is loaded in a timed part."""
    for system in systems:
        second = np.zeros(system.rate_hz, np.int16)
        call(system, system.rate_hz, *[second] * inputs)


def pcm(samples: NDArray[np.floating]) -> Pcm:
    """Return 16-bit samples of sound at full scale ±1.0; what is beyond it clips."""
    whole: Pcm = np.clip(np.rint(samples * FULL_SCALE), -32768, 32767).astype(np.int16)
    return whole


def _frames(system: System, rate_hz: int, signal: Pcm) -> list[Any]:
    at_rate = signal
    if rate_hz != system.rate_hz:
        at_rate = pcm(resampled(signal / FULL_SCALE, rate_hz, system.rate_hz))
    count = -(-(len(at_rate) + round(AFTER_S * system.rate_hz)) // system.frame)
    padded = np.zeros(count * system.frame, np.int16)
    padded[: len(at_rate)] = at_rate
    frames = list(padded.reshape(count, system.frame))
    if system.form == "bytes":
        return [each.tobytes() for each in frames]
    if system.form == "float32":
        return [(each / np.float32(FULL_SCALE)).astype(np.float32) for each in frames]
    return frames
