"""Whole turns in a real Linux: the installed unit, its button, its sound cards, its network."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
from bench import best_fit

from appliance.demo.compare import lost_of_all

ANSWER = 'steps = [{ say = "It is a fine day for a walk, and the sun is out until six." }]\n'


def test_a_question_gets_there_whole_and_the_answer_is_heard_whole(bench):
    with bench.served(ANSWER) as server:
        turn = bench.undisturbed(bench.turn)
        replies = server.connections()[-1].replies
        heard = lost_of_all([bench.question], server.received()[-len(bench.question) - 48_000 :])
    assert turn.told["APPLIANCE_OUTCOME"] == "answered"
    assert heard == 0
    _, alike = best_fit(turn.ear.pcm, replies)
    assert alike >= 0.95
