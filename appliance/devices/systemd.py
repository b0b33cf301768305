"""Tell systemd how we are; without systemd, tell nobody."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from systemd import daemon


def notify_ready(status: str) -> None:
    """Say that a person can use the device now (Type=notify units start with this)."""
    daemon.notify(f"READY=1\nSTATUS={status}")


def notify_reloading() -> None:
    """Say that the settings are being read again; `notify_ready` says that they have been."""
    daemon.notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")


def notify_stopping() -> None:
    daemon.notify("STOPPING=1")


def is_service(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether systemd runs this process as a service that it wants to hear from."""
    return bool(environ.get("NOTIFY_SOCKET"))


def is_watched(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether systemd ends this process unless it is told now and then not to.

    Source: sd_watchdog_enabled(3).
    """
    return "WATCHDOG_USEC" in environ and environ.get("WATCHDOG_PID") in (None, str(os.getpid()))


def feed_watchdog() -> None:
    """Say that all is well."""
    daemon.notify("WATCHDOG=1")
