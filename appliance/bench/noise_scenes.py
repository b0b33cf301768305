"""Speech in noise: what the suppressors and the voice detectors are measured on.

How an item is made (`docs/bench.md` says how this definition was found): clips of one talker,
drawn at random, as they were recorded, follow each other with pauses of `pause_s`. The noise is a
stretch of the recording, drawn at random, with all of its bass; babble is the sum of `BABBLERS`
passages of talkers who are not the target. It is scaled to the wanted SNR, the mean power of the
whole item's speech (pauses included) over that of the noise, and added; the speech is at
`LEVEL_DBFS`. Every draw is from a generator seeded with the set's seed and the item's place in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.bench.corpus import (
    NOISES,
    TALKERS,
    Corpus,
    Recordings,
    Samples,
    block_power,
)
from appliance.bench.systems import Pcm, pcm
from appliance.units import WIRE_RATE_HZ

LEVEL_DBFS = -26.0  # of the whole item's speech
PEAK = 0.99  # speech and noise are lowered together where they would clip
BABBLERS = 6
SPEECH_BELOW_DB = 30.0  # a frame is speech where the clean one is within this of the loud ones
FRAME_MS = 10


@dataclass(frozen=True, slots=True)
class NoiseSet:
    """A set of items: every noise at every SNR with every talker."""

    name: str
    talkers: tuple[str, ...]
    babblers: str
    noises: tuple[str, ...]
    snrs_db: tuple[float, ...]
    length_s: float
    pause_s: tuple[float, float]
    seed: int
    levels_db: tuple[float, float] = (0.0, 0.0)  # the whole item is made louder by a drawn amount

    def recordings(self) -> list[Recordings]:
        """Return what has to be installed."""
        speech = [TALKERS[each] for each in (*self.talkers, self.babblers)]
        return speech + [NOISES[each] for each in self.noises if each in NOISES]


NOISE_SET = NoiseSet(
    "noise",
    ("en", "nl"),
    "it",
    ("rain", "cars", "river", "wind", "babble"),
    (0.0, 5.0, 10.0, 15.0),
    10.0,
    (0.3, 0.8),
    seed=0,
)
VOICE_SET = NoiseSet(
    "vad",
    NOISE_SET.talkers,
    NOISE_SET.babblers,
    NOISE_SET.noises,
    NOISE_SET.snrs_db,
    20.0,
    (0.5, 2.0),
    seed=1,
    levels_db=(-20.0, 6.0),
)
QUICK_NOISE_SET = NoiseSet(
    "quick noise",
    ("librivox", "cards"),
    "cards",
    ("pink", "swell"),
    (5.0,),
    8.0,
    (0.3, 0.8),
    seed=0,
)
QUICK_VOICE_SET = NoiseSet(
    "quick vad",
    ("librivox", "cards"),
    "cards",
    ("pink", "swell"),
    (5.0,),
    10.0,
    (0.5, 2.0),
    seed=1,
    levels_db=(-20.0, 6.0),
)


@dataclass(frozen=True, slots=True)
class NoiseItem:
    """One item, 24 kHz."""

    talker: str
    noise: str
    snr_db: float
    clean: Pcm  # (n,)
    noisy: Pcm  # (n,)


def noise_items(wanted: NoiseSet, corpus: Corpus) -> Iterator[NoiseItem]:
    """Make the items one by one, always the same.

    Raises:
        UsageError: a recording cannot be read.
    """
    for n, noise in enumerate(wanted.noises):
        for s, snr_db in enumerate(wanted.snrs_db):
            for t, talker in enumerate(wanted.talkers):
                rng = np.random.default_rng([wanted.seed, n, s, t])
                yield _item(wanted, corpus, noise, snr_db, talker, rng)


def is_speech(clean: Pcm) -> NDArray[np.bool_]:
    """Return for each whole 10 ms whether it holds speech, shape (n // 240,)."""
    power = block_power(clean.astype(np.float64), WIRE_RATE_HZ * FRAME_MS // 1000)
    return np.asarray(power >= np.percentile(power, 98) * 10 ** (-SPEECH_BELOW_DB / 10))


def _item(
    wanted: NoiseSet,
    corpus: Corpus,
    name: str,
    snr_db: float,
    talker: str,
    rng: np.random.Generator,
) -> NoiseItem:
    clean = corpus.speech(talker, wanted.length_s, rng, wanted.pause_s, evened=False)
    noise = _noise(wanted, corpus, name, len(clean), rng)
    level_db = LEVEL_DBFS + rng.uniform(*wanted.levels_db)
    clean *= 10 ** (level_db / 20) / np.sqrt(np.mean(clean**2))
    noise *= 10 ** ((level_db - snr_db) / 20) / np.sqrt(np.mean(noise**2))
    loudest = np.abs(clean + noise).max()
    if loudest > PEAK:
        clean, noise = clean * PEAK / loudest, noise * PEAK / loudest
    return NoiseItem(talker, name, snr_db, pcm(clean), pcm(clean + noise))


def _noise(
    wanted: NoiseSet, corpus: Corpus, name: str, length: int, rng: np.random.Generator
) -> Samples:
    if name == "babble":
        each = [corpus.speech(wanted.babblers, length / WIRE_RATE_HZ, rng) for _ in range(BABBLERS)]
        together: Samples = np.sum(each, axis=0)
        return together
    if name in ("pink", "swell"):
        return _synthetic(name, length, rng)
    whole = corpus.noise(name)
    first = rng.integers(0, len(whole) - length + 1)
    return whole[first : first + length].copy()


def _synthetic(name: str, length: int, rng: np.random.Generator) -> Samples:
    """Return noise that falls by 3 dB an octave, steady or swelling by 4 dB either way in 3 s."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 20.0 * length / WIRE_RATE_HZ))
    noise: Samples = np.fft.irfft(spectrum, length)
    if name == "swell":
        at_s = np.arange(length) / WIRE_RATE_HZ
        noise *= 10 ** (4.0 * np.sin(2 * np.pi * at_s / 3.0) / 20)
    return noise
