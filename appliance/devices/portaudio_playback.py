"""One open playback stream: PortAudio's thread takes what the event loop has queued."""

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
from appliance.devices.reply_voice import ReplyVoice
from appliance.dsp.pcm import float_to_pcm16, pcm16_to_float
from appliance.dsp.resample import Resampler
from appliance.ports import Silenced, Sounded
from appliance.session.playout import Playout
from appliance.units import BYTES_PER_SAMPLE, WIRE_RATE_HZ

BUFFERS = 3  # what PortAudio queues
HELD_S = 0.2  # nothing more came for so long: what the voice holds back is the reply's end


@dataclass(frozen=True, slots=True)
class Reports:
    """Where news of a stream go, all on the event loop."""

    loop: asyncio.AbstractEventLoop
    sounded: Callable[[Sounded], None]
    drained: Callable[[], None]
    ran_dry: Callable[[], None]


class Playback:
    """One open stream's way from the event loop to PortAudio's thread.

    `_lock` guards what both touch: the queue, and when its last sample leaves the converter.
    """

    def __init__(
        self,
        rate_hz: int,
        channels: int,
        buffer_samples_24k: int,
        reports: Reports,
        volume: float,
        handed_over: Callable[[bytes], None] | None,
        voice: ReplyVoice | None,
    ) -> None:
        self.reports = reports
        self._handed_over = handed_over
        self._voice = voice
        self._came_s = 0.0  # when the newest of a reply came in
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
        self._usual_s = BUFFERS * self.buffer_frames / rate_hz
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
            self._came_s = time.monotonic()
            pieces = [(item_id, pcm)] if self._voice is None else self._voice.process(item_id, pcm)
            self._push(pieces)

    def _push(self, pieces: list[tuple[str, bytes]]) -> None:
        for item_id, pcm in pieces:
            self._playout.push(item_id, pcm, self._came_s)

    @property
    def _more_to_come(self) -> bool:
        """Whether something of a reply has not been handed over."""
        held = self._voice is not None and self._voice.holds
        return held or bool(self._playout.waiting_samples)

    def cut(self) -> Silenced | None:
        with self._lock:
            now_s = time.monotonic()
            queued = self._queued(now_s)
            result = self._playout.cut(queued)
            if self._voice is not None:
                self._voice.drop()
            if result is None:
                return None
            heard_ms = result.audible_ms
            if self._voice is not None:
                heard_ms = self._voice.source_ms(heard_ms)
            if result.fade_samples:
                left = queued + result.fade_samples
            else:
                left = self._playout.remaining_samples(queued)
            return Silenced(result.item_id, heard_ms, now_s + left / WIRE_RATE_HZ)

    def heard_ms(self, item_id: str) -> int:
        with self._lock:
            heard_ms = self._playout.heard_ms(item_id, self._queued(time.monotonic()))
            return heard_ms if self._voice is None else self._voice.source_ms(heard_ms)

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
            if not self._more_to_come and remaining and not self._ended:
                self.reports.loop.call_later(remaining / WIRE_RATE_HZ, self._settle)
                return
            self._settling = False
            if self._more_to_come or self._ended:
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
        if self._ended:
            return self._silence, pyaudio.paComplete  # what hung goes on: nothing old is played
        self._callbacks += 1
        if self._callbacks > BUFFERS:
            self.playing.set()
        leaves_s = began_s + playback_delay_s(clock, self._usual_s)
        try:
            if status & pyaudio.paOutputUnderflow and self.playing.is_set():
                self.reports.loop.call_soon_threadsafe(self.reports.ran_dry)
            with self._lock:
                data = self._fill(frames, leaves_s)
                self._last_leaves_s = leaves_s + (frames + self._held()) / self._rate_hz
                if self._replying and not self._more_to_come and not self._settling:
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
        if (
            self._voice is not None
            and self._voice.holds
            and self._playout.waiting_samples < samples
            and time.monotonic() - self._came_s > HELD_S
        ):
            self._push(self._voice.rest())
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
