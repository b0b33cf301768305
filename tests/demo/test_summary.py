"""The figures of a conversation are those of the tapes, and count what happened."""

from __future__ import annotations

import os

import numpy as np
import pytest

from appliance.demo.device import Story
from appliance.demo.measure import cost_of, is_clean, libraries_of
from appliance.demo.room import room_named
from appliance.demo.summary import of_barge_ins, of_echo, of_room
from appliance.demo.talk import Spoken
from appliance.demo.tapes import Tapes

RATE = 24_000
START_S = 100.0


def tone(track, begin_s, end_s):
    track[round(begin_s * RATE) : round(end_s * RATE)] = 8000
    return track


@pytest.fixture
def tapes():
    """The mouth speaks at 1 and at 6 s; the answer begins at 4 s and falls silent at 6.4."""
    silence = np.zeros(12 * RATE, np.int16)
    you = tone(tone(silence.copy(), 1, 3), 6, 8)
    device = tone(tone(silence.copy(), 4, 6.4), 9, 11)
    return Tapes(you, np.zeros_like(you), device, START_S)


def told(*records):
    return Story([{"kind": kind, "t": START_S + at_s, **more} for kind, at_s, more in records])


ASKED = Spoken(START_S + 0.9, START_S + 3)
OVER = Spoken(START_S + 5.9, START_S + 8, over_answer=True)
SOUNDED = ("sounded", 4.0, {"received_s": START_S + 3.9, "at_s": START_S + 4})
AGAIN = ("sounded", 8.9, {"received_s": START_S + 8.9, "at_s": START_S + 9})


def test_from_the_voice_to_silence_is_taken_from_the_tapes(tapes):
    story = told(SOUNDED, ("cut", 6.3, {}), ("barge_in", 6.3, {}), AGAIN)
    found = of_barge_ins(story, tapes, [ASKED, OVER])
    assert found["barge_ins_made"] == 1
    assert found["barge_ins_missed"] == 0
    assert found["false_barge_ins"] == 0
    assert found["voice_to_silence_ms"] == [pytest.approx(400, abs=1)]


def test_an_answer_that_goes_on_is_a_barge_in_that_was_missed(tapes):
    found = of_barge_ins(told(SOUNDED), tapes, [ASKED, OVER])
    assert found["barge_ins_made"] == 0
    assert found["barge_ins_missed"] == 1
    assert found["voice_to_silence_ms"] == []


@pytest.mark.parametrize("kinds", [("barge_in",), ("cut",), ("cut", "barge_in")])
def test_an_interruption_while_nobody_spoke_is_false_and_counts_once(tapes, kinds):
    story = told(SOUNDED, *((kind, 4.5 + 0.001 * i, {}) for i, kind in enumerate(kinds)))
    found = of_barge_ins(story, tapes, [ASKED])
    assert found["false_barge_ins"] == 1
    assert found["barge_ins_made"] == 0


def test_a_press_is_no_voice(tapes):
    found = of_barge_ins(told(SOUNDED, ("cut", 6.3, {})), tapes, [])
    assert found["false_barge_ins"] == 0


def test_echo_is_learnt_from_the_first_sound_on():
    changes = [(False, 1, 0.0), (True, 5.5, 12.0), (False, 7, 1.0), (True, 8, 14.0)]
    records = [
        ("echo", at_s, {"converged": converged, "loss_db": db, "delay_ms": 80.0})
        for converged, at_s, db in changes
    ]
    found = of_echo(told(SOUNDED, *records))
    assert found == {
        "converged": True,
        "converged_after_s": 1.5,
        "loss_db": 14.0,
        "delay_ms": 80.0,
        "times_lost": 1,
    }
    assert of_echo(told(SOUNDED)) is None
    never = of_echo(told(SOUNDED, records[0]))
    assert never["converged"] is False
    assert never["converged_after_s"] is None


def test_the_echo_s_delay_is_measured_in_the_tapes(tapes):
    dice = np.random.default_rng(3)
    device = np.zeros(6 * RATE, np.int16)
    device[RATE : 4 * RATE] = dice.normal(0, 3000, 3 * RATE)
    microphone = np.roll(device, 2040) // 2 + dice.normal(0, 30, len(device)).astype(np.int16)
    moved = Tapes(np.zeros_like(device), microphone, device, START_S)
    assert moved.echo_delay_ms() == pytest.approx(85.0, abs=0.1)
    room = of_room(room_named("small", drift_ppm=50), {"kind": "summary", "xruns": 2}, moved)
    assert (room["name"], room["drift_ppm"], room["xruns"]) == ("small", 50, 2)
    assert "kind" not in room
    silent = Tapes(device, microphone, np.zeros_like(device), START_S)
    assert silent.echo_delay_ms() is None


def test_a_compiler_among_the_libraries_is_seen():
    own = libraries_of(os.getpid())
    assert any(name.startswith("libc") for name in own)
    assert is_clean(frozenset({"libc.so.6", "appliance-kernels.so"}))
    assert not is_clean(own | {"libllvmlite.so"})
    assert cost_of(os.getpid()).rss_mb > 1
