"""What the device says by itself, in the midst of turns."""

from __future__ import annotations

import base64

from appliance.errors import RefusedError


def audio_sent(bench) -> bytes:
    return b"".join(base64.b64decode(m["audio"]) for m in bench.sent("input_audio_buffer.append"))


async def test_an_answer_that_fails_is_told_and_the_next_turn_works(bench):
    async with bench(prompts=True) as b:
        await b.online()
        await b.ask()
        b.socket.serve(
            type="response.created", response={"id": "resp_1", "metadata": {"turn": "1"}}
        )
        b.finish(status="failed", status_details={"error": {"code": "server_error"}})
        await b.until(lambda: b.prompts)
        assert b.state == "Idle"
        b.speaker.hear_all()
        await b.ask()
        b.answer(turn=2, response="resp_2", item="item_b")
        await b.until(lambda: b.state == "Speaking")


async def test_the_end_of_a_prompt_is_not_the_end_of_a_reply(bench):
    async with bench(prompts=True) as b:
        await b.online()
        b.speaker.unplug()
        b.speaker.missing = False
        await b.until(lambda: b.prompts == ["speaker_back"], within_s=10)
        await b.ask()
        b.answer(done=False)
        await b.until(lambda: b.state == "Speaking")
        b.speaker.hear(24_000)
        assert b.state == "Speaking"


async def test_a_press_cuts_what_the_device_says_by_itself(bench):
    async with bench(prompts=True) as b:
        await b.online()
        b.microphone.unplug()
        await b.until(lambda: b.prompts == ["microphone_lost"])
        b.panel.press()
        assert [r["kind"] for r in b.trace.records].count("prompt_cut") == 1
        assert b.state == "Listening"


async def test_hands_free_does_not_take_its_own_words_for_a_persons(bench):
    async with bench(mode="hands_free", prompts=True) as b:
        await b.online()
        b.speaker.unplug()
        b.speaker.missing = False
        await b.until(lambda: b.prompts == ["speaker_back"], within_s=10)
        before = audio_sent(b)
        b.microphone.say(b"\5\5" * 4800, b.clock() - 0.2)
        assert audio_sent(b) == before, "what it says itself went to the service"
        b.speaker.hear_all()
        said = b.speak()
        await b.until(lambda: audio_sent(b).endswith(said))


async def test_who_speaks_over_a_prompt_is_heard_from_the_first_word(bench):
    async with bench(mode="hands_free", prompts=True) as b:
        await b.online()
        b.speaker.unplug()
        b.speaker.missing = False
        await b.until(lambda: b.prompts == ["speaker_back"], within_s=10)
        since_s = b.clock()
        b.microphone.say(b"\2\2" * 4800, since_s)
        b.microphone.say(b"\3\3" * 4800, since_s + 0.2, voice_since_s=since_s)
        assert [r["kind"] for r in b.trace.records].count("prompt_cut") == 1
        await b.until(lambda: audio_sent(b).endswith(b"\2\2" * 4800 + b"\3\3" * 4800))


async def test_a_refused_key_is_told_to_who_presses(bench):
    refusal = RefusedError("the key is not valid", "invalid_api_key")
    async with bench(errors=[refusal, refusal], prompts=True) as b:
        b.panel.press()
        b.speak()
        b.panel.release()
        b.microphone.say(bytes(9600), b.clock())
        await b.until(lambda: b.prompts == ["key_invalid"])
