"""What a new session is told of the conversation before it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from appliance.realtime.codec import decode, encode
from appliance.realtime.history import NOT_WRITTEN_DOWN, History, HistoryRules


def said(history, now_s=0.0, **event):
    history.take(decode(json.dumps({"event_id": "e", **event})), now_s)


def committed(history, item, before=None, now_s=0.0):
    said(history, now_s, type="input_audio_buffer.committed", item_id=item, previous_item_id=before)


def heard(history, item, text, now_s=0.0):
    kind = "conversation.item.input_audio_transcription.completed"
    said(history, now_s, type=kind, item_id=item, content_index=0, transcript=text)


def part(kind, item, **fields):
    place = {"response_id": "r", "output_index": 0, "content_index": 0}
    return {"type": f"response.{kind}", "item_id": item, **place, **fields}


def spoke(history, item, text, ms=1000, done=True):
    item_object = {"type": "message", "role": "assistant", "id": item, "content": []}
    said(
        history,
        type="response.output_item.added",
        response_id="r",
        output_index=0,
        item=item_object,
    )
    sound = "AAAA" * (ms * 48 // 3)
    said(history, **part("output_audio.delta", item, delta=sound))
    for word in text.split(" "):
        said(history, **part("output_audio_transcript.delta", item, delta=word + " "))
    if done:
        said(history, **part("output_audio_transcript.done", item, transcript=text))


def told(history, resent=(), now_s=0.0):
    """What a new session gets: (role, text, id) in order."""
    events = [json.loads(encode(event)) for event in history.replay(resent, now_s)]
    assert all(event["type"] == "conversation.item.create" for event in events)
    return [
        (e["item"]["role"], e["item"]["content"][0]["text"], e["item"].get("id")) for e in events
    ]


def test_question_and_answer_in_the_wires_own_form():
    history = History()
    committed(history, "u1")
    heard(history, "u1", "How are you?")
    spoke(history, "a1", "I am fine.")
    assert [json.loads(encode(event))["item"] for event in history.replay((), 0.0)] == [
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "How are you?"}],
            "id": "u1",
        },
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "I am fine."}],
            "id": "a1",
        },
    ]


def test_a_transcript_that_comes_after_the_answer_stands_before_it():
    history = History()
    committed(history, "u1")
    spoke(history, "a1", "Four.")
    heard(history, "u1", "Two plus two?")
    assert [text for _, text, _ in told(history)] == ["Two plus two?", "Four."]


def test_the_service_says_where_an_item_belongs():
    history = History()
    spoke(history, "a1", "Four.")
    committed(history, "u2", before="a1")
    heard(history, "u2", "And three?")
    committed(history, "u1b", before="a1")  # comes late
    heard(history, "u1b", "Thanks.")
    assert [item for *_, item in told(history)] == ["a1", "u1b", "u2"]


def test_events_that_come_twice_change_nothing():
    history = History()
    for _ in range(2):
        committed(history, "u1")
        heard(history, "u1", "Hello.")
        spoke(history, "a1", "Good day.")
    assert [text for _, text, _ in told(history)] == ["Hello.", "Good day."]


def test_an_answer_that_was_cut_is_told_as_far_as_it_was_heard():
    history = History()
    spoke(history, "a1", "one two three four five six seven eight", ms=4000)
    history.cut("a1", 1900)
    assert told(history) == [("assistant", "one two three four", "a1")]


def test_a_script_without_spaces_is_cut_between_letters():
    history = History()
    spoke(history, "a1", "今日は天気がとても良い", ms=1100)
    history.cut("a1", 500)
    assert told(history) == [("assistant", "今日は天気", "a1")]


def test_what_was_not_heard_at_all_is_not_told():
    history = History()
    spoke(history, "a1", "Never mind.")
    history.cut("a1", 0)
    assert told(history) == []


def test_an_answer_that_broke_off_is_told_as_far_as_it_came():
    history = History()
    spoke(history, "a1", "Once upon a", done=False)
    assert told(history) == [("assistant", "Once upon a", "a1")]


def test_the_server_s_word_on_a_cut_counts_too():
    history = History()
    spoke(history, "a1", "one two three four", ms=2000)
    said(
        history,
        type="conversation.item.truncated",
        item_id="a1",
        content_index=0,
        audio_end_ms=1000,
    )
    assert told(history) == [("assistant", "one two", "a1")]


def test_what_goes_out_again_as_sound_is_not_told_as_text():
    history = History()
    committed(history, "u1")
    heard(history, "u1", "Hello?")
    assert told(history, resent=["u1"]) == []
    assert told(history) == []


def test_nor_is_the_beginning_of_an_answer_to_it_that_nobody_heard():
    history = History()
    heard(history, "u1", "Hello?")
    spoke(history, "a1", "Hello.")
    heard(history, "u2", "How are you?")
    spoke(history, "a2", "I am", done=False)
    assert [text for _, text, _ in told(history, resent=["u2"])] == ["Hello?", "Hello."]


def test_a_question_without_a_transcript_is_marked_if_it_was_answered():
    history = History()
    committed(history, "u1")
    spoke(history, "a1", "Yes.")
    committed(history, "u2")
    assert [text for _, text, _ in told(history)] == [NOT_WRITTEN_DOWN, "Yes."]


def test_a_transcript_on_its_way_is_waited_for_but_not_for_ever():
    history = History()
    committed(history, "u1", now_s=100.0)
    assert history.awaits_text(109.0)
    assert not history.awaits_text(110.0)
    heard(history, "u1", "Hm.", now_s=101.0)
    assert not history.awaits_text(102.0)


def test_a_failed_transcription_is_not_waited_for():
    history = History()
    committed(history, "u1")
    kind = "conversation.item.input_audio_transcription.failed"
    said(history, type=kind, item_id="u1", content_index=0, error={"message": "no"})
    assert not history.awaits_text(0.0)


def test_it_is_told_to_each_further_session_again():
    history = History()
    heard(history, "u1", "Hello.")
    first = told(history)
    heard(history, "u2", "More.")
    assert told(history) == [*first, ("user", "More.", "u2")]


def test_after_a_long_silence_a_new_conversation_begins():
    history = History()
    heard(history, "u1", "My secret.", now_s=0.0)
    assert told(history, now_s=3600.0) != []
    assert told(history, now_s=3601.0) == []
    assert told(history, now_s=0.0) == []


def test_memory_is_bounded_and_the_newest_stays():
    history = History(HistoryRules(max_items=10, max_characters=1000))
    for n in range(100):
        heard(history, f"u{n}", f"{n} " + "x" * 150)
    kept = told(history)
    assert [item for *_, item in kept] == [f"u{n}" for n in range(94, 100)]
    assert sum(len(text) for _, text, _ in kept) <= 1000
    for _ in range(1000):
        said(history, **part("output_audio_transcript.delta", "a", delta="y" * 100))
    assert sum(len(text) for _, text, _ in told(history)) <= 1000


def test_an_id_that_the_api_would_not_take_is_left_out():
    history = History()
    heard(history, "i" * 33, "Hello.")
    heard(history, "i" * 500, "Not an item.")
    assert told(history) == [("user", "Hello.", None)]


ITEMS = st.sampled_from(["a", "b", "c", ""])
EVENTS = st.one_of(
    st.tuples(st.just("committed"), ITEMS, ITEMS),
    st.tuples(st.just("heard"), ITEMS, st.text(max_size=20)),
    st.tuples(st.just("delta"), ITEMS, st.text(max_size=20)),
    st.tuples(st.just("cut"), ITEMS, st.integers(-100, 3000)),
    st.tuples(st.just("sound"), ITEMS, st.integers(0, 500)),
    st.tuples(st.just("replay"), ITEMS, ITEMS),
)


@given(st.lists(EVENTS, max_size=60))
def test_any_order_of_events_gives_each_item_once_and_never_empty(moves):
    history = History(HistoryRules(max_items=3, max_characters=30))
    for kind, item, value in moves:
        match kind:
            case "committed":
                committed(history, item, value or None)
            case "heard":
                heard(history, item, value)
            case "delta":
                said(history, **part("output_audio_transcript.delta", item, delta=value))
            case "sound":
                said(history, **part("output_audio.delta", item, delta="AAAA" * value * 16))
            case "cut":
                history.cut(item, value)
            case _:
                told(history, [item])
    kept = told(history)
    ids = [item for *_, item in kept]
    assert len(ids) == len(set(ids)) <= 3
    assert all(text.strip() for _, text, _ in kept)
