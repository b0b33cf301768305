"""The connection to a Realtime endpoint, by the `websockets` library.

Every way in which a connection can fail ends here as one line for people: RefusedError where a
new try is pointless, RemoteError otherwise. The API key is in no message and in no log.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
)

from appliance.devices.causes import Endpoint, dial_error, end_error, status_error
from appliance.devices.network import MachineState
from appliance.errors import ConfigError, RefusedError, RemoteError


@dataclass(frozen=True, slots=True)
class WebSocketOptions:
    """How to hold the connection; the defaults are the settings' own."""

    compression: bool = False
    ping_interval_s: float = 30.0
    ping_timeout_s: float = 5.0
    max_message_bytes: int = 10 * 2**20
    open_timeout_s: float = 10.0
    close_timeout_s: float = 1.0  # longest wait for the other side's goodbye


def this_machine() -> MachineState:
    """Return the machine that we run on; its clock cannot be before this file was made."""
    return MachineState(Path("/"), Path(__file__).stat().st_mtime)


class WebSocketConnector:
    """Makes connections to one endpoint (ports.Connector).

    Proxies are taken from the environment (`HTTPS_PROXY`, `NO_PROXY` …), but not on the way to
    this machine itself.
    """

    def __init__(
        self,
        url: str,
        api_key: str = "",
        *,
        safety_identifier: str = "",
        options: WebSocketOptions | None = None,
        tls: ssl.SSLContext | None = None,
        machine: MachineState | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Take the endpoint; nothing is connected yet.

        Args:
            url: ws:// or wss://, with its query (`?model=…`).
            api_key: "" sends no Authorization header (a local server).
            safety_identifier: a stable, hashed id of the end user; "" sends none.
            tls: for an endpoint with a certificate of its own; None trusts the system's.
            machine: whose network and clock failures are explained by; None: this one's.
            wall_clock: gives Unix time, s.

        Raises:
            ConfigError: a URL that is not ws:// or wss:// with a host, or a key or identifier
                that cannot stand in an HTTP header.
        """
        problems = [*_url_problems(url), *_header_problems("API key", api_key)]
        problems += _header_problems("safety identifier", safety_identifier)
        if problems:
            raise ConfigError(problems)
        self._endpoint = Endpoint(url, api_key)
        self._machine = machine or this_machine()
        self._wall_clock = wall_clock
        self._options = options or WebSocketOptions()
        self._tls = tls
        self._user_agent = f"voice-appliance/{version('voice-appliance')}"
        self._headers = {}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        if safety_identifier:
            self._headers["OpenAI-Safety-Identifier"] = safety_identifier

    async def connect(self) -> WebSocket:
        """See ports.Connector.connect."""
        endpoint, options = self._endpoint, self._options
        if not endpoint.api_key and endpoint.url.startswith("wss:") and _is_public(endpoint.host):
            raise RefusedError(
                f"{endpoint.host} needs an API key: set OPENAI_API_KEY, or the credential "
                "openai_api_key",
                "missing_api_key",
            )
        # Any, and absent where not given: the library reads `None` as "no TLS, ever".
        given: dict[str, Any] = {}
        if endpoint.url.startswith("wss:"):
            given["ssl"] = await self._tls_context()
        if endpoint.is_this_machine:
            given["proxy"] = None
        try:
            connection = await _Dial(
                endpoint.url,
                additional_headers=self._headers,
                user_agent_header=self._user_agent,
                compression=_compression(options.compression),
                ping_interval=options.ping_interval_s,
                ping_timeout=options.ping_timeout_s,
                max_size=options.max_message_bytes,
                open_timeout=options.open_timeout_s,
                close_timeout=options.close_timeout_s,
                logger=_silent_logger(),
                **given,
            )
        except InvalidStatus as error:
            raise status_error(endpoint, error, self._wall_clock()) from None
        # ValueError: a proxy whose address cannot be read (that of the endpoint was checked).
        except (
            OSError,
            InvalidHandshake,
            InvalidProxy,
            InvalidURI,
            ImportError,
            ValueError,
        ) as error:
            raise dial_error(
                endpoint, error, self._machine, self._wall_clock(), options.open_timeout_s
            ) from None
        return WebSocket(connection, endpoint, options, self._machine)

    async def _tls_context(self) -> ssl.SSLContext:
        """Read the system's certificates once, in a thread: meanwhile the loop moves sound."""
        if self._tls is None:
            self._tls = await asyncio.to_thread(ssl.create_default_context)
        return self._tls


class WebSocket:
    """One open connection (ports.Socket)."""

    def __init__(
        self,
        connection: ClientConnection,
        endpoint: Endpoint,
        options: WebSocketOptions,
        machine: MachineState,
    ) -> None:
        self._connection = connection
        self._endpoint = endpoint
        self._options = options
        self._machine = machine

    async def send(self, text: str) -> None:
        """See ports.Socket.send."""
        try:
            await self._connection.send(text)
        except ConnectionClosed as closed:
            raise self._ended(closed) from None

    async def messages(self) -> AsyncIterator[str | bytes]:
        """See ports.Socket.messages.

        `async for` over the connection itself would end without a word at close codes 1000 and
        1001, the latter being how an expired session ends.
        """
        while True:
            try:
                message = await self._connection.recv()
            except ConnectionClosed as closed:
                raise self._ended(closed) from None
            yield message

    async def close(self) -> None:
        """Say goodbye and close, within `close_timeout_s`. May be called twice."""
        await self._connection.close()

    def _ended(self, closed: ConnectionClosed) -> RemoteError:
        return end_error(
            self._endpoint,
            closed,
            self._machine,
            ping_timeout_s=self._options.ping_timeout_s,
            max_message_bytes=self._options.max_message_bytes,
        )


class _Dial(connect):
    """The library's own, except that no stranger is followed: a network's log-in page sends
    people on to another host, and must be seen for what it is.
    """

    def process_redirect(self, exc: Exception) -> Exception | str:
        if not isinstance(exc, InvalidStatus) or "Location" not in exc.response.headers:
            return exc
        try:
            target = urlsplit(urljoin(self.uri, exc.response.headers["Location"]))
            if target.hostname != urlsplit(self.uri).hostname:
                return exc
            return super().process_redirect(exc)
        except ValueError:  # not an address at all
            return exc


def _url_problems(url: str) -> list[str]:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        good = parts.scheme in ("ws", "wss") and bool(host) and parts.port != 0
        good = good and not parts.fragment and parts.username is None
    except ValueError:  # a port that is not a number, brackets that do not match, a long name
        good = False
    return [] if good else ["endpoint.url: want ws://HOST… or wss://HOST…, with no user or #"]


def _header_problems(name: str, value: str) -> list[str]:
    if all("!" <= letter <= "~" for letter in value):
        return []
    return [f"the {name} has a space, a line end or a letter beyond ASCII in it: copy it again"]


def _is_public(host: str) -> bool:
    return host == "openai.com" or host.endswith(".openai.com")


def _compression(wanted: bool) -> Literal["deflate"] | None:
    return "deflate" if wanted else None


def _silent_logger() -> logging.Logger:
    """Return a logger that says nothing: at debug level the library logs every header, key and
    all. What matters reaches us as an exception.
    """
    return logging.Logger("websockets", logging.CRITICAL + 1)
