from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from appliance.errors import SignalError
from appliance.session import playout
from appliance.session.playout import Begun, CutResult, Playout
from appliance.units import pcm_samples, samples_to_ms


def tone(samples, value=1000):
    return value.to_bytes(2, "little", signed=True) * samples


def values(pcm):
    return [int.from_bytes(pcm[i : i + 2], "little", signed=True) for i in range(0, len(pcm), 2)]


def test_first_in_first_out_in_the_sizes_asked_for():
    queue = Playout()
    queue.push("a", tone(100, 1), 5.0)
    queue.push("a", tone(50, 2), 6.0)
    queue.push("b", tone(30, 3), 7.0)
    first, second, third = queue.take(120), queue.take(50), queue.take(50)
    assert values(first.pcm) == [1] * 100 + [2] * 20
    assert first.begun == (Begun("a", 5.0, 0),)
    assert values(second.pcm) == [2] * 30 + [3] * 20
    assert second.begun == (Begun("b", 7.0, 30),)
    assert values(third.pcm) == [3] * 10
    assert third.begun == ()


def test_heard_is_what_was_written_less_what_is_queued():
    queue = Playout()
    queue.push("a", tone(2400), 0.0)
    queue.push("b", tone(2400), 0.0)
    queue.take(3600)
    assert queue.heard_ms("a", 3600) == 0
    assert queue.heard_ms("a", 2400) == 50
    assert queue.heard_ms("b", 1200) == 0
    assert queue.heard_ms("a", 1200) == 100
    assert queue.heard_ms("b", 600) == 25


def test_silence_in_the_queue_is_nobodys():
    queue = Playout()
    queue.push("a", tone(240), 0.0)
    queue.take(240)
    queue.silence(480)
    assert queue.heard_ms("a", 600) == 5
    assert queue.remaining_samples(600) == 120
    assert not queue.drained(600)
    assert queue.heard_ms("a", 480) == 10
    assert queue.drained(480)


def test_a_pause_within_an_item_does_not_count_as_heard():
    queue = Playout()
    queue.push("a", tone(240), 0.0)
    queue.take(240)
    queue.silence(240)
    queue.push("a", tone(240), 0.0)
    queue.take(240)
    assert queue.heard_ms("a", 240) == 10
    assert queue.heard_ms("a", 480) == 10
    assert queue.heard_ms("a", 120) == 15


def test_a_cut_keeps_a_faded_tail_and_drops_the_rest():
    queue = Playout()
    queue.push("a", tone(9600), 0.0)
    queue.take(2400)
    assert queue.cut(1200) == CutResult("a", samples_to_ms(2400 + 288), 288)
    tail = values(queue.take(9600).pcm)
    assert len(tail) == 288
    assert tail == sorted(tail, reverse=True)
    assert tail[0] > 990
    assert tail[-1] < 10
    assert queue.take(9600).pcm == b""
    assert queue.audible_ms("a") == queue.heard_ms("a", 0) == 112


def test_the_fade_never_steps_by_more_than_a_hundredth():
    queue = Playout()
    queue.push("a", tone(4800, 32767), 0.0)
    queue.take(100)
    queue.cut(100)
    steps = [a - b for a, b in pairwise([32767, *values(queue.take(288).pcm), 0])]
    assert max(steps) < 328


def test_a_second_cut_changes_nothing():
    queue = Playout()
    queue.push("a", tone(9600), 0.0)
    queue.take(2400)
    first = queue.cut(1200)
    queue.push("b", tone(100), 0.0)
    assert queue.cut(1200) == first
    assert queue.push("b", tone(100), 0.0) == 0
    assert queue.waiting_samples == 288


def test_late_audio_of_a_cut_item_is_dropped_and_of_a_new_one_played():
    queue = Playout()
    queue.push("a", tone(2400), 0.0)
    queue.take(480)
    queue.cut(480)
    queue.take(288)
    assert queue.push("a", tone(100), 1.0) == 0
    assert queue.push("b", tone(100, 7), 1.0) == 100
    assert values(queue.take(200).pcm) == [7] * 100


def test_cut_when_all_was_written_names_the_item_that_is_still_heard():
    queue = Playout()
    queue.push("a", tone(480), 0.0)
    queue.push("b", tone(480), 0.0)
    queue.take(480)
    assert queue.cut(240) == CutResult("a", 20, 0)
    assert queue.push("b", tone(480), 0.0) == 0
    assert queue.drained(0)


def test_cut_before_the_first_sample_says_that_nothing_is_heard():
    queue = Playout()
    queue.push("a", tone(480), 0.0)
    assert queue.cut(0) == CutResult("a", 0, 0)
    assert queue.take(480).pcm == b""


def test_cut_of_nothing_is_none():
    queue = Playout()
    assert queue.cut(0) is None
    queue.push("a", tone(480), 0.0)
    queue.take(480)
    queue.silence(960)
    assert queue.cut(960) is None


def test_an_item_shorter_than_the_fade_fades_over_what_there_is():
    queue = Playout()
    queue.push("a", tone(100), 0.0)
    queue.take(40)
    assert queue.cut(40) == CutResult("a", samples_to_ms(100), 60)
    assert values(queue.take(100).pcm)[-1] < 10


def test_half_a_sample_is_refused():
    with pytest.raises(SignalError, match="item a"):
        Playout().push("a", b"abc", 0.0)


def test_unknown_and_empty_items_were_not_heard():
    queue = Playout()
    assert queue.push("a", b"", 0.0) == 0
    assert queue.heard_ms("a", 0) == queue.audible_ms("a") == 0


def test_more_than_any_reply_is_refused_and_counted(monkeypatch):
    monkeypatch.setattr(playout, "MAX_WAITING_SAMPLES", 1000)
    queue = Playout()
    assert queue.push("a", tone(800), 0.0) == 800
    assert queue.push("a", tone(800), 0.0) == 200
    assert queue.push("a", tone(800), 0.0) == 0
    assert queue.refused_samples == 1400
    assert pcm_samples(queue.take(5000).pcm) == 1000


def test_memory_stays_bounded():
    queue = Playout()
    for number in range(2000):
        queue.push(f"item{number}", tone(240), 0.0)
        queue.take(240)
        queue.silence(240)
    assert len(queue._items) <= 64 + 1 + 48_000 // 240
    assert queue._ledger_samples <= 48_000 + 240
    assert queue.heard_ms("item1999", 240) == 10
    assert queue.heard_ms("item0", 0) == 0


push = st.tuples(st.just("push"), st.sampled_from("abc"), st.integers(0, 900))
write = st.tuples(st.just("write"), st.integers(1, 700))
play = st.tuples(st.just("play"), st.integers(0, 700))
operations = st.lists(st.one_of(push, write, play, st.just(("cut",))), max_size=60)


@example([("push", "a", 0), ("push", "b", 1), ("cut",), ("push", "a", 1)])
@example(
    [("push", "a", 1), ("write", 1), ("play", 1), ("push", "b", 1), ("cut",), ("push", "a", 1)]
)
@given(operations)
def test_any_order_of_events(events):
    """A card that writes what it takes, fills up with silence, and plays what is queued."""
    queue = Playout()
    queued = 0
    accepted: dict[str, int] = {}
    taken: list[int] = []
    heard: dict[str, int] = {}
    cut: dict[str, int] = {}  # item: what may still be taken in all, when it was cut
    for event in events:
        match event:
            case ("push", item, samples):
                got = queue.push(item, tone(samples), 0.0)
                assert got == (0 if item in cut else samples)
                if got:  # an item of which nothing has come is not known yet
                    accepted[item] = accepted.get(item, 0) + got
            case ("write", samples):
                pcm = queue.take(samples).pcm
                taken.append(pcm_samples(pcm))
                queue.silence(samples - taken[-1])
                queued += samples
            case ("play", samples):
                queued = max(0, queued - samples)
            case _:
                result = queue.cut(queued)
                for item in accepted if result else ():
                    cut.setdefault(item, queue.audible_ms(item))
                assert queue.waiting_samples <= queue.fade_samples
        for item, samples in accepted.items():
            now = queue.heard_ms(item, queued)
            assert heard.get(item, 0) <= now <= samples_to_ms(samples)
            assert now <= queue.audible_ms(item) <= samples_to_ms(samples)
            heard[item] = now
            if item in cut:
                assert queue.audible_ms(item) == cut[item]
    if not cut:
        assert sum(taken) + queue.waiting_samples == sum(accepted.values())
    while pcm := queue.take(500).pcm:
        queued += pcm_samples(pcm)
    assert queue.drained(0)
    for item in accepted:
        assert queue.heard_ms(item, 0) == queue.audible_ms(item)
