"""The sound of one prompt, kept small: about 5 kB a second, decoded by numpy in milliseconds.

A transform codec of the plainest kind. Frames of 192 samples (8 ms at 24 kHz) go through an MDCT
with a sine window. Each band of each frame has a level, in steps of 1.5 dB; its coefficients are
rounded to a step that grows with the level, but more slowly, so that the error stays under the
sound. Levels (as differences from frame to frame) and coefficients are bytes, and LZMA packs them.
Frames do not depend on each other, so that all of them are decoded at once.

Why not ADPCM: at the same size it is heard (docs/prompts.md has the figures).

Source: Princen, Johnson, Bradley, "Subband/transform coding using filter bank designs based on
time domain aliasing cancellation", ICASSP 1987.
"""

from __future__ import annotations

import lzma
import struct
import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from appliance.units import WIRE_RATE_HZ

HOP: Final = 192  # samples
MAX_SAMPLES: Final = 10 * WIRE_RATE_HZ
LEVEL_STEP_DB: Final = 1.5
LOWEST_LEVEL: Final = -60  # -90 dBFS; a band at this level has no coefficients
HIGHEST_LEVEL: Final = 20
STEP_GROWTH: Final = 0.6  # dB that the step grows by, for each dB of the level
STEP_OFFSET_DB: Final = -15.0
TOP_HZ: Final = 11_000.0  # nothing above; the synthesiser makes none
NARROWEST_BAND_HZ: Final = 150.0
BAND_GROWTH: Final = 0.16  # a band is as wide as this part of its lower edge
FILTERS: Final[Sequence[dict[str, int]]] = (
    {"id": lzma.FILTER_LZMA2, "preset": 9, "lc": 0, "lp": 0, "pb": 0, "dict_size": 1 << 20},
)
HEADER: Final = struct.Struct("<4sII")  # MAGIC, checksum of all that follows it, samples
SUMMED_FROM: Final = 8  # bytes; where what the checksum is of begins
MAGIC: Final = b"VAP1"  # another digit for another format

Floats = NDArray[np.float32]
Bytes = NDArray[np.int8]


class DamagedError(ValueError):
    """This is no prompt of ours, or one that has lost something."""


def decode(packed: bytes) -> Floats:
    """Return the samples of a prompt.

    Returns:
        Shape (n,), float32, 24 kHz, full scale ±1.0.

    Raises:
        DamagedError: `packed` is not whole.
    """
    frames, samples, payload = _unpacked(packed)
    edges = band_edges()
    bands = len(edges) - 1
    flat = np.frombuffer(payload, np.int8)
    rises = flat[: bands * frames].reshape(bands, frames).astype(np.int32)
    levels = (LOWEST_LEVEL + np.cumsum(rises, axis=1)).T
    if levels.min() < LOWEST_LEVEL or levels.max() > HIGHEST_LEVEL:
        raise DamagedError("levels out of range")
    rounded = flat[bands * frames :].reshape(frames, int(edges[-1]))
    coefficients = rounded * np.repeat(steps(levels), np.diff(edges), axis=1)
    pieces = (coefficients @ basis()) * window()
    out = np.zeros((frames + 1, HOP), np.float32)
    out[:-1] += pieces[:, :HOP]
    out[1:] += pieces[:, HOP:]
    whole: Floats = out.reshape(-1)
    return whole[HOP : HOP + samples]


def _unpacked(packed: bytes) -> tuple[int, int, bytes]:
    try:
        magic, checksum, samples = HEADER.unpack_from(packed)
    except struct.error as wrong:
        raise DamagedError(str(wrong)) from wrong
    if magic != MAGIC or not 0 < samples <= MAX_SAMPLES:
        raise DamagedError("not a prompt, or of another version")
    if zlib.crc32(packed[SUMMED_FROM:]) != checksum:
        raise DamagedError("the checksum is wrong")
    frames = frames_of(samples)
    edges = band_edges()
    size = frames * (len(edges) - 1 + int(edges[-1]))
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=FILTERS)
    try:
        payload = unpacker.decompress(packed[HEADER.size :], max_length=size)
    except lzma.LZMAError as wrong:
        raise DamagedError(str(wrong)) from wrong
    if len(payload) != size:
        raise DamagedError(f"want {size} bytes of sound, got {len(payload)}")
    return frames, samples, payload


def frames_of(samples: int) -> int:
    """Return how many frames cover so many samples, each sample twice."""
    return -(-samples // HOP) + 1


def steps(levels: NDArray[np.int32]) -> Floats:
    """Return the rounding step that goes with each level."""
    decibels = STEP_GROWTH * LEVEL_STEP_DB * levels + STEP_OFFSET_DB
    return np.asarray(10.0 ** (decibels / 20.0), np.float32)


@lru_cache(maxsize=1)
def band_edges() -> NDArray[np.int64]:
    """Return the first coefficient of each band, and one past the last band's last."""
    edges, edge_hz = [0], 0.0
    while edge_hz < TOP_HZ:
        edge_hz += max(NARROWEST_BAND_HZ, BAND_GROWTH * edge_hz)
        edges.append(min(HOP, round(edge_hz * 2 * HOP / WIRE_RATE_HZ)))
    return np.array(edges, np.int64)


@lru_cache(maxsize=1)
def basis() -> Floats:
    """Return the MDCT's cosines, shape (coefficients, 2 * HOP), scaled to be orthonormal."""
    when = np.arange(2 * HOP) + 0.5 + HOP / 2
    which = np.arange(int(band_edges()[-1])) + 0.5
    table = np.empty((len(which), len(when)), np.float32)
    for row, each in zip(table, which, strict=True):  # in one piece it would take 1 MB more
        row[:] = np.cos(np.pi / HOP * each * when) * np.sqrt(2.0 / HOP)
    return table


@lru_cache(maxsize=1)
def window() -> Floats:
    """Return the sine window, shape (2 * HOP,)."""
    return np.asarray(np.sin(np.pi * (np.arange(2 * HOP) + 0.5) / (2 * HOP)), np.float32)
