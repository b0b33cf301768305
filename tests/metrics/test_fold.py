import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.faults.table import FAULTS
from appliance.metrics.fold import metrics_step
from appliance.metrics.indicators import INDICATORS
from appliance.metrics.snapshot import About, snapshot
from appliance.metrics.state import COUNTERS, Metrics

HOUR_S = 3600.0
NOON = 1_795_600_000.0  # as in conftest


def up(book, at_s=0.0):
    book.at(at_s, "link", state="connecting")
    book.at(at_s, "link", state="ready")


def test_a_turn_is_told(book):
    up(book)
    for ms in [90.0] * 50:
        book.at(1.0, "span", span="capture_to_sent", ms=ms)
    book.at(1.0, "span", span="received_to_output", ms=70.0)
    book.at(2.0, "cost", today_usd=0.002, stopped=False)
    book.at(3.0, "state", state="idle", turn=1)
    book.at(
        3.0, "turn", turn=1, outcome="answered", said_ms=1620, waited_ms=640, reply_ms=900,
        cost_usd=0.002,
    )  # fmt: skip
    told = book.told()
    assert told["well"] is True
    assert told["turns"] == [
        {
            "turn": 1,
            "at": NOON + 3.0,
            "outcome": "answered",
            "said_ms": 1620,
            "release_to_first_sound_ms": 640.0,
            "cost_usd": 0.002,
        }
    ]
    assert told["counters"]["turns"] == told["counters"]["answered"] == 1
    assert told["indicators"]["audio_latency"]["value"] == 160.0
    assert told["indicators"]["audio_latency"]["level"] == "good"
    assert told["spans_ms"]["capture_to_sent"]["n"] == 50
    assert told["spans_ms"]["press_to_mic"] == {"n": 0, "p50": None, "p95": None, "p99": None}
    assert told["cost"] == {"today_usd": 0.002, "cap_usd": 1.0, "stopped": False}


def test_a_bill_that_comes_after_its_turn_is_added_to_it(book):
    book.at(1.0, "turn", turn=4, outcome="interrupted", said_ms=900, cost_usd=0.001)
    book.at(1.5, "cost", turn=4, usd=0.0005)
    book.at(1.5, "cost", turn=9, usd=7.0)  # of a turn that is not there
    assert book.told()["turns"][0]["cost_usd"] == 0.0015


def test_failed_turns_are_those_that_nobody_ended_on_purpose(book):
    for outcome in ("answered", "interrupted", "too_short", "stopped", "muted", "nobody_spoke"):
        book.at(1.0, "turn", turn=1, outcome=outcome)
    assert book.told()["indicators"]["error_rate"]["value"] == 0.0
    for outcome in ("no_answer", "service_error"):
        book.at(2.0, "turn", turn=2, outcome=outcome)
    told = book.told()
    assert told["indicators"]["error_rate"]["value"] == 25.0
    assert told["indicators"]["error_rate"]["level"] == "critical"
    assert told["counters"]["failed"] == 2
    assert book.lines == []  # judged once the minute is over
    book.at(61.0)
    assert [(line.indicator, line.severity) for line in book.lines] == [("error_rate", "error")]


def test_one_failed_turn_alone_has_its_own_line_and_no_other(book):
    book.at(1.0, "turn", turn=1, outcome="no_answer")
    book.at(200.0)
    assert book.lines == []


# The link


def uptime(book):
    return book.told()["indicators"]["connection_uptime"]["value"]


def test_a_dial_that_has_not_failed_counts_for_neither(book):
    book.at(0.0, "link", state="connecting")
    book.at(5.0)
    assert uptime(book) is None
    book.at(5.0, "link", state="ready")
    book.at(6.0)
    assert uptime(book) == 100.0


def test_a_loss_counts_until_the_link_stands_again(book):
    up(book)
    book.at(900.0, "link_trouble", why="gone", fault="link_lost", refused=False)
    book.at(900.0, "link", state="connecting")
    assert book.told()["well"] is False
    assert [each["fault"] for each in book.told()["faults"]] == ["link_lost"]
    book.at(950.0, "link_trouble", why="again", fault="no_wifi", refused=False)
    book.at(950.0, "link", state="waitingtoretry")
    (standing,) = book.told()["faults"]  # the newest reason is the one to act on
    assert standing["fault"] == "no_wifi"
    assert standing["cause"] == FAULTS["no_wifi"].cause
    assert book.told()["link"]["state"] == "waiting_to_retry"
    book.at(1000.0, "link", state="ready")
    told = book.told()
    assert uptime(book) == 90.0
    assert told["faults"] == []
    assert told["link"] == {"state": "ready", "since_s": 0.0, "reconnects": 1}
    assert [each["fault"] for each in told["recent_faults"]] == ["no_wifi", "link_lost"]


def test_tries_that_fail_alike_are_one_fault(book):
    for at_s in range(10):
        book.at(at_s, "link_trouble", why="refused", fault="connection_refused", refused=False)
    book.at(11.0, "announce", news="offline", fault="connection_refused")
    assert [each["fault"] for each in book.told()["recent_faults"]] == [
        "circuit_open",
        "connection_refused",
    ]
    up(book, 12.0)
    assert book.told()["faults"] == []


def test_closed_while_nobody_talks_and_renewed_are_up(book):
    up(book)
    book.at(100.0, "link", state="disconnected")
    book.at(800.0, "link", state="connecting")
    book.at(801.0, "link", state="ready")
    book.at(900.0, "link", state="renewing")
    book.at(950.0, "link", state="ready")
    book.at(1000.0)
    assert uptime(book) == 100.0
    assert book.told()["counters"]["reconnects"] == 0


def test_refused_is_down(book):
    up(book)
    book.at(10.0, "link_trouble", why="no", fault="invalid_api_key", refused=True)
    book.at(10.0, "link", state="refused")
    book.at(20.0)
    assert uptime(book) == 50.0


def test_a_short_outage_just_after_the_start_is_not_called_critical(book):
    up(book)
    book.at(50.0, "link_trouble", why="gone", fault="link_lost", refused=False)
    book.at(50.0, "link", state="connecting")
    book.at(58.0, "link", state="ready")
    book.at(400.0)
    assert book.told()["indicators"]["connection_uptime"]["level"] == "warning"
    assert book.lines == []
    for minute in range(8, 70):
        book.at(60.0 * minute)
    assert book.lines == []  # and after an hour it is too little for a line


# Faults


def test_a_fault_stands_until_it_is_over(book):
    up(book)
    book.at(1.0, "fault", fault="too_hot", stands=True)
    book.at(1.0, "fault", fault="no_answer")  # of one turn
    book.at(61.0)
    told = book.told()
    assert told["faults"] == [
        {
            "fault": "too_hot",
            "since_s": 60.0,
            "severity": "standing",
            "cause": FAULTS["too_hot"].cause,
            "cure": FAULTS["too_hot"].cure,
        }
    ]
    assert told["well"] is False
    assert told["recent_faults"][0]["fault"] == "no_answer"
    assert told["recent_faults"][0]["at"] == NOON + 1.0
    book.at(62.0, "fault_over", fault="too_hot")
    assert book.told()["faults"] == []
    assert book.told()["well"] is True


def test_a_notice_leaves_it_well(book):
    up(book)
    book.at(1.0, "fault", fault="update_pending", stands=True)
    assert book.told()["well"] is True


def test_a_new_day_ends_the_warning_of_the_old_one(book):
    book.at(1.0, "cost", today_usd=0.85, stopped=False)
    book.at(1.0, "fault", fault="cost_warning", stands=True)
    assert [each["fault"] for each in book.told()["faults"]] == ["cost_warning"]
    book.at(2.0, "cost", today_usd=0.0, stopped=False)
    assert book.told()["faults"] == []


@pytest.mark.parametrize("fault", ["microphone_lost", "microphone_missing"])
def test_lost_hardware_stands_until_it_is_back(book, fault):
    book.at(1.0, "hardware", lost="microphone", why="unplugged", fault=fault)
    assert [each["fault"] for each in book.told()["faults"]] == [fault]
    book.at(2.0, "hardware", back="microphone")
    assert book.told()["faults"] == []


def test_settings_may_change(book):
    book.at(1.0, "settings", voice="marin")
    assert book.told()["settings"] == {
        "voice": "marin",
        "language": "en",
        "talk_mode": "hold",
        "model": "mini",
    }


# Time


def test_history_has_a_value_for_each_minute_with_news(book):
    book.at(1.0, "board", resident_mb=50.0)
    book.at(61.0, "board", resident_mb=60.0)
    book.at(200.0)
    history = book.told()["indicators"]["memory_usage"]["history"]
    assert len(history) == 60
    assert history[-3:] == [50.0, None, 60.0]


def test_hours_without_a_record_are_taken_at_once(book):
    up(book)
    book.at(100 * HOUR_S, "board", resident_mb=60.0)
    assert uptime(book) == 100.0
    assert book.told()["uptime_s"] == 100 * HOUR_S


def test_latency_of_yesterday_is_forgotten(book):
    book.at(1.0, "span", span="capture_to_sent", ms=90.0)
    book.at(1.0, "span", span="received_to_output", ms=90.0)
    assert book.told()["indicators"]["audio_latency"]["value"] == 180.0
    book.at(12 * HOUR_S)
    assert book.told()["indicators"]["audio_latency"]["value"] == 180.0
    book.at(26 * HOUR_S)
    assert book.told()["indicators"]["audio_latency"]["value"] is None


# Whatever comes

KINDS = [
    "span",
    "state",
    "light",
    "link",
    "link_trouble",
    "announce",
    "fault",
    "fault_over",
    "hardware",
    "turn",
    "cost",
    "echo",
    "board",
    "streams",
    "meters",
    "barge_in",
    "prompt",
    "tick",
    "heard",
    "settings",
    "nonsense",
]
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 2**70),
    st.just(10**400),
    st.floats(),
    st.sampled_from(
        [
            *("ready", "connecting", "refused", "no_wifi", "answered", "too_hot", "offline"),
            *("microphone", "capture_to_sent", "received_to_output"),
            *("x" * 200, "", "\x1b[2J", 'a"b\n'),
        ],
    ),
)
NAMES = [
    "span",
    "ms",
    "state",
    "light",
    "fault",
    "stands",
    "news",
    "lost",
    "back",
    "turn",
    "outcome",
    "said_ms",
    "waited_ms",
    "cost_usd",
    "usd",
    "today_usd",
    "stopped",
    "converged",
    "loss_db",
    "delay_ms",
    "temperature_c",
    "resident_mb",
    "disk_free_mb",
    "undervolted",
    "overflows",
    "underflows",
    "lost_samples",
    "rms_dbfs",
    "peak_dbfs",
]
records = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.dictionaries(st.sampled_from(NAMES), values, max_size=6),
        st.floats(0.0, 4000.0),
    ),
    max_size=60,
)
ABOUT = About("0.1.0", 1, 0.0, ())


def folded(story):
    metrics = Metrics(0.0, {each.name: each.defaults for each in INDICATORS})
    now_s, lines = 0.0, []
    for kind, fields, later_s in story:
        now_s += later_s
        lines += metrics_step(metrics, kind, fields, now_s)
    return metrics, now_s, lines


@given(records)
def test_any_records_fold_to_a_snapshot_that_json_knows(story):
    metrics, now_s, lines = folded(story)
    told = snapshot(metrics, ABOUT, now_s, NOON)
    text = json.dumps(told, allow_nan=False)
    assert json.loads(text)["version"] == 1
    assert len(text) < 40_000
    assert set(told["counters"]) == set(COUNTERS)
    for one in told["indicators"].values():
        assert len(one["history"]) == 60
        assert one["value"] is None or math.isfinite(one["value"])
    # The same records again come to the same: there is nothing else in it.
    again, _, same_lines = folded(story)
    assert snapshot(again, ABOUT, now_s, NOON) == told
    assert same_lines == lines


def test_nothing_in_it_grows_without_end(book):
    up(book)
    for number in range(5000):
        at_s = number * 10.0
        book.at(at_s, "span", span=f"span {number}", ms=1.0)
        book.at(at_s, "fault", fault=f"fault {number}", stands=True)
        book.at(at_s, "link_trouble", fault=f"trouble {number}")
        book.at(at_s, "turn", turn=number, outcome=f"fault {number}")
        book.at(at_s, "span", span="capture_to_sent", ms=number % 700)
    assert len(json.dumps(book.told())) < 40_000
    assert len(book.metrics.standing) <= 32
    assert len(book.metrics.link.faults) <= 33
