"""Simulated rooms with a loudspeaker: what the echo cancellers are measured on.

Eight seconds of the far end alone, then eight in which the near end talks as well. The rooms are
shoeboxes (image method, `pyroomacoustics`); the loudspeaker is beside the microphone, its sound is
later by the bulk delay of a sound card, and every third one saturates. With drift, the reference
runs at another clock than the microphone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.signal import fftconvolve, resample_poly  # type: ignore[import-untyped]  # no types

from appliance.acoustics import load_acoustics
from appliance.bench.corpus import TALKERS, Corpus, Recordings, Samples, active_power
from appliance.bench.systems import Pcm, pcm
from appliance.errors import UsageError
from appliance.units import WIRE_RATE_HZ

LENGTH_S = 16.0
NEAR_FROM_S = 8.0
ECHO_DBFS = -26.0  # active level of the echo at the microphone
HISS_DB = -50.0  # against the echo
NEAR_DB = (0.0, -10.0)  # against the echo
PAUSE_S = (0.0, 0.0)
SATURATES_AT = 2.0  # times the active RMS of what is played
PPM_PER_STEP = 50  # drift is resampling by a ratio of whole numbers


@dataclass(frozen=True, slots=True)
class EchoSet:
    """A set of scenes. Pairs are (far, near) talkers, taken in turn."""

    name: str
    pairs: tuple[tuple[str, str], ...]
    scenes: int
    drifts_ppm: tuple[int, ...]
    seed: int

    def recordings(self) -> list[Recordings]:
        """Return what has to be installed."""
        return [TALKERS[each] for each in sorted({name for pair in self.pairs for name in pair})]


ECHO_SET = EchoSet("echo", (("fr", "it"), ("it", "fr")), 12, (0, 150, -150), seed=2)
QUICK_ECHO_SET = EchoSet("quick echo", (("librivox", "cards"),), 2, (0,), seed=2)


@dataclass(frozen=True, slots=True)
class EchoScene:
    """One scene, 24 kHz. `near` is the near end as the microphone hears it, with its room."""

    number: int
    far: str
    near_talker: str
    reverberation_s: float
    delay_ms: float
    saturates: bool
    near_db: float
    mic: Pcm  # (n,)
    near: Pcm  # (n,)
    references: dict[int, Pcm]  # by drift in ppm, (n,) each

    def about(self) -> dict[str, Any]:
        """Return what tells this scene from the others, for the report."""
        return {
            "scene": self.number,
            "far": self.far,
            "near": self.near_talker,
            "reverberation_s": round(self.reverberation_s, 3),
            "delay_ms": round(self.delay_ms, 1),
            "saturates": self.saturates,
            "near_db": self.near_db,
        }


def echo_scenes(wanted: EchoSet, corpus: Corpus) -> Iterator[EchoScene]:
    """Make the scenes one by one, always the same.

    Raises:
        UsageError: a recording cannot be read, or pyroomacoustics is not installed.
    """
    for number in range(wanted.scenes):
        yield _scene(wanted, corpus, number, np.random.default_rng([wanted.seed, number]))


def _scene(wanted: EchoSet, corpus: Corpus, number: int, rng: np.random.Generator) -> EchoScene:
    far, near_talker = wanted.pairs[number % len(wanted.pairs)]
    saturates = number % 3 == 2
    near_db = NEAR_DB[number // 2 % 2]
    reverberation_s = rng.uniform(0.18, 0.5)
    delay_ms = rng.uniform(60.0, 130.0)
    to_speaker, to_talker = _room(reverberation_s, rng)

    given = corpus.speech(far, LENGTH_S, rng, PAUSE_S)
    played = SATURATES_AT * np.tanh(given / SATURATES_AT) if saturates else given
    late = round(delay_ms * WIRE_RATE_HZ / 1000)
    echo = np.concatenate([np.zeros(late), fftconvolve(played, to_speaker)])[: len(given)]
    echo *= 10 ** (ECHO_DBFS / 20) / np.sqrt(active_power(echo))

    said = corpus.speech(near_talker, LENGTH_S - NEAR_FROM_S, rng, PAUSE_S)
    silence = np.zeros(len(given) - len(said))
    near = np.concatenate([silence, fftconvolve(said, to_talker)[: len(said)]])
    near *= 10 ** ((ECHO_DBFS + near_db) / 20) / np.sqrt(active_power(near[len(silence) :]))
    hiss = rng.standard_normal(len(given)) * 10 ** ((ECHO_DBFS + HISS_DB) / 20)

    reference = given * 0.1  # -20 dBFS
    return EchoScene(
        number,
        far,
        near_talker,
        reverberation_s,
        delay_ms,
        saturates,
        near_db,
        pcm(echo + near + hiss),
        pcm(near),
        {ppm: pcm(_drifted(reference, ppm)) for ppm in wanted.drifts_ppm},
    )


def _drifted(samples: Samples, ppm: int) -> Samples:
    """Return the recording as a clock faster by `ppm` would have sampled it, at the same length."""
    if not ppm:
        return samples
    steps = 1_000_000 // PPM_PER_STEP
    out: Samples = resample_poly(samples, steps + ppm // PPM_PER_STEP, steps)
    return np.pad(out, (0, max(0, len(samples) - len(out))))[: len(samples)]


def _room(reverberation_s: float, rng: np.random.Generator) -> tuple[Samples, Samples]:
    """Return the responses from loudspeaker and talker to the microphone."""
    try:
        acoustics = load_acoustics()
    except ImportError as error:
        raise UsageError(
            "pyroomacoustics is missing: pip install 'voice-appliance[tools]'"
        ) from error
    size = np.array([rng.uniform(3.0, 6.0), rng.uniform(3.0, 6.0), rng.uniform(2.4, 3.0)])
    microphone = np.array([*(rng.uniform(0.3, 0.7, 2) * size[:2]), rng.uniform(0.7, 1.1)])
    absorption, order = acoustics.inverse_sabine(reverberation_s, size)
    room = acoustics.ShoeBox(
        size, WIRE_RATE_HZ, materials=acoustics.Material(absorption), max_order=order
    )
    room.add_microphone(microphone)
    for distance, height in ((rng.uniform(0.12, 0.5), 0.0), (rng.uniform(0.5, 1.0), 0.4)):
        turn = rng.uniform(0.0, 2 * np.pi)
        beside = np.array([distance * np.cos(turn), distance * np.sin(turn), height])
        room.add_source(microphone + beside)
    room.compute_rir()
    speaker, talker = room.rir[0]
    return speaker, talker
