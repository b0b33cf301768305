"""The room's own process: `python -m appliance.demo.renderer`, beside the device's.

It reads what loudspeaker and mouth play, 10 ms at a time, and writes what the microphone hears. It
says `{"kind": "ready"}` on standard output, and what it cost when standard input is closed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import threading
import time
from pathlib import Path

import numpy as np

from appliance.demo.pulse import Listener, Talker
from appliance.demo.rendering import BLOCK, RoomSound
from appliance.demo.room import Responses, Room, responses_of
from appliance.errors import HardwareError
from appliance.units import WIRE_RATE_HZ

AHEAD = 4  # blocks queued toward the microphone: what this process may be late by
_URGENT = -10  # niceness, where it is allowed: a late block is a hole in the microphone


def main() -> int:
    """Render until standard input ends; return 0, or 1 with one line if sound fails."""
    parser = argparse.ArgumentParser(prog="python -m appliance.demo.renderer")
    parser.add_argument("--server", required=True, help="address of the PulseAudio server")
    parser.add_argument("--room", required=True, type=json.loads, help="fields of Room, as JSON")
    parser.add_argument("--speech", type=Path, required=True, help="where the mouth's part goes")
    args = parser.parse_args()
    fields = args.room
    room = Room(**{**fields, "size_m": tuple(fields["size_m"])})
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, _URGENT)
    ended = threading.Event()
    threading.Thread(target=_wait_for_the_end, args=(ended,), daemon=True).start()
    try:
        _render(args.server, room, responses_of(room), args.speech, ended)
    except HardwareError as error:
        if not ended.is_set():  # else the server has gone first, which is as good
            sys.stderr.write(f"{error}\n")
            return 1
    return 0


def _wait_for_the_end(ended: threading.Event) -> None:
    while sys.stdin.read(1):
        pass
    ended.set()


def _render(
    server: str, room: Room, responses: Responses, speech: Path, ended: threading.Event
) -> None:
    sound = RoomSound(room, responses)
    sources = [Listener(server, f"{name}.monitor", BLOCK) for name in ("spk", "mouth")]
    microphone = Talker(server, "mic", BLOCK, AHEAD)
    queued_s: list[float] = []  # ahead of each block
    xruns, late_blocks, was_late = 0, 0, False
    began_s, used_s = time.monotonic(), time.process_time()
    _tell({"kind": "ready"})
    with speech.open("wb") as kept:
        while not ended.is_set():
            loudspeaker, mouth = (_floats(source.read()) for source in sources)
            heard, spoken = sound.process(loudspeaker, mouth)
            ahead_s = microphone.latency_s()
            late = ahead_s == 0.0 and bool(queued_s)
            xruns += late and not was_late
            late_blocks += late
            was_late = late
            microphone.write(_pcm(heard))
            queued_s.append(ahead_s)
            kept.write(_pcm(spoken))
    took_s = time.monotonic() - began_s
    block_s = BLOCK / WIRE_RATE_HZ
    p50, p95, p99 = (  # taken down at once, it has rendered nothing
        round(float(np.percentile(queued_s or [0.0], p) + block_s) * 1000, 1) for p in (50, 95, 99)
    )
    _tell(
        {
            "kind": "summary",
            "latency_ms": {"n": len(queued_s), "p50": p50, "p95": p95, "p99": p99},
            "xruns": xruns,
            "late_ms": round(late_blocks * block_s * 1000),
            "clipped_samples": sound.clipped,
            "rt60_s": round(responses.rt60_s, 3),
            "echo_to_speech_db": sound.echo_to_speech_db(),
            "cpu_percent": round((time.process_time() - used_s) / took_s * 100, 1),
        }
    )


def _floats(pcm: bytes) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.frombuffer(pcm, "<i2") / 32768.0


def _pcm(samples: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bytes:
    scaled = np.clip(np.rint(samples * 32768.0), -32768, 32767)
    return scaled.astype("<i2").tobytes()


def _tell(record: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
