"""What the loudspeaker plays next, and how much of each item has been heard. Pure.

    push ─► [waiting] ─take─► [written: queued toward the converter] ─► heard

The reply arrives faster than it is spoken, so it waits here and goes out in small pieces: what
waits can still be taken back, what was written cannot. A ledger keeps what was written, silence
included, in order, so that with the number of samples still queued it can say what was heard.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from dataclasses import dataclass, field

from appliance.errors import SignalError
from appliance.units import BYTES_PER_SAMPLE, WIRE_RATE_HZ, pcm_samples, samples_to_ms

FADE_SAMPLES = 288  # 12 ms: too short to hear as a fade, long enough not to click
MAX_WAITING_SAMPLES = 300 * WIRE_RATE_HZ  # five minutes, 14.4 MB: longer than any one reply
_HORIZON_SAMPLES = 2 * WIRE_RATE_HZ  # how far back the ledger tells; no sound card queues more
_ITEMS_KEPT = 64


@dataclass(frozen=True, slots=True)
class Begun:
    """An item whose first sample is among those just taken."""

    item_id: str
    received_s: float  # as given with its first push
    offset_samples: int  # where in the taken samples it begins


@dataclass(frozen=True, slots=True)
class Taken:
    """What to write next."""

    pcm: bytes
    begun: tuple[Begun, ...]


@dataclass(frozen=True, slots=True)
class CutResult:
    """What a cut leaves to be heard."""

    item_id: str
    audible_ms: int  # of that item, once everything left has been played
    fade_samples: int  # faded tail that still waits to be taken


@dataclass(slots=True)
class _Item:
    received_s: float
    received: int = 0
    written: int = 0
    heard: int = 0
    cut: bool = False


@dataclass(slots=True)
class _Waiting:
    item_id: str
    pcm: memoryview


@dataclass(slots=True)
class _Written:
    item_id: str | None  # None for silence
    samples: int


@dataclass(slots=True)
class Playout:
    """The queue and its ledger; `queued_samples` is always what was written and not yet played.

    Memory is bounded: MAX_WAITING_SAMPLES of audio, the last 64 items, two seconds of ledger.
    """

    fade_samples: int = FADE_SAMPLES
    refused_samples: int = 0  # pushed when MAX_WAITING_SAMPLES waited already
    waiting_samples: int = 0
    _waiting: deque[_Waiting] = field(default_factory=deque)
    _ledger: deque[_Written] = field(default_factory=deque)
    _ledger_samples: int = 0
    _items: dict[str, _Item] = field(default_factory=dict)

    def push(self, item_id: str, pcm: bytes, received_s: float) -> int:
        """Put `pcm` (s16le mono) behind what waits; return how many samples were accepted.

        None are if the item was cut (its audio is late); fewer if the queue is full.

        Raises:
            SignalError: half a sample at the end.
        """
        if len(pcm) % BYTES_PER_SAMPLE:
            raise SignalError(f"item {item_id}: want whole 16-bit samples, got {len(pcm)} bytes")
        item = self._items.get(item_id)
        if not pcm or (item is not None and item.cut):
            return 0
        accepted = min(pcm_samples(pcm), MAX_WAITING_SAMPLES - self.waiting_samples)
        self.refused_samples += pcm_samples(pcm) - accepted
        if accepted:
            if item is None:
                item = self._items[item_id] = _Item(received_s)
                self._forget_the_oldest()
            item.received += accepted
            self.waiting_samples += accepted
            piece = memoryview(pcm)[: accepted * BYTES_PER_SAMPLE]
            self._waiting.append(_Waiting(item_id, piece))
        return accepted

    def take(self, max_samples: int) -> Taken:
        """Take up to `max_samples` of what waits; they count as written from now on."""
        pieces: list[memoryview] = []
        begun: list[Begun] = []
        taken = 0
        while self._waiting and taken < max_samples:
            head = self._waiting[0]
            size = min((max_samples - taken) * BYTES_PER_SAMPLE, len(head.pcm))
            item = self._items[head.item_id]
            if item.written == 0:
                begun.append(Begun(head.item_id, item.received_s, taken))
            pieces.append(head.pcm[:size])
            if size == len(head.pcm):
                self._waiting.popleft()
            else:
                head.pcm = head.pcm[size:]
            samples = size // BYTES_PER_SAMPLE
            item.written += samples
            taken += samples
            self._write_down(head.item_id, samples)
        self.waiting_samples -= taken
        return Taken(b"".join(pieces), tuple(begun))

    def silence(self, samples: int) -> None:
        """Note that `samples` of silence were written."""
        if samples > 0:
            self._write_down(None, samples)

    def heard_ms(self, item_id: str, queued_samples: int) -> int:
        """Return the item's milliseconds that are past the converter; 0 for an unknown item.

        Never more than was received, and never less than the last answer for the item.
        """
        item = self._items.get(item_id)
        if item is None:
            return 0
        queued = sum(n for name, n in self._last(queued_samples) if name == item_id)
        item.heard = max(item.heard, item.written - queued)
        return samples_to_ms(item.heard)

    def audible_ms(self, item_id: str) -> int:
        """Return the item's milliseconds that are or will be past the converter if nothing
        more is pushed: after a cut what was written and the fade, before it all that came."""
        item = self._items.get(item_id)
        if item is None:
            return 0
        waiting = sum(len(piece.pcm) for piece in self._waiting if piece.item_id == item_id)
        return samples_to_ms(item.written + waiting // BYTES_PER_SAMPLE)

    def remaining_samples(self, queued_samples: int) -> int:
        """Return how many of the queued samples must play until the last reply sample has."""
        behind = 0  # silence at the end of the queue
        for name, samples in self._last(queued_samples):
            if name is not None:
                return queued_samples - behind
            behind += samples
        return 0

    def drained(self, queued_samples: int) -> bool:
        """Say whether the last reply sample has left the converter and none waits."""
        return not self._waiting and self.remaining_samples(queued_samples) == 0

    def cut(self, queued_samples: int) -> CutResult | None:
        """Stop the reply: keep a short faded tail of what comes next, drop the rest.

        The result names the item that is playing, or the one that was about to. Audio that comes
        later for it, or for any item before it, is refused. None if nothing was playing.
        """
        head = self._waiting[0] if self._waiting else None
        if head is not None and self._items[head.item_id].written:
            name: str | None = head.item_id
            if not self._items[head.item_id].cut:
                self._keep_a_faded_tail(head.item_id)
            # else: cut already; what waits is its tail, and what was pushed behind it goes too
            self._drop_all_but(head.item_id)
        else:
            self._drop_all_but(None)
            name = next((n for n, _ in self._last(queued_samples) if n is not None), None)
            if name is None and head is not None:
                name = head.item_id
        if name is None:
            return None
        for item in self._items.values():
            item.cut = True
        return CutResult(name, self.audible_ms(name), self.waiting_samples)

    def _keep_a_faded_tail(self, item_id: str) -> None:
        tail = array("h")
        for piece in self._waiting:
            wanted = self.fade_samples - len(tail)
            if piece.item_id != item_id or wanted <= 0:
                break
            tail.frombytes(piece.pcm[: wanted * BYTES_PER_SAMPLE])
        for i, sample in enumerate(tail):
            gain = 0.5 + 0.5 * math.cos(math.pi * (i + 1) / (len(tail) + 1))
            tail[i] = round(sample * gain)
        self._drop_all_but(None)
        if tail:
            self._waiting.append(_Waiting(item_id, memoryview(tail.tobytes())))
            self.waiting_samples = len(tail)

    def _drop_all_but(self, kept: str | None) -> None:
        """Drop what waits, from the first piece that is not of the item `kept`."""
        while self._waiting and self._waiting[-1].item_id != kept:
            dropped = self._waiting.pop()
            self._items[dropped.item_id].cut = True
            self.waiting_samples -= len(dropped.pcm) // BYTES_PER_SAMPLE

    def _write_down(self, item_id: str | None, samples: int) -> None:
        if self._ledger and self._ledger[-1].item_id == item_id:
            self._ledger[-1].samples += samples
        else:
            self._ledger.append(_Written(item_id, samples))
        self._ledger_samples += samples
        while self._ledger_samples - self._ledger[0].samples >= _HORIZON_SAMPLES:
            self._ledger_samples -= self._ledger.popleft().samples

    def _last(self, samples: int) -> list[tuple[str | None, int]]:
        """Return the last `samples` written as runs, newest first."""
        runs: list[tuple[str | None, int]] = []
        for run in reversed(self._ledger):
            if samples <= 0:
                break
            runs.append((run.item_id, min(run.samples, samples)))
            samples -= run.samples
        return runs

    def _forget_the_oldest(self) -> None:
        if len(self._items) > _ITEMS_KEPT:
            in_use = {piece.item_id for piece in self._waiting}
            in_use.update(run.item_id for run in self._ledger if run.item_id is not None)
            newest = list(self._items)[-1]
            for name in list(self._items)[:-_ITEMS_KEPT]:
                if name not in in_use and name != newest:
                    del self._items[name]
