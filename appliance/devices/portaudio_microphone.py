"""Capture through PortAudio, by callback: only so are overflows and the age of samples told."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyaudio
from numpy.typing import NDArray

from appliance.devices.portaudio_clock import callback_began_s, capture_age_s
from appliance.devices.portaudio_system import SoundSystem, aside
from appliance.devices.priority import hurry
from appliance.devices.sound_front import Cleaned, SoundFront
from appliance.devices.soundcards import Direction
from appliance.dsp.pcm import float_to_pcm16, pcm16_to_float
from appliance.dsp.resample import Resampler
from appliance.errors import HardwareError
from appliance.ports import Captured, Level
from appliance.units import BYTES_PER_SAMPLE, WIRE_RATE_HZ

LOST_AFTER_S = 2.0  # without a callback; the longest chunk is a small part of it
_WATCH_EVERY_S = 0.2
_FULL_SCALE = 32768
_SILENT_DBFS = -96.0


class PortAudioMicrophone:
    """A microphone (see ports.Microphone). Made on any thread, used on the event loop's.

    Attributes:
        overflows: times that the sound card dropped samples, over all starts.
        opens: times that a stream was opened.
        native_rate_hz: what the card runs at, once started; resampled to 24 kHz if it is not that.
    """

    def __init__(
        self,
        system: SoundSystem,
        selector: str = "auto",
        *,
        chunk_samples: int = 1024,
        channel: int = 0,
        front: Callable[[], SoundFront] | None = None,
    ) -> None:
        """Choose a card; nothing is opened.

        Args:
            system: the process's PortAudio.
            selector: see devices.soundcards.
            chunk_samples: exact size of what is delivered, at 24 kHz.
            channel: which of the card's channels to deliver, 0 the first; unused with a front.
            front: makes what cleans a stream; it says how many channels that wants. None to
                deliver the channel as it is.
        """
        self.overflows = 0
        self.opens = 0
        self.native_rate_hz = 0
        self._system = system
        self._selector = selector
        self._chunk_samples = chunk_samples
        self._channel = channel
        self._front = front
        self._stream: pyaudio.Stream | None = None
        self._capture: _Capture | None = None
        self._opened: _Opened | None = None  # and not yet started
        self._deliver: Callable[[Captured], None] | None = None
        self._lost: Callable[[str], None] | None = None
        self._watch: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Do all of `start` that may take long; the event loop goes on (see ports.Microphone)."""
        if self._stream is not None:
            raise HardwareError("the microphone is open already")
        self._opened = None
        loop = asyncio.get_running_loop()
        self._opened = await aside(lambda: self._open(loop), self._release)

    def start(self, deliver: Callable[[Captured], None], lost: Callable[[str], None]) -> None:
        """Open the stream (see ports.Microphone.start). Call it on the event loop.

        Raises:
            HardwareError: no such card or channel, or it is busy; or started already.
        """
        if self._stream is not None:
            raise HardwareError("the microphone is open already")
        opened, self._opened = self._opened or self._open(asyncio.get_running_loop()), None
        self._deliver, self._lost = deliver, lost
        self._capture, self._stream = opened.capture, opened.stream
        self.opens += 1
        self.native_rate_hz = opened.rate_hz
        self._watch = opened.capture.loop.call_later(_WATCH_EVERY_S, self._look)

    def _open(self, loop: asyncio.AbstractEventLoop) -> _Opened:
        """Open the card. On any thread."""
        device = self._system.find(self._selector, Direction.CAPTURE)
        front = self._front() if self._front is not None else None
        channels = self._channel + 1 if front is None else max(front.channels, self._channel + 1)
        if channels > device.inputs:
            raise HardwareError(
                f"sound card {device.name} captures {device.inputs} channels: "
                f"there is no channel {channels - 1}"
            )
        rate_hz = self._system.rate_for(device, Direction.CAPTURE, channels)
        capture = _Capture(
            loop,
            self._arrived,
            self._chunk_samples,
            _Channels(rate_hz, channels, self._channel, front),
        )
        stream = self._system.open(
            device,
            Direction.CAPTURE,
            rate_hz=rate_hz,
            channels=channels,
            frames=round(self._chunk_samples * rate_hz / WIRE_RATE_HZ),
            callback=capture.callback,
        )
        return _Opened(stream, capture, rate_hz)

    def stop(self) -> None:
        """Close the stream; nothing is delivered after this. May be called twice."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._capture is not None:
            self._capture.has_ended = True
        if self._opened is not None:
            self._release(self._opened)
        if self._stream is not None:
            self._system.release(self._stream)
        self._stream = self._capture = self._opened = None

    def _release(self, opened: _Opened) -> None:
        opened.capture.has_ended = True
        self._system.release(opened.stream)

    def _arrived(self, capture: _Capture, captured: Captured, overflows: int) -> None:
        self.overflows += overflows
        if capture is self._capture and self._deliver is not None:
            self._deliver(captured)

    def _look(self) -> None:
        capture, stream = self._capture, self._stream
        if capture is None or stream is None:
            return
        quiet_s = time.monotonic() - capture.last_callback_s
        if quiet_s > LOST_AFTER_S:
            self._report(f"the microphone gave nothing for {quiet_s:.1f} s")
        elif not SoundSystem.runs(stream):
            self._report("the microphone's stream has ended")
        else:
            self._watch = capture.loop.call_later(_WATCH_EVERY_S, self._look)

    def _report(self, reason: str) -> None:
        self._watch = None
        if self._lost is not None:
            self._lost(reason)


class _Channels:
    """From a card's interleaved samples at its own rate to one channel at 24 kHz."""

    def __init__(self, rate_hz: int, channels: int, channel: int, front: SoundFront | None) -> None:
        self.rate_hz = rate_hz
        self._channels = channels
        # A front with one microphone hears the channel that was chosen, an array's the first ones.
        single = front is None or front.channels == 1
        self._wanted = [channel] if single or front is None else list(range(front.channels))
        self._front = front
        self._resamplers = [Resampler(rate_hz, WIRE_RATE_HZ) for _ in self._wanted]
        self._delay_s = self._resamplers[0].delay_samples / WIRE_RATE_HZ
        self._eaten = 0  # frames given to the resamplers, and samples that each gave back
        self._given = 0

    def take(self, data: bytes, first_sample_s: float) -> Cleaned | None:
        """Return what can be said of the one channel now."""
        if self._front is None and self.rate_hz == WIRE_RATE_HZ:
            return Cleaned(self._one(data), first_sample_s, None, None)
        frames = pcm16_to_float(data).reshape(-1, self._channels)
        samples = [
            resampler.process(np.ascontiguousarray(frames[:, channel]))
            for channel, resampler in zip(self._wanted, self._resamplers, strict=True)
        ]
        if self.rate_hz != WIRE_RATE_HZ:
            # Both counts run from the stream's start, so their difference says where in this
            # buffer the resampler's next sample lies.
            first_sample_s += self._given / WIRE_RATE_HZ - self._eaten / self.rate_hz
            first_sample_s -= self._delay_s
            self._eaten += len(frames)
            self._given += samples[0].size
        if self._front is None:
            return Cleaned(float_to_pcm16(samples[0]), first_sample_s, None, None)
        return self._front.process(np.stack(samples), first_sample_s)

    def level(self, data: bytes) -> Level | None:
        """Return how loud the wanted channels of a buffer are; None of an empty one."""
        frames = np.frombuffer(data, dtype="<i2").reshape(-1, self._channels)
        if not len(frames):
            return None
        levels = [_level(frames[:, channel]) for channel in self._wanted]
        return Level(
            max(level.peak_dbfs for level in levels),
            max(level.rms_dbfs for level in levels),
            max(level.clipped_share for level in levels),
        )

    def _one(self, data: bytes) -> bytes:
        if self._channels == 1:
            return data
        frames = np.frombuffer(data, dtype="<i2").reshape(-1, self._channels)
        return frames[:, self._wanted[0]].tobytes()


def _level(samples: NDArray[np.int16]) -> Level:
    """Measure one channel: shape (n,), n > 0."""
    exact = samples.astype(np.float32)
    count, total = samples.size, float(exact.sum())
    # About the mean: an offset of the converter is no sound.
    variance = max(0.0, float(np.dot(exact, exact)) / count - (total / count) ** 2)
    peak = max(int(samples.max()), -int(samples.min())) / _FULL_SCALE
    at_full = np.count_nonzero(samples == _FULL_SCALE - 1)
    at_full += np.count_nonzero(samples == -_FULL_SCALE)
    return Level(
        max(_SILENT_DBFS, 20 * math.log10(peak + 1e-10)),
        max(_SILENT_DBFS, 10 * math.log10(variance / _FULL_SCALE**2 + 1e-20)),
        at_full / count,
    )


class _Capture:
    """One open stream's way from PortAudio's thread to the event loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        arrived: Callable[[_Capture, Captured, int], None],
        chunk_samples: int,
        channels: _Channels,
    ) -> None:
        self.loop = loop
        self.last_callback_s = time.monotonic()
        self._arrived = arrived
        self._chunk_samples = chunk_samples
        self._channels = channels
        self._pending = bytearray()  # less than a chunk, at 24 kHz
        self._is_new = True
        self.has_ended = False  # what still comes is nobody's
        self._overflows = 0  # not yet told
        self._level: Level | None = None  # of the newest buffer

    def callback(
        self, data: bytes | None, frames: int, clock: Mapping[str, float], status: int
    ) -> tuple[None, int]:
        """Take one buffer; PortAudio calls this on its own thread."""
        if self.has_ended:
            return None, pyaudio.paComplete
        if self._is_new:
            self._is_new = False
            hurry()  # the thread is PortAudio's, and a new one with each stream
        began_s = callback_began_s(clock)
        self.last_callback_s = began_s
        if status & pyaudio.paInputOverflow:
            self._overflows += 1
        first_sample_s = began_s - capture_age_s(clock, frames / self._channels.rate_hz)
        try:
            self._level = self._channels.level(data or b"")
            cleaned = self._channels.take(data or b"", first_sample_s)
            if cleaned is not None:
                self._cut(cleaned)
        except RuntimeError:
            return None, pyaudio.paComplete  # the event loop has been closed under us
        return None, pyaudio.paContinue

    def _cut(self, cleaned: Cleaned) -> None:
        """Hand over whole chunks."""
        data, first_sample_s = cleaned.pcm, cleaned.first_sample_s
        chunk_bytes = self._chunk_samples * BYTES_PER_SAMPLE
        if not self._pending and len(data) == chunk_bytes:
            self._hand_over(data, first_sample_s, cleaned)
            return
        first_sample_s -= len(self._pending) / BYTES_PER_SAMPLE / WIRE_RATE_HZ
        self._pending += data
        while len(self._pending) >= chunk_bytes:
            self._hand_over(bytes(self._pending[:chunk_bytes]), first_sample_s, cleaned)
            del self._pending[:chunk_bytes]
            first_sample_s += self._chunk_samples / WIRE_RATE_HZ

    def _hand_over(self, pcm: bytes, first_sample_s: float, cleaned: Cleaned) -> None:
        overflows, self._overflows = self._overflows, 0
        captured = Captured(pcm, first_sample_s, cleaned.voice_since_s, cleaned.echo, self._level)
        self.loop.call_soon_threadsafe(self._arrived, self, captured, overflows)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A stream that runs, and what takes its sound."""

    stream: pyaudio.Stream
    capture: _Capture
    rate_hz: int
