"""A chirp, and finding it again in what the microphone heard. Pure.

Source: matched filter by FFT (Turin 1960); exponential sweep as in Farina 2000, so that a small
loudspeaker's low end does not take half of the energy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from appliance.doctor.levels import Samples, level_dbfs

LENGTH_S = 0.6
LOW_HZ, HIGH_HZ = 300.0, 3600.0  # what telephone capsules and 8 kHz cards pass, too
LEVEL = 0.35  # peak, of full scale, before the volume: as loud as speech
_FADE_S = 0.02
_LIKE = 0.12  # correlation from which it is the chirp; noise of its length reaches 0.06
_FIRST_SHARE = 0.6  # of the strongest arrival: the first that is so strong is the direct way
_BEFORE_S = 0.03


def chirp(rate_hz: int, volume: float = 1.0) -> Samples:
    """Return the sound: shape (n,), 0.6 s, with soft ends."""
    count = round(LENGTH_S * rate_hz)
    at = np.arange(count) / rate_hz
    ratio = math.log(HIGH_HZ / LOW_HZ)
    phase = 2 * math.pi * LOW_HZ * LENGTH_S / ratio * (np.exp(at * ratio / LENGTH_S) - 1)
    fade = np.minimum(1.0, np.minimum(at, LENGTH_S - at) / _FADE_S)
    sound: Samples = (LEVEL * volume * np.sin(phase) * fade).astype(np.float32)
    return sound


@dataclass(frozen=True, slots=True)
class Heard:
    """Where the chirp is in a take: `at` in samples; `likeness` 0 to 1 is the correlation."""

    at: int
    likeness: float
    level_dbfs: float  # RMS of the take while it sounds
    noise_dbfs: float  # RMS of the take before

    @property
    def is_certain(self) -> bool:
        return self.likeness >= _LIKE

    @property
    def above_noise_db(self) -> float:
        return self.level_dbfs - self.noise_dbfs


def find(take: Samples, rate_hz: int) -> Heard:
    """Look for the chirp in `take`, shape (n,), longer than the chirp."""
    wanted = chirp(rate_hz).astype(np.float64)
    heard = take.astype(np.float64) - float(np.mean(take))
    size = 1 << (len(heard) + len(wanted)).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size))
    matched = np.abs(np.fft.irfft(spectrum, size)[: len(heard) - len(wanted) + 1])
    energy = np.concatenate(([0.0], np.cumsum(heard**2)))
    local = energy[len(wanted) :] - energy[: -len(wanted)]
    # Not less than a hundredth of the loudest: else silence with a click in it looks like anything.
    local = np.maximum(local, 0.01 * float(local.max()) + 1e-12)
    likeness = matched / np.sqrt(local * float(np.dot(wanted, wanted)))
    best = int(np.argmax(likeness))
    begin = max(0, best - round(_BEFORE_S * rate_hz))
    early = np.flatnonzero(matched[begin : best + 1] >= _FIRST_SHARE * matched[best])
    at = begin + int(early[0])
    noise = heard[:at] if at > rate_hz // 20 else heard[:1]
    return Heard(
        at, float(likeness[best]), level_dbfs(heard[at : at + len(wanted)]), level_dbfs(noise)
    )
