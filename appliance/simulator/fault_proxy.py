"""A TCP proxy that breaks what passes through it; the local server stands behind it.

    async with FaultProxy(server.port) as proxy:
        ...  # connect to proxy.url
        proxy.reset()  # and what is open breaks off

Faults of what is to come last until `heal()`; faults of what is open hit every open connection.
It knows as much of WebSocket as `frames` does.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from typing import Self

from appliance.errors import UsageError
from appliance.simulator.fault_pipe import Pipe, Wrongs
from appliance.simulator.frames import (
    NO_FRAME,
    TEXT,
    Answer,
    FailingResponse,
    close_frame,
    frame,
    plain_request,
)

UPGRADED = b"HTTP/1.1 101"


class FaultProxy:
    """Listens from `async with` on; port 0 takes a free one. `tls` is the server's side of TLS."""

    def __init__(
        self,
        target_port: int,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.port = port
        self.accepted = 0  # connections so far
        self.answer: Answer | None = None
        self.handshake_delay_s = 0.0
        self.is_deaf = False  # takes connections and does not say a word
        self.wrongs = Wrongs()
        self._host = host
        self._tls = tls
        self._target_port = target_port
        self._listener: asyncio.Server | None = None
        self._held: socket.socket | None = None  # has the port while nobody listens
        self._healed = asyncio.Event()
        self._opened = asyncio.Event()
        self._pipes: set[Pipe] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.accept()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.refuse()
        if self._held is not None:
            self._held.close()
        for pipe in self._pipes:
            pipe.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        scheme = "ws" if self._tls is None else "wss"
        return f"{scheme}://{self._host}:{self.port}/v1/realtime"

    # Connections to come

    async def accept(self) -> None:
        """Listen (again). Raises UsageError if the port is taken."""
        if self._listener is not None:
            return
        held, self._held = self._held or self._bound(), None
        self._listener = await asyncio.start_server(self._take, sock=held, ssl=self._tls)

    def refuse(self) -> None:
        """Listen no more: the kernel refuses new connections. Open ones stay."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            self._held = self._bound()  # or the next outgoing connection of anybody may get it

    def _bound(self) -> socket.socket:
        """Return a socket that has the port and does not listen yet."""
        held = None
        try:
            known = socket.getaddrinfo(self._host, self.port, type=socket.SOCK_STREAM)
            family, kind, _, _, address = known[0]
            held = socket.socket(family, kind)
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind(address)
        except OSError as error:
            if held is not None:
                held.close()
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
            raise UsageError(f"cannot listen on {self._host}:{self.port}: {why}") from error
        self.port = held.getsockname()[1]
        return held

    async def heal(self) -> None:
        """Take back everything that lasts, and traps that nothing has sprung."""
        self.answer = None
        self.wrongs.heal()
        self.resume()
        self.answer_waiting()
        await self.accept()

    def answer_waiting(self) -> None:
        """Be deaf and slow no more; who waits for an answer gets it now."""
        self.is_deaf, self.handshake_delay_s = False, 0.0
        self._healed.set()
        self._healed = asyncio.Event()

    def reset_at(self, holding: bytes, count: int) -> None:
        """Break off in the middle of the server's `count`-th frame from now on that holds this."""
        self.wrongs.cut_at = (holding, count)

    def stall_at(self, holding: bytes, count: int) -> None:
        """Go silent, but for pings and pongs, behind the server's `count`-th such frame."""
        self.wrongs.stall_at = (holding, count)

    def fail_next(self, code: str) -> None:
        """Let the next response end as failed, in the middle of its sound."""
        self.wrongs.mangle = FailingResponse(code)

    def duplicate(self) -> None:
        """Send every frame of the server's twice."""
        self.wrongs.times = 2

    def swap(self) -> None:
        """Send every two frames of the server's in the other order."""
        self.wrongs.swaps = True

    # Open connections

    def alive(self) -> list[Pipe]:
        return [pipe for pipe in self._pipes if pipe.is_alive]

    async def until_open(self) -> None:
        """Wait until a client's WebSocket is open."""
        await self._opened.wait()

    def reset(self) -> None:
        for pipe in self.alive():
            pipe.reset()

    def drop(self) -> None:
        """End with a FIN and no close frame."""
        for pipe in self.alive():
            pipe.client.close()

    def stall(self) -> None:
        """Let nothing but pings and pongs through to the client until `resume`."""
        for pipe in self.alive():
            pipe.down.clear()

    def resume(self) -> None:
        for pipe in self.alive():
            pipe.down.set()

    def half_open(self) -> None:
        """Let nothing through any more, either way, and never say so."""
        for pipe in self.alive():
            pipe.half_open()

    def inject(self, data: bytes) -> None:
        """Send bytes to the client, between two frames of the server's."""
        for pipe in self.alive():
            if pipe.is_upgraded:
                pipe.client.write(data)

    def text(self, text: str) -> None:
        self.inject(frame(TEXT, text.encode()))

    def garbage(self) -> None:
        """Send what is no frame at all."""
        self.inject(NO_FRAME)

    def oversized(self, says_bytes: int) -> None:
        """Begin a frame that says it is as long as this."""
        self.inject(frame(TEXT, b"{", says_bytes=says_bytes))

    def close(self, code: int, reason: str = "") -> None:
        """Send the server's goodbye before the server does."""
        self.inject(close_frame(code, reason))

    # The work

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        pipe = Pipe(writer, self.wrongs)
        self._pipes.add(pipe)
        try:
            await self._run(pipe, reader)
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass  # either side is gone, or speaks no HTTP: that is what this is for
        finally:
            self._pipes.discard(pipe)
            pipe.abort()
            if not any(other.is_upgraded for other in self._pipes):
                self._opened.clear()

    async def _run(self, pipe: Pipe, reader: asyncio.StreamReader) -> None:
        request = plain_request(await reader.readuntil(b"\r\n\r\n"))
        if self.is_deaf and await self._is_left(reader, None):
            return
        if self.handshake_delay_s and await self._is_left(reader, self.handshake_delay_s):
            return
        if self.answer is not None:
            pipe.client.write(self.answer.wire())
            await pipe.client.drain()
            pipe.client.close()
            await reader.read()  # until the client has gone
            return
        server_reader, pipe.server = await asyncio.open_connection("127.0.0.1", self._target_port)
        pipe.server.write(request)
        up = asyncio.create_task(pipe.copy_up(reader, pipe.server))
        down = asyncio.create_task(self._down(pipe, server_reader))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (up, down):
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)

    async def _down(self, pipe: Pipe, reader: asyncio.StreamReader) -> None:
        answer = await reader.readuntil(b"\r\n\r\n")
        pipe.client.write(answer)
        pipe.is_upgraded = answer.startswith(UPGRADED)
        if pipe.is_upgraded:
            self._opened.set()
        await pipe.copy_down(reader)

    async def _is_left(self, reader: asyncio.StreamReader, within_s: float | None) -> bool:
        """Wait until it is healed, or for so long; return whether the client has gone before."""
        gone = asyncio.create_task(reader.read(1))  # it says nothing before it is answered
        healed = asyncio.create_task(self._healed.wait())
        try:
            await asyncio.wait(
                {gone, healed}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED
            )
            return gone.done()
        finally:
            gone.cancel()
            healed.cancel()
            await asyncio.gather(gone, healed, return_exceptions=True)
