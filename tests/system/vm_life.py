"""The installed unit's life: restarts by systemd, a reboot, memory, a card that goes and comes."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
from figures import Figures
from machine import at_s

DELTA = "response.output_audio.delta"
LONG_ANSWER = f'steps = [{{ say = "{"one two three four five six " * 8}" }}]\n'
ANSWER = 'steps = [{ say = "It is a fine day for a walk, and the sun is out until six." }]\n'
HANGS = 20
ANEW_WITHIN_S = 15.0
# Takes memory in the unit's own name, and cannot be chosen as the victim.
GLUTTON = """
import os, time
with open("/sys/fs/cgroup/system.slice/appliance.service/cgroup.procs", "w") as group:
    group.write(str(os.getpid()))
with open("/proc/self/oom_score_adj", "w") as score:
    score.write("-1000")
kept = []
while True:
    kept.append(bytearray(os.urandom(1 << 20)))
    time.sleep(0.005)  # so that the machine sees it grow
"""


def pid_of(machine):
    return int(machine.show("appliance", "MainPID"))


def new_pid(machine, old, within_s):
    """Return the process that systemd has started in place of another."""
    return machine.wait(lambda: (pid := pid_of(machine)) not in (0, old) and pid, within_s, "anew")


def test_rebooted_in_mid_answer_it_is_ready_by_itself_and_the_journal_is_kept(bench):
    machine = bench.machine
    with bench.served(LONG_ANSWER) as server:
        machine.finger([(0.0, True), (1.0, False)])
        machine.wait(partial(server.events, DELTA), 30.0, "an answer")
        machine.finger([(1.0, False)])
        machine.reboot()
        ready = machine.wait_for("ready", 0.0, 60.0)
        Figures.of("boot to ready", [at_s(ready)], "s").keep()
        before = machine.sh("journalctl -q -b -1 -o cat APPLIANCE_EVENT=ready").splitlines()
        assert before
        bench.whole_turn(server)


def test_over_its_limit_of_memory_it_is_ended_and_started_anew(bench):
    machine = bench.machine
    with bench.served(ANSWER) as server:
        old, since_s = pid_of(machine), machine.clock_s()
        limit = int(machine.show("appliance", "MemoryMax"))
        machine.write("/run/glutton.py", GLUTTON)
        machine.sh("(python3 /run/glutton.py &) >/dev/null 2>&1")
        machine.wait(
            lambda: machine.journal(since_s, UNIT="appliance.service", UNIT_RESULT="oom-kill"),
            30.0,
            "the kernel's end of it",
        )
        assert new_pid(machine, old, 30.0)
        machine.wait_for("ready", since_s, 60.0)
        assert limit == 100 * 1024 * 1024
        assert machine.show("appliance", "NRestarts") == "1"
        bench.whole_turn(server)


def test_stopped_by_a_signal_it_is_started_anew(bench):
    machine = bench.machine
    with bench.served(ANSWER) as server:
        old, since_s = pid_of(machine), machine.clock_s()
        machine.sh(f"kill -STOP {old}")
        assert new_pid(machine, old, ANEW_WITHIN_S + 5.0)
        ready_s = at_s(machine.wait_for("ready", since_s, 60.0))
        Figures.of("stopped process to ready again", [ready_s - since_s], "s").keep()
        assert machine.journal(since_s, UNIT="appliance.service", UNIT_RESULT="watchdog")
        bench.whole_turn(server)


def test_a_hung_audio_thread_is_noticed_and_the_daemon_started_anew(bench):
    machine = bench.machine
    anew_s, ready_s = [], []
    with bench.served(ANSWER) as server:
        for _ in range(HANGS):
            machine.sh("systemctl reset-failed appliance")
            old = pid_of(machine)
            hung_s = machine.freeze_ear(old)
            new_pid(machine, old, ANEW_WITHIN_S + 10.0)
            anew_s.append(machine.clock_s() - hung_s)
            ready_s.append(at_s(machine.wait_for("ready", hung_s, 60.0)) - hung_s)
        bench.whole_turn(server)
    Figures.of("hung audio thread to a new process", anew_s, "s", ANEW_WITHIN_S).keep()
    Figures.of("hung audio thread to ready again", ready_s, "s").keep()
    assert max(anew_s) <= ANEW_WITHIN_S


@pytest.mark.parametrize("away_s", [1.0, 6.0])
def test_a_sound_card_that_goes_and_comes_back_is_used_again(bench, away_s):
    machine = bench.machine
    with bench.served(ANSWER) as server:
        since_s = machine.clock_s()
        driver = "/sys/bus/platform/drivers/snd_aloop"
        card = machine.sh(f"ls {driver} | grep snd_aloop").splitlines()[0]
        machine.sh(f"echo {card} > {driver}/unbind")
        machine.wait_for("microphone_lost", since_s, 30.0)
        machine.finger([(away_s, False)])
        machine.sh(f"echo {card} > {driver}/bind")
        machine.wait_for("microphone_back", since_s, 60.0)
        bench.whole_turn(server)
