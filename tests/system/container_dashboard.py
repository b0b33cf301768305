"""The dashboard: nothing runs until somebody visits, and it ends when nobody looks."""

from __future__ import annotations

import json

import pytest

UNIT = "appliance-dashboard.service"
QUICK = "[Service]\nExecStart=\nExecStart=/opt/appliance/current/bin/appliance dashboard --idle 2\n"


def visit(machine, path="/"):
    """Return the answer's code and text."""
    told = machine.sh(
        "python3 - <<'E'\n"
        "import json, urllib.request\n"
        f"with urllib.request.urlopen('http://127.0.0.1:8080{path}', timeout=20) as answer:\n"
        "    print(json.dumps([answer.status, answer.read().decode()]))\n"
        "E"
    )
    code, text = json.loads(told)
    return code, text


@pytest.fixture
def quick(station):
    """It waits for visitors for two seconds only."""
    drop_in = f"/etc/systemd/system/{UNIT}.d/quick.conf"
    station.machine.write(drop_in, QUICK)
    station.machine.sh(f"systemctl daemon-reload; systemctl stop {UNIT}")
    yield station
    station.machine.sh(f"rm {drop_in}; systemctl daemon-reload; systemctl stop {UNIT}")
    station.stop()


def test_the_first_visit_starts_it_and_it_ends_when_nobody_looks(quick):
    quick.start()
    machine = quick.machine
    assert machine.show(UNIT, "ActiveState") == "inactive"
    code, page = visit(machine)
    assert code == 200
    assert "<html" in page
    assert machine.show(UNIT, "ActiveState") == "active"
    machine.wait(lambda: machine.show(UNIT, "ActiveState") == "inactive", 20, "it ends by itself")
    assert machine.show(UNIT, "Result") == "success"
    code, snapshot = visit(machine, "/snapshot.json")  # and the next visit starts it again
    assert (code, json.loads(snapshot)["version"]) == (200, 1)


def test_it_is_another_user_than_the_device_and_has_no_network(quick):
    quick.start()
    visit(quick.machine)
    pid = quick.machine.show(UNIT, "MainPID")
    owner = quick.machine.sh(f"stat -c %u /proc/{pid}")
    assert owner not in ("0", quick.machine.sh("id -u appliance"))
    # All that leads anywhere is the loopback of a network of its own.
    assert quick.machine.sh(f"nsenter -t {pid} -n ip -o link | wc -l") == "1"


def test_only_this_machine_can_reach_it(station):
    listening = station.machine.sh("ss -Hltn sport = :8080")
    assert "127.0.0.1:8080" in listening
    assert "0.0.0.0:8080" not in listening
    assert "*:8080" not in listening


def test_it_works_without_the_device(quick):
    """And says that it does not run."""
    quick.stop()
    code, _ = visit(quick.machine)
    assert code == 200
