"""Hand, eye, mouth and ear of the tests, inside the machine.

On the serial line comes one JSON object a line, `{"id": n, "do": "press", …}`, and one goes back,
`{"id": n, …}`, with `error` in it if it went wrong. The first line that is sent is `{"hello": …}`.
Every time is of this machine's monotonic clock, in seconds, which is the daemon's as well. Python's
standard library is all it needs.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
import tty
from pathlib import Path
from typing import Any

PINS = Path("/run/gpiosim")
HOST = Path("/mnt/host")
PLAYED, HEARD = "pcm0p/sub0", "pcm1c/sub1"  # the mouth's end of the loopback, the ear's
RUNNING_WITHIN_S = 5.0
STATUS = "/run/appliance/status.sock"
BEAT_S, STALL_S = 0.01, 0.005
PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
WALL = 0x40000000  # waitpid: threads as well

Answer = dict[str, Any]


class Hand:
    """A finger on the button's line, which is low while it is pressed."""

    def __init__(self, pin: int) -> None:
        self._pull = os.open(PINS / f"sim_gpio{pin}/pull", os.O_WRONLY)

    def move(self, down: bool) -> float:
        """Move the line; return the moment right before."""
        at_s = time.monotonic()
        os.pwrite(self._pull, b"pull-down" if down else b"pull-up", 0)
        return at_s


class Eye:
    """Looks at the lines of the LEDs, at moments that no pulse can keep in step with."""

    def __init__(self, pins: list[int], name: str) -> None:
        self._lines = [os.open(PINS / f"sim_gpio{pin}/value", os.O_RDONLY) for pin in pins]
        self._file = (HOST / name).open("w")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(random.uniform(0.0005, 0.0025)):
            values = "".join(os.pread(line, 1, 0).decode() for line in self._lines)
            self._file.write(f"{time.monotonic():.6f} {values}\n")

    def shut(self) -> None:
        """Stop looking; the file is whole then."""
        self._stop.set()
        self._thread.join()
        self._file.close()
        for line in self._lines:
            os.close(line)


class Canary:
    """Goes before everything on its processor; when it is late, that had no time for anybody."""

    def __init__(self, processor: int) -> None:
        self.stalls: list[tuple[float, float]] = []
        self._processor = processor
        threading.Thread(target=self._sing, daemon=True).start()

    def _sing(self) -> None:
        os.sched_setaffinity(0, {self._processor})
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(80))
        before_s = time.monotonic()
        while True:
            time.sleep(BEAT_S)  # how late it wakes is what is measured
            now_s = time.monotonic()
            if now_s - before_s > BEAT_S + STALL_S:
                self.stalls.append((before_s, now_s - before_s - BEAT_S))
            before_s = now_s


def begun_s(stream: str, process: subprocess.Popen[bytes]) -> float:
    """Return when a stream of the loopback met its first sample."""
    status = Path("/proc/asound/Loopback") / stream / "status"
    end_s = time.monotonic() + RUNNING_WITHIN_S
    while time.monotonic() < end_s and process.poll() is None:
        lines = dict(part.partition(":")[::2] for part in status.read_text().splitlines())
        told = {key.strip(): value.strip() for key, value in lines.items()}
        owner = told.get("owner_pid") == str(process.pid)
        if owner and told.get("state") in ("RUNNING", "DRAINING"):
            return float(told["trigger_time"])
        time.sleep(0.002)  # the kernel tells of no change in there
    raise RuntimeError(f"{stream} does not run: {process.args}")


class Agent:
    """Does what it is told; what takes long is done beside the rest."""

    def __init__(self) -> None:
        self._hands: dict[int, Hand] = {}
        self._eyes: dict[str, Eye] = {}
        self._sounds: dict[str, subprocess.Popen[bytes]] = {}
        self._canaries = [Canary(each) for each in sorted(os.sched_getaffinity(0))]

    def run(self, command: str, limit_s: float) -> Answer:
        """Run a shell's command."""
        done = subprocess.run(
            ["bash", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=limit_s,
        )
        return {"code": done.returncode, "out": done.stdout.decode(errors="replace")}

    def move(self, pin: int, moves: list[tuple[float, bool]]) -> Answer:
        """Press and release after so many seconds each; return when."""
        if pin not in self._hands:
            self._hands[pin] = Hand(pin)
        hand = self._hands[pin]
        at_s, due_s = [], time.monotonic()
        for after_s, down in moves:
            due_s += after_s
            time.sleep(max(0.0, due_s - time.monotonic()))  # a finger has its own time
            at_s.append(hand.move(down))
        return {"at_s": at_s}

    def watch(self, pins: list[int], name: str) -> Answer:
        self._eyes[name] = Eye(pins, name)
        return {"at_s": time.monotonic()}

    def watched(self, name: str) -> Answer:
        self._eyes.pop(name).shut()
        return {"at_s": time.monotonic()}

    def say(self, name: str, wait: bool) -> Answer:
        """Play a WAV file into the microphone."""
        command = ["aplay", "-q", "-D", "plughw:Loopback,0,0", str(HOST / name)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        at_s = begun_s(PLAYED, process)
        if wait:
            process.wait()
        self._sounds[name] = process
        return {"at_s": at_s, "ended_s": time.monotonic()}

    def said(self, name: str, cut: bool) -> Answer:
        """Wait until it is over; `cut` ends it now."""
        process = self._sounds.pop(name)
        if cut:
            process.terminate()
        process.wait()
        return {"at_s": time.monotonic()}

    def listen(self, name: str, rate_hz: int) -> Answer:
        """Record what the loudspeaker plays, as raw 16-bit samples."""
        form = ["-t", "raw", "-f", "S16_LE", "-c", "1", "-r", str(rate_hz)]
        command = ["arecord", "-q", "-D", "plughw:Loopback,1,1", *form, str(HOST / name)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        self._sounds[name] = process
        return {"at_s": begun_s(HEARD, process)}

    def heard(self, name: str) -> Answer:
        process = self._sounds.pop(name)
        process.terminate()
        process.wait()
        return {"at_s": time.monotonic()}

    def clock(self) -> Answer:
        return {"at_s": time.monotonic()}

    def stalls(self, since_s: float) -> Answer:
        """Tell when this whole machine stood still, and for how long."""
        stalls = [each for canary in self._canaries for each in canary.stalls]
        return {"stalls": [each for each in stalls if sum(each) >= since_s]}

    def status(self) -> Answer:
        """Ask the daemon how it is."""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(STATUS)
            asking.sendall(b"snapshot\n")
            with asking.makefile() as lines:
                return {"snapshot": json.loads(lines.readline())}

    def freeze(self, pid: int) -> Answer:
        """Let a process's real-time thread, which is its ear, stand still for ever."""
        tasks = [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()]
        urgent = [task for task in tasks if os.sched_getscheduler(task) != os.SCHED_OTHER]
        stopped = threading.Event()
        at_s: list[float] = []

        def hold() -> None:  # a tracer holds only as long as its own thread lives
            libc = ctypes.CDLL(None, use_errno=True)
            for task in urgent:
                for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
                    if libc.ptrace(request, task, None, None):
                        return
            at_s.append(time.monotonic())
            stopped.set()
            # A tracer must see the end of what it traces, or that never ends.
            left = set(urgent)
            while left:
                for task in list(left):
                    if os.WIFSIGNALED(os.waitpid(task, WALL)[1]):
                        left.discard(task)

        threading.Thread(target=hold, daemon=True).start()
        if not urgent or not stopped.wait(5.0):
            raise RuntimeError(f"no thread of {pid} could be stopped: {urgent} of {tasks}")
        return {"at_s": at_s[0], "threads": len(urgent)}


class Line:
    """The serial line."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._file)
        self._writing = threading.Lock()
        self._agent = Agent()

    def tell(self, what: Answer) -> None:
        line = memoryview(json.dumps(what).encode() + b"\n")
        with self._writing:
            while line:
                line = line[os.write(self._file, line) :]

    def serve(self) -> None:
        """Answer for ever."""
        self.tell({"hello": time.monotonic()})
        with os.fdopen(os.dup(self._file), "rb") as lines:
            for line in lines:
                threading.Thread(target=self._do, args=(json.loads(line),), daemon=True).start()

    def _do(self, asked: dict[str, Any]) -> None:
        number = asked.pop("id")
        try:
            answer = getattr(self._agent, asked.pop("do"))(**asked)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test must hear of it
            answer = {"error": f"{type(error).__name__}: {error}"}
        self.tell({"id": number, **answer})


if __name__ == "__main__":
    Line(sys.argv[1]).serve()
