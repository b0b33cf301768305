"""Who may ask what: hosts, methods, other sites, and the headers that every answer carries."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

HEADERS = {
    # Nothing but what this server gives, and no text that becomes script.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "Server": "appliance",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_ALLOWED = "GET, HEAD"
# A page of another site may link here, but not load anything from here (it cannot read it anyway,
# but an open stream of its would hold a place).
_FROM_HERE = {"same-origin", "none"}


def known_names(more: Iterable[str] = ()) -> frozenset[str]:
    """Return the names that this machine is called by, in lower case, and `more`."""
    own = socket.gethostname().lower().split(".")[0]
    return frozenset({"localhost", own, f"{own}.local", *(each.lower() for each in more)})


def is_ours(host: str, names: frozenset[str]) -> bool:
    """Say whether a Host header names this machine.

    A site that makes its own name point to this address (DNS rebinding) sends that name. It cannot
    send a bare address, nor one of `names`.
    """
    name, _, port = host.rpartition(":") if not host.endswith("]") else (host, "", "0")
    if not name:
        name, port = port, "0"
    if not (port.isascii() and port.isdigit()):
        return False
    if name.lower().rstrip(".") in names:
        return True
    try:
        if name.startswith("[") and name.endswith("]"):
            ipaddress.IPv6Address(name[1:-1])
        else:
            ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True


def guard(names: frozenset[str]) -> Middleware:
    """Return what turns away requests that no browser of ours makes."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not is_ours(request.headers.get("Host", ""), names):
            text = "This is not a name of this machine. `appliance dashboard --name` adds one.\n"
            return web.Response(status=421, text=text)
        if request.method not in _ALLOWED.split(", "):
            return web.Response(status=405, text="Look only.\n", headers={"Allow": _ALLOWED})
        site = request.headers.get("Sec-Fetch-Site", "none")
        if site not in _FROM_HERE and request.headers.get("Sec-Fetch-Mode") != "navigate":
            return web.Response(status=403, text="Not for other sites.\n")
        return await handler(request)

    return check


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Put `HEADERS` on an answer; a signal of aiohttp (`on_response_prepare`)."""
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
