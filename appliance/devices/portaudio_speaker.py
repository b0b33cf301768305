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
import time
from collections.abc import Callable
from dataclasses import dataclass

import pyaudio

from appliance.devices.portaudio_playback import BUFFERS, Playback, Reports
from appliance.devices.portaudio_system import SoundSystem, aside
from appliance.devices.reply_voice import ReplyVoice
from appliance.devices.soundcards import Direction
from appliance.errors import HardwareError
from appliance.ports import Silenced, Sounded
from appliance.session.playout import Playout

LOST_AFTER_S = 2.0  # without a callback
_WATCH_EVERY_S = 0.2
_PRIME_WITHIN_S = 3.0
_LONGEST_BUFFER = 480  # 20 ms
_SHORTEST_BUFFER = 240  # 10 ms: with less, a busy machine lets the card run dry


def buffer_samples(chunk_samples: int, total_samples: int) -> int:
    """Return the size of each of PortAudio's three buffers, at 24 kHz.

    No more than half a chunk, so that the queue follows when smaller chunks are asked for; all
    three together never more than `total_samples`.
    """
    wanted = min(_LONGEST_BUFFER, max(_SHORTEST_BUFFER, chunk_samples // 2))
    return max(1, min(wanted, chunk_samples, total_samples // BUFFERS))


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
        voice: ReplyVoice | None = None,
    ) -> None:
        """Choose a card; nothing is opened.

        Args:
            system: the process's PortAudio.
            selector: see devices.soundcards.
            chunk_samples: most that is handed to the card at a time, at 24 kHz.
            total_samples: most that is ever queued toward it, at 24 kHz.
            handed_over: gets all that goes to the card, silence included, at its volume (s16le
                mono, 24 kHz), on PortAudio's thread: what an echo canceller needs to know.
            voice: what replies are put through; None to play them as they come.
        """
        self.underflows = 0
        self.opens = 0
        self.native_rate_hz = 0
        self._system = system
        self._selector = selector
        self._buffer_samples = buffer_samples(chunk_samples, total_samples)
        self._handed_over = handed_over
        self._voice = voice
        self._volume = 1.0
        self._stream: pyaudio.Stream | None = None
        self._playback: Playback | None = None
        self._opened: _Opened | None = None  # and not yet started
        self._sounded: Callable[[Sounded], None] | None = None
        self._drained: Callable[[], None] | None = None
        self._lost: Callable[[str], None] | None = None
        self._last_playout = Playout()
        self._watch: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Do all of `start` that may take long; the event loop goes on (see ports.Speaker)."""
        if self._stream is not None:
            raise HardwareError("the loudspeaker is open already")
        self._opened = None
        loop = asyncio.get_running_loop()
        self._opened = await aside(lambda: self._open(loop), self._release)

    def start(
        self,
        sounded: Callable[[Sounded], None],
        drained: Callable[[], None],
        lost: Callable[[str], None],
    ) -> None:
        """Open the stream and return when the card plays it (silence, to begin with).

        Call it on the event loop, which it holds up for some tens of milliseconds unless `open`
        has done the work.

        Raises:
            HardwareError: no such card, it is busy, it does not play; or started already.
        """
        if self._stream is not None:
            raise HardwareError("the loudspeaker is open already")
        opened, self._opened = self._opened or self._open(asyncio.get_running_loop()), None
        self._sounded, self._drained, self._lost = sounded, drained, lost
        opened.playback.volume = self._volume
        self._playback, self._stream = opened.playback, opened.stream
        self.opens += 1
        self.native_rate_hz = opened.rate_hz
        self._watch = opened.playback.reports.loop.call_later(_WATCH_EVERY_S, self._look)

    def _open(self, loop: asyncio.AbstractEventLoop) -> _Opened:
        """Open the card and wait until it plays. On any thread."""
        device = self._system.find(self._selector, Direction.PLAYBACK)
        # A card's own device with two outputs would play mono on the left one alone; a PCM of
        # ALSA's configuration spreads mono by itself.
        channels = 2 if device.card_number is not None and device.outputs > 1 else 1
        rate_hz = self._system.rate_for(device, Direction.PLAYBACK, channels)
        playback = Playback(
            rate_hz,
            channels,
            self._buffer_samples,
            Reports(loop, self._tell_sounded, self._tell_drained, self._ran_dry),
            self._volume,
            self._handed_over,
            self._voice,
        )
        stream = self._system.open(
            device,
            Direction.PLAYBACK,
            rate_hz=rate_hz,
            channels=channels,
            frames=playback.buffer_frames,
            callback=playback.callback,
        )
        if not playback.playing.wait(_PRIME_WITHIN_S):
            playback.end()
            self._system.release(stream)
            raise HardwareError(f"sound card {device.name} takes sound but plays none of it")
        return _Opened(stream, playback, rate_hz)

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
        heard_ms = self._last_playout.heard_ms(item_id, 0)
        return heard_ms if self._voice is None else self._voice.source_ms(heard_ms)

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
        if self._opened is not None:
            self._release(self._opened)
        if self._stream is not None:
            self._system.release(self._stream)
        self._stream = self._opened = None

    def _release(self, opened: _Opened) -> None:
        opened.playback.end()
        self._system.release(opened.stream)

    def _tell_sounded(self, report: Sounded) -> None:
        if self._sounded is not None:
            self._sounded(report)

    def _tell_drained(self) -> None:
        if self._drained is not None:
            self._drained()

    def _ran_dry(self) -> None:
        self.underflows += 1

    def _look(self) -> None:
        playback, stream = self._playback, self._stream
        self._watch = None
        if playback is None or stream is None or self._lost is None:
            return
        quiet_s = time.monotonic() - playback.last_callback_s
        if quiet_s > LOST_AFTER_S:
            self._lost(f"the loudspeaker took nothing for {quiet_s:.1f} s")
        elif not SoundSystem.runs(stream):
            self._lost("the loudspeaker's stream has ended")
        else:
            self._watch = playback.reports.loop.call_later(_WATCH_EVERY_S, self._look)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A stream that runs, and what fills it."""

    stream: pyaudio.Stream
    playback: Playback
    rate_hz: int
