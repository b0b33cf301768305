"""What systemd is told, over the socket that it gives."""

import os
import resource
import socket

import pytest

from appliance.devices import priority
from appliance.devices.systemd import (
    feed_watchdog,
    is_service,
    is_watched,
    notify_ready,
    notify_reloading,
    notify_stopping,
)


@pytest.fixture
def manager(tmp_path, monkeypatch):
    """The manager's end of the socket."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(path))
        end.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield end


def test_each_state_is_told_in_systemd_s_words(manager):
    notify_ready("ready: talk")
    assert manager.recv(4096) == b"READY=1\nSTATUS=ready: talk"
    feed_watchdog()
    assert manager.recv(4096) == b"WATCHDOG=1"
    notify_reloading()
    assert manager.recv(4096).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
    notify_stopping()
    assert manager.recv(4096) == b"STOPPING=1"


def test_who_is_a_service(monkeypatch, manager):
    assert is_service()
    monkeypatch.delenv("NOTIFY_SOCKET")
    assert not is_service()


def test_without_systemd_nobody_is_told(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    feed_watchdog()


@pytest.mark.parametrize(
    ("environ", "watched"),
    [
        ({}, False),
        ({"WATCHDOG_USEC": "9000000"}, True),
        ({"WATCHDOG_USEC": "9000000", "WATCHDOG_PID": str(os.getpid())}, True),
        ({"WATCHDOG_USEC": "9000000", "WATCHDOG_PID": "1"}, False),  # a parent's, inherited
    ],
)
def test_who_is_watched(environ, watched):
    assert is_watched(environ) is watched


@pytest.mark.parametrize("granted", [0, 9])
def test_without_the_right_to_it_a_thread_keeps_its_priority(monkeypatch, granted):
    asked = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (granted, granted))
    monkeypatch.setattr(os, "sched_setscheduler", lambda *call: asked.append(call))
    priority.hurry()
    assert asked == []


def test_a_refusal_changes_nothing(monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (20, 20))
    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    priority.hurry()


def test_only_the_calling_thread_hurries(monkeypatch):
    calls = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (20, 20))
    monkeypatch.setattr(os, "sched_setscheduler", lambda *call: calls.append(call))
    priority.hurry()
    ((pid, policy, parameter),) = calls
    assert (pid, policy) == (0, os.SCHED_FIFO)  # 0: this thread, not this process
    assert parameter.sched_priority == priority.PRIORITY
