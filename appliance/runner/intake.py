"""From the microphone's stream to the held turns: what belongs to the present turn, and no more."""

from __future__ import annotations

from collections.abc import Callable

from appliance.ports import Captured
from appliance.runner.spans import Spans
from appliance.runner.turns import TurnBook
from appliance.runner.uplink import Uplink
from appliance.session.capture import MicGate


class Intake:
    """The gate between a microphone that never stops and a turn that does."""

    def __init__(
        self,
        uplink: Uplink,
        book: TurnBook,
        spans: Spans,
        preroll_s: float,
        clock: Callable[[], float],
        closed: Callable[[int], None],
    ) -> None:
        """`closed(said_ms)` is called when the last sample of a turn is in."""
        self._uplink = uplink
        self._book = book
        self._spans = spans
        self._preroll_s = preroll_s
        self._clock = clock
        self._closed = closed
        self._gate = MicGate(preroll_s)
        self._turn = 0

    def open(self, turn: int, pressed_s: float | None) -> None:
        """Keep and forward everything from the pre-roll of a press on, or from now on.

        Without a press there is no pre-roll: it would hold the device's own last words.
        """
        self._turn = turn
        from_s = pressed_s if pressed_s is not None else self._clock() + self._preroll_s
        for piece in self._gate.open(from_s):
            self._uplink.said(turn, piece, live=False)
        if pressed_s is not None:
            self._book[turn].pressed_s = pressed_s
            self._spans.add("press_to_mic", self._clock() - pressed_s)

    def take(self, chunk: Captured) -> bool:
        """Take the stream's next chunk; return whether it belongs to the turn."""
        was_open = self._gate.is_open
        kept = self._gate.feed(chunk)
        if kept is not None:
            self._uplink.said(self._turn, kept, live=True)
        if was_open and not self._gate.is_open:
            self._tell()
        return kept is not None

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
        self._uplink.discard(self._turn)

    def _tell(self) -> None:
        said_ms = self._uplink.said_ms(self._turn)
        self._book[self._turn].said_ms = said_ms
        self._closed(said_ms)
