"""Speech and noise for the bench, out of Debian packages: real talkers, real noises.

Nothing in here is used to tune anything of ours: see `docs/bench.md` for which talkers are.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from math import gcd
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from appliance.errors import UsageError
from appliance.units import WIRE_RATE_HZ

Samples = NDArray[np.float64]  # mono, 24 kHz, full scale ±1.0

G722_BYTES_PER_S = 8000
SHORTEST_S, LONGEST_S = 1.2, 12.0  # no single words and tones, no music and no screaming monkeys
EDGE_DB = -40.0  # a clip begins and ends where it comes within this of its loudest 10 ms
_BLOCK = WIRE_RATE_HZ // 100

_ASTERISK = Path("/usr/share/asterisk/sounds")
_FILLETS = Path("/usr/share/games/fillets-ng/sound")
_FLARE = Path("/usr/share/games/flare/mods/empyrean_campaign/soundfx/environment")
_AMBIENCE = Path("/usr/share/games/redeclipse/data/sounds/ambience")
_POCKETSPHINX = Path("/usr/share/pocketsphinx/test/data")


@dataclass(frozen=True, slots=True)
class Recordings:
    """Files of one talker or one noise, and the Debian package that they come in."""

    name: str
    package: str
    root: Path
    pattern: str

    def files(self) -> list[Path]:
        """Return the files in the order of their names; empty if the package is not there."""
        return sorted(self.root.glob(self.pattern))


TALKERS = {
    each.name: each
    for each in (
        Recordings("en", "asterisk-core-sounds-en-g722", _ASTERISK, "en_US_f_Allison/**/*.g722"),
        Recordings("fr", "asterisk-core-sounds-fr-g722", _ASTERISK, "fr_*/**/*.g722"),
        Recordings("it", "asterisk-core-sounds-it-g722", _ASTERISK, "it_*/**/*.g722"),
        Recordings("nl", "fillets-ng-data-nl", _FILLETS, "*/nl/*.ogg"),
        Recordings("librivox", "pocketsphinx-testdata", _POCKETSPHINX, "librivox/*.wav"),
        Recordings("cards", "pocketsphinx-testdata", _POCKETSPHINX, "cards/*.wav"),
    )
}
NOISES = {
    each.name: each
    for each in (
        Recordings("rain", "flare-game", _FLARE, "rain.ogg"),
        Recordings("cars", "redeclipse-data", _AMBIENCE, "distant_cars.ogg"),
        Recordings("river", "redeclipse-data", _AMBIENCE, "river.ogg"),
        Recordings("wind", "redeclipse-data", _AMBIENCE, "wind.ogg"),
    )
}


def require(wanted: Iterable[Recordings]) -> None:
    """Raise one UsageError that names every Debian package that is missing."""
    missing = sorted({each.package for each in wanted if not each.files()})
    if missing:
        raise UsageError(f"recordings are missing: apt-get install {' '.join(missing)}")


class Corpus:
    """Reads each recording once, at 24 kHz.

    Attributes:
        clips: takes a talker's name, returns the files that hold a sentence or a part of one.

    Raises, from every method, UsageError: a file cannot be read, or G.722 needs a decoder.
    """

    def __init__(self) -> None:
        self._read: Callable[[Path], Samples] = cache(_read)
        self.clips: Callable[[str], list[Path]] = cache(_clips)

    def noise(self, name: str) -> Samples:
        """Return a noise as long as it was recorded."""
        return self._read(NOISES[name].files()[0])

    def speech(
        self,
        talker: str,
        length_s: float,
        rng: np.random.Generator,
        pause_s: tuple[float, float] = (0.0, 0.0),
        *,
        evened: bool = True,
    ) -> Samples:
        """Return clips drawn at random, with pauses of drawn lengths between them.

        Evened, the silence around each clip is cut off and what is active is at 1.0 RMS; else they
        are as they were recorded. The level of the whole is for the caller to set.
        """
        clips = self.clips(talker)
        parts: list[Samples] = []
        wanted = round(length_s * WIRE_RATE_HZ)
        have = 0
        while have < wanted:
            clip = self._read(clips[rng.integers(len(clips))])
            if evened:
                clip = trimmed(clip)
                clip = clip / np.sqrt(active_power(clip))
            pause = np.zeros(round(rng.uniform(*pause_s) * WIRE_RATE_HZ))
            parts += [clip, pause]
            have += len(clip) + len(pause)
        return np.concatenate(parts)[:wanted]


def trimmed(samples: Samples) -> Samples:
    """Return a clip without the silence around it, but for 30 ms."""
    power = block_power(samples, _BLOCK)
    heard = np.flatnonzero(power > power.max() * 10 ** (EDGE_DB / 10))
    return samples[max(0, heard[0] - 3) * _BLOCK : (heard[-1] + 4) * _BLOCK]


def active_power(samples: Samples, below_db: float = 35.0) -> float:
    """Return the mean power of the blocks of 20 ms within `below_db` of the loud ones."""
    power = block_power(samples, 2 * _BLOCK)
    return float(power[power >= np.percentile(power, 98) * 10 ** (-below_db / 10)].mean())


def block_power(samples: Samples, block: int) -> Samples:
    """Return the mean power of each whole block, shape (n // block,)."""
    whole = len(samples) // block * block
    power: Samples = np.mean(samples[:whole].reshape(-1, block) ** 2, axis=1)
    return power


def resampled(samples: NDArray[np.floating], from_hz: int, to_hz: int) -> Samples:
    """Return the whole recording at another rate (polyphase; not our own resampler, the judged)."""
    if from_hz == to_hz:
        return samples.astype(np.float64)
    from scipy.signal import resample_poly  # type: ignore[import-untyped]  # publishes no types

    common = gcd(from_hz, to_hz)
    out: Samples = resample_poly(samples.astype(np.float64), to_hz // common, from_hz // common)
    return out


def _clips(talker: str) -> list[Path]:
    """Return the talker's clips that hold a sentence or a part of one."""
    found = TALKERS[talker].files()
    return [each for each in found if SHORTEST_S <= _length_s(each) <= LONGEST_S]


def _length_s(path: Path) -> float:
    if path.suffix == ".g722":
        return path.stat().st_size / G722_BYTES_PER_S
    return float(soundfile.info(path).duration)


def _read(path: Path) -> Samples:
    if path.suffix == ".g722":
        return resampled(_decode_g722(path), 16_000, WIRE_RATE_HZ)
    try:
        samples, rate_hz = soundfile.read(path, dtype="float64", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise UsageError(f"{path}: not a sound file that can be read ({error})") from error
    return resampled(samples.mean(axis=1), rate_hz, WIRE_RATE_HZ)


def _decode_g722(path: Path) -> Samples:
    """Return a headerless 64 kbit/s G.722 file at 16 kHz."""
    try:
        av = importlib.import_module("av")
    except ImportError as error:
        raise UsageError(f"{path}: G.722 is decoded by PyAV: pip install av") from error
    with av.open(str(path), format="g722") as container:
        frames = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    decoded: Samples = np.concatenate(frames) / 32768.0
    return decoded
