"""The turn machine: whole turns by hand, then any order of events by hypothesis."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.faults import FAULTS
from appliance.ports import Flash, Light
from appliance.session.turn import TurnRules, light_of, step
from appliance.session.vocabulary import (
    AnswerTool,
    Ask,
    Begin,
    CancelReply,
    CloseMic,
    Closing,
    Commit,
    CutReply,
    Delivered,
    DiscardMic,
    Drained,
    Explain,
    Failed,
    Idle,
    LinkDown,
    LinkUp,
    Listening,
    MicClosed,
    Muted,
    OpenMic,
    Play,
    Received,
    ReplyAudio,
    ReplyDone,
    Report,
    RunTool,
    ServerCommitted,
    Sign,
    Silenced,
    Speaking,
    SpeechStarted,
    Stop,
    TalkEnd,
    TalkStart,
    Tick,
    Toggle,
    ToggleMute,
    ToolCall,
    ToolDone,
    Truncate,
    VoiceOver,
    Waiting,
)
from appliance.units import samples_to_ms

HOLD = TurnRules()
TAP = TurnRules(talk_mode="tap")
FREE = TurnRules(talk_mode="hands_free")
DUPLEX = TurnRules(talk_mode="hands_free", voice_interrupts=True)
SECOND = b"\1\0" * 24000


def run(*events, rules=HOLD, start=None, at_s=0.0):
    state, effects = start or Idle(0, 60.0), []
    for event in events:
        state, new = step(state, event, at_s, rules)
        effects += new
    return state, effects


def spoken(turn=1):
    return (TalkStart(), TalkEnd(1200.0), MicClosed(turn, 1500, linked=True))


def test_a_whole_turn():
    state, effects = run(*spoken(), ReplyAudio(1, "a", SECOND), ReplyDone(1), Drained(1), at_s=5.0)
    assert state == Idle(1, 65.0)
    assert effects == [
        OpenMic(1), CloseMic(1), Commit(1), Ask(1), Play("a", SECOND), Report(1, "answered"),
    ]  # fmt: skip


def test_pressing_while_it_speaks_cuts_where_the_person_stopped_hearing():
    state, effects = run(*spoken(), ReplyAudio(1, "a", SECOND), TalkStart(), Silenced(2, "a", 420))
    assert isinstance(state, Listening)
    assert effects[4:] == [
        Play("a", SECOND), CutReply(2), CancelReply(1), Report(1, "interrupted"), OpenMic(2),
        Truncate("a", 420),
    ]  # fmt: skip


def test_a_truncate_never_passes_what_was_received():
    _, effects = run(*spoken(), ReplyAudio(1, "a", SECOND), TalkStart(), Silenced(2, "a", 1001))
    assert not [e for e in effects if isinstance(e, Truncate)]


def test_items_that_were_never_heard_are_taken_back():
    _, effects = run(
        *spoken(),
        ReplyAudio(1, "a", SECOND),
        ReplyAudio(1, "b", SECOND),
        TalkStart(),
        Silenced(2, "a", 900),
    )
    assert effects[-2:] == [Truncate("a", 900), Truncate("b", 0)]


def test_a_short_press_is_no_talk():
    state, effects = run(TalkStart(), TalkEnd(80.0))
    assert state.turn == 1
    assert isinstance(state, Idle)
    assert effects[1:] == [DiscardMic(1), Sign(Flash.TOO_SHORT), Report(1, "too_short")]


def test_the_longest_turn_is_sent_not_dropped():
    state, _ = run(TalkStart())
    state, effects = step(state, Tick(linked=True), 60.0, HOLD)
    assert isinstance(state, Closing)
    assert effects == (CloseMic(1),)


def test_pressing_again_before_the_tail_is_in_loses_neither_turn():
    state, effects = run(TalkStart(), TalkEnd(900.0), TalkStart(), MicClosed(1, 700, linked=True))
    assert state == Listening(2, 60.0)
    assert effects[1:] == [
        CloseMic(1), CloseMic(1, force=True), Commit(1), Report(1, "interrupted"), OpenMic(2),
    ]  # fmt: skip


def test_a_turn_without_a_link_is_held_and_then_explained():
    state, _ = run(TalkStart(), TalkEnd(900.0), MicClosed(1, 900, linked=False))
    assert state == Waiting(1, 30.9, said_s=0.9)
    state, effects = step(state, Tick(linked=False), 30.9, HOLD)
    assert isinstance(state, Idle)
    assert Explain("offline") in effects


def test_a_tool_is_run_and_its_result_is_answered():
    call = ToolCall("c1", "get_time", "{}")
    state, effects = run(
        *spoken(),
        ReplyDone(1, (call,)),
        ToolDone(1, "c1", "noon"),
        ReplyAudio(1, "a", SECOND),
        ReplyDone(1),
        Drained(1),
    )
    assert isinstance(state, Idle)
    assert effects[4:7] == [RunTool(1, call), AnswerTool("c1", "noon"), Ask(1)]


def test_a_model_that_only_calls_tools_is_stopped():
    call = ToolCall("c", "get_time", "{}")
    rounds = [e for _ in range(6) for e in (ReplyDone(1, (call,)), ToolDone(1, "c", "noon"))]
    state, effects = run(*spoken(), *rounds)
    assert isinstance(state, Idle)
    assert Explain("tools_without_end") in effects


@pytest.mark.parametrize(
    ("event", "fault"),
    [(ReplyDone(1, fault="service_error"), "service_error"), (LinkDown(), "link_lost")],
)
def test_a_reply_that_breaks_is_heard_to_its_end_then_explained(event, fault):
    state, effects = run(*spoken(), ReplyAudio(1, "a", SECOND), event)
    assert isinstance(state, Speaking)
    assert not [e for e in effects if isinstance(e, Explain | CutReply)]
    state, effects = step(state, Drained(1), 1.0, HOLD)
    assert isinstance(state, Idle)
    assert effects == (Explain(fault), Report(1, fault))


def test_silence_on_the_line_ends_in_words():
    state, _ = run(*spoken(), Delivered(1))
    state, effects = step(state, Tick(linked=True), 15.0, HOLD)
    assert isinstance(state, Idle)
    assert effects == (CutReply(1), CancelReply(1), Explain("no_answer"), Report(1, "no_answer"))


def test_what_takes_long_to_send_is_waited_for():
    state, _ = run(TalkStart(), TalkEnd(60_000.0), MicClosed(1, 60_000, linked=False), LinkUp())
    assert state.deadline_s == 75.0
    state, _ = step(state, Delivered(1), 40.0, HOLD)
    assert state.deadline_s == 55.0


def test_a_reply_heard_to_its_end_before_it_was_done_ends_at_once():
    state, effects = run(*spoken(), ReplyAudio(1, "a", SECOND), Drained(1), ReplyDone(1))
    assert isinstance(state, Idle)
    assert effects[-1] == Report(1, "answered")


def test_why_a_reply_broke_is_told_even_if_its_last_sound_was_never_reported():
    state, _ = run(*spoken(), ReplyAudio(1, "a", SECOND), LinkDown())
    state, effects = step(state, Tick(linked=False), state.deadline_s, HOLD)
    assert isinstance(state, Idle)
    assert Explain("link_lost") in effects


def test_an_answer_without_a_sound_is_no_answer():
    state, effects = run(*spoken(), ReplyDone(1))
    assert isinstance(state, Idle)
    assert effects[-2:] == [Explain("empty_answer"), Report(1, "empty_answer")]


def test_tap_is_ended_by_the_server():
    state, effects = run(Toggle(), SpeechStarted(1), ServerCommitted(1, responds=True), rules=TAP)
    assert isinstance(state, Waiting)
    assert effects == [OpenMic(1), CloseMic(1, force=True)]


def test_tap_without_a_link_is_kept_even_if_no_server_heard_it():
    state, _ = run(Toggle(), rules=TAP)
    state, effects = step(state, Tick(linked=False), 10.0, TAP)
    assert isinstance(state, Closing)
    assert effects == (CloseMic(1),)


def answering(rules):
    """Hands free, in the middle of an answer."""
    said = (Begin(), SpeechStarted(1), ServerCommitted(1, responds=True))
    return run(*said, ReplyAudio(1, "a", SECOND), rules=rules)[0]


def test_a_voice_over_the_answer_cuts_it_and_is_listened_to():
    state, effects = run(VoiceOver(1), rules=DUPLEX, start=answering(DUPLEX), at_s=3.0)
    assert isinstance(state, Listening)
    assert effects == [CutReply(2), CancelReply(1), Report(1, "interrupted"), OpenMic(2)]
    _, effects = run(Silenced(2, "a", 400), rules=DUPLEX, start=state)
    assert effects == [Truncate("a", 400)]


def test_a_voice_changes_nothing_where_it_may_not_interrupt():
    state = answering(FREE)
    assert run(VoiceOver(1), rules=FREE, start=state) == (state, [])
    assert run(VoiceOver(0), rules=DUPLEX, start=state) == (state, []), "late"


def test_what_is_said_while_the_answer_is_awaited_is_a_turn_of_its_own():
    waiting, _ = run(Begin(), ServerCommitted(1, responds=True), rules=DUPLEX)
    state, effects = run(VoiceOver(1), rules=DUPLEX, start=waiting)
    assert isinstance(state, Listening)
    assert OpenMic(2) in effects
    assert CancelReply(1) in effects


def test_hands_free_listens_again_after_the_last_sample():
    state, effects = run(
        Begin(),
        ServerCommitted(1, responds=False),
        ReplyAudio(1, "a", SECOND),
        ReplyDone(1),
        Drained(1),
        rules=FREE,
    )
    assert state == Listening(2, 60.0)
    assert effects == [
        OpenMic(1), CloseMic(1, force=True), Ask(1), Play("a", SECOND), Report(1, "answered"),
        OpenMic(2),
    ]  # fmt: skip


def test_mute_shuts_the_microphone_and_opens_it_again():
    state, effects = run(Begin(), ToggleMute(), rules=FREE)
    assert isinstance(state, Muted)
    assert DiscardMic(1) in effects
    assert light_of(state) is Light.MUTED
    state, effects = run(Toggle(), ToggleMute(), rules=FREE, start=state)
    assert isinstance(state, Listening)
    assert effects == [Sign(Flash.ERROR), Sign(Flash.CONFIRM), OpenMic(2)]


# Any order of events

turns = st.integers(0, 6)
items = st.sampled_from(["a", "b", "c"])
pcms = st.integers(0, 4000).map(lambda n: b"\1\0" * n)
calls = st.lists(
    st.builds(ToolCall, st.sampled_from(["c1", "c2"]), st.just("t"), st.just("{}")), max_size=2
)
events = st.one_of(
    st.sampled_from([Begin(), TalkStart(), Toggle(), Stop(), ToggleMute(), LinkUp(), LinkDown()]),
    st.builds(Tick, st.booleans()),
    st.builds(TalkEnd, st.floats(0, 70_000)),
    st.builds(MicClosed, turns, st.integers(0, 3000), st.booleans()),
    st.builds(SpeechStarted, turns),
    st.builds(VoiceOver, turns),
    st.builds(Delivered, turns),
    st.builds(ServerCommitted, turns, st.booleans()),
    st.builds(ReplyAudio, turns, items, pcms),
    st.builds(ReplyDone, turns, calls.map(tuple), st.sampled_from(["", "service_error"])),
    st.builds(ToolDone, turns, st.sampled_from(["c1", "c2"]), st.just("x")),
    st.builds(Silenced, turns, items, st.integers(-10, 10_000)),
    st.builds(Drained, turns),
    st.builds(Failed, turns, st.just("service_error")),
)
moves = st.lists(st.tuples(events, st.floats(0, 40)), max_size=60)
modes = st.sampled_from([HOLD, TAP, FREE, DUPLEX])


@given(moves, modes)
def test_any_order_of_events_keeps_the_promises(moves, rules):
    state, now_s = Idle(0, 60.0), 0.0
    received: dict[str, int] = {}
    captured: dict[int, int] = {}
    mic = 0  # the turn whose microphone is open
    for event, pause_s in moves:
        now_s += pause_s
        before = state
        if isinstance(event, MicClosed) and event.turn == state.turn:
            captured[event.turn] = event.captured_ms
        state, effects = step(state, event, now_s, rules)
        assert state.turn >= before.turn
        assert state.deadline_s >= now_s or state == before, "a deadline in the past"
        for effect in effects:
            match effect:
                case Play(item_id, pcm):
                    assert isinstance(state, Speaking)
                    received[item_id] = received.get(item_id, 0) + len(pcm) // 2
                case Truncate(item_id, audio_end_ms):
                    assert 0 <= audio_end_ms <= samples_to_ms(received[item_id])
                case Commit(turn):
                    assert captured[turn] >= 100, "an empty buffer was committed"
                case OpenMic(turn):
                    assert turn > mic
                    mic = turn
                case Report(turn):
                    assert turn == before.turn
                case Explain(fault):
                    assert fault in FAULTS, "a fault without a sentence"
        if isinstance(state, Listening):
            assert mic == state.turn, "listening with the microphone shut"
        if isinstance(state, Idle):
            assert rules.talk_mode != "hands_free" or state.turn == 0


@given(moves, modes)
def test_time_alone_always_leads_back_to_rest(moves, rules):
    state, now_s = Idle(0, 60.0), 0.0
    for event, pause_s in moves:
        now_s += pause_s
        state, _ = step(state, event, now_s, rules)
    for _ in range(5):
        now_s = max(now_s, state.deadline_s)
        state, _ = step(state, Tick(linked=True), now_s, rules)
    resting = isinstance(state, Idle | Muted) or (
        rules.talk_mode == "hands_free" and isinstance(state, Listening)
    )
    assert resting, state


@given(events, st.integers(1, 5))
def test_another_turns_event_changes_nothing(event, ahead):
    if not hasattr(event, "turn"):
        return
    for state in (
        Idle(event.turn + ahead, 9.0),
        Listening(event.turn + ahead, 9.0),
        Waiting(event.turn + ahead, 9.0),
        Speaking(event.turn + ahead, 9.0, 0, (Received("a", 5),)),
    ):
        assert step(state, event, 1.0, HOLD) == (state, ())
