"""A whole Debian with systemd as its first process, in a container: up in a second.

It is a copy-on-write layer over a root file system, with a network of its own that leads nowhere.
There are no sound cards and no GPIO in it, and limits of memory and processor are not enforced:
that is for the virtual machine.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from appliance.errors import UsageError

BOOT_WITHIN_S = 60.0
STOP_WITHIN_S = 20.0
_UP = ("running", "degraded")  # what `systemctl is-system-running` says at the end of a start
_INSIDE = ("-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w")  # nsenter: all that it has of its own
_CLEAN = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


class CommandError(AssertionError):
    """A command in the container ended with another code than 0."""


class Container:
    """One container; a context manager: up while it is entered."""

    def __init__(self, root: Path, home: Path, shared: Mapping[str, Path] | None = None) -> None:
        """Name its parts; nothing is started.

        Args:
            root: the root file system, which stays as it is.
            home: an empty folder for what changes.
            shared: folders of this machine by where they are seen inside, read-only.
        """
        self._home = home
        self._root = root
        self._shared = shared or {}
        self._mount = home / "root"
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._leader = 0

    @property
    def files(self) -> Path:
        """Its root file system, as seen from here; without what it mounts itself (/run, /tmp)."""
        return self._mount

    def __enter__(self) -> Self:
        for name in ("upper", "work", "root"):
            (self._home / name).mkdir(parents=True, exist_ok=True)
        layers = f"lowerdir={self._root},upperdir={self._home}/upper,workdir={self._home}/work"
        self._host("mount", "-t", "overlay", "overlay", "-o", layers, str(self._mount))
        try:
            self._boot()
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

    def reboot(self) -> None:
        """Shut it down in good order and start it again; what is on its disk stays."""
        self._shut_down()
        self._boot()

    def sh(self, script: str, *, check: bool = True, within_s: float = 120.0) -> str:
        """Run a shell script in there as root; return its output, both streams in one.

        Raises:
            CommandError: it ended with another code than 0, and `check` is set.
        """
        command = ["nsenter", "-t", str(self._leader), *_INSIDE, "--", "sh", "-euc", script]
        done = subprocess.run(
            command,
            env=_CLEAN,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=within_s,
            check=False,
        )
        if check and done.returncode:
            raise CommandError(f"{script}\nended with {done.returncode}\n{done.stdout}")
        return done.stdout.strip()

    def in_network(self, command: list[str]) -> list[str]:
        """Return a command that runs on this machine, but in the container's network."""
        return ["nsenter", "-t", str(self._leader), "-n", "--", *command]

    def show(self, unit: str, property_: str) -> str:
        """Return one property of a unit."""
        return self.sh(f"systemctl show --value -p {property_} {unit}")

    def journal(self, *matches: str) -> list[dict[str, str]]:
        """Return the lines of the journal that match, oldest first."""
        arguments = shlex.join(matches)
        lines = self.sh(f"journalctl --no-pager -q -o json {arguments}").splitlines()
        return [json.loads(line) for line in lines]

    def wait(self, holds: Callable[[], bool], within_s: float, what: str) -> float:
        """Wait until something holds; return how long it took, in seconds.

        Raises:
            AssertionError: it does not; with the newest lines of the journal.
        """
        began_s = time.monotonic()
        while not holds():
            if time.monotonic() - began_s > within_s:
                newest = self.sh("journalctl --no-pager -n 40 -o short-precise", check=False)
                raise AssertionError(f"not within {within_s:g} s: {what}\n{newest}")
            time.sleep(0.1)  # another machine's state: there is nothing to be woken by
        return time.monotonic() - began_s

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file in there."""
        there = self._mount / path.lstrip("/")
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text(text)
        there.chmod(mode)

    def _boot(self) -> None:
        command = [
            "systemd-nspawn",
            "--quiet",
            "--boot",
            f"--directory={self._mount}",
            f"--machine=appliance-{uuid.uuid4().hex[:8]}",
            "--register=no",  # this machine may have no systemd of its own
            "--keep-unit",
            "--private-network",
            "--link-journal=no",
            "--resolv-conf=off",
            "--timezone=off",
            "--console=pipe",
            "--kill-signal=SIGRTMIN+4",
            *(f"--bind-ro={here}:{there}" for there, here in self._shared.items()),
        ]
        # On a machine with both versions of control groups it would take the older one.
        environ = {**_CLEAN, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        with (self._home / "console.log").open("wb") as console:
            self._nspawn = subprocess.Popen(
                command,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        began_s = time.monotonic()
        while not self._is_up():
            if self._nspawn.poll() is not None or time.monotonic() - began_s > BOOT_WITHIN_S:
                console_text = (self._home / "console.log").read_text(errors="replace")
                raise UsageError(f"the container does not start:\n{console_text[-4000:]}")
            time.sleep(0.1)  # another machine's state: there is nothing to be woken by

    def _is_up(self) -> bool:
        """Whether its systemd has started all that it wants."""
        self._leader = self._leader or self._find_leader()
        if not self._leader:
            return False
        return self.sh("systemctl is-system-running", check=False) in _UP

    def _find_leader(self) -> int:
        """Return the container's first process, 0 while there is none."""
        assert self._nspawn is not None
        for children in Path(f"/proc/{self._nspawn.pid}/task").glob("*/children"):
            for pid in children.read_text().split():
                with contextlib.suppress(OSError):
                    if Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
                        return int(pid)
        return 0

    def _shut_down(self) -> None:
        if self._nspawn is not None:
            self._nspawn.terminate()
            try:
                self._nspawn.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._nspawn.kill()
                self._nspawn.wait()
            self._nspawn = None
        self._leader = 0

    def _end(self) -> None:
        self._shut_down()
        self._host("umount", "--lazy", str(self._mount))

    @staticmethod
    def _host(*command: str) -> None:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UsageError(f"{shlex.join(command)}: {done.stderr.strip()}")
