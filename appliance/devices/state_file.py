"""A small state that outlasts a power cut: always one complete version, never half of one.

What is written goes to a file beside it, from there to the card, and then takes the old one's
place in one step; the old one stays as `.bak`. A file is believed if its checksum is right.
Source: rename(2) and fsync(2); the order of calls is that of "safe save" in ext4's documentation.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

FULL, UNWRITABLE = "disk_full", "state_not_saved"  # in the table of faults
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
RETRY_S = 30.0  # after a write that failed


@dataclass(frozen=True, slots=True)
class Found:
    """What a read came to: the state, None if there is none; a line for each thing amiss."""

    state: dict[str, object] | None
    lines: tuple[str, ...] = ()


class StateFile:
    """One file. Its calls block for as long as the card does: not for the event loop's thread."""

    def __init__(self, path: Path, version: int) -> None:
        """Name the file; nothing is touched. A state has its `version` among its fields."""
        self._path = path
        self._version = version
        self._temporary = path.with_name(f".{path.name}.new")
        self._backup = path.with_name(f"{path.name}.bak")
        self._is_good = False  # what stands there now: only a good one becomes the backup

    def read(self) -> Found:
        """Return the state, or that before it; never raises, whatever the files hold."""
        state, why = self._load(self._path)
        if state is not None:
            self._is_good = True
            return Found(state)
        older, why_not = self._load(self._backup)
        if older is not None:
            lost = why or "is missing"
            return Found(older, (f"{self._path} {lost}: the one before it is used",))
        if not why and not why_not:
            return Found(None)  # a new device
        lines = [f"{self._path} {why}"] if why else []
        lines += [f"{self._backup} {why_not}"] if why_not else []
        return Found(None, tuple(f"{line}: begun anew" for line in lines))

    def write(self, state: Mapping[str, object]) -> None:
        """Put a new state in the place of the old one, and onto the card.

        Raises:
            OSError: it could not be written; the old one stands, and nothing is left behind.
        """
        body = json.dumps(state, separators=(",", ":"), sort_keys=True)
        text = f'{{"crc32":{zlib.crc32(body.encode())},"state":{body}}}\n'
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._write_aside(text.encode())
            self._keep_the_old()
            self._temporary.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                self._temporary.unlink(missing_ok=True)  # what room there is, is needed
            raise
        self._is_good = True
        self._sync_directory()

    def _write_aside(self, data: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self._temporary, flags, 0o600)
        try:
            while data:
                data = data[os.write(descriptor, data) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _keep_the_old(self) -> None:
        """Make the present file the backup, so that at no moment there is neither."""
        if not self._is_good:
            return
        link = self._path.with_name(f".{self._path.name}.old")
        with contextlib.suppress(OSError):  # no hard links here, or no room: it goes without
            link.unlink(missing_ok=True)
            os.link(self._path, link)
            link.replace(self._backup)

    def _sync_directory(self) -> None:
        descriptor = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _load(self, path: Path) -> tuple[dict[str, object] | None, str]:
        """Return a state, or what is wrong with it; no words if there is no such file."""
        try:
            envelope = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None, ""
        except OSError as error:
            return None, f"cannot be read ({error.strerror})"
        except (ValueError, RecursionError):  # no JSON, no UTF-8, or garbage a thousand deep
            return None, "is damaged"
        if not isinstance(envelope, dict) or not isinstance(envelope.get("state"), dict):
            return None, "is damaged"
        state: dict[str, object] = envelope["state"]
        body = json.dumps(state, separators=(",", ":"), sort_keys=True)
        if zlib.crc32(body.encode()) != envelope.get("crc32"):
            return None, "is damaged"
        if state.get("version") != self._version:
            return None, f"is of version {state.get('version')}, not {self._version}"
        return state, ""


class StateKeeper:
    """Writes what it is given, the newest alone, on a thread; tries again until it is written.

    Used on the event loop. `told(fault, why)` is called when writing begins to fail, with its
    fault and the system's words, and with "" for both once it works again.
    """

    def __init__(
        self,
        file: StateFile,
        told: Callable[[str, str], None],
        retry_s: float = RETRY_S,
    ) -> None:
        self._file = file
        self._told = told
        self._retry_s = retry_s
        self._wanted: Mapping[str, object] | None = None  # not on the card yet
        self._fault = ""
        self._task: asyncio.Task[None] | None = None
        self._retry: asyncio.TimerHandle | None = None

    @property
    def has_waiting(self) -> bool:
        """Whether there is a state that is not on the card yet."""
        return self._wanted is not None

    def keep(self, state: Mapping[str, object]) -> None:
        """Have this state written soon. Returns at once."""
        self._wanted = state
        # While the card is full or closed, the retry writes; each charge need not try.
        if self._retry is None:
            self._begin()

    async def close(self) -> None:
        """Write what is not written yet, once, and stop."""
        if self._stop_waiting():
            self._begin()
        if self._task is not None:
            await self._task
        self._stop_waiting()

    def _stop_waiting(self) -> bool:
        """Give the retry up; return whether there was one."""
        retry, self._retry = self._retry, None
        if retry is not None:
            retry.cancel()
        return retry is not None

    def _begin(self) -> None:
        self._retry = None
        if self._task is None and self._wanted is not None:
            self._task = asyncio.create_task(self._write(), name="state")

    async def _write(self) -> None:
        try:
            while self._wanted is not None:
                state, self._wanted = self._wanted, None
                fault, why = await asyncio.to_thread(self._try, state)
                self._tell(fault, why)
                if fault:
                    self._wanted = self._wanted or state
                    loop = asyncio.get_running_loop()
                    self._retry = loop.call_later(self._retry_s, self._begin)
                    return
        finally:
            self._task = None

    def _try(self, state: Mapping[str, object]) -> tuple[str, str]:
        try:
            self._file.write(state)
        except OSError as error:
            why = error.strerror or str(error)
            return (FULL if error.errno in _NO_ROOM else UNWRITABLE), why
        return "", ""

    def _tell(self, fault: str, why: str) -> None:
        if fault != self._fault:
            self._fault = fault
            self._told(fault, why)
