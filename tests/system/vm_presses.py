"""Many presses: none may be missed, however the edges of the button's line get to the daemon."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
from figures import Figures
from sight import first_steady

PRESSES = 50
GREEN = (False, True, False)
STILL_IDLE_S = 0.1  # the light of idleness blinks in the same green as that of listening is
REACTION_S = 0.05
PYTHON = "/opt/appliance/current/bin/python"
OTHER_PROGRAM = """
import RPi.GPIO as gpio
gpio.setmode(gpio.BCM)
gpio.setup(17, gpio.IN, pull_up_down=gpio.PUD_UP)
gpio.add_event_detect(17, gpio.BOTH, callback=print, bouncetime=5)
gpio.cleanup()
"""
LONG_ANSWER = 'steps = [{ say = "One, two, three, four, five, six, seven, eight, nine, ten." }]\n'


def test_of_fifty_presses_none_is_missed(bench):
    machine = bench.machine
    with bench.served(LONG_ANSWER) as server:
        began_s = machine.clock_s()
        with machine.eye() as seen:
            moments = machine.finger([(0.9, True), (0.5, False)] * PRESSES)
        machine.wait(partial(has_turns, machine, began_s, PRESSES), 30.0, f"{PRESSES} turns")
        commits = server.events("input_audio_buffer.commit")
        turns = machine.events("turn", began_s)
        stalled_s = machine.stalled_s(began_s)
    assert len(turns) == PRESSES
    assert len(commits) == PRESSES
    reactions = []
    for pressed_s in moments[::2]:
        before = (seen[0].at_s > pressed_s - STILL_IDLE_S) & (seen[0].at_s < pressed_s)
        if not (seen[0].lit[before] == np.array(GREEN)).all(axis=1).any():
            reactions.append(first_steady(seen[0], GREEN, pressed_s) - pressed_s)
    Figures.of("LED reaction to an edge", reactions, "ms", REACTION_S, stalled_s).keep()
    assert len(reactions) > PRESSES / 2
    assert max(reactions) < 0.3


def test_none_is_missed_after_another_program_had_the_pins(bench):
    """Once in six runs no edge reached a program that had the pins after another one."""
    machine = bench.machine
    with bench.served(LONG_ANSWER):
        for _ in range(5):
            machine.sh("systemctl stop appliance")
            machine.sh(f"cd /run; set -a; . /etc/default/appliance; {PYTHON} -c '{OTHER_PROGRAM}'")
            bench.restart()
            began_s = machine.clock_s()
            machine.finger([(0.2, True), (0.5, False)] * 4)
            machine.wait(partial(has_turns, machine, began_s, 4), 30.0, "4 turns")


def has_turns(machine, since_s, count):
    """Whether so many turns are over."""
    return len(machine.events("turn", since_s)) >= count
