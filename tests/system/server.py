"""The local Realtime server at our end of the cable, and what went through it."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from cable import HERE, Cable
from numpy.typing import NDArray

from appliance.errors import UsageError

PORT = 8765
Pcm = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Connection:
    """What went through one connection."""

    folder: Path

    @property
    def received(self) -> Pcm:
        """All that the device sent: int16, mono, 24 kHz."""
        return _sound(self.folder / "received.wav")

    @property
    def replies(self) -> Pcm:
        """All replies, one after the other: int16, mono, 24 kHz."""
        return _sound(self.folder / "replies.wav")

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """Return the events of this type, in order; see `simulator.record`."""
        with contextlib.suppress(FileNotFoundError):
            lines = (self.folder / "events.jsonl").read_text().splitlines()
            found = [json.loads(line) for line in lines if line.endswith("}")]
            return [each for each in found if kind in ("", each["event"]["type"])]
        return []


class Server:
    """Runs while it is entered; does what its script says, and keeps all."""

    def __init__(self, cable: Cable, home: Path) -> None:
        self._cable, self._home = cable, home

    @contextlib.contextmanager
    def serving(self, script: str = "") -> Iterator[Server]:
        """Serve; `script` is TOML (docs/simulator.md)."""
        self._home.mkdir(parents=True)
        (self._home / "script.toml").write_text(script)
        where = ["--host", HERE, "--port", str(PORT), "--record", str(self._home / "record")]
        where += ["--script", str(self._home / "script.toml")]
        command = [sys.executable, "-m", "appliance", "simulator", *where]
        process = subprocess.Popen(
            self._cable.at_our_end(command), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        try:
            line = process.stdout.readline() if process.stdout else b""
            if b"listening" not in line:
                raise UsageError("the local server did not start")
            yield self
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate()

    def connections(self) -> list[Connection]:
        return [Connection(each) for each in sorted((self._home / "record").glob("connection-*"))]

    def received(self) -> Pcm:
        """All that came, of all connections, in order."""
        return np.concatenate([np.zeros(0, np.int16), *(c.received for c in self.connections())])

    def replies(self) -> Pcm:
        return np.concatenate([np.zeros(0, np.int16), *(c.replies for c in self.connections())])

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        return [event for each in self.connections() for event in each.events(kind)]

    def took_s(self) -> float:
        """Return the time between the last question's end and its answer's begin, here; 0: none."""
        commits = self.events("input_audio_buffer.commit")
        if not commits:
            return 0.0
        asked_s = commits[-1]["t"]
        deltas = [each["t"] for each in self.events("response.output_audio.delta")]
        return float(next((at - asked_s for at in deltas if at > asked_s), 0.0))


def _sound(path: Path) -> Pcm:
    if not path.exists() or path.stat().st_size <= 44:
        return np.zeros(0, np.int16)
    pcm: Pcm = soundfile.read(path, dtype="int16")[0]
    return pcm
