"""`appliance dashboard`: show the running device in a browser."""

from __future__ import annotations

import argparse
import asyncio
import socket
from pathlib import Path

from systemd import daemon

from appliance.errors import UsageError
from appliance.status.client import default_path

IDLE_S = 300.0  # after which a dashboard that systemd started ends; the next visit starts it again
EPILOG = """\
examples:
  appliance dashboard                      http://127.0.0.1:8080/ on the device itself
  ssh -L 8080:localhost:8080 DEVICE        … and from here on your own machine, encrypted
  appliance dashboard --host 0.0.0.0       for everybody in the network; says what that means

/metrics is for Prometheus, /snapshot.json for programs. systemd starts it on the first visit and it
ends when nobody looks (--idle): systemctl enable --now appliance-dashboard.socket
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `appliance dashboard`."""
    parser.description = "Show the running device in a browser: a process of its own, that reads."
    parser.epilog = EPILOG
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="port (%(default)s); 0: a free one")
    parser.add_argument(
        "--socket",
        type=Path,
        default=default_path(),
        metavar="PATH",
        help="the device's status socket (%(default)s)",
    )
    parser.add_argument(
        "--idle",
        type=float,
        metavar="SECONDS",
        help=f"end when nobody has looked for so long; 0: never (default: {IDLE_S:g} when systemd "
        "holds the socket, else never)",
    )
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="NAME",
        help="another name that browsers may call this machine by; may be repeated",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM, SIGINT, or until nobody has looked for long.

    Raises:
        UsageError: a wrong argument, the port cannot be had, or aiohttp is missing.
    """
    try:
        from appliance.dashboard.process import Options, serve
    except ImportError as missing:
        text = f"{missing.name} is missing: pip install 'voice-appliance[dashboard]'"
        raise UsageError(text) from missing
    if not 0 <= args.port <= 65535:
        raise UsageError("--port must be from 0 to 65535")
    if args.idle is not None and not 0 <= args.idle < float("inf"):
        raise UsageError("--idle must be a number of seconds, 0 or more")
    sockets = handed_over()
    idle_s = args.idle if args.idle is not None else IDLE_S if sockets else 0.0
    options = Options(args.socket, args.host, args.port, tuple(args.name), sockets)
    asyncio.run(serve(options, idle_s))
    return 0


def handed_over() -> list[socket.socket]:
    """Return the listening sockets that systemd gave us (LISTEN_FDS), none if it gave none.

    Raises:
        UsageError: what it gave is no stream socket that listens.
    """
    try:
        found = [socket.socket(fileno=each) for each in daemon.listen_fds()]
    except OSError as error:
        raise UsageError(f"LISTEN_FDS: not a socket: {error.strerror}") from error
    for each in found:
        if not each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise UsageError("LISTEN_FDS: a socket that does not listen (Accept=yes in its unit?)")
    return found
