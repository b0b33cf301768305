"""At which delays are pieces of a recording in a copy of it? Looked for by correlation."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]

COARSE = 3  # a delay is looked for at 8 kHz, then to the sample at 24 kHz


@dataclass(frozen=True, slots=True)
class Search:
    """How a piece of the original is looked for in the copy."""

    samples: int  # its length
    near: int  # how far from the last delay
    alike: float  # normalised correlation from which on it is found


LONG = Search(4800, near=48_000, alike=0.5)
SHORT = Search(2400, near=4800, alike=0.6)  # the end of a word behind a hole
LOUD = 0.1  # of the recording's power: softer pieces tell nothing
HOP = 1200  # 50 ms
MOST_DELAYS = 100  # of those that most pieces have: what follows takes the square of it in time

VOTERS = 24  # pieces that say where the whole recording is
MOST_COPIES = 8  # of one sentence, said again and again
ONE_COPY = 6000  # 250 ms: delays that are closer are of the same copy
ENOUGH = 0.5  # of the votes of the best copy: the first that has them is meant


def delays_in(a: Samples, b: Samples) -> list[int]:
    """Return the delays of pieces of `a` in `b`, each once; none if it is not there at all.

    If it is there more than once, its first copy is meant.

    Args:
        a: shape (n,), 24 kHz, filtered to what matters.
        b: shape (m,), filtered in the same way.
    """
    last = _first_copy(a, b)
    if last is None:
        return []
    found: Counter[int] = Counter()
    for begin in range(0, max(1, len(a) - SHORT.samples + 1), HOP):
        near = [_near(a, b, begin, search, last) for search in (LONG, SHORT)]
        found.update(delay for delay in near if delay is not None)
        last = near[0] if near[0] is not None else last
    return [delay for delay, _ in found.most_common(MOST_DELAYS)]


def _first_copy(a: Samples, b: Samples) -> int | None:
    """Return about where `a` begins to be in `b`, by the vote of pieces all over it."""
    thin_a, thin_b = a[::COARSE], b[::COARSE]
    length = LONG.samples // COARSE
    if len(thin_b) < length:
        return None
    size = 1 << (len(thin_b) + length).bit_length()
    spectrum, energy = np.fft.rfft(thin_b, size), running(thin_b**2, length)
    votes: list[int] = []
    for at in np.linspace(0, max(0, len(thin_a) - length), VOTERS).astype(int):
        piece = thin_a[at : at + length]
        if len(piece) < length or np.mean(piece**2) < LOUD * np.mean(thin_a**2):
            continue
        cross = spectrum * np.conj(np.fft.rfft(piece, size))
        dots = np.fft.irfft(cross, size)[: len(energy)]
        alike = dots / np.sqrt(np.maximum(energy * np.dot(piece, piece), 1e-9))
        for _ in range(MOST_COPIES):
            best = int(np.argmax(alike))
            if alike[best] < LONG.alike:
                break
            votes.append((best - int(at)) * COARSE)
            around = ONE_COPY // COARSE
            alike[max(0, best - around) : best + around] = 0.0
    if not votes:
        return None
    ordered = np.sort(votes)
    copies = np.split(ordered, np.flatnonzero(np.diff(ordered) > ONE_COPY) + 1)
    most = max(len(copy) for copy in copies)
    return next(int(np.median(copy)) for copy in copies if len(copy) >= ENOUGH * most)


def _near(a: Samples, b: Samples, begin: int, search: Search, around: int) -> int | None:
    """Look for one piece near a delay: at 8 kHz, then to the sample."""
    whole = a[begin : begin + search.samples]
    if len(whole) < search.samples or np.mean(whole**2) < np.mean(a**2) * LOUD:
        return None
    low = max(0, (begin + around - search.near) // COARSE)
    high = min(len(b), begin + around + search.near + search.samples) // COARSE
    piece, there = whole[::COARSE], b[low * COARSE : high * COARSE : COARSE]
    if len(there) < len(piece):
        return None
    size = 1 << (len(there) + len(piece)).bit_length()
    cross = np.fft.rfft(there, size) * np.conj(np.fft.rfft(piece, size))
    dots = np.fft.irfft(cross, size)[: len(there) - len(piece) + 1]
    energy = running(there**2, len(piece))
    alike = dots / np.sqrt(np.maximum(energy * np.dot(piece, piece), 1e-9))
    best = int(np.argmax(alike))
    if alike[best] < search.alike:
        return None
    return _sharpen(whole, b, begin, (low + best) * COARSE - begin)


def _sharpen(piece: Samples, b: Samples, begin: int, delay: int) -> int:
    tried = range(delay - COARSE, delay + COARSE + 1)
    scores = []
    for each in tried:
        there = b[max(0, begin + each) : begin + each + len(piece)]
        scores.append(float(np.dot(piece[: len(there)], there)))
    return tried[int(np.argmax(scores))]


def running(values: Samples, length: int) -> Samples:
    """Return the sums of every `length` values in a row, shape (n - length + 1,)."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    sums: Samples = total[length:] - total[:-length]
    return sums
