"""Decide what a turn does next. Pure: no clock, no I/O, no logging.

    Idle ─TalkStart─► Listening ─TalkEnd─► Closing ─MicClosed─► Waiting ─ReplyAudio─► Speaking
      ▲                   │ ServerCommitted ───────────────────►   ▲ │                  │   │
      │                   └ too short: Idle                 ToolDone │ ReplyDone(calls) │   │
      │                                                            │ ▼ ◄────────────────┘   │
      │                                                           Working                   │
      └──────────────────── Drained, after ReplyDone ───────────────────────────────────────┘

    Closing | Waiting | Working | Speaking ─TalkStart─► Listening
        The reply is cancelled and cut where the person stopped hearing it. What was said in
        the turn before has been handed over and is never dropped.
    any ─Failed, or its deadline─► rest, and the person is told why.
    any ─Stop─► rest.  Idle | Listening ─ToggleMute─► Muted ─ToggleMute─► rest.

Talk modes. `hold`: the button is held to talk. `tap`: a press starts, server VAD or a press
ends. `hands_free`: rest is Listening instead of Idle, and the microphone is shut from the end
of a question until the last sample of its answer has left the loudspeaker (half duplex), or until
VoiceOver: the device is sure that somebody speaks over it. Then as with TalkStart.

Every state has a deadline. A turn has a number; an event that carries another turn's number is
late, and is dropped in `step` and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from appliance.ports import Flash, Light
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
    Effect,
    Event,
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
    State,
    Stop,
    TalkEnd,
    TalkStart,
    Tick,
    Tidy,
    Toggle,
    ToggleMute,
    ToolDone,
    Truncate,
    VoiceOver,
    Waiting,
    Working,
)
from appliance.units import pcm_samples, samples_to_ms

MIN_COMMIT_MS = 100  # the API refuses to commit less

Step = tuple[State, tuple[Effect, ...]]


@dataclass(frozen=True, slots=True)
class TurnRules:
    """Limits of a turn; the settings' `[hardware]` and `[scaling]` blocks give most of them."""

    talk_mode: Literal["hold", "tap", "hands_free"] = "hold"
    min_press_ms: float = 150.0  # a shorter press is a tap, not talk (hold mode)
    max_turn_s: float = 60.0
    quiet_s: float = 10.0  # tap mode: nobody speaks
    tail_s: float = 0.5  # the last samples come in within this
    reply_timeout_s: float = 15.0
    held_s: float = 30.0  # how long a turn is kept while the link is down
    tool_timeout_s: float = 10.0
    max_tool_rounds: int = 5
    drain_margin_s: float = 5.0
    tidy_s: float = 60.0
    voice_interrupts: bool = False  # hands free: whoever speaks over an answer ends it


def step(state: State, event: Event, now_s: float, rules: TurnRules) -> Step:
    """Return the next state and the effects to run, in order. Total: never raises."""
    if getattr(event, "turn", state.turn) != state.turn:
        return state, ()  # late
    if isinstance(event, Tick):
        overdue = now_s >= state.deadline_s
        return _overdue(state, event.linked, now_s, rules) if overdue else (state, ())
    match event:
        case Begin() if isinstance(state, Idle):
            return _rest(state.turn, now_s, rules)
        case TalkStart():
            return _talk(state, now_s, rules)
        case Toggle():
            return _toggle(state, now_s, rules)
        case Stop():
            return _end(state, now_s, rules, "stopped", (Sign(Flash.CONFIRM),))
        case ToggleMute():
            return _mute(state, now_s, rules)
        case VoiceOver() if rules.voice_interrupts and isinstance(state, Waiting | Speaking):
            return _talk(state, now_s, rules)
        case Failed(_, fault):
            return _end(state, now_s, rules, fault, (Explain(fault),))
        case Silenced(_, item_id, heard_ms):
            return _truncated(state, item_id, heard_ms)
    match state:
        case Listening():
            return _listening(state, event, now_s, rules)
        case Closing():
            return _closing(state, event, now_s, rules)
        case Waiting() | Working() | Speaking():
            return _replying(state, event, now_s, rules)
        case _:
            return state, ()


def light_of(state: State) -> Light:
    """Return what the LEDs show for a state, if nothing more urgent is to be shown."""
    match state:
        case Listening() | Closing():
            return Light.LISTENING
        case Waiting() | Working():
            return Light.THINKING
        case Speaking():
            return Light.SPEAKING
        case Muted():
            return Light.MUTED
        case Idle():
            return Light.IDLE


# The person's side


def _rest(turn: int, now_s: float, rules: TurnRules, cut: tuple[Received, ...] = ()) -> Step:
    """Where a turn ends: Idle, or with hands free the next turn's open microphone."""
    deadline_s = now_s + rules.tidy_s
    if rules.talk_mode == "hands_free":
        return Listening(turn + 1, deadline_s, cut=cut), (OpenMic(turn + 1),)
    return Idle(turn, deadline_s, cut), ()


def _open(turn: int, now_s: float, rules: TurnRules, cut: tuple[Received, ...]) -> Step:
    patience_s = rules.max_turn_s if rules.talk_mode == "hold" else rules.quiet_s
    return Listening(turn, now_s + patience_s, cut=cut), (OpenMic(turn),)


def _talk(state: State, now_s: float, rules: TurnRules) -> Step:
    match state:
        case Listening():
            return state, ()
        case Muted():
            return state, (Sign(Flash.ERROR),)
        case Closing():
            # The tail that has come in is taken as it is: the new turn must not wait for more.
            pressed = replace(state, again=True, forced=True)
            return pressed, (CloseMic(state.turn, force=True),)
        case Waiting() | Working() | Speaking():
            turn = state.turn + 1
            ended = (CutReply(turn), CancelReply(state.turn), Report(state.turn, "interrupted"))
            listening, opening = _open(turn, now_s, rules, state.received)
            return listening, (*ended, *opening)
        case Idle():
            return _open(state.turn + 1, now_s, rules, state.cut)


def _toggle(state: State, now_s: float, rules: TurnRules) -> Step:
    match state:
        case Listening() if rules.talk_mode == "tap":
            return _close(state, now_s, rules)
        case Listening() | Closing():
            return state, ()
        case _:
            return _talk(state, now_s, rules)


def _mute(state: State, now_s: float, rules: TurnRules) -> Step:
    if rules.talk_mode == "hold":
        return state, ()  # the microphone is open only while a hand holds the button
    if isinstance(state, Muted):
        resting, effects = _rest(state.turn, now_s, rules, state.cut)
        return resting, (Sign(Flash.CONFIRM), *effects)
    rested, effects = _end(state, now_s, replace(rules, talk_mode="tap"), "muted")
    cut = rested.cut if isinstance(rested, Idle) else ()
    return Muted(rested.turn, now_s + rules.tidy_s, cut), (*effects, Sign(Flash.CONFIRM))


def _close(state: Listening, now_s: float, rules: TurnRules) -> Step:
    return Closing(state.turn, now_s + rules.tail_s, cut=state.cut), (CloseMic(state.turn),)


def _listening(state: Listening, event: Event, now_s: float, rules: TurnRules) -> Step:
    match event:
        case TalkEnd(held_ms) if rules.talk_mode == "hold" and held_ms < rules.min_press_ms:
            return _end(state, now_s, rules, "too_short", (Sign(Flash.TOO_SHORT),))
        case TalkEnd() if rules.talk_mode == "hold":
            return _close(state, now_s, rules)
        case SpeechStarted():
            return replace(state, speech=True, deadline_s=now_s + rules.max_turn_s), ()
        case ServerCommitted(turn, responds):
            return _server_ended(turn, responds, now_s, rules)
        case LinkUp() if rules.talk_mode == "tap" and not state.speech:
            # Only now can the server begin to hear what was said.
            return replace(state, deadline_s=now_s + rules.quiet_s), ()
        case _:
            return state, ()


def _closing(state: Closing, event: Event, now_s: float, rules: TurnRules) -> Step:
    match event:
        case MicClosed(turn, captured_ms, _) if state.again:
            enough = captured_ms >= MIN_COMMIT_MS
            handed_over = (Commit(turn),) if enough else (DiscardMic(turn),)
            listening, opening = _open(turn + 1, now_s, rules, state.cut)
            return listening, (*handed_over, Report(turn, "interrupted"), *opening)
        case MicClosed(_, captured_ms, _) if captured_ms < MIN_COMMIT_MS:
            fault = "microphone_silent" if captured_ms == 0 else "too_short"
            return _end(state, now_s, rules, fault, (Explain(fault),))
        case MicClosed(turn, captured_ms, linked):
            said_s = captured_ms / 1000
            patience_s = said_s + (rules.reply_timeout_s if linked else rules.held_s)
            return Waiting(turn, now_s + patience_s, said_s), (Commit(turn), Ask(turn))
        case TalkEnd():
            return replace(state, again=False), ()
        case ServerCommitted(turn, responds):
            return _server_ended(turn, responds, now_s, rules)
        case _:
            return state, ()


def _server_ended(turn: int, responds: bool, now_s: float, rules: TurnRules) -> Step:
    asks = () if responds else (Ask(turn),)
    waiting = Waiting(turn, now_s + rules.reply_timeout_s)
    return waiting, (CloseMic(turn, force=True), *asks)


# The service's side


def _replying(
    state: Waiting | Working | Speaking, event: Event, now_s: float, rules: TurnRules
) -> Step:
    match event:
        case ReplyAudio(turn, item_id, pcm) if _awaits_audio(state):
            received = _more(state.received, item_id, pcm_samples(pcm))
            deadline_s = now_s + _playing_s(received) + rules.reply_timeout_s
            return Speaking(turn, deadline_s, state.tool_rounds, received), (Play(item_id, pcm),)
        case ReplyDone(turn, calls, "") if calls and state.tool_rounds < rules.max_tool_rounds:
            working = Working(
                turn,
                now_s + rules.tool_timeout_s,
                state.tool_rounds + 1,
                tuple(call.call_id for call in calls),
                state.received,
            )
            return working, tuple(RunTool(turn, call) for call in calls)
        case ReplyDone(_, calls, fault):
            return _reply_done(state, fault or ("tools_without_end" if calls else ""), now_s, rules)
        case ToolDone(turn, call_id, output) if isinstance(state, Working):
            return _tool_done(state, turn, call_id, output, now_s, rules)
        case Drained() if isinstance(state, Speaking):
            if not state.done:
                return replace(state, heard=True), ()  # comes in more slowly than it is played
            told = (Explain(state.fault),) if state.fault else ()
            return _end(state, now_s, rules, state.fault or "answered", told, finished=True)
        case Drained():
            return replace(state, received=()), ()  # heard to the end: nothing left to cut
        case LinkUp() if isinstance(state, Waiting):  # and now it has to be sent
            return replace(state, deadline_s=now_s + state.said_s + rules.reply_timeout_s), ()
        case Delivered() if isinstance(state, Waiting):
            return replace(state, deadline_s=now_s + rules.reply_timeout_s, said_s=0.0), ()
        case LinkDown() if isinstance(state, Waiting) and not state.tool_rounds:
            return replace(state, deadline_s=now_s + rules.held_s), ()
        case LinkDown():
            return _reply_done(state, "link_lost", now_s, rules)
        case _:
            return state, ()


def _awaits_audio(state: Waiting | Working | Speaking) -> bool:
    return isinstance(state, Waiting) or (isinstance(state, Speaking) and not state.done)


def _more(received: tuple[Received, ...], item_id: str, samples: int) -> tuple[Received, ...]:
    if received and received[-1].item_id == item_id:
        return (*received[:-1], Received(item_id, received[-1].samples + samples))
    return (*received, Received(item_id, samples))


def _playing_s(received: tuple[Received, ...]) -> float:
    """At most this long until all that came in has been played."""
    return samples_to_ms(sum(r.samples for r in received)) / 1000


def _reply_done(
    state: Waiting | Working | Speaking, fault: str, now_s: float, rules: TurnRules
) -> Step:
    if isinstance(state, Speaking) and state.done:
        return state, ()
    if state.received and not (isinstance(state, Speaking) and state.heard):
        deadline_s = now_s + _playing_s(state.received) + rules.drain_margin_s
        return Speaking(
            state.turn, deadline_s, state.tool_rounds, state.received, done=True, fault=fault
        ), ()
    if isinstance(state, Waiting) and not state.tool_rounds:
        fault = fault or "empty_answer"
    told = (Explain(fault),) if fault else ()
    return _end(state, now_s, rules, fault or "answered", told, finished=True)


def _tool_done(
    state: Working, turn: int, call_id: str, output: str, now_s: float, rules: TurnRules
) -> Step:
    if call_id not in state.open_calls:
        return state, ()
    still_open = tuple(c for c in state.open_calls if c != call_id)
    if still_open:
        return replace(state, open_calls=still_open), (AnswerTool(call_id, output),)
    waiting = Waiting(
        turn, now_s + rules.reply_timeout_s, tool_rounds=state.tool_rounds, received=state.received
    )
    return waiting, (AnswerTool(call_id, output), Ask(turn))


def _truncated(state: State, item_id: str, heard_ms: int) -> Step:
    """Tell the service what was really heard, never more than it sent; unheard items vanish."""
    if isinstance(state, Waiting | Working | Speaking):
        return state, ()
    effects: list[Effect] = []
    reached = False
    for received in state.cut:
        if received.item_id == item_id:
            reached = True
            if heard_ms < samples_to_ms(received.samples):
                effects.append(Truncate(item_id, max(0, heard_ms)))
        elif reached:
            effects.append(Truncate(received.item_id, 0))
    return replace(state, cut=()), tuple(effects)


# The ends


def _end(
    state: State,
    now_s: float,
    rules: TurnRules,
    outcome: str,
    told: tuple[Effect, ...] = (),
    *,
    finished: bool = False,
) -> Step:
    """Rest, with nothing left running (`finished`: the reply has ended by itself)."""
    match state:
        case Idle() | Muted():
            return state, ()
        case Listening() | Closing():
            resting, opening = _rest(state.turn, now_s, rules, state.cut)
            stopping: tuple[Effect, ...] = (DiscardMic(state.turn),)
        case Waiting() | Working() | Speaking() if finished:
            resting, opening = _rest(state.turn, now_s, rules)
            stopping = ()
        case Waiting() | Working() | Speaking():
            resting, opening = _rest(state.turn, now_s, rules, state.received)
            stopping = (CutReply(resting.turn), CancelReply(state.turn))
    return resting, (*stopping, *told, Report(state.turn, outcome), *opening)


def _overdue(state: State, linked: bool, now_s: float, rules: TurnRules) -> Step:
    match state:
        case Idle() | Muted():
            return replace(state, deadline_s=now_s + rules.tidy_s), (Tidy(),)
        case Listening(speech=False) if rules.talk_mode == "hands_free":
            return replace(state, deadline_s=now_s + rules.tidy_s), (Tidy(),)
        case Listening(speech=False) if rules.talk_mode == "tap" and linked:
            return _end(state, now_s, rules, "nobody_spoke", (Sign(Flash.TOO_SHORT),))
        case Listening():
            return _close(state, now_s, rules)  # the longest turn is sent, not dropped
        case Closing(forced=False):
            forced = replace(state, forced=True, deadline_s=now_s + rules.tail_s)
            return forced, (CloseMic(state.turn, force=True),)
        case Closing():
            fault = "microphone_silent"
        case Waiting():
            fault = "no_answer" if linked else "offline"
        case Working():
            fault = "tool_stuck"
        case Speaking(done=True):
            told = (Explain(state.fault),) if state.fault else ()
            return _end(state, now_s, rules, state.fault or "answered", told)
        case Speaking():
            fault = "reply_stalled"
    return _end(state, now_s, rules, fault, (Explain(fault),))
