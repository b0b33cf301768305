"""Ask the running device how it is, over its status socket; for tools that may wait for it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from appliance.errors import NotRunningError

VERSION = 1  # of the snapshot
LONGEST_LINE = 1 << 20  # bytes; a snapshot has some ten thousand
TIMEOUT_S = 5.0  # a device that is well answers in milliseconds, and a watched one each second


def default_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the device's socket is, if nothing else is said."""
    directory = environ.get("RUNTIME_DIRECTORY", "").split(":")[0]  # systemd's
    return Path(directory or "/run/appliance") / "status.sock"


class StatusClient:
    """Asks by a blocking socket. One object serves any number of questions, from any thread."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        """Wait for at most `timeout_s` for each line of an answer."""
        self._timeout_s = timeout_s

    def snapshot(self, path: Path | None = None) -> dict[str, Any]:
        """Return how the device is now; the fields are those of docs/status.md.

        Raises:
            NotRunningError: nobody answers at `path` (default: `default_path`), or not in time.
        """
        with closing(self._ask("snapshot", path or default_path())) as answer:
            for found in answer:
                return found
        raise NotRunningError("appliance ended before it answered; ask again")

    def watch(self, path: Path | None = None) -> Iterator[dict[str, Any]]:
        """Yield how the device is: at once, then after each change, at least once a second.

        It ends when the device does. Close the iterator to stop watching.

        Raises:
            NotRunningError: at the first step, nobody answers at `path` (default: `default_path`);
                at a later one, no longer.
        """
        return self._ask("watch", path or default_path())

    def _ask(self, question: str, path: Path) -> Generator[dict[str, Any], None, None]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(self._timeout_s)
            try:
                connection.connect(str(path))
                connection.sendall(f"{question}\n".encode())
            except (OSError, ValueError) as error:
                raise _unreachable(path, error) from error
            with connection.makefile("rb") as lines:
                while line := _next_line(lines, path):
                    yield _read(line)


def _next_line(lines: Any, path: Path) -> bytes:
    try:
        line: bytes = lines.readline(LONGEST_LINE)
    except ConnectionError:
        return b""  # it ended while something was on its way
    except OSError as error:  # a time-out is one, too
        raise _unreachable(path, error) from error
    return line


def _read(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (RecursionError, ValueError) as wrong:
        raise NotRunningError(f"what answers is no appliance: {wrong}") from wrong
    version = found.get("version") if isinstance(found, dict) else None
    if version != VERSION:
        raise NotRunningError(
            f"the running appliance tells its status in version {version}, this command reads "
            f"version {VERSION}: restart the appliance (systemctl restart appliance)"
        )
    return dict(found)


def _unreachable(path: Path, error: OSError | ValueError) -> NotRunningError:
    match error:
        case FileNotFoundError() | ConnectionRefusedError():
            text = (
                "appliance is not running: systemctl start appliance (journalctl -t appliance "
                f"tells why it ended; nobody answers at {path})"
            )
        case PermissionError():
            text = (
                f"{path}: you may not ask; use sudo, or join its group (usermod -aG appliance YOU)"
            )
        case TimeoutError():
            text = (
                "appliance does not answer: systemctl restart appliance "
                f"(it took longer than allowed at {path})"
            )
        case _:
            text = f"{path}: {error}"
    return NotRunningError(text)
