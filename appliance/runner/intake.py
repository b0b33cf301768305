"""From the microphone's stream to the held turns: what belongs to the present turn, and no more."""

from __future__ import annotations

from collections.abc import Callable

from appliance.ports import Captured
from appliance.runner.spans import Spans
from appliance.runner.turns import TurnBook
from appliance.runner.uplink import Uplink
from appliance.session.capture import MicGate
from appliance.units import BYTES_PER_SAMPLE, WIRE_RATE_HZ


class Intake:
    """The gate between a microphone that never stops and a turn that does."""

    def __init__(
        self,
        uplink: Uplink,
        book: TurnBook,
        spans: Spans,
        preroll_s: float,
        chunk_samples: int,
        clock: Callable[[], float],
        closed: Callable[[int], None],
    ) -> None:
        """Take in chunks of any size, pass them on in chunks of `chunk_samples`.

        `closed(said_ms)` is called when the last sample of a turn is in.
        """
        self._uplink = uplink
        self._book = book
        self._spans = spans
        self._preroll_s = preroll_s
        self._clock = clock
        self._closed = closed
        self._gate = MicGate(preroll_s)
        self._turn = 0
        self._chunk_bytes = chunk_samples * BYTES_PER_SAMPLE
        self._gathered = bytearray()  # less than a chunk, of the present turn
        self._gathered_from_s = 0.0

    @property
    def is_open(self) -> bool:
        """Whether what is said now belongs to a turn."""
        return self._gate.is_open

    def open(self, turn: int, talk_from_s: float | None, *, pressed: bool) -> None:
        """Keep and forward everything from the pre-roll of a press or voice on, or from now on.

        Without either there is no pre-roll: it would hold the device's own last words.
        """
        self._turn = turn
        from_s = talk_from_s if talk_from_s is not None else self._clock() + self._preroll_s
        self._gathered.clear()
        for piece in self._gate.open(from_s):
            self._gather(piece, live=False)
        if pressed and talk_from_s is not None:
            self._book[turn].pressed_s = talk_from_s
            self._spans.add("press_to_mic", self._clock() - talk_from_s)

    def take(self, chunk: Captured) -> bool:
        """Take the stream's next chunk; return whether it belongs to the turn."""
        was_open = self._gate.is_open
        kept = self._gate.feed(chunk)
        if kept is not None:
            self._gather(kept, live=True)
        if was_open and not self._gate.is_open:
            self._tell()
        return kept is not None

    def overhear(self, chunk: Captured) -> None:
        """Take a chunk that is not to be passed on now, though a turn is open."""
        self._gate.put_back(chunk)

    def close(self) -> None:
        """Shut with the chunk that holds the moment at which the turn ended."""
        ended_s = self._book[self._turn].ended_s
        self._gate.close_at(ended_s if ended_s is not None else self._clock())

    def close_now(self) -> None:
        """Shut with what is in."""
        self._gate.shut()
        self._tell()

    def discard(self) -> None:
        """Shut, and forget what this turn captured."""
        self._gate.shut()
        self._gathered.clear()
        self._uplink.discard(self._turn)

    def _gather(self, piece: Captured, *, live: bool) -> None:
        """Pass on what makes whole chunks."""
        if not self._gathered:
            self._gathered_from_s = piece.first_sample_s
        self._gathered += piece.pcm
        while len(self._gathered) >= self._chunk_bytes:
            self._pass_on(self._chunk_bytes, live=live)

    def _pass_on(self, size: int, *, live: bool) -> None:
        chunk = Captured(bytes(self._gathered[:size]), self._gathered_from_s)
        del self._gathered[:size]
        self._gathered_from_s += size // BYTES_PER_SAMPLE / WIRE_RATE_HZ
        self._uplink.said(self._turn, chunk, live=live)

    def _tell(self) -> None:
        if self._gathered and self._uplink.is_ended(self._turn):
            # The service ended the turn before it had this: it may begin the next one.
            self._gate.put_back(Captured(bytes(self._gathered), self._gathered_from_s))
            self._gathered.clear()
        elif self._gathered:
            self._pass_on(len(self._gathered), live=True)
        said_ms = self._uplink.said_ms(self._turn)
        self._book[self._turn].said_ms = said_ms
        self._closed(said_ms)
