import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.status.screen import METER_WIDTH, lasted, meter, plain, screen, sparks

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def test_it_is_one_screen_that_says_how_it_is(well):
    text = screen(well)
    lines = text.splitlines()
    assert lines[0] == "Appliance 0.1.0: well, for 3 h 12 min (process 812)"
    assert "connected, for 12 min 0 s; lost and found again 2 times" in text
    assert "hold to talk, voice alloy, language en" in text
    assert "memory             83.1 MB     warning" in text
    assert "turns that failed  not known   unknown" in text
    assert "  capture to sent           412          92 ms         107 ms\n" in text
    assert "connect  " not in text  # no value yet
    assert "3 turns: 2 answered, 0 interrupted, 0 too short, 1 failed" in text
    assert "no answer, 1.6 s said, $0.0009" in text
    assert "Cost of today $0.0312 of $1.00" in text
    assert "echo 31 dB down, 58 ms late" in text
    assert "Board  51 °C, 9000 MB of card free" in text
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100
    assert "\x1b" not in text


def test_what_is_wrong_comes_with_what_helps(troubled):
    text = screen(troubled)
    assert "not well" in text.splitlines()[0]
    assert "no_wifi, for 1 min 15 s: The device is in no network.\n  Check the router.\n" in text
    assert "  link_lost, 8 min 20 s ago: The connection was lost.\n" in text
    assert text.count("no_wifi") == 1  # what stands has not been
    assert "(no turn begins until tomorrow)" in text
    assert "echo is not cancelled" in text


def test_colour_adds_no_word(well, troubled):
    for told in (well, troubled):
        coloured = screen(told, colour=True, meters=True)
        assert coloured != screen(told, meters=True)
        assert ESCAPE.sub("", coloured) == screen(told, meters=True)


def test_meters_belong_to_the_live_screen(well, troubled):
    assert "Microphone" not in screen(well)
    assert "-36.0 dBFS, peak -18.0" in screen(well, meters=True)
    assert "no sound comes in" in screen(troubled, meters=True)


def test_words_of_the_service_do_not_command_the_terminal(troubled):
    evil = "\x1b[2J\x1b]0;mine\x07\r\n"
    troubled["faults"][0] |= {"fault": evil, "cause": evil, "cure": evil}
    troubled["turns"][0]["outcome"] = evil
    troubled["settings"] |= {"voice": evil, "model": evil}
    text = screen(troubled)
    assert "\x1b" not in text
    assert "\r" not in text
    assert len(text.splitlines()) == len(screen({**troubled, "faults": []}).splitlines()) + 2


@given(st.text())
def test_plain_text_has_one_line(text):
    assert len(plain(text)) == len(text)
    assert len(plain(text).splitlines()) <= 1


@given(st.floats(-200, 20), st.floats(-200, 20))
def test_the_meter_keeps_its_width(rms_dbfs, peak_dbfs):
    assert len(meter(rms_dbfs, peak_dbfs)) == METER_WIDTH


def test_the_meter_grows_with_the_level():
    bars = [meter(level, -200.0).count("█") for level in (-90, -72, -36, 0, 10)]
    assert bars == [0, 0, METER_WIDTH // 2, METER_WIDTH, METER_WIDTH]
    assert meter(-36.0, 0.0)[-1] == "│"


@given(st.lists(st.none() | st.floats(-1e6, 1e6), min_size=60, max_size=60))
def test_an_hour_fits_in_thirty_bars(history):
    assert len(sparks(history)) in (0, 30)
    assert (sparks(history) == "") == all(value is None for value in history)


def test_bars_go_from_the_least_to_the_most():
    assert sparks([None] * 56 + [1.0, 1.0, 8.0, None]) == " " * 28 + "▁█"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3700, "1 h 1 min"), (90_000, "1 d 1 h")],
)
def test_durations(seconds, words):
    assert lasted(seconds) == words
