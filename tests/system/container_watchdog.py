"""What hangs is restarted within 15 s; what is only slow, lost or absent is left alone."""

from __future__ import annotations

import time

import pytest
from station import UNIT

AGAIN_WITHIN_S = 15.0  # from the hang to the start of the new process
PATIENCE_S = 9.0  # WatchdogSec= of the unit
SOUND = "test-sound.service"
_FILL = """
import contextlib, os
pipe = os.open("/run/test-trace", os.O_RDWR | os.O_NONBLOCK)
with contextlib.suppress(BlockingIOError):
    while True:
        os.write(pipe, b"x")
"""


@pytest.fixture(autouse=True)
def clean(station):
    station.stop()
    station.machine.sh(f"systemctl start {SOUND}")
    yield
    station.machine.sh(f"systemctl kill -s CONT {SOUND}", check=False)
    station.stop()
    station.environment()


def restarted(station, within_s=AGAIN_WITHIN_S):
    """Wait until systemd has begun to start it again; return how long it took."""
    return station.machine.wait(lambda: station.restarts > 0, within_s, "systemd restarts it")


def seconds_since_fed(station):
    fed_us = int(station.machine.show(UNIT, "WatchdogTimestampMonotonic"))
    return time.clock_gettime(time.CLOCK_MONOTONIC) - fed_us / 1e6


def test_it_is_fed_about_once_a_second(station):
    station.start()
    gaps = []
    for _ in range(20):
        gaps.append(seconds_since_fed(station))
        time.sleep(0.25)  # between two readings
    assert max(gaps) < 2.5


def test_a_process_that_stands_still_is_restarted(station):
    station.start()
    station.machine.sh(f"systemctl kill -s STOP {UNIT}")
    assert restarted(station) >= PATIENCE_S - 1.5
    station.machine.wait(lambda: station.state == "active", 20, "it is ready again")
    assert "watchdog" in station.machine.sh(f"journalctl -u {UNIT} -o cat --no-pager | tail -400")


def test_a_hung_loop_is_restarted_though_sound_comes_in(station):
    """Its trace goes into a pipe that is full and that nobody reads: its write never returns."""
    with station.with_button(trace="file:/run/test-trace"):
        station.start()
        station.machine.sh(f"python3 -c '{_FILL}'")
        station.press()
        restarted(station)
        said = station.machine.sh(f"journalctl -u {UNIT} -o cat --no-pager | tail -400")
        assert "Failed with result 'watchdog'" in said
        assert "in record" in said  # where the loop hung, from the threads' last words


def test_a_sound_thread_that_hangs_is_restarted_though_the_loop_turns(station):
    station.start()
    station.machine.sh(f"systemctl kill -s STOP {SOUND}")
    assert restarted(station)
    station.machine.sh(f"systemctl kill -s CONT {SOUND}")
    station.machine.wait(lambda: station.state == "active", 60, "it is ready again")
    said = station.machine.sh(f"journalctl -u {UNIT} -o cat --no-pager | tail -400")
    assert "Failed with result 'watchdog'" in said


def test_a_device_without_sound_cards_is_left_alone(station):
    station.machine.sh(f"systemctl stop {SOUND}")
    station.start()
    time.sleep(PATIENCE_S * 1.7)  # nothing may happen meanwhile
    assert (station.state, station.restarts) == ("active", 0)
    assert seconds_since_fed(station) < 4


def test_a_card_that_is_lost_is_waited_for(station):
    station.start()
    station.machine.sh(f"systemctl stop {SOUND}")
    station.wait_for_event("microphone_lost", 10)
    time.sleep(PATIENCE_S * 1.7)  # nothing may happen meanwhile
    assert (station.state, station.restarts) == ("active", 0)
    station.machine.sh(f"systemctl start {SOUND}")
    station.wait_for_event("microphone_back", 15)
    time.sleep(PATIENCE_S * 1.2)  # nothing may happen meanwhile
    assert (station.state, station.restarts) == ("active", 0)


def test_under_load_it_is_never_starved(station):
    """Eight busy processes beside it, for half a minute: the longest time without food is short."""
    station.start()
    station.machine.sh(
        "for n in 1 2 3 4 5 6 7 8; do systemd-run -q --unit=load-$n"
        " --property=RuntimeMaxSec=40 sh -c 'while :; do :; done'; done"
    )
    gaps = []
    until_s = time.monotonic() + 30
    while time.monotonic() < until_s:
        gaps.append(seconds_since_fed(station))
        time.sleep(0.25)  # between two readings
    station.machine.sh("systemctl stop 'load-*'")
    assert (station.state, station.restarts) == ("active", 0)
    assert max(gaps) < PATIENCE_S / 2


def test_a_start_that_is_slower_than_its_patience_is_left_alone(station):
    """It stands still before it is ready, where only the time-out of a start counts."""
    machine = station.machine
    silent = 'import socket, time; s = socket.create_server(("127.0.0.1", 8770)); time.sleep(1e9)'
    machine.sh(f"systemd-run -q --unit=silent /usr/bin/python3 -c '{silent}'")
    station.environment(APPLIANCE_ENDPOINT__URL="ws://127.0.0.1:8770/v1/realtime")
    try:
        machine.sh(f"systemctl start --no-block {UNIT}")
        there = "test -S /run/appliance/status.sock && echo there"
        machine.wait(lambda: machine.sh(there, check=False) == "there", 20, "it has begun")
        assert station.state == "activating"
        machine.sh(f"systemctl kill -s STOP {UNIT}")
        time.sleep(PATIENCE_S * 1.3)  # nothing may happen meanwhile
        machine.sh(f"systemctl kill -s CONT {UNIT}")
        machine.wait(lambda: station.state == "active", 40, "it is ready")
        assert station.restarts == 0
        assert station.events("connect_timeout")
    finally:
        machine.sh("systemctl stop silent")
