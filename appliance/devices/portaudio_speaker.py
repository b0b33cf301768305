"""Playback through PortAudio: a thread keeps a short, known amount queued and never blocks.

PyAudio offers no way to choose the latency of a stream; its buffer is three times the frames per
buffer. The queue is therefore kept short from here: `capacity - get_write_available()` samples
are queued, silence is topped up to a short lead while nothing is said, and the reply follows in
pieces of one chunk whenever the queue has sunk to that lead. So a reply starts within the lead,
and what a cut leaves audible is at most the lead and one chunk.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyaudio
from numpy.typing import NDArray

from appliance.devices.portaudio_system import SoundSystem, reason
from appliance.devices.soundcards import Direction
from appliance.dsp.pcm import float_to_pcm16, pcm16_to_float
from appliance.dsp.resample import Resampler
from appliance.errors import HardwareError
from appliance.ports import Silenced, Sounded
from appliance.session.playout import Playout, Taken
from appliance.units import WIRE_RATE_HZ

LOST_AFTER_S = 2.0  # without the sound card playing a sample
_WATCH_EVERY_S = 0.5
_PRIME_WITHIN_S = 3.0
_JOIN_WITHIN_S = 2.0
_LEAD_LONGEST = 960  # 40 ms, at chunks of 2048 and more
_LEAD_SHORTEST = 480  # 20 ms: less than this, and a busy machine lets the card run dry


class PortAudioSpeaker:
    """A loudspeaker (see ports.Speaker). Made on any thread, used on the event loop's.

    Attributes:
        underflows: times that the sound card ran dry, over all starts.
        opens: times that a stream was opened.
        native_rate_hz: what the card runs at, once started.
    """

    def __init__(
        self,
        system: SoundSystem,
        selector: str = "auto",
        *,
        chunk_samples: int = 2048,
        total_samples: int = 4096,
    ) -> None:
        """Choose a card; nothing is opened.

        Args:
            system: the process's PortAudio.
            selector: see devices.soundcards.
            chunk_samples: most that is written of a reply at a time, at 24 kHz.
            total_samples: most that is ever queued toward the card, at 24 kHz.
        """
        self.underflows = 0
        self.opens = 0
        self.native_rate_hz = 0
        self._system = system
        self._selector = selector
        self._chunk_samples = chunk_samples
        self._total_samples = total_samples
        self._volume = 1.0
        self._playout = Playout()
        self._pump: _Pump | None = None
        self._watch: asyncio.TimerHandle | None = None

    def start(
        self,
        sounded: Callable[[Sounded], None],
        drained: Callable[[], None],
        lost: Callable[[str], None],
    ) -> None:
        """Open the stream, fill it with silence and return when the card plays it.

        Call it on the event loop (which it holds up for some tens of milliseconds).

        Raises:
            HardwareError: no such card, it is busy, it does not play; or started already.
        """
        if self._pump is not None:
            raise HardwareError("the loudspeaker is open already")
        device = self._system.find(self._selector, Direction.PLAYBACK)
        # A card's own device with two outputs would play mono on the left one alone; a PCM of
        # ALSA's configuration spreads mono by itself.
        channels = 2 if device.card_number is not None and device.outputs > 1 else 1
        rate = self._system.rate_for(device, Direction.PLAYBACK, channels)
        stream = self._system.open(
            device,
            Direction.PLAYBACK,
            rate_hz=rate,
            channels=channels,
            frames=max(1, self._total_samples * rate // WIRE_RATE_HZ // 3),
        )
        self.opens += 1
        self.native_rate_hz = rate
        self._playout = Playout()
        loop = asyncio.get_running_loop()
        pump = _Pump(
            stream,
            self._playout,
            _Format(rate, channels, self._chunk_samples, self._total_samples),
            _Reports(loop, sounded, drained, lost, self._ran_dry),
            self._volume,
        )
        self._pump = pump
        pump.start()
        if not pump.primed.wait(_PRIME_WITHIN_S):
            self.stop()
            raise HardwareError(f"sound card {device.name} takes sound but plays none of it")
        if pump.failure:
            failure = pump.failure
            self.stop()
            raise HardwareError(f"sound card {device.name} failed at once: {failure}")
        self._watch = loop.call_later(_WATCH_EVERY_S, self._look)

    def play(self, item_id: str, pcm: bytes) -> None:
        """Queue reply audio (s16le mono, 24 kHz) behind what is there.

        Late audio of an item that was cut is dropped. Without a stream, nothing is played.

        Raises:
            SignalError: half a sample at the end.
        """
        if self._pump is not None:
            self._pump.play(item_id, pcm)

    def cut(self) -> Silenced | None:
        """Fade out within 12 ms of what is queued, drop the rest; None if nothing played."""
        return self._pump.cut() if self._pump is not None else None

    def heard_ms(self, item_id: str) -> int:
        """Return how much of the item has left the converter; 0 for one never played."""
        if self._pump is not None:
            return self._pump.heard_ms(item_id)
        return self._playout.heard_ms(item_id, 0)

    def set_volume(self, volume: float) -> None:
        """Set the gain, 0.0 to 1.0 (others are clipped), of what is written from now on."""
        self._volume = min(1.0, max(0.0, volume))
        if self._pump is not None:
            self._pump.volume = self._volume

    def stop(self) -> None:
        """Close the stream, dropping what is queued; no report after this. May be called twice."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        pump, self._pump = self._pump, None
        if pump is not None and pump.stop():
            self._system.release(pump.stream)

    def _ran_dry(self) -> None:
        self.underflows += 1

    def _look(self) -> None:
        pump = self._pump
        if pump is None:
            return
        still_s = time.monotonic() - pump.moved_s
        if pump.failure:
            pump.reports.lost(f"the loudspeaker failed: {pump.failure}")
        elif still_s > LOST_AFTER_S:
            pump.reports.lost(f"the loudspeaker played nothing for {still_s:.1f} s")
        else:
            self._watch = pump.reports.loop.call_later(_WATCH_EVERY_S, self._look)


@dataclass(frozen=True, slots=True)
class _Format:
    """Sizes in samples at 24 kHz; frames are the card's own."""

    rate_hz: int
    channels: int
    chunk_samples: int
    total_samples: int

    def frames(self, samples: int) -> int:
        return samples * self.rate_hz // WIRE_RATE_HZ

    def samples(self, frames: float) -> float:
        return frames * WIRE_RATE_HZ / self.rate_hz

    @property
    def lead_frames(self) -> int:
        """What is kept queued, silence or sound, so that the card does not run dry."""
        lead = min(_LEAD_LONGEST, max(_LEAD_SHORTEST, self.chunk_samples // 2))
        return self.frames(min(lead, self.total_samples))


@dataclass(frozen=True, slots=True)
class _Reports:
    """Where the pump's news go: all on the event loop."""

    loop: asyncio.AbstractEventLoop
    sounded: Callable[[Sounded], None]
    drained: Callable[[], None]
    lost: Callable[[str], None]
    ran_dry: Callable[[], None]


class _Pump:
    """The thread between the queue and one open stream.

    Everything below `_changed` is shared and guarded by it; the stream is the thread's alone.
    """

    def __init__(
        self,
        stream: pyaudio.Stream,
        playout: Playout,
        form: _Format,
        reports: _Reports,
        volume: float,
    ) -> None:
        self.stream = stream
        self.reports = reports
        self.volume = volume
        self.failure = ""
        self.primed = threading.Event()
        self.moved_s = time.monotonic()  # when the card was last seen to have played something
        self._form = form
        self._resampler = Resampler(WIRE_RATE_HZ, form.rate_hz)
        self._gain = volume
        self._quiet_samples = np.zeros(form.total_samples, np.float32)
        self._silence = bytes(2 * form.channels * form.frames(form.total_samples))
        self._expected_available = 0
        self._thread = threading.Thread(target=self._run, name="loudspeaker", daemon=True)
        self._changed = threading.Condition()
        self._playout = playout
        self._stopping = False
        self._woken = False  # something changed since the thread last looked
        self._replying = False  # a reply sample was written and `drained` not yet called
        self._queued_samples = 0  # as it was at _queued_at_s; it sinks with the clock
        self._queued_at_s = self.moved_s

    # On the event loop's thread

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> bool:
        """End the thread; False if it hangs in the sound system, and must keep its stream."""
        with self._changed:
            self._stopping = True
            self._wake()
        self._thread.join(_JOIN_WITHIN_S)
        return not self._thread.is_alive()

    def play(self, item_id: str, pcm: bytes) -> None:
        with self._changed:
            self._playout.push(item_id, pcm, time.monotonic())
            self._wake()

    def cut(self) -> Silenced | None:
        with self._changed:
            now = time.monotonic()
            queued = self._queued(now)
            result = self._playout.cut(queued)
            if result is None:
                return None
            self._wake()
            if result.fade_samples:
                left = queued + result.fade_samples
            else:
                left = self._playout.remaining_samples(queued)
            return Silenced(result.item_id, result.audible_ms, now + left / WIRE_RATE_HZ)

    def heard_ms(self, item_id: str) -> int:
        with self._changed:
            return self._playout.heard_ms(item_id, self._queued(time.monotonic()))

    def _wake(self) -> None:
        self._woken = True
        self._changed.notify()

    def _queued(self, now_s: float) -> int:
        """Return how many samples at 24 kHz are queued now, without asking the card."""
        played = (now_s - self._queued_at_s) * WIRE_RATE_HZ
        return max(0, round(self._queued_samples - played))

    # On the pump's thread

    def _run(self) -> None:
        try:
            capacity = self.stream.get_write_available()
            self._prime(capacity)
            self.primed.set()
            while self._step(capacity):
                pass
        except OSError as error:
            self.failure = reason(error)
            self.primed.set()

    def _prime(self, capacity: int) -> None:
        """Fill the stream with silence and wait until the card has begun to play it."""
        frames = min(capacity, self._form.frames(self._form.total_samples))
        self.stream.write(self._silence, frames)
        full = self.stream.get_write_available()
        with self._changed:
            while not self._stopping and self.stream.get_write_available() <= full:
                self._changed.wait(0.002)  # PortAudio has no event for it
            self.moved_s = time.monotonic()

    def _step(self, capacity: int) -> bool:
        """Write what is due, if anything, and wait until more is; False to end."""
        available = self.stream.get_write_available()
        now = time.monotonic()
        queued = max(0, capacity - available)
        if available > self._expected_available:
            self.moved_s = now
        with self._changed:
            if self._stopping:
                return False
            if self._replying and self._playout.drained(self._at_wire_rate(queued)):
                self._replying = False
                self._post(self.reports.drained)
            data, frames = self._due(queued, capacity, now)
            queued += frames
            self._queued_samples, self._queued_at_s = self._at_wire_rate(queued), now
        if frames:
            self.stream.write(data, frames)
        self._expected_available = available - frames
        with self._changed:
            if not self._woken:
                self._changed.wait(self._idle_s(queued))
            self._woken = False
        return True

    def _due(self, queued: int, capacity: int, now: float) -> tuple[bytes, int]:
        """Return what to write now, and its frames; the ledger has it as written from here on."""
        form = self._form
        lead = form.lead_frames
        if queued == 0:
            self._post(self.reports.ran_dry)
            # PortAudio starts the card again only when a third of its buffer is filled.
            return self._quiet(max(lead, capacity // 3 + 1))
        if self._playout.waiting_samples:
            room = int(form.samples(form.frames(form.total_samples) - queued))
            if queued > lead or room <= 0:
                return b"", 0
            taken = self._playout.take(min(form.chunk_samples, room))
            self._replying = True
            for begun in taken.begun:
                ahead = self._at_wire_rate(queued) + begun.offset_samples
                sounded_s = now + ahead / WIRE_RATE_HZ
                report = Sounded(begun.item_id, begun.received_s, sounded_s)
                self._post(self.reports.sounded, report)
            return self._convert(self._with_volume(taken))
        if queued <= lead - lead // 4:
            return self._quiet(lead - queued)
        return b"", 0

    def _quiet(self, frames: int) -> tuple[bytes, int]:
        """Return about as many frames of silence, noted in the ledger."""
        samples = min(round(self._form.samples(frames)), self._quiet_samples.size)
        self._playout.silence(samples)
        if self._form.rate_hz == WIRE_RATE_HZ:
            return self._silence, samples
        return self._convert(self._quiet_samples[:samples])

    def _with_volume(self, taken: Taken) -> bytes | NDArray[np.float32]:
        """Apply the volume, moving to a new one within the piece so that nothing clicks."""
        old, new = self._gain, self.volume
        self._gain = new
        if old == new == 1.0:
            return taken.pcm
        samples = pcm16_to_float(taken.pcm)
        if old == new:
            samples *= np.float32(new)
        else:
            samples *= np.linspace(old, new, samples.size, dtype=np.float32)
        return samples

    def _convert(self, sound: bytes | NDArray[np.float32]) -> tuple[bytes, int]:
        """Return `sound` (24 kHz) at the card's rate and width."""
        if self._form.rate_hz != WIRE_RATE_HZ:
            samples = pcm16_to_float(sound) if isinstance(sound, bytes) else sound
            sound = self._resampler.process(samples)
        pcm = sound if isinstance(sound, bytes) else float_to_pcm16(sound)
        frames = len(pcm) // 2
        if self._form.channels > 1:
            pcm = np.repeat(np.frombuffer(pcm, "<i2"), self._form.channels).tobytes()
        return pcm, frames

    def _idle_s(self, queued: int) -> float:
        """Return how long nothing will be due if nobody wakes us."""
        lead = self._form.lead_frames
        low = lead if self._playout.waiting_samples else lead - lead // 4
        idle = (queued - low) / self._form.rate_hz
        if self._replying and not self._playout.waiting_samples:
            remaining = self._playout.remaining_samples(self._at_wire_rate(queued))
            idle = min(idle, remaining / WIRE_RATE_HZ)
        return max(idle, 0.001)

    def _at_wire_rate(self, queued_frames: int) -> int:
        """Return what is queued, and held back by the resampler, in samples at 24 kHz."""
        return round(self._form.samples(queued_frames + self._resampler.delay_samples))

    def _post(self, call: Callable[..., None], *args: object) -> None:
        try:
            self.reports.loop.call_soon_threadsafe(self._report, call, *args)
        except RuntimeError:
            self._stopping = True  # the event loop has been closed under us

    def _report(self, call: Callable[..., None], *args: object) -> None:
        if not self._stopping:
            call(*args)
