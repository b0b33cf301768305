"""Count what was lost between two copies of one recording."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]

BLOCK = 240  # 10 ms: long enough that a stretch of speech occurs once
WINDOW = 2400  # 100 ms
REACH = 4800  # how far a window may have moved, samples
ALIKE = 0.6  # normalised correlation above which a window counts as there


def lost_samples(said: Pcm, received: Pcm) -> int:
    """Return how many samples of `said` are not in `received`, in their order.

    A bit-exact path is compared sample by sample. On any other path (another rate, noise
    suppression) each window of 100 ms is looked for by correlation, and a jump of its delay, or
    its absence, is what was lost.

    Args:
        said: shape (n,), int16, 24 kHz: what went in.
        received: shape (m,), int16, 24 kHz: what came out, with anything before and after.
    """
    voiced = np.flatnonzero(np.abs(said.astype(np.int32)) > 64)
    if not voiced.size:
        return 0  # silence: nothing that could be told from what is around it
    said = said[voiced[0] : voiced[-1] + 1]
    exact = _lost_exactly(said, received)
    return exact if exact is not None else _lost_by_correlation(said, received)


def _lost_exactly(said: Pcm, received: Pcm) -> int | None:
    """Match run by run; None if the path was not bit-exact."""
    text, lost, at_said, at_received = received.tobytes(), 0, 0, 0
    matched = 0
    while at_said < len(said):
        found = _find(said[at_said : at_said + BLOCK], text, at_received)
        if found is None:
            lost += min(24, len(said) - at_said)
            at_said += 24
            continue
        run = min(len(said) - at_said, len(received) - found)
        differ = np.flatnonzero(said[at_said : at_said + run] != received[found : found + run])
        run = int(differ[0]) if differ.size else run
        matched += run
        at_said, at_received = at_said + run, found + run
    return lost if matched > len(said) // 2 else None


def _find(block: Pcm, text: bytes, start: int) -> int | None:
    needle, at = block.tobytes(), start * 2
    while (at := text.find(needle, at)) >= 0:
        if at % 2 == 0:
            return at // 2
        at += 1
    return None


def _lost_by_correlation(said: Pcm, received: Pcm) -> int:
    a, b = said.astype(np.float64), received.astype(np.float64)
    if len(b) < WINDOW:
        return len(said)
    size = 1 << (len(a) + len(b) - 1).bit_length()
    spectrum = np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size))
    delay = int(np.argmax(np.fft.irfft(spectrum, size)))
    delay = delay - size if delay > size // 2 else delay
    loud = np.sqrt(np.mean(a**2)) * 0.25
    lost = 0
    for start in range(0, len(a) - WINDOW + 1, WINDOW):
        window = a[start : start + WINDOW]
        if np.sqrt(np.mean(window**2)) < loud:
            continue
        low = max(0, start + delay - REACH)
        around = b[low : start + delay + WINDOW + REACH]
        if len(around) < WINDOW:
            lost += WINDOW
            continue
        dots = np.correlate(around, window, "valid")
        energy = np.convolve(around**2, np.ones(WINDOW), "valid")
        alike = dots / np.sqrt(np.maximum(energy, 1.0) * np.dot(window, window))
        best = int(np.argmax(alike))
        if alike[best] < ALIKE:
            lost += WINDOW
            continue
        moved = (low + best - start) - delay
        lost += max(0, -moved) if abs(moved) > 24 else 0  # 1 ms: a filter's own delay may vary
        delay += moved
    return lost
