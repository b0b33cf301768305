"""Why a connection could not be made, or ended: one line for people, and the fault's name.

The names are keys of the table of faults (`appliance/faults/`); a code of the service's own is its
fault's name. Pure but for what `network.MachineState` reads.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import ssl
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from websockets.datastructures import Headers
from websockets.exceptions import (
    ConnectionClosed,
    InvalidProxy,
    InvalidProxyStatus,
    InvalidStatus,
    ProxyError,
)
from websockets.http11 import Response

from appliance.devices.network import MachineState, Network
from appliance.errors import RefusedError, RemoteError
from appliance.realtime.severity import is_final

BETA_SHAPE_REFUSED = 4000  # private close code: the server takes us for a beta client
GOING_AWAY = 1001  # how an expired session ends
BROKEN_FRAMES = (1002, 1003, 1007, 1009)  # close codes of ours for what is not of the protocol
SERVER_TROUBLE = (1011, 1012, 1013, 1014)  # internal error, restart, overload, bad gateway
NETWORK_LOGIN = 511  # HTTP: Network Authentication Required
CERTIFICATE_NOT_YET_VALID = 9  # X509_V_ERR_CERT_NOT_YET_VALID
CERTIFICATE_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED
LONGEST_QUOTE = 200  # characters of the server's own words in a message
NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL)


@dataclass(frozen=True, slots=True)
class Endpoint:
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

    @property
    def is_this_machine(self) -> bool:
        return self.host in ("localhost", "::1") or self.host.startswith("127.")

    def quote(self, text: str) -> str:
        """Return the server's words, fit for one line: short, printable, without the key."""
        if self.api_key:
            text = text.replace(self.api_key, "***")
        text = " ".join(text.split())
        text = "".join(letter if letter.isprintable() else "?" for letter in text)
        return text if len(text) <= LONGEST_QUOTE else text[:LONGEST_QUOTE] + "…"


# No connection: an HTTP answer other than 101


def status_error(endpoint: Endpoint, error: InvalidStatus, now_s: float) -> RemoteError:
    """Return what such an answer means; `now_s` is Unix time, for a Retry-After with a date."""
    response = error.response
    status = response.status_code
    code, words = _body_error(bytes(response.body or b""))
    said = f": {endpoint.quote(words)}" if words else ""
    is_page = _is_page(response)
    if not is_final(code):
        if status == 401 or (status == 403 and not is_page):
            code = "invalid_api_key"
        elif status in (404, 410) and words:  # the API says so, not something on the way to it
            code = "model_not_found"
    meanings = {
        401: "refused the API key",
        403: "does not let this API key in",
        404: "knows no such model or path",
        429: "says too many requests, or no quota left",
    }
    fault = "service_unavailable" if status >= 500 else "link_failed"
    meaning = meanings.get(status, "is out of order" if status >= 500 else "did not connect us")
    if status == NETWORK_LOGIN or 300 <= status < 400 or (status < 300 and is_page):
        fault, meaning = "captive_portal", "is hidden behind a page of the network's own"
    elif status == 429:
        fault = "rate_limit_exceeded"
    elif status in (403, 408, 425):
        fault = "service_unavailable"
    text = f"{endpoint.place} {meaning} (HTTP {status}){said}"
    if is_final(code):
        return RefusedError(text, code)
    return RemoteError(text, fault, retry_after_s(response.headers, now_s))


def retry_after_s(headers: Headers, now_s: float) -> float | None:
    """Return the Retry-After header (RFC 9110, 10.2.3) in seconds from now; None if there is none
    that can be read.
    """
    values = headers.get_all("Retry-After")
    value = values[0].strip() if values else ""
    if value.isascii() and value.isdecimal() and len(value) < 10:
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, date.timestamp() - now_s)


def _is_page(response: Response) -> bool:
    kinds = response.headers.get_all("Content-Type")
    body = bytes(response.body or b"").lstrip()[:15].lower()
    return any("html" in kind.lower() for kind in kinds) or body.startswith((b"<!doc", b"<html"))


def _body_error(body: bytes) -> tuple[str, str]:
    """Return code and message of an API error body, ("", "") where it is something else."""
    try:
        error = json.loads(body)["error"]
        code = error.get("code") or error.get("type") or ""
        return str(code), str(error.get("message") or "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "", ""


# No connection: no HTTP answer at all


def dial_error(
    endpoint: Endpoint, error: Exception, machine: MachineState, now_s: float, within_s: float
) -> RemoteError:
    """Return why nothing came of a dial that had `within_s` seconds."""
    place, host = endpoint.place, endpoint.host
    match error:
        case TimeoutError():
            text = f"no answer from {place} within {within_s:g} s"
            return _about_the_way(endpoint, machine, text, "connect_timeout")
        case socket.gaierror():
            text = f"cannot find the address of {host}: no network, or a wrong name"
            return _about_the_way(endpoint, machine, text, "dns_failed")
        case ssl.SSLError():
            return _tls_error(place, error, machine, now_s)
        case InvalidProxyStatus():
            answered = f"the proxy answered HTTP {error.response.status_code} for {place}"
            return RemoteError(answered, "proxy_failed")
        case InvalidProxy():  # its text has the proxy's password in it
            wrong = f"the proxy in the environment is not a valid one: {error.msg}"
            return RemoteError(wrong, "proxy_failed")
        case ValueError():
            # Not quoted either: the library tells what it could not read.
            wrong = "the proxy in the environment has no address that can be read"
            return RemoteError(wrong, "proxy_failed")
        case ProxyError() | ImportError():  # a SOCKS proxy needs a library that we do not bring
            why = endpoint.quote(str(error))
            return RemoteError(f"no connection to {place} through the proxy: {why}", "proxy_failed")
        case OSError() if f"[Errno {errno.ECONNREFUSED}]" in str(error):  # at each of its addresses
            text = f"{place} refused the connection: nothing listens there"
            return RemoteError(text, "connection_refused")
        case OSError():
            reason = os.strerror(error.errno) if error.errno else endpoint.quote(str(error))
            text = f"cannot reach {place}: {reason or 'it hung up during the handshake'}"
            no_way = any(error.errno == n or f"[Errno {n}]" in str(error) for n in NO_WAY)
            return _about_the_way(endpoint, machine, text, "no_route" if no_way else "link_failed")
        case _:
            text = f"{place} is no Realtime endpoint: {endpoint.quote(str(error))}"
            return RemoteError(text, "link_failed")


def _about_the_way(endpoint: Endpoint, machine: MachineState, text: str, fault: str) -> RemoteError:
    """Return the error, with the nearest cause that this machine knows of."""
    network = Network.UNKNOWN if endpoint.is_this_machine else machine.network()
    if network is Network.DOWN:
        return RemoteError(f"{text}; no network interface is up", "no_wifi")
    if network is Network.LOCAL and fault in ("dns_failed", "no_route"):
        return RemoteError(f"{text}; no route leads out of this network", "no_route")
    return RemoteError(text, fault)


def _tls_error(place: str, error: ssl.SSLError, machine: MachineState, now_s: float) -> RemoteError:
    if not isinstance(error, ssl.SSLCertVerificationError):
        reason = error.reason or "the handshake broke off"
        return RemoteError(f"no TLS connection to {place}: {reason}", "tls_failed")
    if error.verify_code == CERTIFICATE_NOT_YET_VALID:
        wrong = machine.clock_is_wrong(now_s, suspect=True)
        text = f"the certificate of {place} is not valid yet: is this machine's clock right?"
    elif error.verify_code == CERTIFICATE_EXPIRED:
        wrong = machine.clock_is_wrong(now_s, suspect=False)
        text = f"the certificate of {place} has expired (or this machine's clock is wrong)"
    else:
        wrong = False
        text = f"the certificate of {place} is not to be trusted: {error.verify_message}"
    return RemoteError(text, "clock_wrong" if wrong else "tls_failed")


# The end of a connection


def end_error(
    endpoint: Endpoint,
    closed: ConnectionClosed,
    machine: MachineState,
    *,
    ping_timeout_s: float,
    max_message_bytes: int,
) -> RemoteError:
    """Return why a connection ended."""
    place = endpoint.place
    if closed.rcvd is not None:
        return _close_error(endpoint, closed.rcvd.code, closed.rcvd.reason)
    if closed.sent is None:
        text = f"{place}: the connection broke off (code 1006)"
        return _about_the_way(endpoint, machine, text, "link_lost")
    if closed.sent.code == 1011 and "ping" in closed.sent.reason:
        text = f"no answer to a ping within {ping_timeout_s:g} s; the network is gone (code 1011)"
        return _about_the_way(endpoint, machine, f"{place}: {text}", "stalled")
    if closed.sent.code == 1009:
        text = f"a message of more than {max_message_bytes} bytes (code 1009)"
        return RemoteError(f"{place}: {text}", "protocol_error")
    reason = endpoint.quote(closed.sent.reason)
    text = f"{place}: we closed the connection with code {closed.sent.code}"
    fault = "protocol_error" if closed.sent.code in BROKEN_FRAMES else "link_lost"
    return RemoteError(text + (f": {reason}" if reason else ""), fault)


def _close_error(endpoint: Endpoint, code: int, words: str) -> RemoteError:
    """Return what a close code of the other side means."""
    reason = endpoint.quote(words)
    text = f"{endpoint.place} closed the connection with code {code}"
    text += f": {reason}" if reason else ""
    error_code = words.rpartition(".")[2]  # "invalid_request_error.invalid_…"
    if code == BETA_SHAPE_REFUSED:
        return RefusedError(text, "beta_api_shape_disabled")
    if is_final(error_code):
        return RefusedError(text, error_code)
    if code == GOING_AWAY:
        return RemoteError(text, "session_expired")
    if code in SERVER_TROUBLE or code >= 4000:
        return RemoteError(text, "service_unavailable")
    return RemoteError(text, "link_lost")
