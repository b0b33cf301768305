"""The WebSocket of one connection, with its recorder, and what a script can do to it."""

from __future__ import annotations

import asyncio
import json
import secrets

from aiohttp import WSMsgType, web

from appliance.simulator.record import Recorder
from appliance.simulator.shape import Json


def new_id(kind: str) -> str:
    """Return a fresh id as the API writes them: "item_" and the like, then 21 letters."""
    return f"{kind}_{secrets.token_hex(11)[:21]}"


class Wire:
    """Sends whole events, one after the other."""

    def __init__(
        self, request: web.Request, socket: web.WebSocketResponse, recorder: Recorder | None
    ) -> None:
        self._request = request
        self._socket = socket
        self._recorder = recorder
        self._one_at_a_time = asyncio.Lock()
        self._held: list[tuple[str, dict[str, Json]]] = []  # while a script stalls
        self._stalled = False
        self._dead = False  # stalled, and pings are not answered
        self._closed = asyncio.Event()  # our own close is done

    async def send(self, event: dict[str, Json]) -> None:
        """Send one event; nothing happens if the connection is gone."""
        await self._put(json.dumps(event), event)

    async def receive(self) -> str | bytes | None:
        """Return the next message, None when the connection has ended."""
        message = await self._socket.receive()
        while message.type in (WSMsgType.PING, WSMsgType.PONG):
            if message.type is WSMsgType.PING and not self._dead:
                await self._pong(message.data)
            message = await self._socket.receive()
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            data: str | bytes = message.data
            return data
        if message.type is WSMsgType.CLOSING:
            await self._closed.wait()  # else the connection would end before its last frame
        return None

    def took(self, event: dict[str, Json]) -> None:
        """Record a client event."""
        if self._recorder:
            self._recorder.event("in", event)

    def took_sound(self, pcm: bytes) -> None:
        """Record appended audio, s16le mono 24 kHz."""
        if self._recorder:
            self._recorder.received(pcm)

    # What a script does (player.Stage)

    async def send_scripted(self, event: dict[str, Json]) -> None:
        await self.send({"event_id": new_id("event"), **event})

    async def send_text(self, text: str) -> None:
        await self._put(text, {"type": "(scripted text)", "text": text})

    async def stall(self, dead: bool, ms: int) -> None:
        self._stalled, self._dead = True, dead
        await asyncio.sleep(ms / 1000)
        self._dead = False
        while self._held:
            await self._write(*self._held.pop(0))
        self._stalled = False

    async def close(self, code: int, reason: str) -> None:
        await self._socket.close(code=code, message=reason.encode())
        self._closed.set()

    def drop(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()

    async def _put(self, text: str, event: dict[str, Json]) -> None:
        if self._stalled:
            self._held.append((text, event))
        else:
            await self._write(text, event)

    async def _write(self, text: str, event: dict[str, Json]) -> None:
        async with self._one_at_a_time:
            if self._socket.closed:
                return
            if self._recorder:
                self._recorder.event("out", event)
            try:
                await self._socket.send_str(text)
            except ConnectionError:
                return  # the client is gone; the reader ends the session

    async def _pong(self, data: bytes) -> None:
        try:
            await self._socket.pong(data)
        except ConnectionError:
            return
