"""The kernel tells when the network comes up, for real: in a network namespace of its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

from appliance.devices.network import MachineState
from appliance.devices.network_watch import KernelNetwork

WATCH = """
import asyncio, json, subprocess, sys
from pathlib import Path
from appliance.devices.network import MachineState
from appliance.devices.network_watch import KernelNetwork

async def main(steps):
    up = asyncio.Event()
    watch = KernelNetwork(MachineState(Path("/"), 0.0))
    watch.start(up.set)
    told = []
    for step in steps:
        up.clear()
        subprocess.run(["sh", "-ec", step], check=True)
        try:
            await asyncio.wait_for(up.wait(), 1.0)
        except TimeoutError:
            pass
        told.append(up.is_set())
    watch.stop()
    print(json.dumps(told))

asyncio.run(main(sys.argv[1:]))
"""


def told_in_a_network(*steps):
    """Return, step by step, whether it was told that the network came up."""
    own = ["unshare", "--user", "--map-root-user", "--net", "--mount", "sh", "-ec"]
    made = "ip link add v0 type veth peer name v1; ip link set v1 up"
    script = f'mount -t sysfs sysfs /sys; {made}; exec "$@"'
    command = [*own, script, "sh", sys.executable, "-c", WATCH, *steps]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_network_is_told_when_a_route_leads_out_of_it_and_again_after_it_was_gone():
    address = "ip addr add 192.168.7.2/24 dev v0; ip link set v0 up"
    route = "ip route add default via 192.168.7.3"
    unplug, plug = "ip link set v0 down", f"ip link set v0 up; {route}"
    told = told_in_a_network(address, route, unplug, plug)
    assert told == [False, True, False, True]


def test_another_address_on_a_network_that_is_up_is_no_news():
    up = (
        "ip addr add 192.168.7.2/24 dev v0; ip link set v0 up; ip route add default via 192.168.7.3"
    )
    assert told_in_a_network(up, "ip addr add 192.168.7.9/24 dev v0") == [True, False]


async def test_it_ends_without_a_trace(tmp_path):
    watch = KernelNetwork(MachineState(tmp_path, 0.0))
    watch.stop()
    watch.start(lambda: None)
    watch.stop()
    watch.stop()
    assert len(asyncio.all_tasks()) == 1
