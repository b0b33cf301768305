"""The dashboard's HTTP server.

async with Dashboard(Options(path)) as dashboard:
    ...  # dashboard.urls
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from aiohttp import web
from aiohttp.http import HttpProcessingError

from appliance.dashboard.feed import Feed, Live
from appliance.dashboard.guard import add_headers, guard, known_names
from appliance.dashboard.pages import Page, load_pages
from appliance.dashboard.presence import Presence
from appliance.errors import NotRunningError, UsageError
from appliance.metrics.prometheus import CONTENT_TYPE, down_text, prometheus_text

MOST_STREAMS = 16  # browsers that watch at once
MOST_CONNECTIONS = 64  # of any kind; a browser holds up to six
KEEP_ALIVE_S = 15.0  # a connection that asks nothing is closed
BEAT_S = 5.0  # a stream says something at least this often, so that the page notices its end
WRITE_S = 10.0  # a browser that takes nothing for this long is gone
LAST_WORDS_S = 2.0  # that answers on their way have when the server stops


@dataclass(frozen=True, slots=True)
class Options:
    """Where to listen and whom to ask. `sockets` that listen already win over host and port."""

    path: Path  # of the device's status socket
    host: str = "127.0.0.1"
    port: int = 0  # 0 takes a free one
    names: tuple[str, ...] = ()  # that this machine is called by, beside those it knows
    sockets: Sequence[socket.socket] = ()
    beat_s: float = BEAT_S


class Dashboard:
    """Serves from `async with` on. Raises UsageError if the port cannot be had."""

    def __init__(self, options: Options) -> None:
        self.presence = Presence()
        self.feed = Feed(options.path)
        self.urls: list[str] = []
        self._options = options
        self._servers: list[asyncio.Server] = []
        app = web.Application(
            middlewares=[self._count, guard(known_names(options.names))], client_max_size=0
        )
        app.on_response_prepare.append(add_headers)
        app.on_shutdown.append(self._end_streams)
        for path, page in load_pages().items():
            app.router.add_get(path, _sender(page))
        app.router.add_get("/snapshot.json", self._snapshot)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/events", self._events)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_log(),
            handler_cancellation=True,  # a stream ends with its browser, not at the next write
            keepalive_timeout=KEEP_ALIVE_S,
            shutdown_timeout=LAST_WORDS_S,
            lingering_time=LAST_WORDS_S,  # of a body, which nobody may send
        )

    async def __aenter__(self) -> Dashboard:
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        options = self._options
        try:
            if options.sockets:
                for each in options.sockets:
                    self._servers.append(await loop.create_server(self._door, sock=each))
            else:
                server = await loop.create_server(self._door, options.host, options.port)
                self._servers.append(server)
        except OSError as error:
            await self._runner.cleanup()
            raise UsageError(_no_socket(options, error)) from error
        self.urls = [_url(each) for server in self._servers for each in server.sockets]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for server in self._servers:
            server.close()
        await self._runner.cleanup()

    def _door(self) -> asyncio.Protocol:
        server = self._runner.server
        if server is None or len(server.connections) >= MOST_CONNECTIONS:
            return _Full()
        return server()

    @web.middleware
    async def _count(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        with self.presence.one():
            return await handler(request)

    async def _end_streams(self, _app: web.Application) -> None:
        self.feed.close()

    async def _snapshot(self, _request: web.Request) -> web.Response:
        try:
            live = await self.feed.snapshot()
        except NotRunningError as error:
            return web.json_response({"error": str(error)}, status=503)
        return web.Response(body=live.line, content_type="application/json")

    async def _metrics(self, _request: web.Request) -> web.Response:
        try:
            text = prometheus_text(json.loads((await self.feed.snapshot()).line))
        except NotRunningError:
            text = down_text()  # an answer all the same: that the device is away is a figure, too
        return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if self.feed.viewers >= MOST_STREAMS:
            return web.Response(
                status=503, text="Too many are watching.\n", headers={"Retry-After": "5"}
            )
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        if request.method == "HEAD":
            response.force_close()
            await response.prepare(request)
            return response
        async with self.feed.look() as viewer:
            await response.prepare(request)
            await response.write(b"retry: 1000\n\n")
            while True:
                try:
                    async with asyncio.timeout(self._options.beat_s):
                        news = await viewer.next()
                except TimeoutError:
                    await self._write(response, "beat", b"{}")
                    continue
                if news is None:
                    return response
                if isinstance(news, Live):
                    await self._write(response, "snapshot", news.line)
                else:
                    await self._write(response, "gone", json.dumps({"why": news.why}).encode())

    async def _write(self, response: web.StreamResponse, event: str, data: bytes) -> None:
        message = b"event: " + event.encode() + b"\ndata: " + data + b"\n\n"
        async with asyncio.timeout(WRITE_S):
            await response.write(message)


def _log() -> logging.Logger:
    """Return a logger for mistakes of ours; requests that are no HTTP are those of a stranger, who
    must not fill the journal with them.
    """
    log = logging.Logger("dashboard", logging.WARNING)
    log.addFilter(lambda record: not _is_about_no_http(record))
    return log


def _is_about_no_http(record: logging.LogRecord) -> bool:
    return record.exc_info is not None and isinstance(record.exc_info[1], HttpProcessingError)


class _Full(asyncio.Protocol):
    """Closes a connection that there is no place for."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def _sender(page: Page) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def send(request: web.Request) -> web.Response:
        return page.answer(request)

    return send


def _no_socket(options: Options, error: OSError) -> str:
    why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    if options.sockets:
        return f"cannot listen on the socket that was handed over: {why}"
    return f"cannot listen on {options.host}:{options.port}: {why}"


def _url(listening: socket.socket) -> str:
    if listening.family == socket.AF_UNIX:
        return f"unix:{listening.getsockname()}"
    host, port = listening.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104  # compared, not bound
        host = socket.gethostname()
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
