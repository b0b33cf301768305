"""One client's connection through the fault proxy, and the one to the server behind it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

from appliance.simulator.frames import frame_end, is_control

CHUNK_BYTES = 65_536
SWAP_WITHIN_S = 0.05  # a frame that is to come second waits no longer for the first
READ_S = 0.05  # before a reset, which throws away what the client has not read yet

Mangle = Callable[[bytes], list[bytes]]  # one frame of the server's: what is sent in its place


@dataclass
class Wrongs:
    """What happens to everything that passes."""

    delay_s: float = 0.0  # of every chunk, each way
    swaps: bool = False  # every two frames of the server's come in the other order
    times: int = 1  # that each of them comes
    mangle: Mangle | None = None
    cut_at: tuple[bytes, int] | None = None  # the frame in which it breaks off: what it holds, n-th
    stall_at: tuple[bytes, int] | None = None  # the same, of the frame behind which it goes silent

    def heal(self) -> None:
        self.delay_s, self.swaps, self.times, self.mangle = 0.0, False, 1, None
        self.cut_at = self.stall_at = None

    def cuts(self, whole: bytes) -> bool:
        """Return whether the connection is to break off in this frame."""
        reached, self.cut_at = _counted(self.cut_at, whole)
        return reached

    def stalls(self, whole: bytes) -> bool:
        """Return whether nothing is to come behind this frame."""
        reached, self.stall_at = _counted(self.stall_at, whole)
        return reached


def _counted(trap: tuple[bytes, int] | None, whole: bytes) -> tuple[bool, tuple[bytes, int] | None]:
    """Return whether this is the frame that a trap is set for, and what is left of the trap."""
    if trap is None or trap[0] not in whole:
        return False, trap
    holding, count = trap
    return count == 1, (holding, count - 1) if count > 1 else None


class Pipe:
    """Copies both ways; knows how to end badly."""

    def __init__(self, client: asyncio.StreamWriter, wrongs: Wrongs) -> None:
        self.client = client
        self.server: asyncio.StreamWriter | None = None
        self.flows = asyncio.Event()  # both ways
        self.flows.set()
        self.down = asyncio.Event()  # what is no ping or pong, from the server to the client
        self.down.set()
        self.is_upgraded = False
        self._wrongs = wrongs

    @property
    def is_alive(self) -> bool:
        """Whether something can happen on it yet: a half-open one stays as it is."""
        return self.flows.is_set() and not self.client.is_closing()

    def reset(self) -> None:
        """Break off with a TCP reset, as a router does that has forgotten us."""
        sock = self.client.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.abort()

    def half_open(self) -> None:
        """Let nothing through any more, either way, and never say so."""
        self.flows.clear()
        self.client.transport.pause_reading()  # type: ignore[attr-defined]  # a TCP transport

    def abort(self) -> None:
        self.client.transport.abort()
        if self.server is not None:
            self.server.transport.abort()

    async def copy_up(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        """Copy what the client sends, until it ends."""
        while data := await reader.read(CHUNK_BYTES):
            if self._wrongs.delay_s:
                await asyncio.sleep(self._wrongs.delay_s)
            await self.flows.wait()
            server.write(data)
            await server.drain()
        await self.flows.wait()  # half open: its end is not noticed, either

    async def copy_down(self, reader: asyncio.StreamReader) -> None:
        """Copy what the server sends, frame by frame, until it ends."""
        held, second = b"", b""  # bytes of a frame to come; a frame that is to come second
        while True:
            try:
                within_s = SWAP_WITHIN_S if second else None
                data = await asyncio.wait_for(reader.read(CHUNK_BYTES), within_s)
            except TimeoutError:
                await self._pass(second)
                second = b""
                continue
            if not data:
                break
            if not self.is_upgraded:  # plain HTTP
                self.client.write(data)
                await self.client.drain()
                continue
            held += data
            while (end := frame_end(held)) is not None:
                whole, held = held[:end], held[end:]
                if self._wrongs.swaps and not second and not is_control(whole):
                    second = whole
                    continue
                await self._pass(whole)
                if second:
                    await self._pass(second)
                    second = b""
        await self.flows.wait()

    async def _pass(self, whole: bytes) -> None:
        """Let one frame through to the client, or what is made of it."""
        if self._wrongs.delay_s:
            await asyncio.sleep(self._wrongs.delay_s)
        await self.flows.wait()
        if is_control(whole):
            self.client.write(whole)
            return
        await self.down.wait()
        if self._wrongs.cuts(whole):
            await asyncio.sleep(READ_S)
            self.client.write(whole[: len(whole) // 2])  # in the middle of a frame
            self.reset()
            raise ConnectionResetError
        mangle = self._wrongs.mangle
        for each in [whole] if mangle is None else mangle(whole):
            self.client.write(each * self._wrongs.times)
        if self._wrongs.stalls(whole):
            self.down.clear()
        await self.client.drain()
