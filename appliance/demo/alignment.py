"""Follow a recording through a changed copy of itself: at which delay is each part of it?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from appliance.demo.delays import delays_in, running
from appliance.units import WIRE_RATE_HZ

Pcm = NDArray[np.int16]
Samples = NDArray[np.float64]

HOP = 240  # 10 ms
WINDOW = 1440  # 60 ms, around the middle of each hop
PAUSE_S = 0.4  # quiet for so long parts two utterances
SOFT_DB = 28.0  # below the loudest: a noise suppressor may leave nothing of it
SURE_DB = 12.0  # above that, all of it must be there
HISS_PERCENT, OVER_HISS_DB = 5.0, 6.0  # the softest part of a recording is its hiss
LONGEST_HOPS = 1500  # 15 s: what is followed at once; its cost grows faster than it does
FAINT_DB = 40.0  # below the loudest: between two utterances nothing is louder

LOW_HZ, HIGH_HZ = 250.0, 3600.0  # where speech is strong and filters do little to its phase
HISSING_HZ = 7000.0  # where to look for an s

NEAR_HOLE = 2400  # 100 ms: how far from where it shows a hole may be

NOWHERE = 0.3  # what it is worth to be at no delay at all; unrelated speech is worth less
MOVE = 1.2  # what it costs to change the delay
LEAVE = 0.7  # what it costs to be nowhere, and again to be found


@dataclass(frozen=True, slots=True)
class Aligned:
    """Samples `begin` to `end` of the original are `delay` later in the copy; None: nowhere."""

    begin: int
    end: int
    delay: int | None


def utterances(said: Pcm) -> list[tuple[int, int]]:
    """Return begin and end of each stretch of speech, in samples; pauses are not in them."""
    levels = _levels_db(said.astype(np.float64))
    loud = np.flatnonzero(levels > np.max(levels, initial=-200.0) - FAINT_DB)
    if not loud.size:
        return []
    breaks = np.flatnonzero(np.diff(loud) * HOP > PAUSE_S * WIRE_RATE_HZ)
    begins = np.concatenate([loud[:1], loud[breaks + 1]])
    ends = np.concatenate([loud[breaks], loud[-1:]]) + 1
    return [(int(b) * HOP, int(e) * HOP) for b, e in zip(begins, ends, strict=True)]


def parts(said: Pcm, begin: int, end: int) -> list[tuple[int, int]]:
    """Part an utterance into stretches of 15 s or less, where it is softest."""
    levels, found = _levels_db(said[begin:end].astype(np.float64)), []
    at = 0
    while (len(levels) - at) > LONGEST_HOPS:
        soft = at + LONGEST_HOPS // 2
        cut = soft + int(np.argmin(levels[soft : at + LONGEST_HOPS]))
        found.append((begin + at * HOP, begin + cut * HOP))
        at = cut
    return [*found, (begin + at * HOP, end)]


def follow(said: Pcm, received: Pcm) -> list[Aligned]:
    """Return at which delay each part of an utterance is in `received`, in order.

    The delays that occur are found with pieces of 200 ms; then the best path through them is
    chosen, 10 ms at a time (Viterbi), in which moving costs something.

    Args:
        said: shape (n,), int16, 24 kHz: one utterance.
        received: shape (m,), int16, 24 kHz: where to look.
    """
    hops = len(said) // HOP
    if not hops:
        return []
    a, b = _flat(said), _flat(received)
    delays = delays_in(a, b)
    if not delays:
        return [Aligned(0, len(said), None)]
    weight = _weight(a)
    alike = np.stack([_alike(a, b, delay) for delay in delays] + [np.full(hops, NOWHERE)])
    path = _best_path(alike * weight, np.array(delays))
    changes = [0, *(np.flatnonzero(np.diff(path)) + 1), hops]
    found = []
    for begin, end in pairwise(changes):
        if path[begin] < len(delays):
            found.append(Aligned(int(begin) * HOP, int(end) * HOP, delays[path[begin]]))
        elif (telling := np.flatnonzero(weight[begin:end])).size:
            low, high = begin + telling[0], begin + telling[-1] + 1
            found.append(Aligned(int(low) * HOP, int(high) * HOP, None))
    return found


def hole_at(said: Pcm, received: Pcm, around: int, before: int, after: int) -> int:
    """Return where samples are missing between two delays, to the millisecond where it is loud.

    Args:
        around: where in `said` the delay was seen to fall, good to 100 ms.
        before: the delay in front of it.
        after: the delay behind it, which is smaller by what is missing.
    """
    missing = before - after
    low = max(0, around - NEAR_HOLE - missing)
    a = _even(_flat(said[low : around + NEAR_HOLE + missing], HISSING_HZ))
    begin = max(0, low + after)
    b = _even(_flat(received[begin : low + before + len(a)], HISSING_HZ))
    fit_before, fit_after = (
        np.concatenate([[0.0], np.cumsum(a * _shifted(b, low + delay - begin, len(a)))])
        for delay in (before, after)
    )
    last = max(1, len(a) - missing)
    worth = fit_before[:last] + fit_after[-1] - fit_after[missing : missing + last]
    return low + int(np.argmax(worth))


def _flat(pcm: Pcm, high_hz: float = HIGH_HZ) -> Samples:
    """Keep the band that matters, with its highs lifted, so that a delay stands out."""
    size = 1 << max(1, len(pcm) - 1).bit_length()
    hz = np.fft.rfftfreq(size, 1 / WIRE_RATE_HZ)
    lifted = np.where((hz >= LOW_HZ) & (hz <= high_hz), hz / high_hz, 0.0)
    flat: Samples = np.fft.irfft(np.fft.rfft(pcm.astype(np.float64), size) * lifted, size)
    return flat[: len(pcm)]


def _even(flat: Samples) -> Samples:
    """Make it equally loud everywhere, so that a soft word tells as much as a loud one."""
    power = np.convolve(flat**2, np.full(HOP, 1 / HOP), "same")
    even: Samples = flat / np.sqrt(power + 1e-2 * np.mean(power) + 1e-9)
    return even


def _weight(flat: Samples) -> Samples:
    """Return how much each hop tells, 0 to 1: nothing where it is soft, or little over its hiss."""
    levels = _levels_db(flat)
    soft = max(np.max(levels) - SOFT_DB, np.percentile(levels, HISS_PERCENT) + OVER_HISS_DB)
    weight: Samples = np.clip((levels - soft) / SURE_DB, 0.0, 1.0)
    return weight


def _levels_db(samples: Samples) -> Samples:
    usable = len(samples) // HOP * HOP
    power = np.mean(samples[:usable].reshape(-1, HOP) ** 2, axis=1)
    levels: Samples = 10 * np.log10(power + 1e-3)
    return levels


def _alike(a: Samples, b: Samples, delay: int) -> Samples:
    """Return how alike `a` and the delayed `b` are around each hop, -1 to 1."""
    there = _shifted(b, delay, len(a))
    around = [_around(values) for values in (a * there, a**2, there**2)]
    alike: Samples = around[0] / np.sqrt(np.maximum(around[1] * around[2], 1e-9))
    return alike


def _shifted(b: Samples, begin: int, length: int) -> Samples:
    """Return `length` samples of `b` from `begin` on, and zeros where it has none."""
    there = np.zeros(length)
    low, high = max(0, -begin), min(length, len(b) - begin)
    if low < high:
        there[low:high] = b[begin + low : begin + high]
    return there


def _around(values: Samples) -> Samples:
    hops = len(values) // HOP
    before = (WINDOW - HOP) // 2
    padded = np.pad(values[: hops * HOP], (before, WINDOW - HOP - before))
    return running(padded, WINDOW)[::HOP]


def _best_path(worth: Samples, delays: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the best state of each hop; the last state is to be nowhere (Viterbi 1967)."""
    states, hops = worth.shape
    cost = np.full((states, states), MOVE)
    cost[-1, :] = cost[:, -1] = LEAVE
    cost[:-1, :-1][np.abs(delays[:, None] - delays) <= HOP // 10] = MOVE / 4
    np.fill_diagonal(cost, 0.0)
    total, came_from = worth[:, 0].copy(), np.zeros((hops, states), np.int64)
    for hop in range(1, hops):
        through = total[:, None] - cost
        came_from[hop] = np.argmax(through, axis=0)
        total = np.max(through, axis=0) + worth[:, hop]
    path = np.zeros(hops, np.int64)
    path[-1] = int(np.argmax(total))
    for hop in range(hops - 1, 0, -1):
        path[hop - 1] = came_from[hop, path[hop]]
    return path
