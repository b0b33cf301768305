import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.metrics.windows import DAY_S, MINUTES, History, Recent, Share

HOUR_S = 3600.0


def test_the_share_of_a_day():
    share = Share()
    share.passed(0.0, 9 * HOUR_S, good=True)
    share.passed(9 * HOUR_S, 10 * HOUR_S, good=False)
    assert share.sums(10 * HOUR_S) == (9 * HOUR_S, HOUR_S)


def test_what_is_older_than_a_day_is_forgotten():
    share = Share()
    share.passed(0.0, HOUR_S, good=False)
    share.passed(HOUR_S, 26 * HOUR_S, good=True)
    good_s, bad_s = share.sums(26 * HOUR_S)
    assert bad_s == 0.0
    assert good_s == pytest.approx(DAY_S, abs=1800.0)


def test_a_day_without_news_leaves_nothing():
    share = Share()
    share.add(0.0, good=5.0, bad=5.0)
    assert share.sums(HOUR_S) == (5.0, 5.0)
    assert share.sums(10 * DAY_S) == (0.0, 0.0)


@given(st.lists(st.tuples(st.floats(0.1, 20_000), st.booleans()), min_size=1, max_size=40))
def test_the_parts_are_those_of_a_plain_sum(parts):
    share, now_s, truth = Share(), 0.0, []
    for lasts_s, good in parts:
        share.passed(now_s, now_s + lasts_s, good=good)
        truth.append((now_s, now_s + lasts_s, good))
        now_s += lasts_s
    good_s, bad_s = share.sums(now_s)
    # The oldest slice may be cut by up to half an hour, wherever the present one began.
    for figure, wanted in ((good_s, True), (bad_s, False)):
        known = [
            sum(
                max(0.0, end - max(begin, now_s - kept_s))
                for begin, end, good in truth
                if good is wanted
            )
            for kept_s in (DAY_S - Share.SLICE_S, DAY_S)
        ]
        assert known[0] - 1e-6 <= figure <= known[1] + 1e-6


def test_history_has_an_hour_the_oldest_first():
    history = History()
    assert history.values() == [None] * MINUTES
    for minute in range(70):
        history.add(None if minute == 65 else float(minute))
    assert history.values() == [None if minute == 65 else float(minute) for minute in range(10, 70)]


def test_recent_keeps_the_newest_minutes_that_had_a_value():
    recent = Recent(minutes=2)
    recent.add(10.0, 100.0)
    recent.add(70.0, 200.0)
    assert recent.merged(80.0).count == 2
    recent.add(5 * HOUR_S, 300.0)  # nobody has talked for hours
    merged = recent.merged(5 * HOUR_S)
    assert (merged.count, merged.low_ms, merged.high_ms) == (2, 200.0, 300.0)
    assert recent.merged(40 * HOUR_S).count == 0
