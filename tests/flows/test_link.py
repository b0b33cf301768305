"""One conversation over a link that breaks, renews and comes back."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.session.link import Ready

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
from link_world import link_world
from troubles import LINK

RECOVERY_S = 3.0  # the seed's, from the end of the cause to a working link
QUICK = {"base_delay_s": 0.05, "max_delay_s": 0.2, "settled_s": 0.0, "dial_timeout_s": 5.0}
IMPATIENT = {**QUICK, "reset_s": 0.3, "stall_s": 0.5}


async def renew(w):
    """Let the session be at the age at which it is renewed."""
    state, before = w.line.state, len(w.server.connections)
    w.line.state = replace(state, renew_s=w.clock(), deadline_s=w.clock())
    w.runner.line_changed()
    await w.until(lambda: isinstance(w.line.state, Ready) and len(w.server.connections) > before)


async def break_off(w, how):
    before = len(w.seen("link_down"))
    how()
    await w.until(lambda: len(w.seen("link_down")) > before)


async def turn_with_a_drop(w, moment, how):
    """Have a turn, and lose the link at this moment of it; return how the turn ended."""
    match moment:
        case "idle":
            await break_off(w, how)
            await w.say()
        case "asked":
            w.proxy.stall()
            await w.say()
            await break_off(w, how)
        case "understood":  # acknowledged and written down, and not answered yet
            w.proxy.reset_at(b'"response.output_audio.delta"', 1)
            await w.say()
        case "answering":
            w.proxy.reset_at(b'"response.output_audio.delta"', 3)
            await w.say()
    return await w.hear()


@pytest.mark.parametrize("seed", [20261125, 1])
async def test_twenty_turns_over_ten_drops_and_three_renewals_are_one_conversation(seed):
    dice = random.Random(seed)
    order = dice.sample(range(1, 21), 20)
    drops, renewals = order[:10], order[10:13]
    async with link_world(**QUICK) as w:
        ways = [w.proxy.reset, w.proxy.drop, lambda: w.proxy.close(1001), w.proxy.half_open]
        for turn in range(1, 21):
            if turn in renewals:
                await renew(w)
            if turn in drops:
                moment = dice.choice(["idle", "asked", "understood", "answering"])
                outcome = await turn_with_a_drop(w, moment, dice.choice(ways))
                assert outcome == ("link_lost" if moment == "answering" else "answered")
            else:
                await w.say()
                assert await w.hear() == "answered"
            await w.until(lambda: w.line.is_ready)
        assert len(w.seen("link_down", why="renewed")) == 3
        assert len(w.seen("link_down")) == 13
        await w.until(lambda: len(w.told()) == 40)
        told = w.told()
    assert [role for role, _ in told] == ["user", "assistant"] * 20
    questions, answers = told[::2], told[1::2]
    assert [words for _, words in questions] == [f"question {n}" for n in range(1, 21)]
    for n, (_, words) in enumerate(answers, 1):
        assert words, "an answer that was heard in part is not empty"
        assert f"I heard: question {n}.".startswith(words)


@pytest.mark.parametrize("name", LINK)
async def test_every_fault_is_named_and_left_behind(name):
    trouble = LINK[name]
    async with link_world(**IMPATIENT) as w:
        await w.say()
        trouble.begin(w)
        await w.until(lambda: w.told_of(trouble.told))
        await trouble.end(w)
        healed_s = w.clock()
        if w.line.is_refused:
            w.line.wanted()  # nothing else makes it try again
        await w.until(lambda: w.line.is_ready)
        assert w.clock() - healed_s < RECOVERY_S
        await w.until(lambda: w.state in ("Idle", "Waiting", "Speaking"))
        if w.state != "Idle":
            await w.hear()
        await w.say()
        assert await w.hear() == "answered"
        assert w.line.fault == ""
        questions = [words for role, words in w.told() if role == "user"]
        assert questions[-1] == f"question {w.turn}"


@pytest.mark.parametrize("way", ["duplicate", "swap"])
async def test_events_twice_or_in_the_wrong_order_are_survived(way):
    async with link_world(**IMPATIENT) as w:
        getattr(w.proxy, way)()
        await w.say()
        await w.hear()
        await w.proxy.heal()
        await break_off(w, w.proxy.reset)
        await w.until(lambda: w.line.is_ready)
        await w.say()
        assert await w.hear() == "answered"


async def test_a_stalled_answer_is_asked_for_once_more():
    async with link_world(**IMPATIENT) as w:
        w.proxy.stall()
        await w.say()
        assert await w.hear() == "answered"
        assert "stalled" in [name for name, _ in w.journal.lines]
        assert w.told()[0] == ("user", "question 1")


async def test_offline_is_told_once_and_coming_back_too():
    async with link_world(**IMPATIENT) as w:
        w.proxy.refuse()
        w.proxy.reset()
        await w.until(lambda: w.line.is_offline)
        await w.until(lambda: len(w.seen("link", state="connecting")) > 8)  # it goes on
        assert [r["news"] for r in w.seen("announce")] == ["offline"]
        await w.proxy.heal()
        await w.until(lambda: w.line.is_ready)
        assert [r["news"] for r in w.seen("announce")] == ["offline", "back"]
        await w.say()
        assert await w.hear() == "answered"


async def test_what_is_said_while_the_idle_link_is_dialled_is_not_lost():
    async with link_world(**QUICK, idle_close_s=0.2) as w:
        await w.say()
        await w.hear()
        for _ in range(3):
            await w.until(lambda: type(w.line.state).__name__ == "Disconnected")
            assert not w.line.is_troubled
            await w.say()
            assert await w.hear() == "answered"
        questions = [words for role, words in w.told() if role == "user"]
        assert questions == [f"question {n}" for n in range(1, 5)]


async def test_a_refusal_while_somebody_talks_leaves_the_next_press_its_try():
    async with link_world(**QUICK) as w:
        w.panel.press()
        LINK["401"].begin(w)
        await w.until(lambda: w.line.is_refused)
        w.panel.release()
        await w.until(lambda: w.state == "Idle")
        assert len(w.seen("link_trouble", refused=True)) == 1, "the release is no second try"
        await w.proxy.heal()
        await w.say()
        assert await w.hear() == "answered"
