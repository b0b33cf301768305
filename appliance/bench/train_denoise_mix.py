"""What the noise suppressor is trained on: speech in rooms, in noises that mix and change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from appliance.dsp.denoise import HOP
from appliance.errors import UsageError
from appliance.units import WIRE_RATE_HZ

Samples = NDArray[np.float32]

SUFFIXES = (".wav", ".flac", ".ogg")
SPEEDS = (0.86, 0.93, 1.0, 1.08, 1.16)  # of the same talker, who becomes another one
SPEECH_LEVEL = 0.05
SHORTEST_CLIP_S, SHORTEST_NOISE_S, NOISE_S, LONGEST_NOISE_S = 0.35, 2.4, 16, 60
BABBLES, SYNTHESISED, ROOMS = 120, 90, 60
PART_BABBLE, PART_SYNTHESISED = 0.24, 0.16  # of the noises; the rest is recorded


@dataclass(frozen=True, slots=True)
class Talker:
    """All that one folder says, in one piece; nothing of it lies above `band_hz`."""

    sound: Samples
    band_hz: float


@dataclass(frozen=True, slots=True)
class Example:
    """Samples of one length: what is said, what of it should be heard, and the noise."""

    speech: Samples
    wanted: Samples
    noise: Samples
    band_hz: float


def read_talkers(folder: Path, rng: np.random.Generator) -> list[Talker]:
    """Return the talkers in `folder` at five speeds, levelled, with pauses of 0.05 to 1.5 s.

    Raises:
        UsageError: the folder holds no sound.
    """
    clips = [_trimmed(*_read(path)) for path in _sounds(folder)]
    clips = [(clip, rate) for clip, rate in clips if len(clip) > SHORTEST_CLIP_S * rate]
    if not clips:
        raise UsageError(f"no speech in {folder}: want {', '.join(SUFFIXES)}")
    talkers = []
    for speed in SPEEDS:
        parts = []
        for index in rng.permutation(len(clips)):
            clip, rate = clips[index]
            sound = _resampled(clip, round(rate * speed / 50) * 50)
            pause = min(1.5, 0.05 + rng.exponential(0.2))
            parts += [sound * (SPEECH_LEVEL / active_level(sound))]
            parts += [np.zeros(int(pause * WIRE_RATE_HZ), np.float32)]
        band_hz = 0.96 * min(11_000, speed * min(rate for _, rate in clips) / 2)
        talkers.append(Talker(np.concatenate(parts), band_hz))
    return talkers


def read_noises(folders: Sequence[Path], rng: np.random.Generator) -> list[Samples]:
    """Return every recording of 2.4 s and more, of mean square 1, looped to 16 s at least.

    Raises:
        UsageError: there is none.
    """
    noises = []
    for path in (path for folder in folders for path in _sounds(folder)):
        sound, rate = _read(path)
        if len(sound) < SHORTEST_NOISE_S * rate or np.std(sound) < 1e-4:
            continue
        sound = _resampled(sound[: LONGEST_NOISE_S * rate], rate)
        while len(sound) < NOISE_S * WIRE_RATE_HZ:
            fade = min(2400, len(sound) // 4)
            rise = np.sqrt(np.linspace(0, 1, fade, dtype=np.float32))
            seam = sound[-fade:] * rise[::-1] + sound[:fade] * rise
            sound = np.concatenate([sound[:-fade], seam, sound[fade:]])
        noises.append(_even(sound - sound.mean()))
    if not noises:
        raise UsageError(f"no noise in {', '.join(map(str, folders))}")
    return [noises[index] for index in rng.permutation(len(noises))]


class Mixer:
    """Makes examples without end.

    Attributes:
        rng: which all chance comes from.
    """

    def __init__(
        self, talkers: list[Talker], noises: list[Samples], rng: np.random.Generator
    ) -> None:
        self.rng = rng
        self._talkers, self._noises = talkers, noises
        self._babbles = [self._babble() for _ in range(BABBLES)]
        self._synthesised = [self._synthesise() for _ in range(SYNTHESISED)]
        self._rooms = [self._room() for _ in range(ROOMS)]

    def example(self, size: int) -> Example:
        """Return `size` samples of speech at -26 dBFS in noise 5 dB over it to 40 dB under it."""
        rng = self.rng
        talker = self._talkers[rng.integers(len(self._talkers))]
        speech = wanted = self._cut(talker.sound, size)
        if rng.random() < 0.18:
            room, early = self._rooms[rng.integers(ROOMS)]
            speech, wanted = _through(speech, room), _through(speech, early)
        level = active_level(speech)
        speech, wanted = speech / level, wanted / level
        if rng.random() < 0.12:
            start = rng.integers(size)
            said = np.ones(size, np.float32)
            said[start : start + rng.integers(12_000, 60_000)] = 0
            speech, wanted = speech * said, wanted * said
        snr_db = rng.uniform(-5, 22) if rng.random() < 0.85 else rng.uniform(15, 40)
        kind = rng.random()
        if kind < 0.04:  # noise alone
            speech, wanted = speech * 0, wanted * 0
        elif kind < 0.08:  # next to none
            snr_db += rng.uniform(30, 60)
        noise = self._noise(size) * np.float32(10 ** (-snr_db / 20))
        if rng.random() < 0.04:  # digital silence before all begins
            begins = np.arange(size) >= rng.integers(size // 2)
            speech, wanted, noise = speech * begins, wanted * begins, noise * begins
        return Example(speech, wanted, noise, talker.band_hz)

    def equaliser(self, bins: int) -> Samples:
        """Return gains for as many bins up to 12 kHz: a microphone's or a room's colour."""
        rng = self.rng
        if rng.random() < 0.4:
            return np.ones(bins, np.float32)
        hz = np.arange(bins) * (WIRE_RATE_HZ / 2 / (bins - 1))
        octaves = np.log2(np.maximum(hz, 60) / 1000)
        gain_db = rng.normal(0, 1.5) * octaves
        for _ in range(rng.integers(0, 3)):
            width = rng.uniform(0.3, 1.5)
            gain_db += rng.uniform(-6, 6) * _bell(octaves, rng.uniform(-3.5, 3), width)
        if rng.random() < 0.3:  # a deep voice, a near microphone
            edge = np.log2(rng.uniform(110, 320) / 1000)
            gain_db += rng.uniform(0, 14) / (1 + np.exp(6 * (octaves - edge)))
        if rng.random() < 0.06:
            gain_db -= 40 * np.maximum(0, octaves - np.log2(rng.uniform(3, 8)))
        if rng.random() < 0.2:
            gain_db -= 18 * np.maximum(0, np.log2(rng.uniform(80, 300) / 1000) - octaves)
        gains: Samples = (10 ** (np.clip(gain_db, -45, 20) / 20)).astype(np.float32)
        return gains

    def _noise(self, size: int) -> Samples:
        """Return noise of mean square about 1: one, two at once, or one after the other."""
        rng = self.rng
        noise = self._one_noise(size)
        if rng.random() < 0.25:
            noise = noise + self._one_noise(size) * np.float32(10 ** (rng.uniform(-15, 0) / 20))
        if rng.random() < 0.12:
            start, fade = rng.integers(size // 5, 4 * size // 5), rng.integers(200, 12_000)
            there = np.clip((np.arange(size) - start) / fade, 0, 1).astype(np.float32)
            other = self._one_noise(size) * np.float32(10 ** (rng.uniform(-20, 20) / 20))
            noise = _even(noise * (1 - there) + other * there)
        return noise

    def _one_noise(self, size: int) -> Samples:
        kind = self.rng.random()
        pool = self._noises
        if kind < PART_BABBLE:
            pool = self._babbles
        elif kind < PART_BABBLE + PART_SYNTHESISED:
            pool = self._synthesised
        return _even(self._cut(pool[self.rng.integers(len(pool))], size))

    def _babble(self) -> Samples:
        """Return 3 to 11 talkers at once, most of them in one reverberant room."""
        rng, size = self.rng, NOISE_S * WIRE_RATE_HZ
        total = np.zeros(size, np.float32)
        for _ in range(rng.integers(3, 12)):
            talker = self._talkers[rng.integers(len(self._talkers))]
            total += self._cut(talker.sound, size) * np.float32(10 ** (rng.uniform(-9, 3) / 20))
        if rng.random() < 0.6:
            taps = int(rng.uniform(0.2, 0.9) * WIRE_RATE_HZ)
            room = rng.normal(0, 1, taps) * np.exp(-6.9 * np.arange(taps) / taps)
            room /= np.sqrt(np.sum(room**2))
            room[0] += rng.uniform(0, 1.5)
            total = _through(total, room)
        return _even(total)

    def _synthesise(self) -> Samples:
        """Return noise of a smooth random spectrum, which may swell, hum or drip."""
        rng, size = self.rng, NOISE_S * WIRE_RATE_HZ
        hz = np.fft.rfftfreq(size, 1 / WIRE_RATE_HZ)
        octaves = np.log2(np.maximum(hz, 40) / 1000)
        gain_db = rng.uniform(-9, 1) * octaves
        for _ in range(rng.integers(0, 5)):
            width = rng.uniform(0.1, 1)
            gain_db += rng.uniform(-10, 12) * _bell(octaves, rng.uniform(-4, 3), width)
        if rng.random() < 0.3:
            gain_db -= 24 * np.maximum(0, octaves - np.log2(rng.uniform(0.5, 6)))
        white = np.fft.rfft(rng.normal(0, 1, size))
        sound = _even(np.fft.irfft(white * 10 ** (gain_db / 20), size))
        if rng.random() < 0.6:
            slow = white[::-1] / (1 + 2j * np.pi * hz * rng.uniform(0.05, 2))
            swell_db = _even(np.fft.irfft(slow, size)) * rng.uniform(1, 5)
            sound = _even(sound * 10 ** (swell_db / 20))
        if rng.random() < 0.25:
            phase = 2 * np.pi * rng.uniform(45, 240) * np.arange(size) / WIRE_RATE_HZ
            tones = range(1, rng.integers(3, 20))
            hum = sum(rng.uniform() / n * np.sin(n * phase + rng.uniform(0, 6)) for n in tones)
            sound = _even(sound * rng.uniform(0.05, 1) + _even(np.asarray(hum)))
        if rng.random() < 0.2:
            for _ in range(rng.integers(20, 400)):
                start, length = rng.integers(size - 3000), rng.integers(50, 2500)
                drop = rng.normal(0, 1, length) * np.exp(-np.arange(length) / (length / 5))
                sound[start : start + length] += (drop * rng.exponential(4)).astype(np.float32)
        return _even(sound)

    def _room(self) -> tuple[Samples, Samples]:
        """Return a room's response, direct sound first, and its first 30 ms: what is wanted."""
        rng = self.rng
        decay_s = rng.uniform(0.12, 0.6)
        taps = int(1.1 * decay_s * WIRE_RATE_HZ)
        room = rng.normal(0, 1, taps) * np.exp(-6.9 * np.arange(taps) / WIRE_RATE_HZ / decay_s)
        room[: int(rng.uniform(0.001, 0.006) * WIRE_RATE_HZ)] = 0
        room /= np.sqrt(np.sum(room**2)) * 10 ** (rng.uniform(-3, 15) / 20)
        room[0] = 1
        late = np.arange(taps) / WIRE_RATE_HZ - 0.03
        early = room * np.clip(1 - late / 0.02, 0, 1)
        return room.astype(np.float32), early.astype(np.float32)

    def _cut(self, sound: Samples, size: int) -> Samples:
        if len(sound) <= size:
            return np.resize(sound, size)
        start = self.rng.integers(len(sound) - size)
        return sound[start : start + size]


def active_level(sound: Samples) -> float:
    """Return the root mean square of the blocks of 20 ms within 13 dB of the loudest."""
    power = np.mean(np.square(sound[: len(sound) // HOP * HOP].reshape(-1, HOP)), axis=1)
    return float(np.sqrt(power[power >= power.max() * 0.05].mean()) + 1e-5)


def _sounds(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder")
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def _read(path: Path) -> tuple[Samples, int]:
    try:
        sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise UsageError(f"{path}: {error}") from error
    return sound[:, 0], rate


def _trimmed(sound: Samples, rate: int) -> tuple[Samples, int]:
    loud = np.flatnonzero(np.abs(sound) > 0.01 * np.abs(sound).max(initial=0.0))
    if not len(loud):
        return sound[:0], rate
    return sound[max(0, loud[0] - rate // 10) : loud[-1] + rate // 10], rate


def _resampled(sound: Samples, rate: int) -> Samples:
    """Return `sound` at 24 kHz, by way of its whole spectrum."""
    part = gcd(rate, WIRE_RATE_HZ)
    size = len(sound) // (rate // part)
    before, after = size * (rate // part), size * (WIRE_RATE_HZ // part)
    spectrum = np.fft.rfft(sound[:before])[: after // 2 + 1]
    return (np.fft.irfft(spectrum, after) * (after / before)).astype(np.float32)


def _through(sound: Samples, room: NDArray[np.floating]) -> Samples:
    size = len(sound) + len(room)
    product = np.fft.rfft(sound, size) * np.fft.rfft(room, size)
    return np.fft.irfft(product, size)[: len(sound)].astype(np.float32)


def _bell(octaves: NDArray[np.float64], centre: float, width: float) -> NDArray[np.float64]:
    bell: NDArray[np.float64] = np.exp(-0.5 * ((octaves - centre) / width) ** 2)
    return bell


def _even(sound: NDArray[np.floating]) -> Samples:
    even: Samples = (sound / (np.std(sound) + 1e-5)).astype(np.float32)
    return even
