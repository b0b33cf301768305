"""Whole turns in a real Linux: the installed unit, its button, its sound cards, its network."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
from bench import PLAIN

ANSWER = 'steps = [{ say = "It is a fine day for a walk, and the sun is out until six." }]\n'


@pytest.mark.parametrize("chain", ["with the sound chain", "bit for bit"])
def test_a_question_gets_there_whole_and_the_answer_is_heard_whole(bench, chain):
    settings = {} if chain == "with the sound chain" else PLAIN
    with bench.served(ANSWER, **settings) as server:
        turn = bench.whole_turn(server)
        assert len(turn.replied) > 2 * 24_000
        assert int(turn.told["APPLIANCE_SAID_MS"]) > len(bench.question) / 24
