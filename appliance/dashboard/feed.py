"""What the device says of itself, asked once for all browsers, and not at all when nobody looks."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.errors import NotRunningError
from appliance.status.client import LONGEST_LINE, VERSION

CONNECT_S = 2.0  # a socket of this machine answers at once or never
SILENT_S = 5.0  # the device speaks once a second: after this long it hangs, whatever the reason
RETRY_S = 1.0  # between looks for a device that is not there
FRESH_S = 1.0  # for this long one answer serves everybody who asks


@dataclass(frozen=True, slots=True)
class Live:
    """The device as it was a moment ago: `line` is its snapshot, JSON without a line break."""

    line: bytes


@dataclass(frozen=True, slots=True)
class Gone:
    """Nobody answers: `why` says what is wrong and what helps, for a person."""

    why: str


News = Live | Gone


class Viewer:
    """One who looks. It gets the newest news; what it was too slow for, it never sees."""

    def __init__(self) -> None:
        self._news: News | None = None
        self._changed = asyncio.Event()
        self._ended = False

    def put(self, news: News) -> None:
        self._news = news
        self._changed.set()

    def end(self) -> None:
        self._ended = True
        self._changed.set()

    async def next(self) -> News | None:
        """Wait for news; None when there will be no more."""
        await self._changed.wait()
        if self._ended:
            return None
        self._changed.clear()
        return self._news


class Feed:
    """One connection to the device, shared; all methods belong to the event loop's thread."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Ask at the socket `path`, once somebody looks."""
        self._path = path
        self._clock = clock
        self._viewers: set[Viewer] = set()
        self._following: asyncio.Task[None] | None = None
        self._asking = asyncio.Lock()
        self._latest: tuple[float, Live] | None = None  # when it came, and what
        self._news: News | None = None  # of the connection that stands, or of the last look for one
        self._closed = False

    @property
    def viewers(self) -> int:
        return len(self._viewers)

    @asynccontextmanager
    async def look(self) -> AsyncIterator[Viewer]:
        """Give news for as long as the block lasts; the first to come opens the connection."""
        viewer = Viewer()
        self._viewers.add(viewer)
        if self._closed:
            viewer.end()
        elif self._following is None:
            self._news = None  # of what was before, nobody knows whether it is still so
            self._following = asyncio.create_task(self._follow(), name="dashboard-feed")
        elif self._news is not None:
            viewer.put(self._news)
        try:
            yield viewer
        finally:
            self._viewers.discard(viewer)
            if not self._viewers and self._following is not None:
                self._following.cancel()
                self._following = None

    async def snapshot(self) -> Live:
        """Return how the device is now, or was within the last second.

        Raises:
            NotRunningError: nobody answers.
        """
        async with self._asking:
            if self._latest is not None and self._clock() - self._latest[0] < FRESH_S:
                return self._latest[1]
            try:
                async with asyncio.timeout(CONNECT_S):
                    reader, writer = await self._ask("snapshot")
                    try:
                        return self._take(await reader.readline())
                    finally:
                        writer.close()
            except (OSError, TimeoutError, ValueError) as error:
                raise NotRunningError(_why(self._path, error)) from error

    def close(self) -> None:
        """End every viewer, now and later."""
        self._closed = True
        for viewer in self._viewers:
            viewer.end()

    async def _follow(self) -> None:
        while True:
            try:
                await self._listen()
            except (OSError, TimeoutError, ValueError) as error:
                why = _why(self._path, error)
            except NotRunningError as error:
                why = str(error)
            else:
                why = "The device has stopped. If nobody stopped it, it comes back by itself."
            self._latest = None
            self._tell(Gone(why))
            await asyncio.sleep(RETRY_S)

    async def _listen(self) -> None:
        """Pass on what the device says until it ends the connection."""
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await self._ask("watch")
        try:
            while line := await _within(SILENT_S, reader.readline()):
                self._tell(self._take(line))
        finally:
            writer.close()

    async def _ask(self, question: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_unix_connection(str(self._path), limit=LONGEST_LINE)
        writer.write(f"{question}\n".encode())
        return reader, writer

    def _take(self, line: bytes) -> Live:
        live = _read(line)
        self._latest = self._clock(), live
        return live

    def _tell(self, news: News) -> None:
        self._news = news
        for viewer in self._viewers:
            viewer.put(news)


async def _within(seconds: float, waited: Awaitable[bytes]) -> bytes:
    async with asyncio.timeout(seconds):  # wait_for may swallow a cancel, up to Python 3.11
        return await waited


def _read(line: bytes) -> Live:
    if not line.endswith(b"\n"):
        raise NotRunningError("The device broke off in the middle of a word.")
    try:
        found = json.loads(line, parse_constant=lambda _: None)  # no NaN: browsers do not read it
    except (RecursionError, ValueError) as error:
        raise NotRunningError("What answers at the status socket is no appliance.") from error
    version = found.get("version") if isinstance(found, dict) else None
    if version != VERSION:
        raise NotRunningError(
            f"The device tells its state in version {version}, this page reads version {VERSION}: "
            "restart the device and the dashboard after an update."
        )
    # Written anew: whatever line breaks JSON allows between its words would end an event.
    return Live(json.dumps(found, separators=(",", ":")).encode())


def _why(path: Path, error: Exception) -> str:
    match error:
        case FileNotFoundError() | ConnectionRefusedError():
            return (
                "The device is not running. Start it with: `systemctl start appliance` "
                f"(nobody answers at `{path}`)."
            )
        case PermissionError():
            return f"The dashboard may not open `{path}`: it has to belong to the device's group."
        case TimeoutError():
            return (
                "The device runs, but does not answer. Restart it: `systemctl restart appliance`."
            )
        case ValueError():  # asyncio's word for a line over its limit
            return "What answers at the status socket is no appliance: its line has no end."
        case _:
            return f"`{path}`: {error}"
