"""What this machine knows of its network and its clock: what a failed dial is read by.

Read from the kernel's files below `root`, so that a test can give its own; never raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

ROUTE_UP = 0x1  # RTF_UP
LOOPBACK_FLAG = 0x8  # IFF_LOOPBACK


class Network(Enum):
    DOWN = "down"  # no interface but the loopback is up
    LOCAL = "local"  # an interface is up, and no route leads out of its network
    ROUTED = "routed"
    UNKNOWN = "unknown"  # the kernel does not say


@dataclass(frozen=True, slots=True)
class MachineState:
    """The state of one machine.

    Args:
        root: what is "/" on the machine itself.
        built_s: Unix time, s, that the clock cannot be before: when this program was made.
    """

    root: Path
    built_s: float

    def network(self) -> Network:
        """Return how far the network goes."""
        try:
            interfaces = list((self.root / "sys/class/net").iterdir())
        except OSError:
            return Network.UNKNOWN
        if not any(_is_up(interface) for interface in interfaces):
            return Network.DOWN
        tables = [self.root / "proc/net/route", self.root / "proc/net/ipv6_route"]
        if not any(table.exists() for table in tables):  # a sandbox may hide them
            return Network.UNKNOWN
        routes = [*_default_routes_4(_lines(tables[0])), *_default_routes_6(_lines(tables[1]))]
        return Network.ROUTED if routes else Network.LOCAL

    def clock_is_wrong(self, now_s: float, *, suspect: bool) -> bool:
        """Return whether the clock is to blame for a certificate of another time.

        Args:
            now_s: Unix time by that clock, s.
            suspect: what to believe if nobody knows whether the clock was ever set.
        """
        if now_s < self.built_s:
            return True
        timesync = self.root / "run/systemd/timesync"
        if not timesync.is_dir():  # another program, or none, sets the clock
            return suspect
        return not (timesync / "synchronized").exists()


def _default_routes_4(lines: list[str]) -> list[str]:
    """Names of interfaces with a route to everywhere. Columns: proc(5), /proc/net/route."""
    fields = [line.split() for line in lines[1:]]
    return [f[0] for f in fields if len(f) > 7 and f[1] == f[7] == "00000000" and _is_set(f[3])]


def _default_routes_6(lines: list[str]) -> list[str]:
    """The same for IPv6; the kernel has such a route on the loopback, too, that rejects."""
    fields = [line.split() for line in lines]
    return [
        f[9]
        for f in fields
        if len(f) > 9 and not f[0].strip("0") and f[1] == "00" and f[9] != "lo" and _is_set(f[8])
    ]


def _is_set(flags: str) -> bool:
    try:
        return bool(int(flags, 16) & ROUTE_UP)
    except ValueError:
        return False


def _is_up(interface: Path) -> bool:
    """Whether an interface other than the loopback can carry anything."""
    try:
        flags = int(_text(interface / "flags"), 16)
    except ValueError:
        flags = LOOPBACK_FLAG if interface.name == "lo" else 0
    # "unknown" is what tunnels and some drivers say; then the carrier tells.
    state = _text(interface / "operstate")
    works = state == "up" or (state == "unknown" and _text(interface / "carrier") == "1")
    return works and not flags & LOOPBACK_FLAG


def _text(file: Path) -> str:
    try:
        return file.read_text("ascii", "replace").strip()
    except OSError:  # an interface that is down has no carrier to read
        return ""


def _lines(file: Path) -> list[str]:
    return _text(file).splitlines()
