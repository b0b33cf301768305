"""The cable is pulled, at the worst moments, and comes back."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
from bench import best_fit
from machine import at_s

from appliance.demo.compare import lost_of_all

ANSWER = 'steps = [{ say = "It is a fine day for a walk, and the sun is out until six." }]\n'
LONG_ANSWER = f'steps = [{{ say = "{"one two three four five six " * 8}" }}]\n'


def test_pulled_while_somebody_speaks_and_back_before_they_are_done(bench):
    machine = bench.machine
    with bench.served(ANSWER) as server:

        def turn():
            with machine.ear() as tapes:
                pressed_s, _ = machine.finger([(0.0, True), (0.25, True)])
                spoken_s, _ = machine.say(bench.wav, wait=False)
                machine.finger([(0.8, True)])
                machine.cable.pull()
                machine.finger([(1.0, True)])
                machine.cable.plug()
                machine.said(bench.wav)
                released_s = machine.release()
                told = machine.wait_for("turn", released_s, 60.0)
            return bench.told(pressed_s, spoken_s, released_s, told, tapes)

        turn = bench.undisturbed(turn)
        received, replies = server.received(), server.connections()[-1].replies
    assert turn.told["APPLIANCE_OUTCOME"] == "answered"
    assert lost_of_all([bench.question], received[-len(bench.question) - 48_000 :]) == 0
    assert best_fit(turn.ear.pcm, replies)[1] >= 0.95


def test_what_is_said_while_the_cable_is_out_gets_there_later(bench):
    machine = bench.machine
    with bench.served(ANSWER) as server:
        began_s = machine.clock_s()
        machine.sh("ip link set vec0 down")  # the kernel sees it, as it does on a board
        machine.finger([(0.5, True), (0.25, True)])
        machine.say(bench.wav)
        released_s = machine.release()
        machine.finger([(2.0, False)])
        machine.sh("ip link set vec0 up")
        told = machine.wait_for("turn", released_s, 60.0)
        received = server.received()
        stalled_s = machine.stalled_s(began_s)
    assert told["APPLIANCE_OUTCOME"] == "answered"
    assert stalled_s > 0.03 or lost_of_all([bench.question], received) == 0


def test_pulled_in_mid_answer_it_says_so_and_the_next_question_is_answered(bench):
    machine = bench.machine
    with bench.served(LONG_ANSWER) as server:
        began_s = machine.clock_s()
        machine.finger([(0.0, True), (0.25, True)])
        machine.say(bench.wav)
        machine.release()
        machine.finger([(2.0, False)])
        machine.sh("ip link set vec0 down")
        machine.cable.pull()
        lost = machine.wait_for("link_lost", began_s, 60.0)
        machine.cable.plug()
        machine.sh("ip link set vec0 up")
        machine.wait_for("link_up", at_s(lost), 60.0)
        turn = bench.undisturbed(bench.turn)
        received = server.connections()[-1].received
    assert turn.told["APPLIANCE_OUTCOME"] == "answered"
    assert lost_of_all([bench.question], received[-len(bench.question) - 48_000 :]) == 0
