"""A device that answers with what it is given, on a socket of a test's own."""

import socket
import tempfile
import threading
from pathlib import Path

import pytest


class FakeDevice:
    """Serves one connection after the other: `answers` are sent, then it hangs up."""

    def __init__(self, path):
        self.path = path
        self.answers = [b""]
        self.questions = []
        self.hangs = threading.Event()  # set: it does not hang up before `release`
        self.release = threading.Event()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while True:
            client, _ = self._listening.accept()
            with client, client.makefile("rb") as lines:
                question = lines.readline()
                if question == b"end\n":
                    return
                self.questions.append(question)
                for answer in self.answers:
                    client.sendall(answer)
                if self.hangs.is_set():
                    self.release.wait(10)

    def close(self):
        self.release.set()
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(str(self.path))
            last.sendall(b"end\n")
        self._thread.join(10)
        self._listening.close()


@pytest.fixture
def directory():
    """A path short enough for a socket: that of a test may not be."""
    with tempfile.TemporaryDirectory(dir="/tmp") as path:
        yield Path(path)


@pytest.fixture
def fake_device(directory):
    device = FakeDevice(directory / "status.sock")
    yield device
    device.close()


INDICATOR = {
    "value": 163.4,
    "unit": "ms",
    "level": "good",
    "target": 200,
    "warning": 300,
    "critical": 500,
    "history": [None] * 57 + [150.0, 160.0, 163.4],
}


@pytest.fixture
def well():
    """A snapshot of a device that is well."""
    return {
        "version": 1,
        "at": 1_795_600_000.0,
        "appliance": "0.1.0",
        "pid": 812,
        "uptime_s": 11_520.0,
        "well": True,
        "state": "idle",
        "light": "idle",
        "link": {"state": "ready", "since_s": 720.0, "reconnects": 2},
        "faults": [],
        "recent_faults": [],
        "indicators": {
            "audio_latency": INDICATOR,
            "connection_uptime": {**INDICATOR, "unit": "%", "value": 99.97},
            "error_rate": {**INDICATOR, "unit": "%", "value": None, "level": "unknown"},
            "memory_usage": {**INDICATOR, "unit": "MB", "value": 83.1, "level": "warning"},
        },
        "spans_ms": {
            "capture_to_sent": {"n": 412, "p50": 92.1, "p95": 107.3, "p99": 108.0},
            "connect": {"n": 0, "p50": None, "p95": None, "p99": None},
        },
        "counters": {
            "turns": 3,
            "answered": 2,
            "failed": 1,
            "too_short": 0,
            "interrupted": 0,
            "reconnects": 2,
            "overflows": 0,
            "underflows": 1,
            "lost_samples": 0,
            "barge_ins": 0,
            "prompts": 1,
        },
        "turns": [
            {
                "turn": 3,
                "at": 1_795_599_990.0,
                "outcome": "no_answer",
                "said_ms": 1620,
                "release_to_first_sound_ms": None,
                "cost_usd": 0.0009,
            }
        ],
        "cost": {"today_usd": 0.0312, "cap_usd": 1.0, "stopped": False},
        "echo": {"converged": True, "loss_db": 31.0, "delay_ms": 58.0},
        "board": {
            "temperature_c": 51.2,
            "resident_mb": 83.1,
            "disk_free_mb": 9000.0,
            "undervolted": False,
        },
        "meters": {"microphone_rms_dbfs": -36.0, "microphone_peak_dbfs": -18.0},
        "settings": {
            "voice": "alloy",
            "language": "en",
            "talk_mode": "hold",
            "model": "gpt-realtime-2.1-mini",
        },
    }


@pytest.fixture
def troubled(well):
    return {
        **well,
        "well": False,
        "faults": [
            {
                "fault": "no_wifi",
                "since_s": 75.0,
                "severity": "standing",
                "cause": "The device is in no network.",
                "cure": "Check the router.",
            }
        ],
        "recent_faults": [
            {"fault": "no_wifi", "at": 1_795_599_925.0, "cause": "x", "cure": "y"},
            {
                "fault": "link_lost",
                "at": 1_795_599_500.0,
                "cause": "The connection was lost.",
                "cure": "It is made again at once.",
            },
        ],
        "cost": {"today_usd": 1.0, "cap_usd": 1.0, "stopped": True},
        "echo": None,
        "meters": None,
    }
