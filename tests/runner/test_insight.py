"""The runner's records, folded: what a turn on the bench leaves in the status line."""

import json

import pytest

from appliance.devices.fakes import FakeJournal, FakeMicrophone, FakeSpeaker, FakeTrace
from appliance.metrics.indicators import INDICATORS
from appliance.metrics.snapshot import About
from appliance.ports import Captured, Echo, Level
from appliance.runner.bargein import Ears
from appliance.runner.insight import Insight, MetricsTrace
from appliance.session.hearing import HearingRules

LIMITS = {each.name: each.defaults for each in INDICATORS}


class Clock:
    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


def insight_over(trace, ears, clock, resident_bytes=lambda: 61_000_000):
    speaker = FakeSpeaker(clock)
    speaker.underflows = 2
    about = About("0.1.0", 7, 0.0, ())
    return Insight(
        trace, about, FakeMicrophone(), speaker, ears, clock, lambda: 1.8e9, resident_bytes
    )


def test_records_go_on_to_the_trace_beside_but_for_the_many(clock):
    beside = FakeTrace()
    trace = MetricsTrace(LIMITS, clock, FakeJournal(), beside)
    trace.record("link", state="ready")
    trace.record("span", span="connect", ms=12.0)
    trace.note("barge_in", turn=1)
    trace.sent_audio(b"\1\2")
    assert beside.records == [{"kind": "link", "state": "ready"}]
    assert beside.sent == b"\1\2"
    assert trace.metrics.spans["connect"].count == 1
    assert trace.metrics.counters["barge_ins"] == 1


def test_an_indicator_that_turns_bad_is_one_line(clock):
    journal = FakeJournal()
    trace = MetricsTrace(LIMITS, clock, journal, FakeTrace())
    for second in range(0, 600, 10):
        clock.now_s = float(second)
        trace.note("board", resident_mb=120.0 if second > 100 else 50.0)
    assert [name for name, _ in journal.lines] == ["indicator"]
    assert "memory of the process is 120 MB, critical from 100 MB on" in journal.lines[0][1]


def test_the_line_has_what_no_record_tells(clock):
    trace = MetricsTrace(LIMITS, clock, FakeJournal(), FakeTrace())
    ears = Ears(HearingRules(), None, FakeTrace())
    insight = insight_over(trace, ears, clock)
    told = json.loads(insight.line())
    assert told["at"] == 1.8e9
    assert told["counters"]["underflows"] == 2
    assert told["board"]["resident_mb"] == 61.0
    assert told["meters"] is None
    assert told["echo"] is None


def test_meters_tell_the_loudest_since_the_last_look(clock):
    trace = MetricsTrace(LIMITS, clock, FakeJournal(), FakeTrace())
    ears = Ears(HearingRules(), None, FakeTrace())
    insight = insight_over(trace, ears, clock)

    def hear(rms_dbfs):
        level = Level(rms_dbfs + 6.0, rms_dbfs, 0.0)
        echo = Echo(converged=True, loss_db=31.04, delay_ms=58.0)
        ears.take(Captured(bytes(480), clock.now_s, None, echo, level), turn_open=False)

    def looked(after_s):
        clock.now_s += after_s
        return json.loads(insight.line())["meters"]

    hear(-20.0)
    hear(-50.0)
    assert looked(0.0)["microphone_rms_dbfs"] == -50.0  # whoever asks once asks for now
    hear(-20.0)
    hear(-50.0)
    assert looked(0.1) == {"microphone_rms_dbfs": -20.0, "microphone_peak_dbfs": -14.0}
    hear(-60.0)
    assert looked(0.1)["microphone_rms_dbfs"] == -60.0
    assert looked(0.1) is None  # no sound has come in
    assert json.loads(insight.line())["echo"] == {
        "converged": True,
        "loss_db": 31.0,
        "delay_ms": 58.0,
    }


async def test_it_looks_by_itself(clock):
    trace = MetricsTrace(LIMITS, clock, FakeJournal(), FakeTrace())
    async with insight_over(trace, Ears(HearingRules(), None, FakeTrace()), clock):
        assert trace.metrics.counters["underflows"] == 2
        assert trace.metrics.board["resident_mb"] == 61.0


def folded(bench):
    """Fold what the runner on the bench has recorded, and return the metrics."""
    trace = MetricsTrace(LIMITS, bench.clock, FakeJournal(), FakeTrace())
    for record in bench.trace.records:
        trace.record(**record)
    return trace.metrics


async def test_a_turn_of_the_runner_is_folded(bench):
    async with bench() as b:
        await b.online()
        await b.ask()
        b.answer()
        await b.until(lambda: b.state == "Speaking" and b.runner.state.done)
        b.speaker.hear_all()
        await b.until(lambda: b.state == "Idle")
        metrics = folded(b)
    assert metrics.counters["answered"] == 1
    assert metrics.link.state == "ready"
    assert metrics.standing == {}
    assert set(metrics.spans) >= {
        *("press_to_mic", "capture_to_sent", "release_to_commit", "received_to_output"),
        *("release_to_first_sound", "connect"),
    }
    assert metrics.turns[-1].said_ms > 0
    assert metrics.today_usd > 0.0


async def test_what_a_turn_costs_is_folded(bench):
    async with bench(cap_usd=0.0001) as b:
        await b.online()
        await b.ask()
        b.answer(done=False)
        usage = {"input_tokens": 10, "output_tokens": 1000, "total_tokens": 1010}
        usage["output_token_details"] = {"audio_tokens": 1000, "text_tokens": 0}
        b.finish(usage=usage)
        await b.until(lambda: b.state == "Speaking" and b.runner.state.done)
        b.speaker.hear_all()
        await b.until(lambda: b.state == "Idle")
        metrics = folded(b)
    assert metrics.today_usd == pytest.approx(0.02, rel=0.1)
    assert metrics.turns[-1].cost_usd == pytest.approx(metrics.today_usd, abs=1e-6)
    assert metrics.stopped is True
    assert "cost_cap_reached" in metrics.standing


async def test_a_lost_loudspeaker_stands_until_it_is_back(bench):
    async with bench() as b:
        await b.online()
        b.speaker.unplug()
        await b.until(lambda: "speaker_lost" in folded(b).standing)
        b.speaker.missing = False
        await b.until(lambda: "speaker_lost" not in folded(b).standing)
