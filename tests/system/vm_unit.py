"""What of the unit only a kernel of its own can show: priorities, limits, devices."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself

MB = 1024 * 1024
UNIT = "appliance"


def policies(machine):
    """Return the scheduling of each thread of the device: "FIFO 10" or "OTHER 0"."""
    pid = machine.show(UNIT, "MainPID")
    told = machine.sh(f"ps -L -o cls=,rtprio= -p {pid}")
    return [" ".join(line.split()) for line in told.splitlines()]


def said(machine, since_s):
    """Return what was written to the journal since, a line each."""
    return "\n".join(str(line.get("MESSAGE", "")) for line in machine.journal(since_s))


def test_the_capture_thread_alone_is_real_time(bench):
    with bench.served():
        found = policies(bench.machine)
        assert found.count("FF 10") == 1
        assert set(found) == {"FF 10", "TS -"}


def test_it_starts_with_less_memory_than_it_may_have(bench):
    with bench.served():
        group = "/sys/fs/cgroup/system.slice/appliance.service"
        assert int(bench.machine.sh(f"cat {group}/memory.max")) == 100 * MB
        assert int(bench.machine.sh(f"cat {group}/memory.peak")) < 100 * MB


def test_the_kernel_would_end_others_before_it(bench):
    with bench.served():
        pid = bench.machine.show(UNIT, "MainPID")
        assert bench.machine.sh(f"cat /proc/{pid}/oom_score_adj") == "-500"


def test_sound_and_pins_are_its_only_devices(bench):
    machine = bench.machine
    probe = "\n".join(
        (
            "import os",
            "for path in ('/dev/gpiochip0', '/dev/snd/timer', '/dev/ttyS0', '/dev/kmsg'):",
            "    try:",
            "        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))",
            "        print(path, 'open')",
            "    except OSError as refused:",
            "        print(path, refused.errno)",
        )
    )
    machine.write("/usr/local/lib/devices.py", probe + "\n")
    unit = "/etc/systemd/system/appliance.service.d/devices.conf"
    as_the_device = (
        "[Service]\nType=oneshot\nUser=root\nExecStart=\n"
        "ExecStart=/usr/bin/python3 /usr/local/lib/devices.py\nRestart=no\n"
    )
    machine.sh("mkdir -p /etc/systemd/system/appliance.service.d")
    machine.write(unit, as_the_device)
    try:
        since_s = machine.clock_s()
        machine.sh("systemctl daemon-reload; systemctl stop appliance; systemctl start appliance")
        machine.wait(lambda: "/dev/kmsg" in said(machine, since_s), 30.0, "the probe's words")
    finally:
        machine.sh(f"rm {unit}; systemctl daemon-reload; systemctl reset-failed appliance")
    told = said(machine, since_s).splitlines()
    # As root, so that no file's rights but only the unit's list of devices can refuse.
    assert "/dev/gpiochip0 open" in told
    assert "/dev/snd/timer open" in told
    assert "/dev/ttyS0 1" in told  # EPERM: its name is there, and it may not be opened
    assert "/dev/ttyS0 open" not in told
    assert "/dev/kmsg open" not in told
