"""Frames of a WebSocket as a server sends them, and HTTP answers in their place (RFC 6455, 5.2).

As much of it as breaking them takes: where a frame ends, and how to make one that is wrong.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from appliance.simulator.shape import Json

TEXT, CLOSE = 0x1, 0x8  # opcodes
CONTROL = 0x8  # and above: close, ping, pong
NO_FRAME = b"\xff\x7f garbage"  # reserved bits and a reserved opcode

_EXTENSIONS = re.compile(rb"(?im)^sec-websocket-extensions:[^\r]*\r\n")
_CONNECTION = re.compile(rb"(?im)^connection:[^\r]*\r\n")
_UPGRADE = re.compile(rb"(?im)^upgrade: *websocket *\r\n")


def frame(opcode: int, payload: bytes, *, says_bytes: int | None = None) -> bytes:
    """Return an unmasked frame, as a server sends it; `says_bytes`: a length that may be a lie."""
    length = len(payload) if says_bytes is None else says_bytes
    if length < 126:
        return struct.pack("!BB", 0x80 | opcode, length) + payload
    if length < 2**16:
        return struct.pack("!BBH", 0x80 | opcode, 126, length) + payload
    return struct.pack("!BBQ", 0x80 | opcode, 127, length) + payload


def close_frame(code: int, reason: str = "") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason.encode())


def event_frame(event: Mapping[str, Json]) -> bytes:
    return frame(TEXT, json.dumps(event).encode())


def frame_end(data: bytes) -> int | None:
    """Return where the first frame in `data` ends; None if it is not all there."""
    start = _payload_start(data)
    if start is None:
        return None
    head, length = start
    end = head + length
    return end if len(data) >= end else None


def is_control(whole: bytes) -> bool:
    """Return whether a frame is a close, a ping or a pong."""
    return whole[0] & 0x0F >= CONTROL


def payload(whole: bytes) -> bytes:
    """Return what a whole frame carries."""
    start = _payload_start(whole)
    return b"" if start is None else whole[start[0] :]


def plain_request(head: bytes) -> bytes:
    """Return a request's head as a proxy needs it, that has to know what passes.

    Frames are not compressed; a connection that is no WebSocket ends with its answer.
    """
    head = _EXTENSIONS.sub(b"", head)
    if _UPGRADE.search(head):
        return head
    return _CONNECTION.sub(b"", head).replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


def _payload_start(data: bytes) -> tuple[int, int] | None:
    """Return where the payload begins and how long it is; None if the head is not all there."""
    if len(data) < 2:
        return None
    length = data[1] & 0x7F
    if length < 126:
        return 2, length
    size, head = ("!H", 4) if length == 126 else ("!Q", 10)
    if len(data) < head:
        return None
    (length,) = struct.unpack_from(size, data, 2)
    return head, length


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered in place of the server."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def wire(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} Answer", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + self.body


class FailingResponse:
    """Let the next response end as failed, after its first sound: the quiet failure.

    Called with each frame of the server's, it returns what is sent instead. What more there is of
    that response is kept back; the failure comes when the server is done with it.
    """

    def __init__(self, code: str) -> None:
        self._code = code
        self._response_id: str | None = None
        self._is_over = False

    def __call__(self, whole: bytes) -> list[bytes]:
        if self._is_over or b'"response' not in whole:
            return [whole]
        event = json.loads(payload(whole))
        response_id = event.get("response_id") or event.get("response", {}).get("id")
        if self._response_id is None:
            if event["type"] == "response.output_audio.delta":
                self._response_id = response_id
            return [whole]
        if response_id != self._response_id:
            return [whole]
        self._is_over = event["type"] == "response.done"
        return [event_frame(self._failed(event))] if self._is_over else []

    def _failed(self, done: dict[str, Json]) -> dict[str, Json]:
        error = {"type": "server_error", "code": self._code, "message": "A fault, asked for."}
        details = {"type": "failed", "error": error}
        return {
            **done,
            "response": {**done["response"], "status": "failed", "status_details": details},
        }
