"""Playback through PortAudio, by callback: only so is the time told at which samples leave.

PortAudio keeps three buffers queued toward the card and asks for the next as each is played. What
it asks for while nothing is said is silence, so that the card never stops. The buffers are kept
short here, since all that is queued is delay to a reply and cannot be taken back by a cut:
20 ms each (60 ms queued) with the default sizes, 10 ms (30 ms) with chunks of 480 and less.

Writing ahead with PyAudio's blocking calls was tried and dropped: `get_write_available` moves in
steps of a period on sound servers, and can be a whole buffer off from the start.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyaudio
from numpy.typing import NDArray

from appliance.devices.portaudio_clock import callback_began_s, playback_delay_s
from appliance.devices.portaudio_system import SoundSystem
from appliance.devices.soundcards import Direction
from appliance.dsp.pcm import float_to_pcm16, pcm16_to_float
from appliance.dsp.resample import Resampler
from appliance.errors import HardwareError
from appliance.ports import Silenced, Sounded
from appliance.session.playout import Playout
from appliance.units import BYTES_PER_SAMPLE, WIRE_RATE_HZ

LOST_AFTER_S = 2.0  # without a callback
_WATCH_EVERY_S = 0.5
_PRIME_WITHIN_S = 3.0
_BUFFERS = 3  # what PortAudio queues
_LONGEST_BUFFER = 480  # 20 ms
_SHORTEST_BUFFER = 240  # 10 ms: with less, a busy machine lets the card run dry


def buffer_samples(chunk_samples: int, total_samples: int) -> int:
    """Return the size of each of PortAudio's three buffers, at 24 kHz.

    No more than half a chunk, so that the queue follows when smaller chunks are asked for; all
    three together never more than `total_samples`.
    """
    wanted = min(_LONGEST_BUFFER, max(_SHORTEST_BUFFER, chunk_samples // 2))
    return max(1, min(wanted, chunk_samples, total_samples // _BUFFERS))


class PortAudioSpeaker:
    """A loudspeaker (see ports.Speaker). Made on any thread, used on the event loop's.

    Attributes:
        underflows: times that the sound card ran dry, over all starts.
        opens: times that a stream was opened.
        native_rate_hz: what the card runs at, once started; resampled from 24 kHz if not that.
    """

    def __init__(
        self,
        system: SoundSystem,
        selector: str = "auto",
        *,
        chunk_samples: int = 2048,
        total_samples: int = 4096,
        handed_over: Callable[[bytes], None] | None = None,
    ) -> None:
        """Choose a card; nothing is opened.

        Args:
            system: the process's PortAudio.
            selector: see devices.soundcards.
            chunk_samples: most that is handed to the card at a time, at 24 kHz.
            total_samples: most that is ever queued toward it, at 24 kHz.
            handed_over: gets all that goes to the card, silence included, at its volume (s16le
                mono, 24 kHz), on PortAudio's thread: what an echo canceller needs to know.
        """
        self.underflows = 0
        self.opens = 0
        self.native_rate_hz = 0
        self._system = system
        self._selector = selector
        self._buffer_samples = buffer_samples(chunk_samples, total_samples)
        self._handed_over = handed_over
        self._volume = 1.0
        self._stream: pyaudio.Stream | None = None
        self._playback: _Playback | None = None
        self._last_playout = Playout()
        self._watch: asyncio.TimerHandle | None = None

    def start(
        self,
        sounded: Callable[[Sounded], None],
        drained: Callable[[], None],
        lost: Callable[[str], None],
    ) -> None:
        """Open the stream and return when the card plays it (silence, to begin with).

        Call it on the event loop, which it holds up for some tens of milliseconds.

        Raises:
            HardwareError: no such card, it is busy, it does not play; or started already.
        """
        if self._stream is not None:
            raise HardwareError("the loudspeaker is open already")
        device = self._system.find(self._selector, Direction.PLAYBACK)
        # A card's own device with two outputs would play mono on the left one alone; a PCM of
        # ALSA's configuration spreads mono by itself.
        channels = 2 if device.card_number is not None and device.outputs > 1 else 1
        rate = self._system.rate_for(device, Direction.PLAYBACK, channels)
        reports = _Reports(asyncio.get_running_loop(), sounded, drained, lost, self._ran_dry)
        playback = _Playback(
            rate, channels, self._buffer_samples, reports, self._volume, self._handed_over
        )
        self._stream = self._system.open(
            device,
            Direction.PLAYBACK,
            rate_hz=rate,
            channels=channels,
            frames=playback.buffer_frames,
            callback=playback.callback,
        )
        self.opens += 1
        self.native_rate_hz = rate
        self._playback = playback
        if not playback.playing.wait(_PRIME_WITHIN_S):
            self.stop()
            raise HardwareError(f"sound card {device.name} takes sound but plays none of it")
        self._watch = reports.loop.call_later(_WATCH_EVERY_S, self._look)

    def play(self, item_id: str, pcm: bytes) -> None:
        """Queue reply audio (s16le mono, 24 kHz) behind what is there.

        Late audio of an item that was cut is dropped; so is all of it without a stream.

        Raises:
            SignalError: half a sample at the end.
        """
        if self._playback is not None:
            self._playback.play(item_id, pcm)

    def cut(self) -> Silenced | None:
        """Fade out over 12 ms behind what is queued, drop the rest; None if nothing played."""
        return self._playback.cut() if self._playback is not None else None

    def heard_ms(self, item_id: str) -> int:
        """Return how much of the item has left the converter; 0 for one never played.

        It may still be asked after `stop`.
        """
        if self._playback is not None:
            return self._playback.heard_ms(item_id)
        return self._last_playout.heard_ms(item_id, 0)

    def set_volume(self, volume: float) -> None:
        """Set the gain, 0.0 to 1.0 (others are clipped), of what is handed over from now on."""
        self._volume = min(1.0, max(0.0, volume))
        if self._playback is not None:
            self._playback.volume = self._volume

    def stop(self) -> None:
        """Close the stream, dropping what is queued; no report after this. May be called twice."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        playback, self._playback = self._playback, None
        if playback is not None:
            self._last_playout = playback.end()
        stream, self._stream = self._stream, None
        if stream is not None:
            self._system.release(stream)

    def _ran_dry(self) -> None:
        self.underflows += 1

    def _look(self) -> None:
        playback, stream = self._playback, self._stream
        self._watch = None
        if playback is None or stream is None:
            return
        quiet_s = time.monotonic() - playback.last_callback_s
        if quiet_s > LOST_AFTER_S:
            playback.reports.lost(f"the loudspeaker took nothing for {quiet_s:.1f} s")
        elif not SoundSystem.runs(stream):
            playback.reports.lost("the loudspeaker's stream has ended")
        else:
            self._watch = playback.reports.loop.call_later(_WATCH_EVERY_S, self._look)


@dataclass(frozen=True, slots=True)
class _Reports:
    """Where news of a stream go, all on the event loop."""

    loop: asyncio.AbstractEventLoop
    sounded: Callable[[Sounded], None]
    drained: Callable[[], None]
    lost: Callable[[str], None]
    ran_dry: Callable[[], None]


class _Playback:
    """One open stream's way from the event loop to PortAudio's thread.

    `_lock` guards what both touch: the queue, and when its last sample leaves the converter.
    """

    def __init__(
        self,
        rate_hz: int,
        channels: int,
        buffer_samples_24k: int,
        reports: _Reports,
        volume: float,
        handed_over: Callable[[bytes], None] | None,
    ) -> None:
        self.reports = reports
        self._handed_over = handed_over
        self.volume = volume
        self.playing = threading.Event()  # every buffer was filled once, and one played
        self.last_callback_s = time.monotonic()
        self.buffer_frames = max(1, buffer_samples_24k * rate_hz // WIRE_RATE_HZ)
        self._rate_hz = rate_hz
        self._channels = channels
        self._gain = volume
        self._resampler = Resampler(WIRE_RATE_HZ, rate_hz)
        self._spare = np.empty(0, np.float32)  # resampled, for the next buffer
        self._silence = bytes(self.buffer_frames * channels * BYTES_PER_SAMPLE)
        self._usual_s = _BUFFERS * self.buffer_frames / rate_hz
        self._callbacks = 0
        self._ended = False
        self._lock = threading.Lock()
        self._playout = Playout()
        self._last_leaves_s = self.last_callback_s  # the last sample in the ledger
        self._replying = False  # a reply sample was handed over and `drained` not yet called
        self._settling = False  # the event loop will see to `drained`

    # On the event loop's thread

    def play(self, item_id: str, pcm: bytes) -> None:
        with self._lock:
            self._playout.push(item_id, pcm, time.monotonic())

    def cut(self) -> Silenced | None:
        with self._lock:
            now_s = time.monotonic()
            queued = self._queued(now_s)
            result = self._playout.cut(queued)
            if result is None:
                return None
            if result.fade_samples:
                left = queued + result.fade_samples
            else:
                left = self._playout.remaining_samples(queued)
            return Silenced(result.item_id, result.audible_ms, now_s + left / WIRE_RATE_HZ)

    def heard_ms(self, item_id: str) -> int:
        with self._lock:
            return self._playout.heard_ms(item_id, self._queued(time.monotonic()))

    def end(self) -> Playout:
        """Report nothing more; return the ledger."""
        with self._lock:
            self._ended = True
            return self._playout

    def _queued(self, now_s: float) -> int:
        """Return how many samples at 24 kHz were handed over and have not left."""
        return max(0, round((self._last_leaves_s - now_s) * WIRE_RATE_HZ))

    def _settle(self) -> None:
        """Call `drained` when the last reply sample has left, unless more was said meanwhile."""
        with self._lock:
            remaining = self._playout.remaining_samples(self._queued(time.monotonic()))
            if not self._playout.waiting_samples and remaining and not self._ended:
                self.reports.loop.call_later(remaining / WIRE_RATE_HZ, self._settle)
                return
            self._settling = False
            if self._playout.waiting_samples or self._ended:
                return
            self._replying = False
        self.reports.drained()

    def _sounded(self, report: Sounded) -> None:
        if not self._ended:
            self.reports.sounded(report)

    # On PortAudio's thread

    def callback(
        self, _data: bytes | None, frames: int, clock: Mapping[str, float], status: int
    ) -> tuple[bytes, int]:
        """Fill one buffer."""
        began_s = callback_began_s(clock)
        self.last_callback_s = began_s
        self._callbacks += 1
        if self._callbacks > _BUFFERS:
            self.playing.set()
        leaves_s = began_s + playback_delay_s(clock, self._usual_s)
        try:
            if status & pyaudio.paOutputUnderflow and self.playing.is_set():
                self.reports.loop.call_soon_threadsafe(self.reports.ran_dry)
            with self._lock:
                data = self._fill(frames, leaves_s)
                self._last_leaves_s = leaves_s + (frames + self._held()) / self._rate_hz
                if self._replying and not self._playout.waiting_samples and not self._settling:
                    self._settling = True
                    self.reports.loop.call_soon_threadsafe(self._settle)
        except RuntimeError:
            return self._silence, pyaudio.paComplete  # the event loop has been closed under us
        return data, pyaudio.paContinue

    def _held(self) -> float:
        """Return the frames that the ledger has and the card does not: in and past the filter."""
        return self._resampler.delay_samples + self._spare.size

    def _fill(self, frames: int, leaves_s: float) -> bytes:
        if self._rate_hz == WIRE_RATE_HZ:
            return self._widen(self._next(frames, leaves_s))
        while self._spare.size < frames:
            missing = frames - self._spare.size
            wanted = -(-missing * WIRE_RATE_HZ // self._rate_hz)
            held_s = self._held() / self._rate_hz
            pcm = self._next(wanted, leaves_s + held_s)
            more = self._resampler.process(pcm16_to_float(pcm))
            self._spare = np.concatenate((self._spare, more))
        now, self._spare = self._spare[:frames], self._spare[frames:]
        return self._widen(float_to_pcm16(now))

    def _next(self, samples: int, leaves_s: float) -> bytes:
        """Return exactly `samples` at 24 kHz: what waits, at the volume, then silence."""
        pcm = self._waiting(samples, leaves_s)
        if self._handed_over is not None:
            self._handed_over(pcm)
        return pcm

    def _waiting(self, samples: int, leaves_s: float) -> bytes:
        taken = self._playout.take(samples)
        for begun in taken.begun:
            sounded_s = leaves_s + begun.offset_samples / WIRE_RATE_HZ
            report = Sounded(begun.item_id, begun.received_s, sounded_s)
            self.reports.loop.call_soon_threadsafe(self._sounded, report)
        silence = samples - len(taken.pcm) // BYTES_PER_SAMPLE
        self._playout.silence(silence)
        if not taken.pcm:
            self._gain = self.volume
            return bytes(silence * BYTES_PER_SAMPLE)
        self._replying = True
        return self._with_volume(taken.pcm) + bytes(silence * BYTES_PER_SAMPLE)

    def _with_volume(self, pcm: bytes) -> bytes:
        """Apply the volume, moving to a new one within the piece so that nothing clicks."""
        old, new = self._gain, self.volume
        self._gain = new
        if old == new == 1.0 or not pcm:
            return pcm
        samples = pcm16_to_float(pcm)
        if old == new:
            samples *= np.float32(new)
        else:
            gains: NDArray[np.float32] = np.linspace(old, new, samples.size, dtype=np.float32)
            samples *= gains
        return float_to_pcm16(samples)

    def _widen(self, pcm: bytes) -> bytes:
        """Say the same on every channel."""
        if self._channels == 1:
            return pcm
        return np.repeat(np.frombuffer(pcm, "<i2"), self._channels).tobytes()
