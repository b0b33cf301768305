"""What the device may do and what it may not, tried by a probe in the unit's own sandbox."""

from __future__ import annotations

import json

import pytest
from station import UNIT

HIGHEST_EXPOSURE = 2.0  # systemd-analyze's figure: 0 is safe, 10 is open
DASHBOARD = "appliance-dashboard.service"

# Each attempt, and the errors with which it may be refused.
_PROBE = """
import ctypes, errno, json, mmap, os, resource, socket, subprocess, sys

results = {}

def attempt(name, work):
    try:
        work()
    except OSError as refused:
        results[name] = errno.errorcode.get(refused.errno, str(refused))
    else:
        results[name] = "done"

def write(path):
    return lambda: open(path, "w").close()

libc = ctypes.CDLL(None, use_errno=True)

def call(name, *arguments):
    def work():
        if getattr(libc, name)(*arguments) < 0:
            raise OSError(ctypes.get_errno(), "")
    return work

for path in ("/etc/probe", "/usr/probe", "/opt/appliance/probe", "/var/probe", "/home/probe",
             "/root/probe", "/sys/probe", "/run/probe", "/boot/probe"):
    attempt("write " + path, write(path))
attempt("state", write("/var/lib/appliance/probe"))
attempt("runtime", write("/run/appliance/probe"))
attempt("temporary", write("/tmp/probe"))
attempt("code", lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC))
attempt("disk", lambda: os.mknod("/tmp/disk", 0o600 | 0o060000, os.makedev(7, 0)))
attempt("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
attempt("internet", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0))
attempt("netlink", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0))
attempt("mount", call("mount", b"none", b"/tmp", b"tmpfs", 0, None))
attempt("namespace", call("unshare", 0x10000000))
attempt("trace", call("ptrace", 16, 1, 0, 0))
attempt("root", lambda: os.setuid(0))
attempt("clock", lambda: __import__("time").clock_settime(0, 0))
attempt("module", call("init_module", None, 0, b""))
attempt("child", lambda: subprocess.run([sys.executable, "-c", "pass"], check=True))
attempt("log", lambda: open("/dev/kmsg").close())
attempt("settings", lambda: open("/etc/appliance/appliance.toml").close())
attempt("store", lambda: os.listdir("/etc/credstore"))
attempt("shadow", lambda: open("/etc/shadow").close())
results["realtime granted"] = resource.getrlimit(resource.RLIMIT_RTPRIO)[0]
json.dump(results, open("/run/appliance/probe.json", "w"))
"""

_AS_THE_DEVICE = """\
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=
ExecStart=/usr/bin/python3 /usr/local/lib/probe.py
"""


@pytest.fixture(scope="module")
def results(station):
    """What came of each attempt: "done", or the name of the error."""
    station.machine.write("/usr/local/lib/probe.py", _PROBE)
    station.machine.sh("mkdir -p /etc/credstore /boot")
    with station.drop_in("probe", _AS_THE_DEVICE):
        station.machine.sh(f"systemctl start {UNIT}")
        told = json.loads(station.machine.sh("cat /run/appliance/probe.json"))
        station.stop()
    return told


@pytest.mark.parametrize("attempt", ["state", "runtime", "temporary", "settings"])
def test_what_it_needs_it_may(results, attempt):
    assert results[attempt] == "done"


@pytest.mark.parametrize("attempt", ["internet", "netlink", "child"])
def test_it_may_use_the_network_and_read_its_settings_in_a_child(results, attempt):
    assert results[attempt] == "done"


@pytest.mark.parametrize("path", ["etc", "usr", "opt/appliance", "var", "sys", "boot", "run"])
def test_it_may_write_nowhere_else(results, path):
    assert results[f"write /{path}/probe"] in ("EROFS", "EACCES", "EPERM")


@pytest.mark.parametrize("path", ["home", "root"])
def test_it_does_not_see_what_is_people_s(results, path):
    assert results[f"write /{path}/probe"] in ("EACCES", "EROFS", "ENOENT")


@pytest.mark.parametrize(
    "attempt",
    ["code", "disk", "mount", "namespace", "trace", "root", "clock", "module", "log", "shadow"],
)
def test_it_may_not(results, attempt):
    assert results[attempt] in ("EPERM", "EACCES", "ENOENT")


def test_other_kinds_of_sockets_do_not_exist_for_it(results):
    assert results["packet"] == "EAFNOSUPPORT"


def test_the_key_of_the_store_is_root_s(results):
    assert results["store"] == "EACCES"


@pytest.mark.parametrize("unit", [UNIT, DASHBOARD])
def test_systemd_s_own_opinion(station, unit):
    told = station.machine.sh(
        f"systemd-analyze security --offline=true --no-pager /etc/systemd/system/{unit}"
    )
    exposure = float(told.split("Overall exposure level for ")[1].split(":")[1].split()[0])
    assert exposure <= HIGHEST_EXPOSURE


def test_the_units_are_without_mistakes(station):
    units = f"{UNIT} {DASHBOARD} appliance-dashboard.socket"
    assert station.machine.sh(f"systemd-analyze verify --man=no {units} 2>&1") == ""


def test_the_real_device_runs_so_confined(station):
    station.environment()
    station.start()
    status = station.machine.sh(f"cat /proc/{station.pid}/status")
    values = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert values["NoNewPrivs"] == "1"
    assert values["Seccomp"] == "2"
    assert {int(values[each], 16) for each in ("CapPrm", "CapEff", "CapBnd")} == {0}
    assert values["Uid"].split()[0] != "0"
    # And no compiler of kernels is in it, nor are docstrings.
    maps = station.machine.sh(f"cat /proc/{station.pid}/maps")
    assert "llvmlite" not in maps
    assert "libavcodec" not in maps
    assert "appliance-kernels.so" in maps
    assert "PYTHONOPTIMIZE=2" in station.machine.sh(f"tr '\\0' '\\n' </proc/{station.pid}/environ")
    station.stop()
