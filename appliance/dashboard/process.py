"""The dashboard as a process: what it says at its start, and when it ends."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import sys

from appliance.dashboard.server import Dashboard, Options

__all__ = ["Options", "serve"]

_WARNING = """\
dashboard: everybody who reaches this address can look, without a password and without encryption:
dashboard: state, faults, levels of the microphone, times and costs; never what was said. Nobody can
dashboard: change anything. To look from afar without that: ssh -L 8080:localhost:8080 DEVICE
"""


async def serve(options: Options, idle_s: float) -> None:
    """Serve until SIGTERM, SIGINT, or until nobody has looked for `idle_s` seconds (0: never).

    Raises:
        UsageError: the port cannot be had.
    """
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with Dashboard(options) as dashboard:
        sys.stdout.write(f"dashboard: {' '.join(dashboard.urls)}\n")
        if not options.sockets and not _is_loopback(options.host):
            sys.stdout.write(_WARNING)
        sys.stdout.flush()
        if not idle_s:
            await ended.wait()
            return
        away = asyncio.create_task(_set_when_away(dashboard, idle_s, ended))
        await ended.wait()
        away.cancel()


async def _set_when_away(dashboard: Dashboard, idle_s: float, ended: asyncio.Event) -> None:
    await dashboard.presence.until_away(idle_s)
    ended.set()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
