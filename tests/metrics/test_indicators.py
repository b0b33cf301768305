import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.metrics.indicators import (
    AUDIO_LATENCY,
    CONNECTION_UPTIME,
    ERROR_RATE,
    INDICATORS,
    MEMORY_USAGE,
    Alarm,
    Level,
    judge,
)


@pytest.mark.parametrize(
    ("indicator", "levels"),
    [
        (AUDIO_LATENCY, {150: "good", 200: "good", 250: "fair", 300: "warning", 500: "critical"}),
        (
            CONNECTION_UPTIME,
            {100: "good", 99.9: "good", 99.5: "fair", 99: "warning", 94: "critical"},
        ),
        (ERROR_RATE, {0: "good", 0.1: "good", 0.5: "fair", 2: "warning", 5: "critical"}),
        (MEMORY_USAGE, {40: "good", 50: "good", 60: "fair", 80: "warning", 101: "critical"}),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_levels_of_the_seed(indicator, levels):
    found = {value: indicator.level(value, indicator.defaults).value for value in levels}
    assert found == levels
    assert indicator.level(None, indicator.defaults) is Level.UNKNOWN


def lines_of(indicator, values, every_s=60.0, proven=True):
    """What is told of these values, one look each; (time, event, level)."""
    alarm, lines = Alarm(), []
    for number, value in enumerate(values):
        now_s = number * every_s
        alarm, told = judge(alarm, indicator, indicator.defaults, value, now_s, proven=proven)
        if told is not None:
            assert told.indicator == indicator.name
            lines.append((now_s, told.event, told.level))
    return lines


def test_worse_is_told_once_and_over_is_told_once():
    lines = lines_of(AUDIO_LATENCY, [190, 310, 320, 520, 530, 320, 260, 210, 190])
    assert lines == [
        (60.0, "indicator", "warning"),
        (180.0, "indicator", "critical"),
        (420.0, "indicator_over", "fair"),
    ]


def test_a_value_that_trembles_about_its_limit_is_told_once():
    trembling = [100] + [299, 301] * 50
    assert [event for _, event, _ in lines_of(AUDIO_LATENCY, trembling)] == ["indicator"]


def test_the_line_says_what_it_is_and_what_helps():
    _, told = judge(Alarm(), AUDIO_LATENCY, AUDIO_LATENCY.defaults, 320.0, 0.0)
    assert told.text == (
        "The audio latency is 320 ms, warning from 300 ms on. Stop other programs; "
        "`appliance status` shows which span takes so long."
    )
    assert told.severity == "warning"


def test_without_evidence_nothing_is_called_bad_but_what_was_told_may_end():
    assert lines_of(ERROR_RATE, [50.0, 100.0], proven=False) == []
    alarm = Alarm(Level.CRITICAL, 0.0)
    _, told = judge(alarm, ERROR_RATE, ERROR_RATE.defaults, 0.0, 60.0, proven=False)
    assert told.event == "indicator_over"


def near_the_limits(indicator):
    limits = indicator.defaults
    edges = [limits.target, (limits.target + limits.warning) / 2, limits.warning, limits.critical]
    near = [edge + nudge for edge in edges for nudge in (-0.01, 0.0, 0.01)]
    return st.one_of(st.none(), st.sampled_from(near), st.floats(0.0, 600.0))


@given(st.data(), st.sampled_from(INDICATORS), st.floats(0.5, 90.0))
def test_lines_alternate_strictly_and_are_a_minute_apart(data, indicator, every_s):
    values = data.draw(st.lists(near_the_limits(indicator), max_size=120))
    proven = data.draw(st.booleans())
    lines = lines_of(indicator, values, every_s, proven)
    for (earlier_s, _, _), (later_s, _, _) in itertools.pairwise(lines):
        assert later_s - earlier_s >= 60.0
    for level in ("warning", "critical"):
        # "It has begun" (as this level or worse) and "it is over" take turns, each time.
        events = [
            event
            for _, event, of in lines
            if event == "indicator_over" or of == level or of == "critical"
        ]
        begun = False
        for event in events:
            if event == "indicator_over":
                begun = False
            else:
                assert not begun or level == "warning"
                begun = True
    rank = {"indicator_over": 0, "warning": 1, "critical": 2}
    told = [rank[event] if event == "indicator_over" else rank[of] for _, event, of in lines]
    for before, after in itertools.pairwise([0, *told]):
        assert after > before or after == 0 < before  # worse, or over; never the same twice
