"""A voice over the answer, and how what was captured is gathered for the wire."""

from __future__ import annotations

import base64

from appliance.ports import Echo


def audio_sent(bench) -> bytes:
    return b"".join(base64.b64decode(m["audio"]) for m in bench.sent("input_audio_buffer.append"))


async def speaking_freely(b):
    """Hands free, in the middle of an answer that has begun to be heard."""
    await b.online()
    b.speak()
    b.hears("u")
    b.socket.serve(type="input_audio_buffer.committed", item_id="u")
    await b.until(lambda: b.state == "Waiting")
    b.socket.serve(type="response.created", response={"id": "resp_1"})
    b.more()
    await b.until(lambda: b.state == "Speaking")
    b.speaker.hear(4800)


async def test_what_is_said_over_an_answer_is_heard_from_its_beginning(bench):
    async with bench(mode="hands_free", voice_interrupts=True) as b:
        await speaking_freely(b)
        before = audio_sent(b)
        since_s = b.clock()
        b.microphone.say(b"\1\1" * 4800, since_s - 0.2)  # the pre-roll
        b.microphone.say(b"\2\2" * 4800, since_s)
        b.microphone.say(b"\3\3" * 4800, since_s + 0.2, voice_since_s=since_s)
        assert b.state == "Listening"
        b.microphone.say(b"\4\4" * 4800, since_s + 0.4)
        await b.until(lambda: audio_sent(b).endswith(b"\4\4" * 4800))
        said = audio_sent(b)[len(before) :]
        assert said == b"".join(bytes([n, n]) * 4800 for n in (1, 2, 3, 4))
        assert b.sent("response.cancel")
        assert b.sent("conversation.item.truncate")[0]["audio_end_ms"] == 200
        assert ("turn", "interrupted") in [
            (r["kind"], r.get("outcome")) for r in b.trace.records if r["kind"] == "turn"
        ]
        assert [r["turn"] for r in b.trace.records if r["kind"] == "barge_in"] == [1]
        spans = b.runner.spans.summary()
        assert spans["barge_in_to_silence"]["n"] == 1
        assert spans["press_to_mic"]["n"] == 0, "nobody pressed"


async def test_a_voice_is_not_obeyed_where_the_settings_say_no(bench):
    async with bench(mode="hands_free") as b:
        await speaking_freely(b)
        b.microphone.say(b"\3\3" * 4800, b.clock(), voice_since_s=b.clock())
        assert b.state == "Speaking"
        assert not [r for r in b.trace.records if r["kind"] == "barge_in"]


async def test_the_trace_tells_when_the_echo_is_cancelled(bench):
    async with bench() as b:
        for converged in (False, False, True, True, False):
            b.microphone.say(bytes(960), b.clock(), echo=Echo(converged, 21.04, 63.0))
        told = [r for r in b.trace.records if r["kind"] == "echo"]
        assert [r["converged"] for r in told] == [False, True, False]
        assert told[1]["loss_db"] == 21.0


async def test_an_append_carries_what_the_setting_says(bench):
    async with bench(chunk_samples=1024) as b:
        await b.online()
        b.panel.press()
        said = b.speak(100) + b.speak(100)
        b.panel.release()
        b.microphone.say(bytes(960), b.clock() + 0.1)
        await b.until(lambda: b.sent("input_audio_buffer.commit"))
        sizes = [
            len(base64.b64decode(m["audio"])) // 2 for m in b.sent("input_audio_buffer.append")
        ]
        assert sizes == [1024] * 5 + [160]
        assert audio_sent(b).startswith(said), "and none of it stays behind"


async def test_what_vad_had_not_got_yet_begins_the_next_turn(bench):
    async with bench(mode="hands_free", chunk_samples=1024, voice_interrupts=True) as b:
        await b.online()
        b.speak()
        b.hears("u")
        since_s = b.clock()
        b.microphone.say(b"\5\5" * 480, since_s)
        before = audio_sent(b)
        b.socket.serve(type="input_audio_buffer.committed", item_id="u")
        await b.until(lambda: b.state == "Waiting")
        b.microphone.say(b"\6\6" * 4800, since_s + 0.02, voice_since_s=since_s)
        assert b.state == "Listening"
        await b.until(lambda: b"\6\6" * 1024 in audio_sent(b))
        assert audio_sent(b)[len(before) :].lstrip(b"\7\1").startswith(b"\5\5" * 480 + b"\6\6")
