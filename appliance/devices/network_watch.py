"""Hear from the kernel when the network comes up, instead of trying until it has.

Source: rtnetlink(7); each change of an address, a route or a carrier is a message on a socket.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from appliance.devices.network import MachineState, Network

# rtnetlink(7): the groups of links, and of addresses and routes of both families.
GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400
SETTLE_S = 0.1  # an interface that comes up is told in a burst; its route comes last
MESSAGES_BYTES = 65536  # one read takes many: what they say is read from the files anyway


class KernelNetwork:
    """Tells each time that a network with a way out has come where none was."""

    def __init__(self, machine: MachineState) -> None:
        self._machine = machine
        self._socket: socket.socket | None = None
        self._looking: asyncio.TimerHandle | None = None
        self._came_up: Callable[[], None] = lambda: None
        self._was = Network.UNKNOWN

    def start(self, came_up: Callable[[], None]) -> None:
        """Watch from now on; a kernel or a sandbox without netlink is not watched, and no harm."""
        self._came_up = came_up
        self._was = self._machine.network()
        try:
            self._socket = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
            )
            self._socket.bind((0, GROUPS))
        except OSError:
            self.stop()
            return
        asyncio.get_running_loop().add_reader(self._socket, self._read, self._socket)

    def stop(self) -> None:
        """Watch no more. May be called twice."""
        if self._looking is not None:
            self._looking.cancel()
        watched, self._socket = self._socket, None
        if watched is not None:
            asyncio.get_running_loop().remove_reader(watched)
            watched.close()

    def _read(self, watched: socket.socket) -> None:
        try:
            watched.recv(MESSAGES_BYTES)
        except BlockingIOError:
            return
        except OSError:  # ENOBUFS: there were more than the kernel keeps
            pass
        if self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(SETTLE_S, self._look)

    def _look(self) -> None:
        self._looking = None
        before, self._was = self._was, self._machine.network()
        if self._was is Network.ROUTED and before is not Network.ROUTED:
            self._came_up()
