"""A TCP proxy that breaks what passes through it, for tests: the local server stands behind it.

    async with FaultProxy(server.port) as proxy:
        ...  # connect to proxy.port
        proxy.reset()  # and what is open breaks off

Faults of what is to come last until `heal()`; faults of what is open hit every open connection.
It knows as much of WebSocket as it must: where a frame of the server's ends (RFC 6455, 5.2).
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

CHUNK_BYTES = 65_536
TEXT, CLOSE = 0x1, 0x8  # opcodes

Mangle = Callable[[bytes], list[bytes]]  # one frame of the server's: what is sent in its place


def frame(opcode: int, payload: bytes, *, says_bytes: int | None = None) -> bytes:
    """Return an unmasked frame, as a server sends it; `says_bytes`: a length that may be a lie."""
    length = len(payload) if says_bytes is None else says_bytes
    if length < 126:
        return struct.pack("!BB", 0x80 | opcode, length) + payload
    if length < 2**16:
        return struct.pack("!BBH", 0x80 | opcode, 126, length) + payload
    return struct.pack("!BBQ", 0x80 | opcode, 127, length) + payload


def frame_end(data: bytes) -> int | None:
    """Return where the first frame in `data` ends; None if it is not all there."""
    if len(data) < 2:
        return None
    length, head = data[1] & 0x7F, 2
    if length == 126:
        if len(data) < 4:
            return None
        (length,), head = struct.unpack_from("!H", data, 2), 4
    elif length == 127:
        if len(data) < 10:
            return None
        (length,), head = struct.unpack_from("!Q", data, 2), 10
    end = head + length
    return end if len(data) >= end else None


@dataclass
class Answer:
    """What is answered in place of the server."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def wire(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} Answer", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + self.body


class _Pipe:
    """One client's connection, and the one to the server behind it."""

    def __init__(self, client: asyncio.StreamWriter) -> None:
        self.client = client
        self.server: asyncio.StreamWriter | None = None
        self.flows = asyncio.Event()  # both ways
        self.flows.set()
        self.down = asyncio.Event()  # from the server to the client
        self.down.set()
        self.is_upgraded = False

    def reset(self) -> None:
        """Break off with a TCP reset, as a router does that has forgotten us."""
        sock = self.client.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.abort()

    def abort(self) -> None:
        self.client.transport.abort()
        if self.server is not None:
            self.server.transport.abort()


class FaultProxy:
    """Listens on a free port of 127.0.0.1 from `async with` on."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.accepted = 0  # connections so far
        self.answer: Answer | None = None
        self.handshake_delay_s = 0.0
        self.delay_s = 0.0  # of every chunk, each way
        self.mangle: Mangle = lambda frame: [frame]
        self._cut_at: tuple[bytes, int] | None = None
        self.is_deaf = False  # takes connections and never says a word
        self._target_port = target_port
        self._listener: asyncio.Server | None = None
        self._pipes: set[_Pipe] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.accept()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.refuse()
        for pipe in self._pipes:
            pipe.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1/realtime"

    # Connections to come

    async def accept(self) -> None:
        """Listen (again)."""
        if self._listener is None:
            self._listener = await asyncio.start_server(self._take, "127.0.0.1", self.port)
            self.port = self._listener.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """Listen no more: the kernel refuses new connections. Open ones stay."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def heal(self) -> None:
        """Take back everything that lasts."""
        self.answer, self._cut_at, self.is_deaf = None, None, False
        self.handshake_delay_s = self.delay_s = 0.0
        self.mangle = lambda frame: [frame]
        self.resume()
        await self.accept()

    def reset_at(self, holding: bytes, count: int) -> None:
        """Break off in the middle of the server's `count`-th frame from now on that holds this."""
        self._cut_at = (holding, count)

    # Open connections

    def alive(self) -> list[_Pipe]:
        """Those on which something can happen yet: a half-open one stays as it is."""
        return [p for p in self._pipes if p.flows.is_set() and not p.client.is_closing()]

    def reset(self) -> None:
        for pipe in self.alive():
            pipe.reset()

    def drop(self) -> None:
        """End with a FIN and no close frame."""
        for pipe in self.alive():
            pipe.client.close()

    def stall(self) -> None:
        """Let nothing through to the client until `resume`."""
        for pipe in self.alive():
            pipe.down.clear()

    def resume(self) -> None:
        for pipe in self.alive():
            pipe.down.set()

    def half_open(self) -> None:
        """Let nothing through any more, either way, and never say so."""
        for pipe in self.alive():
            pipe.flows.clear()
            pipe.client.transport.pause_reading()  # type: ignore[attr-defined]  # a TCP transport

    def inject(self, data: bytes) -> None:
        """Send bytes to the client, between two frames of the server's."""
        for pipe in self.alive():
            if pipe.is_upgraded:
                pipe.client.write(data)

    def text(self, text: str) -> None:
        self.inject(frame(TEXT, text.encode()))

    def garbage(self) -> None:
        """Send what is no frame at all: reserved bits and opcode set."""
        self.inject(b"\xff\x7f garbage")

    def oversized(self, says_bytes: int) -> None:
        """Begin a frame that says it is as long as this."""
        self.inject(frame(TEXT, b"{", says_bytes=says_bytes))

    def close(self, code: int, reason: str = "") -> None:
        """Send the server's goodbye before the server does."""
        self.inject(frame(CLOSE, struct.pack("!H", code) + reason.encode()))

    # Ways to mangle

    def duplicate(self) -> None:
        """Send every frame twice."""
        self.mangle = lambda frame: [frame, frame]

    def swap(self) -> None:
        """Send every two frames in the other order."""
        held: list[bytes] = []

        def swapped(frame: bytes) -> list[bytes]:
            held.append(frame)
            if len(held) < 2:
                return []
            out = held[::-1]
            held.clear()
            return out

        self.mangle = swapped

    # The work

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        pipe = _Pipe(writer)
        self._pipes.add(pipe)
        try:
            await self._run(pipe, reader)
        except (OSError, EOFError):
            pass  # either side is gone: that is what this is for
        finally:
            self._pipes.discard(pipe)
            pipe.abort()

    async def _run(self, pipe: _Pipe, reader: asyncio.StreamReader) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if self.is_deaf:
            await reader.read()
            return
        if self.handshake_delay_s:
            await asyncio.sleep(self.handshake_delay_s)
        if self.answer is not None:
            pipe.client.write(self.answer.wire())
            await pipe.client.drain()
            pipe.client.close()
            await reader.read()  # until the client has gone
            return
        server_reader, pipe.server = await asyncio.open_connection("127.0.0.1", self._target_port)
        pipe.server.write(request)
        pipe.client.write(await server_reader.readuntil(b"\r\n\r\n"))
        pipe.is_upgraded = True
        up = asyncio.create_task(self._up(pipe, reader, pipe.server))
        down = asyncio.create_task(self._down(pipe, server_reader))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (up, down):
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)

    async def _up(
        self, pipe: _Pipe, reader: asyncio.StreamReader, server: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(CHUNK_BYTES):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            await pipe.flows.wait()
            server.write(data)
            await server.drain()
        await pipe.flows.wait()  # half open: its end is not noticed, either

    async def _down(self, pipe: _Pipe, reader: asyncio.StreamReader) -> None:
        held = b""
        while data := await reader.read(CHUNK_BYTES):
            held += data
            while (end := frame_end(held)) is not None:
                whole, held = held[:end], held[end:]
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await pipe.flows.wait()
                await pipe.down.wait()
                if self._is_to_be_cut(whole):
                    pipe.client.write(whole[: len(whole) // 2])  # in the middle of a frame
                    pipe.reset()
                    return
                for each in self.mangle(whole):
                    pipe.client.write(each)
                await pipe.client.drain()
        await pipe.flows.wait()

    def _is_to_be_cut(self, whole: bytes) -> bool:
        if self._cut_at is None or self._cut_at[0] not in whole:
            return False
        holding, count = self._cut_at
        self._cut_at = (holding, count - 1) if count > 1 else None
        return count == 1
