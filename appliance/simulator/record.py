"""Keep what went through a connection, so that a test can look at it afterwards."""

from __future__ import annotations

import base64
import json
import time
import wave
from pathlib import Path

from appliance.simulator.shape import Json
from appliance.units import BYTES_PER_SAMPLE, WIRE_RATE_HZ


class Recorder:
    """Writes received.wav, replies.wav (24 kHz mono s16) and events.jsonl.

    Every write is flushed with a true WAV header, so that the files are whole whenever the
    process ends. A line of events.jsonl has `t` (monotonic seconds), `direction` ("in" from
    the client, "out"), `received_samples` (appended so far) and `event`, in which sound is
    replaced by {"samples": n}.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._received = _Wav(folder / "received.wav")
        self._replies = _Wav(folder / "replies.wav")
        self._events = (folder / "events.jsonl").open("w", encoding="utf-8")

    def received(self, pcm: bytes) -> None:
        self._received.append(pcm)

    def event(self, direction: str, event: dict[str, Json]) -> None:
        shown = dict(event)
        if event.get("type") == "input_audio_buffer.append" and isinstance(event.get("audio"), str):
            shown["audio"] = {"samples": len(event["audio"]) * 3 // 4 // BYTES_PER_SAMPLE}
        if event.get("type") == "response.output_audio.delta":
            pcm = base64.b64decode(event["delta"])
            self._replies.append(pcm)
            shown["delta"] = {"samples": len(pcm) // BYTES_PER_SAMPLE}
        line = {
            "t": time.monotonic(),
            "direction": direction,
            "received_samples": self._received.samples,
            "event": shown,
        }
        self._events.write(json.dumps(line) + "\n")
        self._events.flush()

    def close(self) -> None:
        self._received.close()
        self._replies.close()
        self._events.close()


class _Wav:
    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._wav = wave.open(self._file, "wb")  # noqa: SIM115 - close() closes it
        self._wav.setnchannels(1)
        self._wav.setsampwidth(BYTES_PER_SAMPLE)
        self._wav.setframerate(WIRE_RATE_HZ)
        self.samples = 0
        self.append(b"")

    def append(self, pcm: bytes) -> None:
        self._wav.writeframes(pcm)
        self._file.flush()
        self.samples += len(pcm) // BYTES_PER_SAMPLE

    def close(self) -> None:
        self._wav.close()
        self._file.close()
