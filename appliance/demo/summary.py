"""The figures of one conversation, from what the device told, the room told and the tapes hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from appliance.demo.device import Story
from appliance.demo.measure import Cost
from appliance.demo.room import Room
from appliance.demo.talk import Spoken
from appliance.demo.tapes import Tapes

SAME_S = 0.2  # a voice that interrupts and the cut that follows are one
STILL_VOICE_S = 1.0  # a voice is believed a little after it began, and after it ended


def of_device(story: Story, before: Cost, after: Cost, took_s: float) -> dict[str, Any]:
    """Return what the device itself measured, and what it cost."""
    end = story.last("summary") or {}
    turns = story.of("turn")
    return {
        "spans_ms": end.get("spans_ms", {}),
        "xruns": end.get("overflows", 0) + end.get("underflows", 0),
        "overflows": end.get("overflows", 0),
        "underflows": end.get("underflows", 0),
        "streams_opened": end.get("opens", 0),
        "rss_mb": after.rss_mb,
        "cpu_percent": round((after.cpu_s - before.cpu_s) / took_s * 100, 1),
        "numba_loaded": end.get("numba_loaded"),
        "heard": " / ".join(record["text"] for record in story.of("heard")),
        "reply": " / ".join(record["text"] for record in story.of("reply")),
        "reply_s": round(sum(turn["reply_ms"] for turn in turns) / 1000, 3),
        "turns": [{"turn": t["turn"], "outcome": t["outcome"]} for t in turns],
        "state": end.get("state", "unknown"),
    }


def of_echo(story: Story) -> dict[str, Any] | None:
    """Return what the echo canceller came to; None if there was none."""
    changes = story.of("echo")
    if not changes:
        return None
    first_sound = story.of("sounded")
    learnt = [change for change in changes if change["converged"]]
    after_s = None
    if learnt and first_sound:
        after_s = round(learnt[0]["t"] - first_sound[0]["at_s"], 2)
    last = learnt[-1] if learnt else changes[-1]
    return {
        "converged": bool(changes[-1]["converged"]),
        "converged_after_s": after_s,  # from the first sound of the loudspeaker
        "loss_db": last["loss_db"],
        "delay_ms": last["delay_ms"],
        "times_lost": max(0, len(learnt) - 1) + (bool(learnt) and not changes[-1]["converged"]),
    }


def of_barge_ins(story: Story, tapes: Tapes, spoken: Sequence[Spoken]) -> dict[str, Any]:
    """Return what became of each sentence over an answer, and what broke off without one.

    Times are of the tapes: from where the voice is heard at the mouth to the loudspeaker's last
    sample before it answers anew.
    """
    cuts = [cut["t"] for cut in story.of("cut")]
    made, to_silence_ms = 0, []
    tried = [sentence for sentence in spoken if sentence.over_answer]
    for sentence in tried:
        began_s = tapes.voice_began_s(sentence.begin_s)
        during = [at_s for at_s in cuts if _is_during(at_s, sentence)]
        if not during or began_s is None:
            continue
        made += 1
        later = [each["received_s"] for each in story.of("sounded") if each["t"] > during[0]]
        silent_s = tapes.silent_from_s(began_s, min(later, default=during[0] + STILL_VOICE_S))
        if silent_s is not None:
            to_silence_ms.append(round((silent_s - began_s) * 1000))
    voices = [record["t"] for record in story.of("barge_in")]
    broken = voices + [at_s for at_s in cuts if not any(abs(at_s - v) < SAME_S for v in voices)]
    false = [at_s for at_s in broken if not any(_is_during(at_s, each) for each in spoken)]
    return {
        "barge_ins_made": made,
        "barge_ins_missed": len(tried) - made,
        "false_barge_ins": len(false) if spoken else 0,
        "voice_to_silence_ms": to_silence_ms,
    }


def of_room(room: Room, told: dict[str, Any], tapes: Tapes) -> dict[str, Any]:
    """Return what the room was, and how well it was played."""
    return {
        "name": room.name,
        "distance_m": room.distance_m,
        "drift_ppm": room.drift_ppm,
        "saturation": room.saturation,
        "noise_dbfs": room.noise_dbfs,
        "echo_delay_ms": tapes.echo_delay_ms(),
        **{name: value for name, value in told.items() if name != "kind"},
    }


def _is_during(at_s: float, sentence: Spoken) -> bool:
    return sentence.begin_s <= at_s <= sentence.end_s + STILL_VOICE_S
