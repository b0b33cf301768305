"""The input audio buffer of one connection: voice activity, commits, the idle timer."""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import Protocol

from appliance.simulator.session import SILENCE_MS_BY_EAGERNESS
from appliance.simulator.shape import Json, Refusal
from appliance.simulator.vad import SpeechDetector, SpeechStarted, SpeechStopped
from appliance.units import BYTES_PER_SAMPLE, WIRE_RATE_HZ, samples_to_ms

APPEND_MAX_BYTES = 15 * 1024 * 1024
SHORTEST_COMMIT_MS = 100
SEMANTIC_PADDING_MS = 300
KEPT_QUIET_S = 60  # with voice activity detection on, older quiet is dropped


class Turns(Protocol):
    """What is done with what was heard."""

    async def send(self, kind: str, **fields: Json) -> None: ...
    async def interrupt(self) -> None: ...
    async def take_speech(self, item_id: str, pcm: bytes) -> None: ...
    async def respond(self) -> None: ...
    def new_id(self, kind: str) -> str: ...


class Listening:
    """Takes appended audio. Times in events are stream time: all samples since the start."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._pcm = bytearray()
        self._received = 0
        self._settings: dict[str, Json] | None = None
        self._detector: SpeechDetector | None = None
        self._speech_id = ""
        self._idle: asyncio.TimerHandle | None = None
        self._idle_from_ms = 0
        self.idle_due = asyncio.Event()

    def configure(self, turn_detection: dict[str, Json] | None) -> None:
        """Detect turns in this way from now on; None: only commits end a turn."""
        if turn_detection == self._settings:
            return
        self._settings = turn_detection
        self._detector = None
        if turn_detection is not None:
            self._detector = SpeechDetector(
                turn_detection.get("threshold", 0.5), self._silence_ms(), self._end_ms
            )
        self._stop_idle()

    async def append(self, pcm: bytes) -> None:
        """Take s16le mono 24 kHz."""
        self._pcm += pcm
        self._received += len(pcm) // BYTES_PER_SAMPLE
        if self._detector is None:
            return
        for event in self._detector.feed(pcm):
            if isinstance(event, SpeechStarted):
                await self._started(event)
            else:
                await self._stopped(event)
        if not self._detector.speaking:
            del self._pcm[: -KEPT_QUIET_S * WIRE_RATE_HZ * BYTES_PER_SAMPLE]

    async def commit(self) -> Refusal | None:
        """Make a user item of the whole buffer."""
        ms = len(self._pcm) / BYTES_PER_SAMPLE / WIRE_RATE_HZ * 1000
        if ms < SHORTEST_COMMIT_MS:
            return Refusal(
                "input_audio_buffer_commit_empty",
                "Error committing input audio buffer: buffer too small. Expected at least"
                f" 100ms of audio, but buffer only has {ms:.2f}ms of audio.",
            )
        self._forget_speech()
        pcm = bytes(self._pcm)
        self._pcm.clear()
        await self._turns.take_speech(self._turns.new_id("item"), pcm)
        return None

    async def clear(self) -> None:
        self._pcm.clear()
        self._forget_speech()
        await self._turns.send("input_audio_buffer.cleared")

    def reply_ends_in(self, seconds: float) -> None:
        """Start the idle timer: the reply has been heard to its end in so many seconds."""
        self._stop_idle()
        timeout_ms = (self._settings or {}).get("idle_timeout_ms")
        if timeout_ms is None:
            return
        loop = asyncio.get_running_loop()
        self._idle_from_ms = self._end_ms
        self._idle = loop.call_later(seconds + timeout_ms / 1000, self.idle_due.set)

    async def idle_passed(self) -> None:
        """Commit the quiet that nobody broke, and let the model speak."""
        self.idle_due.clear()
        if self._detector is None or self._detector.speaking:
            return
        item_id = self._turns.new_id("item")
        await self._turns.send(
            "input_audio_buffer.timeout_triggered",
            audio_start_ms=self._idle_from_ms,
            audio_end_ms=self._end_ms,
            item_id=item_id,
        )
        pcm = self._take(self._idle_from_ms, self._end_ms)
        await self._turns.take_speech(item_id, pcm)
        await self._turns.respond()

    @property
    def _end_ms(self) -> int:
        return samples_to_ms(self._received)

    def _silence_ms(self) -> int:
        settings = self._settings or {}
        if settings.get("type") == "semantic_vad":
            return SILENCE_MS_BY_EAGERNESS[settings["eagerness"]]
        return int(settings.get("silence_duration_ms", 200))

    async def _started(self, event: SpeechStarted) -> None:
        assert self._settings is not None
        self._stop_idle()
        padding_ms = self._settings.get("prefix_padding_ms", SEMANTIC_PADDING_MS)
        buffer_start_ms = samples_to_ms(self._received - len(self._pcm) // BYTES_PER_SAMPLE)
        start_ms = max(buffer_start_ms, event.at_ms - padding_ms, 0)
        self._speech_id = self._turns.new_id("item")
        self._take(buffer_start_ms, start_ms)
        await self._turns.send(
            "input_audio_buffer.speech_started", audio_start_ms=start_ms, item_id=self._speech_id
        )
        if self._settings["interrupt_response"]:
            await self._turns.interrupt()

    async def _stopped(self, event: SpeechStopped) -> None:
        assert self._settings is not None
        buffer_start_ms = samples_to_ms(self._received - len(self._pcm) // BYTES_PER_SAMPLE)
        await self._turns.send(
            "input_audio_buffer.speech_stopped", audio_end_ms=event.at_ms, item_id=self._speech_id
        )
        speech = self._take(buffer_start_ms, event.at_ms)
        await self._turns.take_speech(self._speech_id, speech)
        if self._settings["create_response"]:
            await self._turns.respond()

    def _take(self, start_ms: int, end_ms: int) -> bytes:
        """Remove everything before `end_ms`; return of it what lies from `start_ms` on."""
        buffer_start = self._received - len(self._pcm) // BYTES_PER_SAMPLE
        start, end = (
            max(0, ms * WIRE_RATE_HZ // 1000 - buffer_start) * BYTES_PER_SAMPLE
            for ms in (start_ms, end_ms)
        )
        taken = bytes(self._pcm[start:end])
        del self._pcm[:end]
        return taken

    def _forget_speech(self) -> None:
        if self._detector is not None:
            self._detector = SpeechDetector(
                (self._settings or {}).get("threshold", 0.5), self._silence_ms(), self._end_ms
            )

    def _stop_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        self.idle_due.clear()


def decoded(audio: str, path: str) -> bytes | Refusal:
    """Return the PCM in base64 `audio`, or why it is none."""
    if len(audio) * 3 // 4 > APPEND_MAX_BYTES:
        return Refusal("invalid_value", f"Invalid '{path}': more than 15 MiB of audio.", path)
    try:
        pcm = base64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError):
        message = f"Invalid '{path}'. Expected base64-encoded audio bytes."
        return Refusal("invalid_value", message, path)
    if len(pcm) % BYTES_PER_SAMPLE:
        message = f"Invalid '{path}': 16-bit audio has an even number of bytes."
        return Refusal("invalid_value", message, path)
    return pcm
