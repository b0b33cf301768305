"""What a conversation costs, and what happens when the day's money is spent."""

from __future__ import annotations

from datetime import timedelta

from appliance.ports import Flash, Light
from appliance.session.budget import BudgetState, load
from appliance.session.prices import PICO


def usage(audio_out=500, audio_in=0):
    """A bill: a cent for each 500 tokens spoken, and for each 1000 heard."""
    return {
        "input_tokens": audio_in,
        "output_tokens": audio_out,
        "input_token_details": {"audio_tokens": audio_in},
        "output_token_details": {"audio_tokens": audio_out},
    }


def spent(usd):
    return BudgetState(spent_pico=round(usd * PICO))


def names(bench):
    return [name for name, _ in bench.journal.lines]


def turn_cost(bench, turn=1):
    return bench.runner._book[turn].cost_usd


def day_usd(bench):
    return load(bench.keeper.kept[-1]).spent_usd


async def test_an_answer_is_charged_to_its_turn_and_kept_at_once(bench):
    async with bench() as b:
        await b.online()
        await b.ask()
        b.answer(done=False)
        b.finish(usage=usage(500, 1000))
        await b.until(lambda: b.state == "Speaking" and b.runner.state.done)
        assert turn_cost(b) == 0.02
        assert day_usd(b) == 0.02
        b.speaker.hear_all()
        await b.until(lambda: b.state == "Idle")
        assert "$0.0200" in b.journal.lines[-1][1]


async def test_an_answer_nobody_waits_for_costs_the_day_all_the_same(bench):
    async with bench() as b:
        await b.online()
        b.socket.serve(type="response.done", response={"id": "late", "usage": usage()})
        await b.until(lambda: b.keeper.kept and day_usd(b) > 0)
        b.socket.serve(type="response.done", response={"id": "late", "usage": usage()})
        b.socket.serve(type="response.done", response={"id": "other", "usage": usage()})
        await b.until(lambda: day_usd(b) >= 0.02)
        assert day_usd(b) == 0.02, "one of them came twice"


async def test_an_answer_that_dies_with_its_link_is_estimated(bench):
    async with bench() as b:
        await b.online()
        await b.ask()
        said_ms = b.runner._book[1].said_ms
        b.answer(done=False, ms=1000)
        await b.until(lambda: b.state == "Speaking")
        b.socket.drop()
        await b.until(lambda: turn_cost(b) > 0)
        tokens_in, tokens_out = -(-said_ms // 100), 20
        assert round(turn_cost(b), 9) == round((tokens_in * 10 + tokens_out * 20) / 1e6, 9)


async def test_an_answer_without_a_bill_is_estimated_and_hears_nothing_twice(bench):
    async with bench() as b:
        await b.online()
        await b.ask()
        b.socket.serve(
            type="response.created", response={"id": "resp_1", "metadata": {"turn": "1"}}
        )
        call = {"type": "function_call", "id": "i", "status": "completed", "name": "get_time"}
        b.finish(output=[{**call, "call_id": "c1", "arguments": "{}"}])
        await b.until(lambda: len(b.sent("response.create")) == 2)
        first = turn_cost(b)
        assert first > 0
        b.answer(response="resp_2", item="item_b", ms=1000)
        await b.until(lambda: b.state == "Speaking" and b.runner.state.done)
        # Twenty tokens of answer; what was said before is in the conversation, at the cached rate.
        tokens_in = round(first / 10e-6)
        assert round(turn_cost(b) - first, 9) == round((20 * 20 + tokens_in * 0.3) / 1e6, 9)


async def test_what_is_running_at_the_end_is_paid_for_and_written_down(bench):
    async with bench() as b:
        await b.online()
        await b.ask()
        b.answer(done=False)
        await b.until(lambda: b.state == "Speaking")
    assert b.keeper.is_closed
    assert day_usd(b) > 0


async def test_a_transcript_is_paid_by_the_second(bench):
    async with bench() as b:
        await b.online()
        await b.ask()
        await b.until(lambda: b.runner._book.turn_of("item_u") == 1)
        b.socket.serve(
            type="conversation.item.input_audio_transcription.completed",
            item_id="item_u",
            content_index=0,
            transcript="hello",
            usage={"type": "duration", "seconds": 30.0},
        )
        await b.until(lambda: turn_cost(b) > 0)
        assert round(turn_cost(b), 9) == 0.003


async def test_a_transcript_in_tokens_or_without_a_bill_is_paid_by_its_length(bench):
    async with bench() as b:
        await b.online()
        await b.ask()
        await b.until(lambda: b.runner._book.turn_of("item_u") == 1)
        done = {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": "item_u",
            "content_index": 0,
            "transcript": "hello",
        }
        tokens = {"type": "tokens", "input_token_details": {"audio_tokens": 600}}
        b.socket.serve(**done, usage=tokens)
        await b.until(lambda: turn_cost(b) > 0)
        assert round(turn_cost(b), 9) == 0.006
        b.socket.serve(**done)
        said_ms = b.runner._book[1].said_ms
        await b.until(lambda: turn_cost(b) > 0.006)
        assert round(turn_cost(b) - 0.006, 9) == round(said_ms * 0.006 / 60_000, 9)


async def test_four_fifths_are_told_once_and_everything_works(bench):
    async with bench(cap_usd=1.0, spent=spent(0.79), prompts=True) as b:
        await b.online()
        await b.ask()
        b.answer(done=False)
        b.finish(usage=usage())
        await b.until(lambda: "cost_warning" in names(b))
        b.speaker.hear_all()
        await b.until(lambda: "cost_warning" in b.prompts)
        b.speaker.hear_all()
        assert Light.FAULT not in b.panel.lights
        await b.ask()
        b.answer(turn=2, response="resp_2", item="item_b", done=False)
        b.finish("resp_2", 2, usage=usage())
        await b.until(lambda: turn_cost(b, 2) > 0)
        assert names(b).count("cost_warning") == 1


async def test_a_spent_day_refuses_the_press_and_says_why(bench):
    async with bench(cap_usd=1.0, spent=spent(1.0), prompts=True) as b:
        assert b.prompts == ["cost_stop"], "told at the start, too"
        await b.online()
        b.speaker.hear_all()
        b.panel.press()
        b.speak()
        b.panel.release()
        await b.until(lambda: names(b).count("cost_cap_reached") == 2)
        b.runner._tick()
        assert b.state == "Idle"
        assert b.panel.flashes[-1] is Flash.ERROR
        assert b.panel.lights[-1] is Light.FAULT
        assert b.prompts == ["cost_stop"], "not twice within a minute"
        assert not b.sent("input_audio_buffer.append")


async def test_the_turn_that_spends_the_last_cent_is_answered_to_its_end(bench):
    async with bench(cap_usd=1.0, spent=spent(0.995)) as b:
        await b.online()
        await b.ask()
        b.answer(done=False)
        b.finish(usage=usage())
        await b.until(lambda: "cost_cap_reached" in names(b))
        await b.until(lambda: b.state == "Speaking" and b.runner.state.done)
        b.panel.press()  # leads nowhere, and so cuts nothing
        b.panel.release()
        assert b.state == "Speaking"
        assert not b.sent("response.cancel")
        b.speaker.hear_all()
        await b.until(lambda: b.state == "Idle")
        assert b.panel.lights[-1] is Light.FAULT


async def test_a_press_that_was_refused_does_not_mark_the_end_of_what_runs(bench):
    async with bench(cap_usd=1.0, spent=spent(0.995)) as b:
        await b.online()
        await b.ask()
        ended_s = b.runner._book[1].ended_s
        b.socket.serve(type="response.done", response={"id": "late", "usage": usage()})
        await b.until(lambda: "cost_cap_reached" in names(b))
        pressed_s = b.clock()
        b.runner._edge(True, pressed_s)
        b.runner._edge(False, pressed_s + 0.2)
        b.runner._person.button.tick(pressed_s + 0.4)
        assert names(b).count("cost_cap_reached") == 2
        assert b.runner._book[1].ended_s == ended_s
        b.answer()
        await b.until(lambda: b.state == "Speaking")


async def test_who_is_speaking_when_the_money_ends_is_heard_out(bench):
    async with bench(cap_usd=1.0, spent=spent(0.995)) as b:
        await b.online()
        b.panel.press()
        b.speak()
        b.socket.serve(type="response.done", response={"id": "late", "usage": usage()})
        await b.until(lambda: "cost_cap_reached" in names(b))
        b.speak()
        b.panel.release()
        await b.until(lambda: b.state == "Closing")
        b.microphone.say(bytes(4800), b.clock())
        await b.until(lambda: b.sent("response.create"))
        b.answer()
        await b.until(lambda: b.state == "Speaking")


async def test_a_new_day_puts_the_light_out_and_lets_it_go_on(bench):
    state = BudgetState(day=None, spent_pico=PICO)
    async with bench(cap_usd=1.0, spent=state) as b:
        await b.online()
        assert b.panel.lights[-1] is Light.FAULT
        b.today += timedelta(days=1)
        b.panel.press()
        await b.until(lambda: b.state == "Listening")
        assert "cost_cap_reached_over" in names(b)
        assert any("$1.0000" in line for name, line in b.journal.lines if name == "day")
        assert b.panel.lights[-1] is Light.LISTENING


async def test_a_clock_that_is_not_set_begins_no_day(bench):
    async with bench(cap_usd=1.0, spent=BudgetState(spent_pico=PICO)) as b:
        b.board.readings = type(b.board.readings)(clock_set=False)
        b.today += timedelta(days=1)
        b.panel.press()
        assert b.state == "Idle"


async def test_hands_free_is_deaf_while_nothing_may_begin(bench):
    async with bench(mode="hands_free", cap_usd=1.0, spent=spent(0.995)) as b:
        await b.online()
        b.speak()
        await b.until(lambda: b.sent("input_audio_buffer.append"))
        b.socket.serve(type="response.done", response={"id": "late", "usage": usage()})
        await b.until(lambda: b.sent("input_audio_buffer.clear"))
        sent = len(b.sent("input_audio_buffer.append"))
        b.hears("u")  # on its way since before
        b.speak()
        b.panel.press()
        b.panel.release()
        await b.until(lambda: names(b).count("cost_cap_reached") == 2)
        assert b.state == "Listening"
        assert not b.runner.state.speech
        assert len(b.sent("input_audio_buffer.append")) == sent
        b.today += timedelta(days=1)
        b.runner._ledger.look()
        b.speak()
        await b.until(lambda: len(b.sent("input_audio_buffer.append")) > sent)


async def test_hands_free_that_starts_without_money_listens_the_day_after(bench):
    async with bench(mode="hands_free", cap_usd=1.0, spent=spent(1.0)) as b:
        await b.online()
        b.speak()
        assert not b.runner._intake.is_open
        b.today += timedelta(days=1)
        b.runner._ledger.look()
        b.speak()
        await b.until(lambda: b.sent("input_audio_buffer.append"))
        assert b.panel.lights[-1] is Light.LISTENING


async def test_who_speaks_over_the_news_of_it_is_not_heard(bench):
    async with bench(mode="hands_free", cap_usd=1.0, spent=spent(1.0), prompts=True) as b:
        await b.online()
        assert b.prompts == ["cost_stop"]
        b.microphone.say(b"\3\3" * 4800, b.clock(), voice_since_s=b.clock())
        assert [r["kind"] for r in b.trace.records].count("prompt_cut") == 1
        assert not b.runner._intake.is_open


async def test_a_voice_over_the_last_answer_does_not_cut_it(bench):
    options = {"mode": "hands_free", "voice_interrupts": True}
    async with bench(cap_usd=1.0, spent=spent(0.995), **options) as b:
        await b.online()
        b.speak()
        b.hears("u")
        b.socket.serve(type="input_audio_buffer.committed", item_id="u")
        await b.until(lambda: b.state == "Waiting")
        b.socket.serve(type="response.created", response={"id": "resp_1"})
        b.more()
        b.finish(usage=usage())
        await b.until(lambda: "cost_cap_reached" in names(b))
        b.microphone.say(b"\3\3" * 4800, b.clock(), voice_since_s=b.clock())
        assert b.state == "Speaking"
        assert not [r for r in b.trace.records if r["kind"] == "prompt_cut"]
        b.speaker.hear_all()
        await b.until(lambda: b.state == "Listening")
        b.speak()
        assert not b.runner._intake.is_open


async def test_the_day_is_looked_at_once_a_minute(bench):
    async with bench(cap_usd=1.0, spent=spent(1.0)) as b:
        await b.online()
        assert b.runner._ledger.due_s <= b.clock() + 60
        b.today += timedelta(days=1)
        b.runner._ledger.due_s = b.clock()
        b.runner._tick()
        assert "cost_cap_reached_over" in names(b)
        assert b.runner._ledger.due_s > b.clock() + 59
