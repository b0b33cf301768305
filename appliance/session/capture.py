"""Cut the microphone's endless stream into turns. Pure: chunks in, chunks out.

The stream never stops, so nothing depends on how fast anything opens: a turn begins with what
was captured before the button's edge was even seen, and ends with the chunk that holds the
moment of release. Whole chunks are forwarded; only the pre-roll is trimmed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from appliance.ports import Captured
from appliance.units import BYTES_PER_SAMPLE, WIRE_RATE_HZ, pcm_samples

SLACK_S = 0.015  # a sound card's time stamp may be this far off
REACH_BACK_S = 1.0  # how late the news of an edge or of a voice may come, beside the pre-roll


class MicGate:
    """Decides which captured chunks belong to the present turn."""

    def __init__(self, preroll_s: float) -> None:
        self._preroll_s = preroll_s
        self._recent: deque[Captured] = deque()
        self._until_s: float | None = None
        self.is_open = False

    def open(self, edge_s: float) -> list[Captured]:
        """Open for a turn whose button went down at `edge_s`; return what was said before now.

        A gate that was closed a moment ago does not give the same sample twice.
        """
        start_s = edge_s - self._preroll_s
        kept = [trimmed for c in self._recent if (trimmed := _from(c, start_s)) is not None]
        self._recent.clear()
        self.is_open, self._until_s = True, None
        return kept

    def close_at(self, at_s: float) -> None:
        """Shut once everything captured up to `at_s` has come in."""
        self._until_s = at_s

    def shut(self) -> None:
        """Shut now."""
        self.is_open, self._until_s = False, None

    def feed(self, chunk: Captured) -> Captured | None:
        """Take the stream's next chunk; return it if it belongs to the turn.

        The gate has shut by itself (`is_open` is False) after the chunk that holds the last
        wanted sample.
        """
        if not self.is_open:
            self._remember(chunk)
            return None
        if self._until_s is not None and _end_s(chunk) >= self._until_s + SLACK_S:
            self.shut()
        return chunk

    def put_back(self, chunk: Captured) -> None:
        """Take back the newest of what was fed, which nobody could use: it may open a turn."""
        self._remember(chunk)

    def _remember(self, chunk: Captured) -> None:
        self._recent.append(chunk)
        horizon_s = _end_s(chunk) - self._preroll_s - REACH_BACK_S
        while self._recent and _end_s(self._recent[0]) < horizon_s:
            self._recent.popleft()


def _end_s(chunk: Captured) -> float:
    return chunk.first_sample_s + pcm_samples(chunk.pcm) / WIRE_RATE_HZ


def _from(chunk: Captured, start_s: float) -> Captured | None:
    skip = round((start_s - chunk.first_sample_s) * WIRE_RATE_HZ)
    if skip <= 0:
        return chunk
    if skip >= pcm_samples(chunk.pcm):
        return None
    rest = chunk.pcm[skip * BYTES_PER_SAMPLE :]
    return replace(chunk, pcm=rest, first_sample_s=chunk.first_sample_s + skip / WIRE_RATE_HZ)
