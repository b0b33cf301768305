"""The local Realtime server: one port for the WebSocket and for client secrets.

async with RealtimeServer(Options()) as server:
    ...  # server.url, server.port
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import secrets
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType

from aiohttp import WSCloseCode, web

from appliance.errors import UsageError
from appliance.simulator.connection import Connection, Manners
from appliance.simulator.hearing import Ears, Sphinx
from appliance.simulator.record import Recorder
from appliance.simulator.schema import CLIENT_SECRET
from appliance.simulator.script import Refuse, Script
from appliance.simulator.session import first_settings, update_refusal, updated
from appliance.simulator.shape import Json, Refusal, known_part, refusal_of
from appliance.simulator.speech import Espeak, Voice
from appliance.simulator.wire import Wire, new_id

MESSAGE_MAX_BYTES = 32 * 1024 * 1024  # 15 MiB of audio in base64, and some room
SECRET_S = 600
LAST_WORDS_S = 1.0  # that a client has to answer the close frame
KEY_PROTOCOL = "openai-insecure-api-key."
BETA_PROTOCOL = "openai-beta.realtime-v1"
MODELS = "gpt-realtime"  # what every model's name begins with


@dataclass(frozen=True, slots=True)
class Options:
    """How a server behaves. `port` 0 takes a free one; `key` None accepts any key."""

    host: str = "127.0.0.1"
    port: int = 0
    key: str | None = None
    strict: bool = True  # refuse keys that the API does not have
    session_limit_s: float = 3600.0
    pace: float = 4.0  # seconds of sound sent in a second; math.inf: all at once
    script: Script = field(default_factory=Script)
    record: Path | None = None


@dataclass(frozen=True, slots=True)
class _Secret:
    expires_at: int  # Unix seconds
    session: dict[str, Json]  # the settings that a connection with it begins with


class RealtimeServer:
    """Serves from `async with` on. Raises UsageError if espeak-ng is missing or the port taken."""

    def __init__(
        self, options: Options, ears: Ears | None = None, voice: Voice | None = None
    ) -> None:
        """`ears` and `voice` are pocketsphinx and espeak-ng unless a test gives others."""
        self.connections: list[Connection] = []  # every one, in order; a test may look at them
        self.port = options.port
        self._options = options
        self._ears = ears or Sphinx()
        self._manners = Manners(
            ears=self._ears,
            voice=voice or Espeak(),
            pace=options.pace,
            strict=options.strict,
            session_limit_s=options.session_limit_s,
            now=_local_time,
        )
        self._secrets: dict[str, _Secret] = {}
        self._handshakes = 0
        self._open: dict[Wire, asyncio.Task[None]] = {}
        app = web.Application(client_max_size=MESSAGE_MAX_BYTES)
        app.router.add_get("/v1/realtime", self._realtime)
        app.router.add_post("/v1/realtime/client_secrets", self._client_secrets)
        app.router.add_get("/healthz", self._health)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)

    @property
    def url(self) -> str:
        return f"ws://{self._options.host}:{self.port}/v1/realtime"

    @property
    def http_url(self) -> str:
        """Return the base URL that SDKs take."""
        return f"http://{self._options.host}:{self.port}/v1"

    async def __aenter__(self) -> RealtimeServer:
        if self._options.record:
            try:
                self._options.record.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UsageError(f"{self._options.record}: {error.strerror}") from error
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._options.host, self._options.port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            where = f"{self._options.host}:{self._options.port}"
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
            raise UsageError(f"cannot listen on {where}: {why}") from error
        self.port = self._runner.addresses[0][1]
        if isinstance(self._ears, Sphinx):
            await self._ears.warm_up()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for wire, task in list(self._open.items()):
            closing = asyncio.ensure_future(wire.close(WSCloseCode.GOING_AWAY, "server shutdown"))
            await asyncio.wait({closing}, timeout=LAST_WORDS_S)
            task.cancel()
        await self._runner.cleanup()
        await self._ears.close()

    # HTTP

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "connections": len(self._open)})

    async def _client_secrets(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        try:
            body = await request.json() if request.can_read_body else {}
        except ValueError as error:
            return _http_error(400, Refusal("invalid_json", f"The body is not JSON: {error}"))
        if refusal := refusal_of(CLIENT_SECRET, body, "", self._options.strict):
            return _http_error(400, refusal)
        body = known_part(CLIENT_SECRET, body)
        asked = {"type": "realtime", **body.get("session", {})}
        settings = self._first(asked.get("model", "gpt-realtime"))
        if refusal := update_refusal(settings, asked, False, self._options.strict):
            return _http_error(400, refusal)
        seconds = body.get("expires_after", {}).get("seconds", SECRET_S)
        value, expires_at = f"ek_{secrets.token_hex(16)}", int(time.time()) + seconds
        self._secrets[value] = _Secret(expires_at, asked)
        session = updated(settings, asked)
        session["expires_at"] = 0  # not begun yet
        return web.json_response({"value": value, "expires_at": expires_at, "session": session})

    def _refused(self, request: web.Request) -> web.Response | None:
        key = _key(request)
        if key is None:
            message = (
                "Missing bearer authentication in header: send 'Authorization: Bearer YOUR_KEY'."
            )
            return _http_error(401, Refusal(None, message))
        secret = self._secrets.get(key)
        if secret is not None:
            if secret.expires_at > time.time():
                return None
            message = "The ephemeral key has expired."
            return _http_error(401, Refusal("invalid_api_key", message))
        if key.startswith("ek_") or (self._options.key not in (None, key)):
            message = f"Incorrect API key provided: {key[:3]}***."
            return _http_error(401, Refusal("invalid_api_key", message))
        return None

    # WebSocket

    async def _realtime(self, request: web.Request) -> web.StreamResponse:
        number = self._handshakes
        self._handshakes += 1
        part = self._options.script.part(number)
        if part.refuse:
            return _scripted_refusal(part.refuse)
        if refused := self._refused(request):
            return refused
        socket = web.WebSocketResponse(
            protocols=("realtime",),
            max_msg_size=MESSAGE_MAX_BYTES,
            timeout=2.0,
            autoping=False,  # a script may leave pings unanswered
        )
        if not socket.can_prepare(request).ok:
            return _http_error(426, Refusal(None, "This address takes WebSocket connections."))
        await socket.prepare(request)
        secret = self._secrets.get(_key(request) or "")
        asked = secret.session if secret else {}
        model = request.query.get("model") or asked.get("model", "")
        if refusal := _shape_refusal(request) or _model_refusal(model):
            await _turn_away(socket, refusal)
            return socket
        settings = updated(self._first(model), asked)
        settings["model"] = model
        recorder = None
        if self._options.record:
            recorder = Recorder(self._options.record / f"connection-{number + 1:03}")
        wire = Wire(request, socket, recorder)
        connection = Connection(wire, settings, self._manners, part.steps)
        self.connections.append(connection)
        task = asyncio.ensure_future(connection.run())
        self._open[wire] = task
        try:
            await asyncio.wait({task})
            if not task.cancelled():
                task.result()
        finally:
            del self._open[wire]
            if recorder:
                recorder.close()
        return socket

    def _first(self, model: str) -> dict[str, Json]:
        ends_at = time.time() + min(self._options.session_limit_s, 3600.0)
        return first_settings(new_id("sess"), model, math.ceil(ends_at))


def _key(request: web.Request) -> str | None:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    for protocol in _protocols(request):
        if protocol.startswith(KEY_PROTOCOL):
            return protocol.removeprefix(KEY_PROTOCOL)
    return None


def _protocols(request: web.Request) -> list[str]:
    offered = request.headers.get("Sec-WebSocket-Protocol", "")
    return [each.strip() for each in offered.split(",")]


def _shape_refusal(request: web.Request) -> Refusal | None:
    beta = request.headers.get("OpenAI-Beta", "").strip() == "realtime=v1"
    if beta or BETA_PROTOCOL in _protocols(request):
        message = (
            "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API."
        )
        return Refusal("beta_api_shape_disabled", message)
    return None


def _model_refusal(model: str) -> Refusal | None:
    if not model:
        return Refusal("missing_model", "You must provide a model parameter.", "model")
    if not model.startswith(MODELS):
        message = f"The model `{model}` does not exist or you do not have access to it."
        return Refusal("model_not_found", message)
    return None


async def _turn_away(socket: web.WebSocketResponse, refusal: Refusal) -> None:
    error = {
        "type": refusal.type,
        "code": refusal.code,
        "message": refusal.message,
        "param": refusal.param,
        "event_id": None,
    }
    event = {"type": "error", "event_id": new_id("event"), "error": error}
    await socket.send_str(json.dumps(event))
    await socket.close(code=4000, message=f"{refusal.type}.{refusal.code}".encode())


def _scripted_refusal(refuse: Refuse) -> web.Response:
    headers = {} if refuse.retry_after is None else {"Retry-After": str(refuse.retry_after)}
    refusal = Refusal(refuse.code, "A script refuses this connection.", type=_kind(refuse.status))
    response = _http_error(refuse.status, refusal)
    response.headers.update(headers)
    return response


def _kind(status: int) -> str:
    return "server_error" if status >= 500 else "invalid_request_error"


def _http_error(status: int, refusal: Refusal) -> web.Response:
    error = {
        "message": refusal.message,
        "type": refusal.type,
        "param": refusal.param,
        "code": refusal.code,
    }
    return web.json_response({"error": error}, status=status)


def _local_time() -> datetime:
    return datetime.now().astimezone()
