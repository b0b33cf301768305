"""What is read of a board: this machine's own figures, and those of boards made of files."""

from __future__ import annotations

import ctypes
import os
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.devices import health
from appliance.devices.health import Board
from appliance.session.health import Readings

PI = {
    "proc/self/statm": "20000 12000 3000 1 0 9000 0",
    "proc/self/cgroup": "0::/system.slice/appliance.service",
    "sys/fs/cgroup/system.slice/appliance.service/memory.current": "90000000",
    "sys/fs/cgroup/system.slice/appliance.service/memory.stat": (
        "anon 50000000\nfile 40000000\ninactive_file 30000000\nactive_file 9000000"
    ),
    "sys/fs/cgroup/system.slice/appliance.service/memory.max": "157286400",
    "sys/fs/cgroup/system.slice/appliance.service/memory.high": "125829120",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal",
    "sys/class/thermal/thermal_zone0/temp": "52582",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "50005",
    "run/systemd/timesync/synchronized": "",
    "run/appliance/update-pending": "",
}


@pytest.fixture
def board(tmp_path):
    """Make a board of files."""

    def build(files):
        for name, text in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{text}\n")
        return Board(tmp_path, tmp_path, own=False)

    return build


def test_everything_that_a_pi_says(board):
    seen = board(PI).look()
    assert seen.resident_bytes == 12000 * os.sysconf("SC_PAGE_SIZE")
    assert (seen.group_used_bytes, seen.group_limit_bytes) == (60_000_000, 125_829_120)
    assert seen.temperature_c == 52.582
    assert (seen.undervolted, seen.throttled) == (True, True), "0x50005: now, and before"
    assert seen.update_pending is True
    assert seen.clock_set is True
    assert seen.disk_free_bytes > 0


def test_a_board_that_says_nothing(tmp_path):
    seen = Board(tmp_path / "missing", tmp_path / "missing", own=False).look()
    assert seen == Readings(update_pending=False)


def test_this_very_machine(tmp_path):
    seen = Board(tmp_path).look()
    told = os.statvfs(tmp_path)
    assert seen.disk_free_bytes == pytest.approx(told.f_bavail * told.f_frsize, rel=0.2)
    status = Path("/proc/self/status").read_text()
    resident_kb = int(status.split("VmRSS:")[1].split()[0])
    assert seen.resident_bytes / 1024 == pytest.approx(resident_kb, rel=0.1)
    assert seen.temperature_c is None or -40 < seen.temperature_c < 150


def test_memory_that_is_held_shows(tmp_path):
    before = Board(tmp_path).look().resident_bytes
    held = bytearray(b"x" * 50_000_000)
    assert Board(tmp_path).look().resident_bytes - before > 40_000_000
    assert len(held) == 50_000_000


@pytest.mark.parametrize(
    ("told", "undervolted", "throttled"),
    [
        ("0", False, False),
        ("50000", False, False),  # before, not now
        ("1", True, False),
        ("4", False, True),
        ("0x80008", False, False),  # the soft limit of a 3B+ slows it by a little, from 60 °C on
        ("nonsense", None, None),
        ("", None, None),
    ],
)
@pytest.mark.parametrize("soc", ["soc/soc:firmware", "soc@107c000000/soc@107c000000:firmware"])
def test_bits_of_the_firmware(board, told, undervolted, throttled, soc):
    seen = board({f"sys/devices/platform/{soc}/get_throttled": told}).look()
    assert (seen.undervolted, seen.throttled) == (undervolted, throttled)


@pytest.mark.parametrize(("alarm", "undervolted"), [("0", False), ("1", True), ("", None)])
def test_the_alarm_of_other_kernels(board, alarm, undervolted):
    seen = board(
        {
            "sys/class/hwmon/hwmon0/name": "cpu_thermal",
            "sys/class/hwmon/hwmon0/in0_lcrit_alarm": "1",
            "sys/class/hwmon/hwmon1/name": "rpi_volt",
            "sys/class/hwmon/hwmon1/in0_lcrit_alarm": alarm,
        }
    ).look()
    assert (seen.undervolted, seen.throttled) == (undervolted, None)


@pytest.mark.parametrize(
    ("script", "bits"),
    [
        ("echo throttled=0x50005", 0x50005),
        ("echo 'VCHI initialization failed'", None),
        ("exit 1", None),
        ("exec sleep 60", None),
        (None, None),
    ],
)
def test_the_firmwares_program_is_asked_where_the_kernel_has_no_file(
    tmp_path, monkeypatch, script, bits
):
    monkeypatch.setattr(health, "_VCGENCMD_S", 0.5)
    programs = tmp_path / "bin"
    programs.mkdir()
    if script is not None:
        program = programs / "vcgencmd"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep if script else None)
    board = Board(tmp_path, tmp_path)
    assert board.look().throttled is None, "without the firmware's device nothing is started"
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/vcio").touch()
    seen = board.look()
    assert seen.throttled == (None if bits is None else bool(bits & 4))
    assert seen.undervolted == (None if bits is None else bool(bits & 1))


def test_the_hottest_sensor_of_the_processor_counts(board):
    zones = {
        ("acpitz", "99000"),
        ("cpu-thermal", "61000"),
        ("soc_thermal", "63500"),
        ("cpu-broken", "-273000"),
        ("cpu-none", "Invalid argument"),
    }
    files = {}
    for number, (kind, temp) in enumerate(sorted(zones)):
        files[f"sys/class/thermal/thermal_zone{number}/type"] = kind
        files[f"sys/class/thermal/thermal_zone{number}/temp"] = temp
    assert board(files).look().temperature_c == 63.5


def test_without_a_processors_sensor_any_counts(board):
    zone = "sys/class/thermal/thermal_zone3"
    assert board({f"{zone}/type": "acpitz", f"{zone}/temp": "40000"}).look().temperature_c == 40.0


def test_the_least_limit_of_the_groups_above_holds(board):
    group = "sys/fs/cgroup/system.slice/appliance.service"
    files = {
        **PI,
        f"{group}/memory.max": "max",
        f"{group}/memory.high": "max",
        "sys/fs/cgroup/system.slice/memory.max": "100000000",
        "sys/fs/cgroup/system.slice/memory.high": "max",
    }
    assert board(files).look().group_limit_bytes == 100_000_000
    files["sys/fs/cgroup/system.slice/memory.max"] = "max"
    assert board(files).look().group_limit_bytes is None


@pytest.mark.parametrize("marker", ["run/appliance/update-pending", "run/reboot-required"])
def test_an_update_is_seen_by_its_marker(board, marker):
    assert board({}).look().update_pending is False
    assert board({marker: ""}).look().update_pending is True


@pytest.mark.parametrize(
    ("files", "clock_set"),
    [
        ({}, None),
        ({"run/systemd/timesync/clock": ""}, False),
        ({"run/systemd/timesync/synchronized": ""}, True),
    ],
)
def test_the_clock_by_timesyncds_file(board, files, clock_set):
    assert board(files).clock_set() is clock_set


@pytest.mark.parametrize(("kernel", "clock_set"), [(0, True), (3, True), (5, False), (-1, None)])
def test_the_clock_by_the_kernel(tmp_path, monkeypatch, kernel, clock_set):
    class Library:
        def adjtimex(self, _):
            return kernel

    monkeypatch.setattr(health.ctypes, "CDLL", lambda *_, **__: Library())
    assert Board(tmp_path, tmp_path).clock_set() is clock_set
    (tmp_path / "run/systemd/timesync").mkdir(parents=True)
    (tmp_path / "run/systemd/timesync/synchronized").touch()
    assert Board(tmp_path, tmp_path).clock_set() is (True if kernel < 0 else clock_set)


def test_what_the_kernel_writes_of_its_clock_fits():
    room = ctypes.create_string_buffer(4096)
    state = ctypes.CDLL(None).adjtimex(room)
    assert not any(room.raw[health._TIMEX_BYTES :])
    assert health._kernel_synchronised() == (None if state < 0 else state != 5)


garbage = st.text(alphabet="0123456789abcxmax :/-\n\0é", max_size=40)


@given(st.dictionaries(st.sampled_from(sorted(PI)), garbage, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_garbage_in_any_file_is_no_reading_and_no_error(board, files):
    seen = board({**PI, **files}).look()
    assert all(
        value is None or isinstance(value, bool | int | float) for value in asdict(seen).values()
    )
