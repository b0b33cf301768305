"""Find what was lost between two copies of one recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.demo.alignment import Aligned, follow, hole_at, parts, utterances

Pcm = NDArray[np.int16]

BLOCK = 240  # 10 ms: long enough that a stretch of speech occurs once
PROBES = 32  # of these blocks, a bit-exact path has some
SAME = 24  # 1 ms: a filter's own delay may vary by so much
BLURRED = 2880  # 120 ms: both edges of a hole look like nothing for so long
NEAR_BY = 72_000  # 3 s: no more is missing within an utterance, or too much
BRIEF = 4800  # 200 ms
APART = 24_000  # 1 s
QUIET = 64  # of int16: what is softer at both ends is not speech


@dataclass(frozen=True, slots=True)
class Loss:
    """`samples` are missing; `at` is where in the original, good to 30 ms."""

    at: int
    samples: int


def lost_samples(said: Pcm, received: Pcm) -> int:
    """Return how many samples of the speech in `said` are not in `received`."""
    return sum(loss.samples for loss in losses(said, received))


def lost_of_all(sentences: Sequence[Pcm], received: Pcm) -> int:
    """Return the same of several sentences, said one after the other with any pauses between.

    Where one is said again, its copies are told apart by their order, so they must not be taken
    for one long utterance.
    """
    if _lost_exactly(np.concatenate(sentences), received) is not None:
        return lost_samples(np.concatenate(sentences), received)
    apart = np.zeros(APART, np.int16)
    return lost_samples(np.concatenate([x for each in sentences for x in (each, apart)]), received)


def losses(said: Pcm, received: Pcm) -> list[Loss]:
    """Return what of the speech in `said` is not in `received`, in its order.

    A bit-exact path is compared sample by sample. On any other path (another rate, noise
    suppression, automatic gain, the same room before both) each utterance is followed through
    `received` by correlation, and what was lost is where its delay falls, or where it is not found.
    What lies between utterances may be of any length in `received`.

    Args:
        said: shape (n,), int16, 24 kHz: what went in.
        received: shape (m,), int16, 24 kHz: what came out, with anything before and after.
    """
    voiced = np.flatnonzero(np.abs(said.astype(np.int32)) > QUIET)
    if not voiced.size:
        return []  # silence: nothing that could be told from what is around it
    first = int(voiced[0])
    speech = said[first : voiced[-1] + 1]
    found = _lost_exactly(speech, received)
    if found is None:
        found = _lost_by_correlation(speech, received)
    return [Loss(first + loss.at, loss.samples) for loss in found]


def _lost_exactly(said: Pcm, received: Pcm) -> list[Loss] | None:
    """Match run by run; None if the path was not bit-exact."""
    text, lost, at_said, at_received = received.tobytes(), 0, 0, 0
    places = np.linspace(0, max(0, len(said) - BLOCK), PROBES).astype(int)
    probes = [block for at in places if np.ptp(block := said[at : at + BLOCK]) > QUIET]
    if all(_find(block, text, 0) is None for block in probes):
        return None
    matched, found = 0, []
    while at_said < len(said):
        begin = _find(said[at_said : at_said + BLOCK], text, at_received)
        if begin is None:
            lost += min(24, len(said) - at_said)
            at_said += 24
            continue
        if lost:
            found.append(Loss(at_said - lost, lost))
            lost = 0
        run = min(len(said) - at_said, len(received) - begin)
        differ = np.flatnonzero(said[at_said : at_said + run] != received[begin : begin + run])
        run = int(differ[0]) if differ.size else run
        matched += run
        at_said, at_received = at_said + run, begin + run
    if lost:
        found.append(Loss(len(said) - lost, lost))
    return found if matched > len(said) // 2 else None


def _find(block: Pcm, text: bytes, start: int) -> int | None:
    needle, at = block.tobytes(), start * 2
    while (at := text.find(needle, at)) >= 0:
        if at % 2 == 0:
            return at // 2
        at += 1
    return None


def _lost_by_correlation(said: Pcm, received: Pcm) -> list[Loss]:
    found, heard_until = [], 0
    for utterance in utterances(said):
        path = _path_of(utterance, said, received, heard_until)
        found += _losses_of(path, said, received)
        known = [piece for piece in path if piece.delay is not None]
        if known:
            heard_until = max(heard_until, known[-1].end + (known[-1].delay or 0))
    return found


def _path_of(
    utterance: tuple[int, int], said: Pcm, received: Pcm, heard_until: int
) -> list[Aligned]:
    """Follow one utterance, part by part: each is looked for where the one before it ended."""
    path: list[Aligned] = []
    expected: int | None = None
    for begin, end in parts(said, *utterance):
        low, high = heard_until, len(received)
        if expected is not None:
            low = max(heard_until, begin + expected - NEAR_BY)
            high = end + expected + NEAR_BY
        for piece in follow(said[begin:end], received[low:high]):
            delay = None if piece.delay is None else piece.delay + low - begin
            path.append(Aligned(begin + piece.begin, begin + piece.end, delay))
            expected = expected if delay is None else delay
    return path


def _losses_of(path: list[Aligned], said: Pcm, received: Pcm) -> list[Loss]:
    """Tell what a path through the delays says: it falls, or there is none for a while."""
    found: list[Loss] = []
    before: int | None = None  # the last delay that was known
    missing: Aligned | None = None
    for piece in path:
        if piece.delay is None:
            missing = piece
            continue
        if before is not None and piece.end - piece.begin < BRIEF and piece is not path[-1]:
            continue  # a hole may look like another part of its vowel
        fallen = 0 if before is None else before - piece.delay
        gone = missing.end - missing.begin if missing else 0
        at = missing.begin if missing else piece.begin
        if fallen > SAME and gone < fallen + BLURRED:
            at = hole_at(said, received, at + gone // 2, piece.delay + fallen, piece.delay)
            found.append(Loss(at, fallen))
        elif gone:
            found.append(Loss(at, max(gone, fallen)))
        before, missing = piece.delay, None
    if missing is not None:
        found.append(Loss(missing.begin, missing.end - missing.begin))
    return found
