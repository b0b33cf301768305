"""Tell systemd how we are; without systemd, tell nobody."""

from __future__ import annotations

from systemd import daemon


def notify_ready(status: str) -> None:
    """Say that a person can use the device now (Type=notify units start with this)."""
    daemon.notify(f"READY=1\nSTATUS={status}")


def notify_stopping() -> None:
    daemon.notify("STOPPING=1")
