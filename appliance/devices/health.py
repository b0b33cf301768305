"""Read what the board says of itself, from the kernel's files below `root`; never raises.

Some dozens of small files, but for `vcgencmd`, which is a program and is asked only where the
kernel has none of its files. `look` may block: not for the event loop's thread.
Sources: proc(5), cgroups(7), statvfs(3), adjtimex(2), the kernel's raspberrypi-hwmon driver,
and the sysfs file `get_throttled` of the Raspberry Pi's own kernel.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance.session.health import Readings

UNDERVOLTED, THROTTLED = 1 << 0, 1 << 2  # of `get_throttled`: now, not ever since the start
_PLAUSIBLE_C = (-40.0, 150.0)
_THROTTLED_FILES = "sys/devices/platform/soc*/soc*firmware/get_throttled"
_UPDATE_MARKERS = ("run/appliance/update-pending", "run/reboot-required", "var/run/reboot-required")
_VCGENCMD_S = 2.0
_TIME_ERROR = 5  # adjtimex's state while the clock is not synchronised
_TIMEX_BYTES = 512  # struct timex has 208; the kernel fills in what it has
_NO_LIMIT = 1 << 60  # cgroup v1 writes a huge number where v2 writes "max"


@dataclass(frozen=True, slots=True)
class Board:
    """One machine.

    Args:
        state: the directory in which the state is kept.
        root: what is "/" on the machine itself.
        own: whether `root` is this very machine's, so that its programs and calls may be asked.
    """

    state: Path
    root: Path = Path("/")
    own: bool = True

    def look(self) -> Readings:
        """Return everything that can be read now."""
        room, names = self._disk()
        used, limit = self._group()
        bits = self._throttled()
        return Readings(
            disk_free_bytes=room,
            files_free=names,
            resident_bytes=self.resident_bytes(),
            group_used_bytes=used,
            group_limit_bytes=limit,
            temperature_c=self._temperature(),
            undervolted=self._alarm() if bits is None else bool(bits & UNDERVOLTED),
            throttled=None if bits is None else bool(bits & THROTTLED),
            update_pending=any((self.root / marker).exists() for marker in _UPDATE_MARKERS),
            clock_set=self.clock_set(),
        )

    def clock_set(self) -> bool | None:
        """Return whether the clock agrees with the world's; None if nobody knows.

        The kernel knows of every program that keeps it right; where a sandbox forbids the question
        (systemd's ProtectClock=), systemd-timesyncd leaves a file.
        """
        synchronised = _kernel_synchronised() if self.own else None
        if synchronised is not None:
            return synchronised
        timesync = self.root / "run/systemd/timesync"
        return (timesync / "synchronized").exists() if timesync.is_dir() else None

    def _disk(self) -> tuple[int | None, int | None]:
        try:
            told = os.statvfs(self.state)
        except OSError:
            return None, None
        # Some file systems make room for names as they need it, and say 0 of 0.
        return told.f_bavail * told.f_frsize, told.f_favail if told.f_files else None

    def resident_bytes(self) -> int | None:
        """Return what this process holds in memory now."""
        pages = self._text("proc/self/statm").split()
        if len(pages) < 2 or not pages[1].isdecimal():
            return None
        return int(pages[1]) * os.sysconf("SC_PAGE_SIZE")

    def _group(self) -> tuple[int | None, int | None]:
        """Return what our control group uses, less the cache that it can give back, and its limit.

        The least of the limits of it and the groups above it holds.
        """
        own = next(
            (
                line[3:].lstrip("/")
                for line in self._text("proc/self/cgroup").splitlines()
                if line.startswith("0::")
            ),
            None,
        )
        if own is None:
            return None, None
        base = "sys/fs/cgroup"
        used = _number(self._text(f"{base}/{own}/memory.current"))
        if used is None:
            return None, None
        for line in self._text(f"{base}/{own}/memory.stat").splitlines():
            name, _, value = line.partition(" ")
            if name == "inactive_file":
                used = max(0, used - (_number(value) or 0))
        limits = [
            limit
            for group in (Path(own), *Path(own).parents)
            for name in ("memory.max", "memory.high")
            if (limit := _number(self._text(f"{base}/{group}/{name}"))) is not None
            and limit < _NO_LIMIT
        ]
        return used, min(limits, default=None)

    def _temperature(self) -> float | None:
        """Return the hottest of the processor's sensors, in °C; of all if none is named so."""
        zones = [
            (self._text(zone / "type"), degrees)
            for zone in self._found("sys/class/thermal/thermal_zone*")
            if (degrees := _degrees(self._text(zone / "temp"))) is not None
        ]
        ours = [
            degrees
            for kind, degrees in zones
            if any(word in kind.lower() for word in ("cpu", "soc", "x86_pkg"))
        ]
        return max(ours or [degrees for _, degrees in zones], default=None)

    def _throttled(self) -> int | None:
        for file in self._found(_THROTTLED_FILES):
            bits = _hexadecimal(self._text(file))
            if bits is not None:
                return bits
        if self._hwmon() is not None or not self.own:
            return None
        return self._ask_vcgencmd()

    def _ask_vcgencmd(self) -> int | None:
        if not (self.root / "dev/vcio").exists():  # no such firmware: no such program
            return None
        try:
            told = subprocess.run(
                ["vcgencmd", "get_throttled"],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_VCGENCMD_S,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return _hexadecimal(told.stdout.partition("=")[2])

    def _hwmon(self) -> Path | None:
        """Return the directory of the driver that knows the supply."""
        monitors = self._found("sys/class/hwmon/hwmon*")
        return next((each for each in monitors if self._text(each / "name") == "rpi_volt"), None)

    def _alarm(self) -> bool | None:
        monitor = self._hwmon()
        alarm = "" if monitor is None else self._text(monitor / "in0_lcrit_alarm")
        return alarm == "1" if alarm in ("0", "1") else None

    def _found(self, pattern: str) -> Iterator[Path]:
        return iter(sorted(self.root.glob(pattern)))

    def _text(self, file: Path | str) -> str:
        try:
            return (self.root / file).read_bytes().decode("ascii", "replace").strip()
        except OSError:
            return ""


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def _hexadecimal(text: str) -> int | None:
    try:
        return int(text.strip(), 16)
    except ValueError:
        return None


def _degrees(text: str) -> float | None:
    """Read thousandths of a degree; None if no processor has this temperature."""
    try:
        degrees = int(text) / 1000
    except ValueError:
        return None
    coldest, hottest = _PLAUSIBLE_C
    return degrees if coldest < degrees < hottest else None


def _kernel_synchronised() -> bool | None:
    """Ask the kernel (adjtimex with no mode set, which everyone may); None if it does not say."""
    library = ctypes.CDLL(None, use_errno=True)
    state: int = library.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return None if state < 0 else state != _TIME_ERROR
