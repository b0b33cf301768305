"""What the lines of the LEDs do in every state, against the patterns of the panel."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
from machine import at_s
from sight import shown

from appliance.ports import Light

SLOW_ANSWER = """steps = [
  { say = "It is a fine day for a walk, and the sun is out until six, so take your time." },
  { expect = { type = "input_audio_buffer.commit" } },
  { stall = "silent", for_ms = 2000 },
]
"""
FITS = 0.15  # 0.0 is the pattern itself, 1.0 its opposite


def fits(seen, begin_s, end_s, expected):
    """Whether this light, and no other, was shown between two moments."""
    light, misfit = shown(seen, begin_s, end_s)
    return (light, misfit < FITS) == (expected, True), f"{light} by {misfit:.2f}"


def test_each_state_of_a_turn_has_its_light(bench):
    machine = bench.machine
    with bench.served(SLOW_ANSWER), machine.eye() as seen:
        began_s = machine.clock_s()
        _, pressed_s, released_s = machine.finger([(0.0, False), (4.5, True), (2.0, False)])
        turn = at_s(machine.wait_for("turn", began_s))
        machine.finger([(4.5, False)])
    told = {
        Light.IDLE: fits(seen[0], began_s, pressed_s, Light.IDLE),
        Light.LISTENING: fits(seen[0], pressed_s + 0.1, released_s, Light.LISTENING),
        Light.THINKING: fits(seen[0], released_s + 0.1, released_s + 2.0, Light.THINKING),
        Light.SPEAKING: fits(seen[0], released_s + 2.6, turn - 0.1, Light.SPEAKING),
        "idle again": fits(seen[0], turn + 0.3, turn + 4.4, Light.IDLE),
    }
    assert all(fit for fit, _ in told.values()), told


def test_without_a_service_the_light_is_that_of_no_network(bench):
    machine = bench.machine
    with bench.served():
        pass
    machine.wait_for("connection_refused", 0.0)
    with machine.eye() as seen:
        began_s = machine.clock_s()
        ended_s = machine.finger([(6.0, False)])[0]
    fit, told = fits(seen[0], began_s, ended_s, Light.NO_NETWORK)
    assert fit, told


def test_without_a_microphone_the_light_is_that_of_a_fault(bench):
    machine = bench.machine
    with bench.served(APPLIANCE_HARDWARE__MICROPHONE="pcm:nothing"), machine.eye() as seen:
        began_s = machine.clock_s()
        ended_s = machine.finger([(6.0, False)])[0]
    fit, told = fits(seen[0], began_s, ended_s, Light.FAULT)
    assert fit, told


def test_muted_by_a_long_press(bench):
    machine = bench.machine
    with bench.served(APPLIANCE_HARDWARE__TALK_MODE="tap"), machine.eye() as seen:
        muted_s, ended_s = machine.finger([(0.0, True), (1.3, False), (6.0, False)])[1:]
    fit, told = fits(seen[0], muted_s + 0.5, ended_s, Light.MUTED)
    assert fit, told


@pytest.mark.parametrize("held_s", [0.06, 0.1])
def test_a_press_that_is_too_short_is_told_by_two_short_flashes(bench, held_s):
    machine = bench.machine
    with bench.served(), machine.eye() as seen:
        _, released_s, ended_s = machine.finger([(0.0, True), (held_s, False), (1.5, False)])
    watched = (seen[0].at_s > released_s) & (seen[0].at_s < ended_s)
    red = seen[0].lit[watched, 0].astype(int)
    begins = int((np.diff(red) == 1).sum()) + int(red[0])
    assert begins == 2
