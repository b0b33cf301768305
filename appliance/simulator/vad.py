"""Find where speech starts and stops in the input audio. Time is counted in samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import webrtcvad

from appliance.dsp.resample import Resampler
from appliance.simulator.sound import floats, pcm16
from appliance.units import WIRE_RATE_HZ

VAD_RATE_HZ = 16_000
FRAME_MS = 20
FRAME_SAMPLES = VAD_RATE_HZ * FRAME_MS // 1000
START_FRAMES, START_WINDOW = 5, 7  # speech starts when 5 of the last 7 frames are voiced
LASTING_FRAMES = 2  # while someone speaks, a lone voiced frame does not put off the end
FLOOR_DBFS = -55.0  # quieter frames are never speech, whatever their spectrum


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    at_ms: int  # where speech was first seen, prefix padding not yet taken off


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    at_ms: int  # where the silence had lasted long enough


class SpeechDetector:
    """Feeds on s16le mono 24 kHz and reports starts and stops in stream time."""

    def __init__(self, threshold: float, silence_ms: int, start_ms: int) -> None:
        """Begin at `start_ms` of the stream; `threshold` 0.0 (takes anything) to 1.0."""
        self._vad = webrtcvad.Vad(min(3, int(threshold * 4)))
        self._changer = Resampler(WIRE_RATE_HZ, VAD_RATE_HZ)
        self._waiting = b""
        self._silence_frames = max(1, silence_ms // FRAME_MS)
        self._start_ms = start_ms
        self._frames = 0
        self._recent: list[bool] = []
        self._quiet = 0
        self.speaking = False

    def feed(self, pcm: bytes) -> list[SpeechStarted | SpeechStopped]:
        """Return what happened in `pcm`, in order."""
        self._waiting += pcm16(self._changer.process(floats(pcm)))
        found: list[SpeechStarted | SpeechStopped] = []
        size = 2 * FRAME_SAMPLES
        while len(self._waiting) >= size:
            frame, self._waiting = self._waiting[:size], self._waiting[size:]
            self._frames += 1
            if event := self._step(self._voiced(frame)):
                found.append(event)
        return found

    def _step(self, voiced: bool) -> SpeechStarted | SpeechStopped | None:
        now_ms = self._start_ms + self._frames * FRAME_MS
        self._recent = [*self._recent, voiced][-START_WINDOW:]
        if not self.speaking:
            if sum(self._recent) < START_FRAMES:
                return None
            self.speaking, self._quiet = True, 0
            first = self._recent.index(True)
            return SpeechStarted(now_ms - (len(self._recent) - first) * FRAME_MS)
        self._quiet = 0 if all(self._recent[-LASTING_FRAMES:]) else self._quiet + 1
        if self._quiet < self._silence_frames:
            return None
        self.speaking, self._recent = False, []
        return SpeechStopped(now_ms)

    def _voiced(self, frame: bytes) -> bool:
        power = float(np.mean(floats(frame) ** 2))
        loud = 10 * np.log10(power + 1e-12) > FLOOR_DBFS
        return bool(loud) and bool(self._vad.is_speech(frame, VAD_RATE_HZ))
