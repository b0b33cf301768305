"""What a machine's own files say of its network and clock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from appliance.devices.network import MachineState, Network

ROUTE_HEAD = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
DEFAULT_4 = "eth0 00000000 0101A8C0 0003 0 0 0 00000000 0 0 0\n"
LOCAL_4 = "eth0 0001A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n"
ZEROS = "0" * 32
DEFAULT_6 = f"{ZEROS} 00 {ZEROS} 00 fe80{'0' * 27}1 00000400 00000001 00000000 00000003 wlan0\n"
REJECT_6 = f"{ZEROS} 00 {ZEROS} 00 {ZEROS} ffffffff 00000001 00000000 00200200 lo\n"


@pytest.fixture
def interface(tmp_path):
    """Make an interface below the root."""

    def make(name, operstate, flags="0x1003", carrier=None):
        folder = tmp_path / "sys/class/net" / name
        folder.mkdir(parents=True)
        (folder / "operstate").write_text(operstate + "\n")
        (folder / "flags").write_text(flags + "\n")
        if carrier is not None:
            (folder / "carrier").write_text(carrier + "\n")

    make("lo", "unknown", "0x9", "1")
    return make


def routes(root, four="", six=""):
    (root / "proc/net").mkdir(parents=True, exist_ok=True)
    (root / "proc/net/route").write_text(ROUTE_HEAD + four)
    (root / "proc/net/ipv6_route").write_text(six)


def network(root):
    return MachineState(root, 0.0).network()


def test_a_loopback_alone_is_no_network(tmp_path, interface):
    interface("wlan0", "down")
    assert network(tmp_path) is Network.DOWN


def test_an_interface_without_a_way_out_is_local(tmp_path, interface):
    interface("wlan0", "up")
    routes(tmp_path, LOCAL_4, REJECT_6)
    assert network(tmp_path) is Network.LOCAL


@pytest.mark.parametrize(("four", "six"), [(DEFAULT_4, ""), (LOCAL_4, DEFAULT_6)])
def test_a_default_route_of_either_kind_leads_out(tmp_path, interface, four, six):
    interface("wlan0", "up")
    routes(tmp_path, four, six)
    assert network(tmp_path) is Network.ROUTED


@pytest.mark.parametrize(("carrier", "state"), [("1", Network.LOCAL), (None, Network.DOWN)])
def test_a_driver_that_does_not_say_is_asked_for_its_carrier(tmp_path, interface, carrier, state):
    interface("ppp0", "unknown", carrier=carrier)
    routes(tmp_path)
    assert network(tmp_path) is state


def test_a_route_that_is_not_up_leads_nowhere(tmp_path, interface):
    interface("eth0", "up")
    routes(tmp_path, DEFAULT_4.replace(" 0003 ", " 0002 "))
    assert network(tmp_path) is Network.LOCAL


def test_a_machine_that_says_nothing_is_not_blamed(tmp_path):
    assert network(tmp_path) is Network.UNKNOWN


def test_a_sandbox_that_hides_the_routes_is_no_network_without_them(tmp_path, interface):
    interface("eth0", "up")
    assert network(tmp_path) is Network.UNKNOWN


@pytest.mark.parametrize("garbage", ["", "x", "\x00\xff" * 50, "a b c\n" * 3, DEFAULT_4[:20]])
def test_files_of_another_form_are_survived(tmp_path, interface, garbage):
    interface("eth0", "up", flags=garbage)
    routes(tmp_path, garbage, garbage)
    assert network(tmp_path) is Network.LOCAL


def test_the_machine_that_we_run_on_can_be_asked():
    assert isinstance(network(Path("/")), Network)


def test_a_clock_before_the_program_was_made_is_wrong(tmp_path):
    machine = MachineState(tmp_path, built_s=1000.0)
    assert machine.clock_is_wrong(999.0, suspect=False)
    assert not machine.clock_is_wrong(1001.0, suspect=False)


def test_a_clock_that_was_never_set_is_wrong(tmp_path):
    machine = MachineState(tmp_path, built_s=1000.0)
    assert machine.clock_is_wrong(2000.0, suspect=True)  # nobody knows
    (tmp_path / "run/systemd/timesync").mkdir(parents=True)
    assert machine.clock_is_wrong(2000.0, suspect=False)
    (tmp_path / "run/systemd/timesync/synchronized").touch()
    assert not machine.clock_is_wrong(2000.0, suspect=True)


# For real: a process in a network namespace of its own dials

DIAL = """
import asyncio, sys
from appliance.devices.websocket import WebSocketConnector
from appliance.errors import RemoteError

async def dial(url):
    try:
        await WebSocketConnector(url, "key").connect()
    except RemoteError as error:
        print(error.fault)

for url in sys.argv[1:]:
    asyncio.run(dial(url))
"""
ADDRESS, NAME = "ws://203.0.113.1/", "wss://api.openai.com/v1/realtime"


def faults_in_a_network(made_by, *urls):
    """Return the faults of dials to these, in a network that was made so."""
    own = ["unshare", "--user", "--map-root-user", "--net", "--mount", "sh", "-ec"]
    script = f'mount -t sysfs sysfs /sys\n{made_by}\nexec "$@"'
    command = [*own, script, "sh", sys.executable, "-c", DIAL, *urls]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_no_network_for_real():
    assert faults_in_a_network("", ADDRESS, NAME) == ["no_wifi", "no_wifi"]


def test_a_network_that_leads_nowhere_for_real():
    made = """ip link add v0 type veth peer name v1
    ip addr add 192.168.7.2/24 dev v0
    ip link set v0 up
    ip link set v1 up"""
    assert faults_in_a_network(made, ADDRESS, NAME) == ["no_route", "no_route"]


def test_a_network_without_a_name_server_for_real():
    made = """ip link add v0 type veth peer name v1
    ip addr add 192.168.7.2/24 dev v0
    ip link set v0 up
    ip link set v1 up
    ip link set lo up
    ip route add default via 192.168.7.3
    ip neigh add 192.168.7.3 lladdr 02:00:00:00:00:01 dev v0
    mount --bind /dev/null /etc/resolv.conf"""
    assert faults_in_a_network(made, NAME) == ["dns_failed"]
