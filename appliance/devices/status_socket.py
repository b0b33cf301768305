"""Tell whoever asks on a socket of this machine how the device is: a line of JSON a time.

A client sends one line. `snapshot` gets one line, and the end. `watch` gets one line at once, and
one more each time something has changed, at most ten a second and at least one a second. Nobody
holds the device up: clients are few, and one that does not read is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from appliance.ports import Journal

NAME = "status.sock"
DIRECTORY = Path("/run/appliance")  # where it is unless systemd names another
MODE = 0o660  # the service, and its group

MOST_CLIENTS = 16
ASK_WITHIN_S = 5.0
TAKE_WITHIN_S = 5.0  # a snapshot
LONGEST_QUESTION = 64  # bytes
MOST_UNREAD = 65_536  # bytes beyond what the kernel holds for a client
TICK_S = 0.1
METERS_S = 0.2  # alone, meters need not move faster for an eye


def socket_path(environ: Mapping[str, str], panel_kind: str) -> Path | None:
    """Return where the socket belongs; None if there is to be none.

    A demo or a test, whose panel is a pipe, must not answer for the device beside it.
    """
    named = environ.get("RUNTIME_DIRECTORY", "").split(":")[0]  # systemd's
    if named:
        return Path(named) / NAME
    usable = panel_kind != "pipe" and DIRECTORY.is_dir() and os.access(DIRECTORY, os.W_OK)
    return DIRECTORY / NAME if usable else None


class StatusSocket:
    """The socket, from `start` to `close`; the device runs without it just as well."""

    def __init__(
        self,
        path: Path | None,
        line: Callable[[], bytes],
        revision: Callable[[], int],
        journal: Journal,
    ) -> None:
        """Open nothing yet.

        Args:
            path: where the socket belongs; None for nowhere.
            line: returns the status of now, with its line's end.
            revision: returns another number once something has changed, meters aside.
        """
        self._path = path
        self._line = line
        self._revision = revision
        self._journal = journal
        self._server: asyncio.Server | None = None
        self._clients: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}
        self._watchers: set[asyncio.StreamWriter] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._told_revision = -1
        self._told_s = 0.0

    async def __aenter__(self) -> StatusSocket:
        await self.start()
        return self

    async def __aexit__(self, *ended: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Begin to listen. If that is not possible, one line in the journal says so."""
        if self._path is None:
            return
        try:
            listening = _bound(self._path)
        except OSError as error:
            self._journal.event(
                "no_status_socket",
                f"`appliance status` cannot ask this device: {self._path}: "
                f"{error.strerror or error}",
                level="warning",
            )
            return
        self._server = await asyncio.start_unix_server(
            self._serve, sock=listening, limit=LONGEST_QUESTION
        )

    async def close(self) -> None:
        """Stop listening, drop everybody and take the socket's file away."""
        if self._timer is not None:
            self._timer.cancel()
        if self._server is None or self._path is None:
            return
        self._server.close()
        for client in self._clients:
            client.transport.abort()
        leaving = [task for task in self._clients.values() if task is not None]
        await asyncio.gather(*leaving, return_exceptions=True)
        await self._server.wait_closed()
        with contextlib.suppress(OSError):
            self._path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= MOST_CLIENTS:
            writer.transport.abort()
            return
        self._clients[writer] = asyncio.current_task()
        try:
            # A client that goes away, asks too much or too slowly: that is its own affair.
            with contextlib.suppress(OSError, ValueError, TimeoutError):
                await self._answer(reader, writer)
        finally:
            self._watchers.discard(writer)
            del self._clients[writer]
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(ASK_WITHIN_S):
            question = await reader.readline()
        match question.strip():
            case b"snapshot":
                writer.write(self._line())
                async with asyncio.timeout(TAKE_WITHIN_S):
                    writer.close()
                    await writer.wait_closed()
            case b"":
                pass  # it has gone away
            case b"watch":
                writer.write(self._line())
                self._watchers.add(writer)
                self._told_s = asyncio.get_running_loop().time()
                if self._timer is None:
                    self._tick()
                await writer.wait_closed()
            case _:
                writer.write(b'{"error":"ask for `snapshot` or `watch`"}\n')
                async with asyncio.timeout(TAKE_WITHIN_S):
                    writer.close()
                    await writer.wait_closed()

    def _tick(self) -> None:
        """Tell all watchers what is new, as long as there are any."""
        if not self._watchers:
            self._timer = None
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(TICK_S, self._tick)
        has_changed = self._revision() != self._told_revision
        since_s = loop.time() - self._told_s
        if since_s < (TICK_S * 0.9 if has_changed else METERS_S):
            return
        line = self._line()
        self._told_s, self._told_revision = loop.time(), self._revision()
        for watcher in tuple(self._watchers):
            watcher.write(line)
            if watcher.transport.get_write_buffer_size() > MOST_UNREAD:
                watcher.transport.abort()


def _bound(path: Path) -> socket.socket:
    """Return a socket at this path; a file that an earlier run left there is replaced.

    Raises:
        OSError: there is no such directory, or somebody answers there already.
    """
    if _is_socket(path):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            if probe.connect_ex(str(path)) == 0:
                raise OSError("another device answers there")
        path.unlink()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(listening.fileno(), MODE)  # so that it is never open to more than these
        listening.bind(str(path))
        path.chmod(MODE)  # whatever the umask has taken away
    except OSError:
        listening.close()
        raise
    return listening


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.lstat().st_mode)
    except OSError:
        return False
