"""The network between this machine and a virtual one: one cable, in a name space of its own.

At this end, 10.9.0.1, is all the world that the virtual machine knows.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from cache import need_programs

HERE, THERE = "10.9.0.1", "10.9.0.2"
NEEDED = {"ip": "iproute2", "ethtool": "ethtool"}
_HELPS = ("rx", "tx", "tso", "gso", "gro")  # what a card would do with a frame
_OUR_END, _ITS_END = "world0", "machine0"


class Cable:
    """Lies there from `lay` to `remove`."""

    interface = _ITS_END

    def __init__(self, name: str) -> None:
        self.name = name

    def lay(self) -> None:
        """Make it; it is plugged in."""
        need_programs(NEEDED)
        self._do("ip", "netns", "add", self.name)
        self._inside("ip", "link", "set", "lo", "up")
        self._inside("ip", "link", "add", _OUR_END, "type", "veth", "peer", "name", _ITS_END)
        self._inside("ip", "address", "add", f"{HERE}/24", "dev", _OUR_END)
        for end in (_OUR_END, _ITS_END):
            self._inside("ip", "link", "set", end, "up")
            # The machine reads raw frames, and would get those that are still to be finished.
            off = [word for each in _HELPS for word in (each, "off")]
            self._inside("ethtool", "-K", end, *off)

    def remove(self) -> None:
        self._do("ip", "netns", "del", self.name)

    def pull(self) -> None:
        """Pull it out: nothing gets through, and nobody is told."""
        self._inside("ip", "link", "set", _OUR_END, "down")

    def plug(self) -> None:
        self._inside("ip", "link", "set", _OUR_END, "up")

    def at_our_end(self, command: Sequence[str]) -> list[str]:
        """Return the command that runs `command` at our end of the cable."""
        return ["ip", "netns", "exec", self.name, *command]

    def _inside(self, *command: str) -> None:
        self._do(*self.at_our_end(command))

    @staticmethod
    def _do(*command: str) -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
