"""A muted and an overdriven microphone: told when it matters, and not again and again."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.faults import FAULTS
from appliance.session.hearing import (
    CLIPPING,
    SILENT,
    Heard,
    HearingRules,
    HearingState,
    hearing_step,
)
from appliance.session.troubles import Begins, Ends

RULES = HearingRules()
CHUNK_S = 0.02
MUTE, ROOM, SPEECH = -96.0, -70.0, -20.0


class Ear:
    """Feeds chunks one after another, and keeps what is told and when."""

    def __init__(self, rules=RULES):
        self.state, self.now_s, self.told, self.figures = HearingState(), 100.0, [], []
        self._rules = rules

    def hear(self, rms_dbfs, for_s, *, clipped=0.0, turn_open=True):
        told = []
        for _ in range(round(for_s / CHUNK_S)):
            heard = Heard(self.now_s, CHUNK_S, rms_dbfs, clipped, turn_open)
            self.state, effects = hearing_step(self.state, heard, self._rules)
            self.now_s += CHUNK_S
            told += [("+" if isinstance(e, Begins) else "-") + e.fault for e in effects]
            self.figures += [e.figure for e in effects if isinstance(e, Begins)]
        self.told += told
        return told


def test_the_faults_are_in_the_table():
    assert {SILENT, CLIPPING} <= set(FAULTS)


def test_a_muted_microphone_is_told_after_three_seconds_of_a_turn_and_when_it_is_back():
    ear = Ear()
    assert ear.hear(MUTE, 60, turn_open=False) == []
    assert ear.hear(MUTE, 2.9) == []
    assert ear.hear(MUTE, 60) == ["+microphone_silent"]
    assert ear.figures == ["3 s of -96 dBFS"]
    assert ear.hear(-80.0, 60) == [], "between the limits nothing changes"
    assert ear.hear(ROOM, 0.1, turn_open=False) == []
    assert ear.hear(ROOM, 0.2, turn_open=False) == ["-microphone_silent"]
    assert ear.hear(MUTE, 10) == ["+microphone_silent"], "and again"


def test_short_presses_on_a_muted_microphone_add_up():
    ear = Ear()
    for _ in range(2):
        assert ear.hear(MUTE, 1.2) == []
        assert ear.hear(MUTE, 30, turn_open=False) == []
    assert ear.hear(MUTE, 1.2) == ["+microphone_silent"]


@pytest.mark.parametrize("sound", [ROOM, -85.0, math.nan])
def test_any_sound_between_is_a_sign_of_life(sound):
    ear = Ear()
    for _ in range(20):
        ear.hear(MUTE, 2.9)
        ear.hear(sound, CHUNK_S, turn_open=False)
    assert ear.told == []


def test_a_quiet_room_is_not_silent_and_a_stream_that_begins_anew_is_judged_anew():
    ear = Ear()
    assert ear.hear(-84.0, 600) == []
    ear.hear(MUTE, 2.9)
    ear.now_s += 5.0
    assert ear.hear(MUTE, 2.9) == []


def test_hands_free_waits_for_longer():
    ear = Ear(HearingRules(silent_s=60.0))
    assert ear.hear(MUTE, 59) == []
    assert ear.hear(MUTE, 2) == ["+microphone_silent"]


def test_clipping_is_told_after_two_loud_seconds_of_it():
    ear = Ear()
    assert ear.hear(SPEECH, 1.9, clipped=0.002) == []
    assert ear.hear(SPEECH, 0.2, clipped=0.002) == ["+microphone_clipping"]
    assert ear.figures == ["0.2% of 2 s at full scale"]
    assert ear.hear(SPEECH, 60, clipped=0.5) == []


def test_clean_sound_ends_it_and_it_is_not_told_again_for_ten_minutes():
    ear = Ear()
    ear.hear(SPEECH, 2.1, clipped=0.01)
    begun_s = ear.now_s
    assert ear.hear(SPEECH, 10, clipped=0.0005) == [], "between the limits nothing changes"
    assert ear.hear(SPEECH, 4) == ["-microphone_clipping"]
    assert ear.hear(SPEECH, 580, clipped=0.01) == []
    assert ear.hear(SPEECH, 10, clipped=0.01) == ["+microphone_clipping"]
    assert ear.now_s - begun_s > 590


@pytest.mark.parametrize(
    ("rms_dbfs", "clipped", "turn_open"),
    [
        (SPEECH, 0.0009, True),  # fewer than it takes
        (-40.0, 0.5, True),  # clicks in a pause
        (SPEECH, 0.5, False),  # the loudspeaker, or a slammed door, between turns
    ],
)
def test_what_is_no_clipping_of_speech(rms_dbfs, clipped, turn_open):
    assert Ear().hear(rms_dbfs, 60, clipped=clipped, turn_open=turn_open) == []


def test_loud_words_of_long_ago_are_not_judged_with_new_ones():
    ear = Ear()
    ear.hear(SPEECH, 1.9, clipped=1.0)
    ear.hear(ROOM, 31)
    assert ear.hear(SPEECH, 1.9, clipped=1.0) == []
    assert ear.hear(SPEECH, 0.2, clipped=1.0) == ["+microphone_clipping"]


def test_clean_words_before_do_not_hide_it():
    ear = Ear()
    ear.hear(SPEECH, 1.5)
    ear.hear(SPEECH, 0.5, clipped=0.01)
    assert ear.hear(SPEECH, 0.1) + ear.told == ["+microphone_clipping"], "0.25 % of the two seconds"


chunks = st.tuples(
    st.floats(-100, 0) | st.sampled_from([MUTE, SPEECH]),
    st.floats(0.005, 2.5),
    st.floats(0, 1) | st.just(0.0),
    st.booleans(),
    st.sampled_from([0.0, 0.0, 0.0, 2.0, -2.0, 700.0]),
)


@given(st.lists(chunks, max_size=100))
def test_in_any_order_faults_begin_and_end_in_turn_and_clipping_is_rare(seen):
    state, now_s, standing, clipped_at = HearingState(), 0.0, set(), []
    for rms_dbfs, duration_s, clipped, turn_open, gap_s in seen:
        now_s += gap_s
        heard = Heard(now_s, duration_s, rms_dbfs, clipped, turn_open)
        state, effects = hearing_step(state, heard, RULES)
        now_s += duration_s
        for each in effects:
            assert (each.fault in standing) == isinstance(each, Ends)
            standing ^= {each.fault}
            if each == Begins(CLIPPING, getattr(each, "figure", "")):
                clipped_at.append(heard.at_s)
                assert turn_open
        assert standing == {
            fault
            for fault, stands in ((SILENT, state.silent), (CLIPPING, state.clipping))
            if stands
        }
    pairs = pairwise(clipped_at)
    assert all(later - earlier >= RULES.again_after_s for earlier, later in pairs)
