"""A virtual machine with a button, LEDs, a microphone, a loudspeaker and a cable.

All times are of its monotonic clock, in seconds, which its daemon and its journal tell as well.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import queue
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
from cable import Cable
from cache import cache_folder
from serial_line import Agent, MachineError

BUTTON, LEDS = 17, (22, 23, 24)  # BCM numbers: the settings' defaults
BOOT_WITHIN_S = 90.0
MEMORY = "512M"  # a Zero 2 W's
EAR_HZ = 24_000

Pcm = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Tape:
    """What was heard: `pcm` int16, mono, 24 kHz, from `begin_s` on."""

    pcm: Pcm
    begin_s: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What the LEDs gave at each moment: `at_s` shape (n,), `lit` bool, shape (n, 3)."""

    at_s: NDArray[np.float64]
    lit: NDArray[np.bool_]


class Machine:
    """One virtual machine; up while it is entered."""

    def __init__(self, kernel: Path, disk: Path, home: Path) -> None:
        """Name its parts; nothing is started.

        Args:
            disk: an ext4 image, which stays as it is.
            home: an empty folder; `shared` in it is the machine's /mnt/host.
        """
        self.shared = home / "shared"
        self.cable = Cable(f"appliance-{os.getpid()}")
        self._kernel, self._disk, self._home = kernel, disk, home
        self._process: subprocess.Popen[bytes] | None = None
        self._names = itertools.count(1)
        self._journal: list[dict[str, Any]] = []
        self._journal_at = 0  # bytes of the file that have been read

    def __enter__(self) -> Self:
        self.shared.mkdir(parents=True)
        # Two at once would take each other's time.
        self._turn = (cache_folder() / "machine.lock").open("w")
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        self.cable.lay()
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _start(self) -> None:
        ours, its = socket.socketpair()
        serial = its.fileno()
        command = [
            str(self._kernel),
            f"mem={MEMORY}",
            "ncpus=2",
            "seccomp=on",
            f"ubd0={self._home / 'changes'},{self._disk}",
            "root=/dev/ubda",
            "rootfstype=ext4",
            "rw",
            f"hostfs={self.shared}",
            f"umid={self.cable.name}",
            f"vec0:transport=raw,ifname={self.cable.interface},depth=64,gro=0",
            "con=null",
            "con0=null,fd:1",
            f"ssl0=fd:{serial},fd:{serial}",
            "loglevel=5",
            "net.ifnames=0",
            "systemd.show_status=0",
        ]
        with (self._home / "console.log").open("wb") as console:
            self._process = subprocess.Popen(
                self.cable.at_our_end(command),
                env={**os.environ, "TMPDIR": "/dev/shm", "HOME": str(self._home)},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                pass_fds=[serial],
                start_new_session=True,
            )
        its.close()
        # Its sound is in real time, whatever else is to be done here.
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(self._process.pid, os.SCHED_RR, os.sched_param(1))
        self._agent = Agent(ours)
        self._wait_for_hello()

    def _wait_for_hello(self) -> float:
        try:
            return self._agent.hello.get(timeout=BOOT_WITHIN_S)
        except queue.Empty as none:
            told = (self._home / "console.log").read_text(errors="replace")[-3000:]
            raise MachineError(f"the machine does not come up:\n{told}") from none

    def _end(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._agent.close()
        self.cable.remove()
        self._turn.close()
        (self._home / "changes").unlink(missing_ok=True)

    def reboot(self) -> float:
        """Shut it down in good order and start it again.

        Returns:
            when the agent was there again, in seconds after the new start.
        """
        self.sh("systemctl --no-block reboot")
        return self._wait_for_hello()

    # Inside

    def sh(self, command: str, *, check: bool = True, within_s: float = 60.0) -> str:
        """Run a shell's command in there as root; return its output, both streams in one.

        Raises:
            MachineError: it ended with another code than 0, and `check` is set; or it does not end.
        """
        done = self._agent.ask("run", within_s + 5.0, command=command, limit_s=within_s)
        if check and done["code"]:
            raise MachineError(f"{command}\nended with {done['code']}\n{done['out']}")
        return str(done["out"]).strip()

    def show(self, unit: str, name: str) -> str:
        """Return one property of a unit."""
        return self.sh(f"systemctl show --value -p {name} {unit}")

    def write(self, path: str, text: str) -> None:
        """Write a file in there, which anybody may read."""
        name = f"file-{next(self._names)}"
        (self.shared / name).write_text(text)
        self.sh(f"install -D -m 644 /mnt/host/{name} {shlex.quote(path)}")

    def journal(self, since_s: float = 0.0, **fields: str) -> list[dict[str, Any]]:
        """Return the lines of this boot's journal that have these fields, oldest first.

        Nothing is started in there for it, so that it may be asked often.

        Args:
            since_s: the monotonic time from which on they count.
            fields: as APPLIANCE_EVENT="turn".
        """
        boot = self._lines()[-1]["_BOOT_ID"] if self._lines() else ""
        return [
            line
            for line in self._lines()
            if line["_BOOT_ID"] == boot
            and at_s(line) >= since_s
            and all(line.get(name) == value for name, value in fields.items())
        ]

    def events(self, name: str, since_s: float = 0.0) -> list[dict[str, Any]]:
        """Return the daemon's lines of this event."""
        return self.journal(since_s, APPLIANCE_EVENT=name)

    def _lines(self) -> list[dict[str, Any]]:
        with contextlib.suppress(FileNotFoundError), (self.shared / "journal.jsonl").open() as file:
            file.seek(self._journal_at)
            whole = file.read().rpartition("\n")[0]
            if whole:
                self._journal_at += len(whole.encode()) + 1
                self._journal += [json.loads(line) for line in whole.splitlines()]
        return self._journal

    def clock_s(self) -> float:
        """Return the machine's monotonic time."""
        return float(self._agent.ask("clock", 10.0)["at_s"])

    def wait(self, holds: Callable[[], Any], within_s: float, what: str) -> Any:
        """Wait until something about it holds, and return that.

        Raises:
            MachineError: it does not; with the newest lines of the journal.
        """
        end_s = time.monotonic() + within_s
        while not (found := holds()):
            if time.monotonic() > end_s:
                newest = [
                    f"{at_s(line):9.3f} {line.get('MESSAGE')}" for line in self._lines()[-40:]
                ]
                raise MachineError("\n".join([f"not within {within_s:g} s: {what}", *newest]))
            time.sleep(0.02)  # another machine's state: there is nothing to be woken by
        return found

    def wait_for(self, name: str, since_s: float, within_s: float = 30.0) -> dict[str, Any]:
        """Wait for an event of the daemon's since then; return the first."""
        lines = self.wait(lambda: self.events(name, since_s), within_s, f"the event {name}")
        return dict(lines[0])

    def stalled_s(self, since_s: float) -> float:
        """Return for how long at once the whole machine has stood still since then, at most."""
        stalls = self._agent.ask("stalls", 20.0, since_s=since_s)["stalls"]
        return max((float(for_s) for _, for_s in stalls), default=0.0)

    def snapshot(self) -> dict[str, Any]:
        """Return what the daemon tells on its status socket."""
        return dict(self._agent.ask("status", 20.0)["snapshot"])

    def freeze_ear(self, pid: int) -> float:
        """Let the capture thread of a daemon stand still for ever; return when."""
        return float(self._agent.ask("freeze", 20.0, pid=pid)["at_s"])

    # What a person does

    def press(self) -> float:
        """Press the button; return when."""
        return self.finger([(0.0, True)])[0]

    def release(self) -> float:
        return self.finger([(0.0, False)])[0]

    def finger(self, moves: list[tuple[float, bool]]) -> list[float]:
        """Press (True) and release (False) after so many seconds each; return when it was."""
        within_s = sum(after_s for after_s, _ in moves) + 20.0
        return list(self._agent.ask("move", within_s, pin=BUTTON, moves=moves)["at_s"])

    def say(self, wav: Path, *, wait: bool = True) -> tuple[float, float]:
        """Play a WAV file to the microphone; return when it begins, and when it was over.

        Without `wait`, `said` waits for the end of it.
        """
        if wav.parent != self.shared:
            shutil.copy(wav, self.shared / wav.name)
        told = self._agent.ask("say", 120.0, name=wav.name, wait=wait)
        return float(told["at_s"]), float(told["ended_s"])

    def said(self, wav: Path, *, cut: bool = False) -> float:
        """Wait until a WAV file has been played, or `cut` it off; return when that was."""
        return float(self._agent.ask("said", 120.0, name=wav.name, cut=cut)["at_s"])

    @contextlib.contextmanager
    def ear(self) -> Iterator[list[Tape]]:
        """Listen to the loudspeaker; the list gets one tape at the end."""
        name, tapes = f"ear-{next(self._names)}.pcm", list[Tape]()
        begin_s = self._agent.ask("listen", 20.0, name=name, rate_hz=EAR_HZ)["at_s"]
        yield tapes
        self._agent.ask("heard", 20.0, name=name)
        tapes.append(Tape(np.fromfile(self.shared / name, np.int16), float(begin_s)))

    @contextlib.contextmanager
    def eye(self) -> Iterator[list[Seen]]:
        """Look at the LEDs; the list gets what was seen at the end."""
        name, seen = f"eye-{next(self._names)}.txt", list[Seen]()
        self._agent.ask("watch", 20.0, pins=LEDS, name=name)
        yield seen
        self._agent.ask("watched", 20.0, name=name)
        rows = [line.split() for line in (self.shared / name).read_text().splitlines()]
        at = np.array([float(at) for at, _ in rows])
        seen.append(Seen(at, np.array([[each == "1" for each in bits] for _, bits in rows])))


def at_s(line: dict[str, Any]) -> float:
    """Return when a line of the journal came."""
    return int(line["__MONOTONIC_TIMESTAMP"]) / 1e6
