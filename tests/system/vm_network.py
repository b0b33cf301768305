"""The cable is pulled, at the worst moments, and comes back."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
from machine import at_s

BACK_WITHIN_S = 10.0  # loose, and far from the breaker's minute
DELTA = "response.output_audio.delta"
ANSWER = 'steps = [{ say = "It is a fine day for a walk, and the sun is out until six." }]\n'
LONG_ANSWER = f'steps = [{{ say = "{"one two three four five six " * 8}" }}]\n'


def test_pulled_while_somebody_speaks_and_back_before_they_are_done(bench):
    machine = bench.machine

    def pull():
        machine.finger([(0.8, True)])
        machine.cable.pull()
        machine.finger([(1.0, True)])
        machine.cable.plug()

    with bench.served(ANSWER) as server:
        bench.whole_turn(server, pull)
        assert len(server.connections()) == 1


def test_what_is_said_while_the_cable_is_out_gets_there_later(bench):
    machine = bench.machine

    def out():
        # The kernel sees it, as it does on a board.
        machine.sh("ip link set vec0 down")
        machine.sh("(sleep 5; ip link set vec0 up) >/dev/null 2>&1 &")

    with bench.served(ANSWER) as server:
        bench.whole_turn(server, out)


def test_pulled_in_mid_answer_it_says_so_and_the_next_question_is_answered(bench):
    machine = bench.machine
    with bench.served(LONG_ANSWER) as server:
        began_s = machine.clock_s()
        machine.finger([(0.0, True), (1.0, False)])
        machine.wait(partial(server.events, DELTA), 30.0, "an answer")
        machine.sh("ip link set vec0 down")
        lost = machine.wait_for("link_lost", began_s, 60.0)
        machine.sh("ip link set vec0 up")
        machine.wait_for("link_up", at_s(lost), 60.0)
        bench.whole_turn(server)
        assert len(server.connections()) == 2


def test_a_network_that_comes_back_is_used_at_once_past_an_open_breaker(bench):
    """A breaker stays open for a minute; the kernel tells of the network before that."""
    machine = bench.machine
    with bench.served(ANSWER) as server:
        began_s = machine.clock_s()
        machine.sh("ip link set vec0 down")
        machine.finger([(0.0, True), (1.0, False)])
        machine.wait_for("circuit_open", began_s, 120.0)
        machine.sh("ip link set vec0 up")
        plugged_s = machine.clock_s()
        assert at_s(machine.wait_for("link_up", plugged_s, 45.0)) - plugged_s < BACK_WITHIN_S
        bench.whole_turn(server)
