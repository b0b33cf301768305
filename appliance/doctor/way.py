"""The way to the endpoint, step by step: name, connection, TLS, one HTTP question.

The daemon takes all steps at once, by the `websockets` library; the doctor wants to know which of
them fails, and how long each takes. A proxy of the environment is used as the daemon uses it.
"""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from websockets.exceptions import InvalidProxy
from websockets.proxy import Proxy, get_proxy, parse_proxy
from websockets.uri import parse_uri

from appliance.devices.causes import Endpoint, dial_error
from appliance.devices.websocket import this_machine
from appliance.doctor.findings import Finding, cure_of, fail
from appliance.errors import RemoteError

TIMEOUT_S = 10.0
_LONGEST_BODY = 65536
_PORTS = {"ws": 80, "wss": 443, "http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Answer:
    """What an HTTP question came to. `at_s`: Unix time by our clock, halfway through."""

    status: int
    body: bytes
    is_page: bool
    date_s: float | None  # what the other side takes the time for
    at_s: float
    took_ms: float


@dataclass(frozen=True, slots=True)
class Way:
    """How one endpoint is reached."""

    endpoint: Endpoint
    proxy: str | None  # as the environment has it: a password may be in it

    @classmethod
    def to(cls, url: str, api_key: str) -> Way:
        """Return the way to `url` (ws:// or wss://), by the rules of the daemon's library."""
        endpoint = Endpoint(url, api_key)
        proxy = None if endpoint.is_this_machine else get_proxy(parse_uri(url))
        return cls(endpoint, proxy)

    @property
    def is_secure(self) -> bool:
        return self.endpoint.url.startswith("wss:")

    @property
    def port(self) -> int:
        parts = urlsplit(self.endpoint.url)
        return parts.port or _PORTS[parts.scheme]

    def parsed_proxy(self) -> Proxy | None:
        """Return the proxy in its parts, None if there is none.

        Raises:
            RemoteError: the environment names one that cannot be.
        """
        if self.proxy is None:
            return None
        try:
            return parse_proxy(self.proxy)
        except InvalidProxy as error:
            raise self.error(error) from None
        except ValueError:  # its port or its brackets; the text may quote a password
            raise RemoteError(
                "the proxy in the environment is not a valid one: its host or port cannot be read",
                "proxy_failed",
            ) from None

    def first_host(self) -> str:
        """Return whose name is looked up: the proxy's, if there is one.

        Raises:
            RemoteError: see `parsed_proxy`.
        """
        proxy = self.parsed_proxy()
        return self.endpoint.host if proxy is None else proxy.host

    def addresses(self) -> list[str]:
        """Look the name up.

        Raises:
            RemoteError: there is no such name, no answer within 10 s, or the proxy is no proxy.
        """
        host = self.first_host()
        found: list[str] = []
        failed: list[OSError] = []

        def look_up() -> None:
            try:
                told = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
                found.extend(dict.fromkeys(str(each[4][0]) for each in told))
            except OSError as error:
                failed.append(error)

        # The system's resolver takes half a minute to give up, and cannot be told to be quicker.
        thread = threading.Thread(target=look_up, name="look-up", daemon=True)
        thread.start()
        thread.join(TIMEOUT_S)
        if failed:
            raise self.error(failed[0])
        if not found:
            raise self.error(socket.gaierror(socket.EAI_AGAIN, "no answer"))
        return found

    def connect(self) -> socket.socket:
        """Connect, through the proxy if there is one.

        Raises:
            RemoteError: the reason, as the daemon would give it.
        """
        try:
            return self._connect()
        except (OSError, http.client.HTTPException) as error:
            raise self.error(error) from error

    def _connect(self) -> socket.socket:
        proxy = self.parsed_proxy()
        if proxy is None:
            return socket.create_connection((self.endpoint.host, self.port), TIMEOUT_S)
        if proxy.scheme != "http":
            raise RemoteError(
                f"a proxy of {proxy.scheme}:// cannot be looked through", "proxy_failed"
            )
        through = http.client.HTTPConnection(proxy.host, proxy.port, TIMEOUT_S)
        headers = {}
        if proxy.user_info is not None:
            words = ":".join(proxy.user_info).encode()
            headers["Proxy-Authorization"] = f"Basic {base64.b64encode(words).decode()}"
        through.set_tunnel(self.endpoint.host, self.port, headers)
        through.connect()
        assert through.sock is not None, "it is connected"
        return through.sock

    def encrypt(self, plain: socket.socket, *, trusting: bool = False) -> ssl.SSLSocket:
        """Shake hands over TLS. `trusting`: with anybody, to see who it is; send no key there.

        Raises:
            ssl.SSLError: the certificate is not to be trusted, or the handshake failed.
            OSError: the connection broke off.
        """
        context = ssl.create_default_context()
        if trusting:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        try:
            return context.wrap_socket(plain, server_hostname=self.endpoint.host)
        except BaseException:
            plain.close()
            raise

    def ask(self, path: str, headers: dict[str, str], *, trusting: bool = False) -> Answer:
        """Send a GET and return what came back. `trusting` sends it to anybody: no key then.

        Raises:
            RemoteError: there was no answer.
        """
        plain = self.connect()
        try:
            sock = self.encrypt(plain, trusting=trusting) if self.is_secure else plain
            return _exchange(sock, self.endpoint.place, path, headers)
        except (OSError, http.client.HTTPException) as error:
            raise self.error(error) from error
        finally:
            plain.close()

    def error(self, error: Exception) -> RemoteError:
        """Return an error with a fault's name and one line for people."""
        return dial_error(self.endpoint, error, this_machine(), time.time(), TIMEOUT_S)


def told_failure(error: RemoteError) -> Finding:
    """Return the finding for a step that failed."""
    return fail(str(error), cure_of(error.fault), fault=error.fault)


def _exchange(sock: socket.socket, place: str, path: str, headers: dict[str, str]) -> Answer:
    connection = http.client.HTTPConnection(place, timeout=TIMEOUT_S)
    connection.sock = sock
    began_s, began_unix_s = time.monotonic(), time.time()
    try:
        connection.request("GET", path, headers={"Host": place, "Connection": "close", **headers})
        response = connection.getresponse()
        took_s = time.monotonic() - began_s
        body = response.read(_LONGEST_BODY)
        kind = response.headers.get("Content-Type") or ""
        return Answer(
            status=response.status,
            body=body,
            is_page="html" in kind.lower(),
            date_s=_date_s(response.headers.get("Date") or ""),
            at_s=began_unix_s + took_s / 2,
            took_ms=took_s * 1000,
        )
    finally:
        connection.close()


def _date_s(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None
