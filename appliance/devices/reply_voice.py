"""A reply made faster, higher or lower than the service spoke it, before it waits to be played."""

from __future__ import annotations

from appliance.dsp.pcm import float_to_pcm16, pcm16_to_float
from appliance.dsp.stretch import Stretcher


class ReplyVoice:
    """Items of a reply in, the same items at another speed and pitch out.

    The stretcher holds up to 120 ms back, to look for the next splice. They come out with what
    follows, or with `rest` once nothing more does.
    """

    def __init__(self, speed: float, semitones: float) -> None:
        """Begin.

        Args:
            speed: 0.25 to 4.0 times as fast.
            semitones: -20 to 20 up; the length does not change with it.

        Raises:
            SignalError: out of range.
        """
        self._stretcher = Stretcher(speed, semitones)
        self._speed = speed
        self._item: str | None = None

    @property
    def holds(self) -> bool:
        """Whether something of an item may be held back."""
        return self._item is not None

    def process(self, item_id: str, pcm: bytes) -> list[tuple[str, bytes]]:
        """Return what is to be played now, by item: the rest of the one before, then of this.

        Args:
            pcm: s16le mono, 24 kHz.

        Raises:
            SignalError: half a sample at the end.
        """
        samples = pcm16_to_float(pcm)
        before = self.rest() if self._item not in (None, item_id) else []
        self._item = item_id
        return [*before, (item_id, float_to_pcm16(self._stretcher.process(samples)))]

    def rest(self) -> list[tuple[str, bytes]]:
        """Return what was held back of the item: no more of it will come."""
        item, self._item = self._item, None
        if item is None:
            return []
        return [(item, float_to_pcm16(self._stretcher.flush()))]

    def drop(self) -> None:
        """Forget what is held back: the reply has been cut."""
        self._stretcher.flush()
        self._item = None

    def source_ms(self, played_ms: int) -> int:
        """Return how much of what the service said that is; good to 20 ms."""
        return round(played_ms * self._speed)
