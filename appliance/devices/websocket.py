"""The connection to a Realtime endpoint, by the `websockets` library.

Every way in which a connection can fail ends here as one line for people: RefusedError where a
new try is pointless, RemoteError otherwise. The API key is in no message and in no log.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Literal
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidProxy,
    InvalidProxyStatus,
    InvalidStatus,
    InvalidURI,
    ProxyError,
)

from appliance.errors import ConfigError, RefusedError, RemoteError
from appliance.realtime.severity import is_final

BETA_SHAPE_REFUSED = 4000  # private close code: the server takes us for a beta client
CERTIFICATE_NOT_YET_VALID = 9  # X509_V_ERR_CERT_NOT_YET_VALID
CERTIFICATE_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED
LONGEST_QUOTE = 200  # characters of the server's own words in a message


@dataclass(frozen=True, slots=True)
class WebSocketOptions:
    """How to hold the connection; the defaults are the settings' own."""

    compression: bool = False
    ping_interval_s: float = 30.0
    ping_timeout_s: float = 5.0
    max_message_bytes: int = 10 * 2**20
    open_timeout_s: float = 10.0
    close_timeout_s: float = 1.0  # longest wait for the other side's goodbye


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """Where we connect to, and what must not be said about it."""

    url: str
    api_key: str = field(repr=False)

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def place(self) -> str:
        """Host and port, never the whole URL: a query may hold what is nobody's business."""
        port = urlsplit(self.url).port
        return self.host if port is None else f"{self.host}:{port}"

    def quote(self, text: str) -> str:
        """Return the server's words, fit for one line: short, printable, without the key."""
        if self.api_key:
            text = text.replace(self.api_key, "***")
        text = " ".join(text.split())
        text = "".join(letter if letter.isprintable() else "?" for letter in text)
        return text if len(text) <= LONGEST_QUOTE else text[:LONGEST_QUOTE] + "…"


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
    ) -> None:
        """Take the endpoint; nothing is connected yet.

        Args:
            url: ws:// or wss://, with its query (`?model=…`).
            api_key: "" sends no Authorization header (a local server).
            safety_identifier: a stable, hashed id of the end user; "" sends none.
            tls: for an endpoint with a certificate of its own; None trusts the system's.

        Raises:
            ConfigError: a URL that is not ws:// or wss:// with a host, or a key or identifier
                that cannot stand in an HTTP header.
        """
        problems = [*_url_problems(url), *_header_problems("API key", api_key)]
        problems += _header_problems("safety identifier", safety_identifier)
        if problems:
            raise ConfigError(problems)
        self._endpoint = _Endpoint(url, api_key)
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
        if _is_this_machine(endpoint.host):
            given["proxy"] = None
        try:
            connection = await connect(
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
            raise _status_error(endpoint, error) from None
        except (OSError, InvalidHandshake, InvalidProxy, InvalidURI, ImportError) as error:
            raise RemoteError(_why_not_connected(endpoint, error, options)) from None
        return WebSocket(connection, endpoint, options)

    async def _tls_context(self) -> ssl.SSLContext:
        """Read the system's certificates once, in a thread: meanwhile the loop moves sound."""
        if self._tls is None:
            self._tls = await asyncio.to_thread(ssl.create_default_context)
        return self._tls


class WebSocket:
    """One open connection (ports.Socket)."""

    def __init__(
        self, connection: ClientConnection, endpoint: _Endpoint, options: WebSocketOptions
    ) -> None:
        self._connection = connection
        self._endpoint = endpoint
        self._options = options

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
        place = self._endpoint.place
        if closed.rcvd is None:
            return RemoteError(f"{place}: {self._why_we_ended(closed)}")
        code, reason = closed.rcvd.code, self._endpoint.quote(closed.rcvd.reason)
        text = f"{place} closed the connection with code {code}" + (f": {reason}" if reason else "")
        error_code = closed.rcvd.reason.rpartition(".")[2]  # "invalid_request_error.invalid_…"
        if code == BETA_SHAPE_REFUSED:
            return RefusedError(text, "beta_api_shape_disabled")
        if is_final(error_code):
            return RefusedError(text, error_code)
        return RemoteError(text)

    def _why_we_ended(self, closed: ConnectionClosed) -> str:
        """Say why a connection ended to which the other side put no close code."""
        if closed.sent is None:
            return "the connection broke off (code 1006)"
        if closed.sent.code == 1011 and "ping" in closed.sent.reason:
            limit = self._options.ping_timeout_s
            return f"no answer to a ping within {limit:g} s; the network is gone (code 1011)"
        if closed.sent.code == 1009:
            return f"a message of more than {self._options.max_message_bytes} bytes (code 1009)"
        reason = self._endpoint.quote(closed.sent.reason)
        return f"we closed the connection with code {closed.sent.code}" + (
            f": {reason}" if reason else ""
        )


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


def _is_this_machine(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _is_public(host: str) -> bool:
    return host == "openai.com" or host.endswith(".openai.com")


def _compression(wanted: bool) -> Literal["deflate"] | None:
    return "deflate" if wanted else None


def _silent_logger() -> logging.Logger:
    """Return a logger that says nothing: at debug level the library logs every header, key and
    all. What matters reaches us as an exception.
    """
    return logging.Logger("websockets", logging.CRITICAL + 1)


def _status_error(endpoint: _Endpoint, error: InvalidStatus) -> RemoteError:
    """Return what an HTTP answer other than 101 means."""
    status = error.response.status_code
    code, words = _body_error(bytes(error.response.body or b""))
    said = f": {endpoint.quote(words)}" if words else ""
    if not is_final(code):
        if status in (401, 403):
            code = "invalid_api_key"
        elif status == 404 and words:  # the API itself says so, not something on the way to it
            code = "model_not_found"
    meanings = {
        401: "refused the API key",
        403: "does not let this API key in",
        404: "knows no such model or path",
        429: "says too many requests, or no quota left",
    }
    meaning = meanings.get(status, "is out of order" if status >= 500 else "did not connect us")
    text = f"{endpoint.place} {meaning} (HTTP {status}){said}"
    return RefusedError(text, code) if is_final(code) else RemoteError(text)


def _body_error(body: bytes) -> tuple[str, str]:
    """Return code and message of an API error body, ("", "") where it is something else."""
    try:
        error = json.loads(body)["error"]
        code = error.get("code") or error.get("type") or ""
        return str(code), str(error.get("message") or "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "", ""


def _why_not_connected(endpoint: _Endpoint, error: Exception, options: WebSocketOptions) -> str:
    place = endpoint.place
    match error:
        case TimeoutError():
            return f"no answer from {place} within {options.open_timeout_s:g} s"
        case socket.gaierror():
            return f"cannot find the address of {endpoint.host}: no network, or a wrong name"
        case ssl.SSLCertVerificationError(verify_code=code) if code == CERTIFICATE_NOT_YET_VALID:
            return f"the certificate of {place} is not valid yet: is this machine's clock right?"
        case ssl.SSLCertVerificationError(verify_code=code) if code == CERTIFICATE_EXPIRED:
            return f"the certificate of {place} has expired (or this machine's clock is wrong)"
        case ssl.SSLCertVerificationError():
            return f"the certificate of {place} is not to be trusted: {error.verify_message}"
        case ssl.SSLError():
            return f"no TLS connection to {place}: {error.reason or 'the handshake broke off'}"
        case InvalidProxyStatus():
            return f"the proxy answered HTTP {error.response.status_code} for {place}"
        case InvalidProxy():  # its text has the proxy's password in it
            return f"the proxy in the environment is not a valid one: {error.msg}"
        case ProxyError() | ImportError():  # a SOCKS proxy needs a library that we do not bring
            return f"no connection to {place} through the proxy: {endpoint.quote(str(error))}"
        case OSError() if f"[Errno {errno.ECONNREFUSED}]" in str(error):  # at each of its addresses
            return f"{place} refused the connection: nothing listens there"
        case OSError():
            reason = os.strerror(error.errno) if error.errno else endpoint.quote(str(error))
            return f"cannot reach {place}: {reason or 'it hung up during the handshake'}"
        case _:
            return f"{place} is no Realtime endpoint: {endpoint.quote(str(error))}"
