"""Whole turns: audio or text in, a reply out, in the API's order of events."""

import asyncio
import itertools

import pytest

from appliance.errors import ApplianceError

DELTAS = {"response.output_audio.delta", "response.output_audio_transcript.delta"}
REPLY = [
    "response.created",
    "rate_limits.updated",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
]


async def test_a_turn_without_turn_detection(client, cards):
    await client.no_turn_detection()
    await client.append(cards)
    await client.send("input_audio_buffer.commit")
    done = await client.reply()
    types = client.types()
    assert types[2:5] == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert [kind for kind in types[5:] if kind not in DELTAS] == REPLY
    assert done["status"] == "completed"
    assert done["output"][0]["content"] == [
        {"type": "output_audio", "transcript": "I heard: ten of clubs"}
    ]
    assert len(client.sound()) == 2 * 2400 * len("I heard: ten of clubs")


async def test_the_transcript_deltas_make_the_transcript_and_run_ahead(client):
    await client.write("repeat after me: one fine day in the middle of the night")
    await client.reply()
    deltas = [e for e in client.seen if e["type"] == "response.output_audio_transcript.delta"]
    assert "".join(e["delta"] for e in deltas) == "one fine day in the middle of the night"
    kinds = [kind for kind, _ in itertools.groupby(k for k in client.types() if k in DELTAS)]
    assert kinds[0] == "response.output_audio_transcript.delta"
    assert len(kinds) > 4  # they come mixed, not one after the other


async def test_server_vad_makes_the_whole_turn(kit, client, cards):
    await client.append(kit.quiet(1.0) + cards + kit.quiet(1.0))
    await client.until("response.done")
    types = client.types()
    assert types[1:6] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    started, stopped, committed = client.seen[1:4]
    assert 600 <= started["audio_start_ms"] <= 1000  # the recording begins with 0.2 s of quiet
    assert 4000 <= stopped["audio_end_ms"] <= 4700
    assert started["item_id"] == stopped["item_id"] == committed["item_id"]
    assert committed["previous_item_id"] is None


async def test_the_committed_speech_is_what_lies_between_the_marks(kit, cards):
    ears = kit.SetEars()
    async with kit.talking(ears=ears) as client:
        sent = kit.quiet(1.0) + cards + kit.quiet(1.0)
        await client.append(sent)
        await client.until("response.done")
    start, end = (
        next(e[key] for e in client.seen if key in e) for key in ("audio_start_ms", "audio_end_ms")
    )
    assert ears.heard == [sent[start * 48 : end * 48]]


async def test_prefix_padding_is_part_of_the_speech(kit, cards):
    starts = []
    for padding_ms in (0, 500):
        async with kit.talking() as client:
            detection = {"type": "server_vad", "prefix_padding_ms": padding_ms}
            await client.update(audio={"input": {"turn_detection": detection}})
            await client.append(kit.quiet(1.0) + cards)
            starts.append(
                (await client.until("input_audio_buffer.speech_started"))["audio_start_ms"]
            )
    assert starts[0] - starts[1] == 500


async def test_a_longer_silence_is_waited_for(kit, cards):
    ends = []
    for silence_ms in (200, 900):
        async with kit.talking() as client:
            detection = {"type": "server_vad", "silence_duration_ms": silence_ms}
            await client.update(audio={"input": {"turn_detection": detection}})
            await client.append(cards + kit.quiet(2.0))
            await client.until("input_audio_buffer.speech_stopped")
            ends.append([e["audio_end_ms"] for e in client.seen if "audio_end_ms" in e][-1])
    assert ends[1] - ends[0] >= 600


async def test_semantic_vad_ends_a_turn_too(kit, client, cards):
    await client.update(audio={"input": {"turn_detection": {"type": "semantic_vad"}}})
    await client.append(cards + kit.quiet(1.5))
    assert (await client.until("response.done"))["response"]["status"] == "completed"


async def test_create_response_false_leaves_the_turn_to_the_client(kit, client, cards):
    detection = {"type": "server_vad", "create_response": False}
    await client.update(audio={"input": {"turn_detection": detection}})
    await client.append(cards + kit.quiet(1.0))
    await client.until("conversation.item.done")
    await client.send("input_audio_buffer.clear")
    await client.until("input_audio_buffer.cleared")
    assert "response.created" not in client.types()
    assert (await client.reply())["status"] == "completed"


async def test_silence_and_a_hum_start_nothing(kit, client):
    hum = b"".join(
        (200 if i // 120 % 2 else -200).to_bytes(2, "little", signed=True) for i in range(24000)
    )
    await client.append(kit.quiet(1.0) + hum)
    await client.send("input_audio_buffer.clear")
    await client.until("input_audio_buffer.cleared")
    assert client.types() == ["session.created", "input_audio_buffer.cleared"]


async def test_speech_interrupts_the_reply(kit, cards):
    async with kit.talking(pace=1.0) as client:
        await client.write("repeat after me: " + "a long story " * 5)
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        await client.append(cards)
        started = await client.until("input_audio_buffer.speech_started")
        done = (await client.until("response.done"))["response"]
        assert done["status"] == "cancelled"
        assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        assert done["output"][0]["status"] == "incomplete"
        assert client.seen.index(started) < len(client.seen)


async def test_interrupt_response_false_lets_the_reply_end_first(kit, cards):
    async with kit.talking(pace=20.0) as client:
        detection = {"type": "server_vad", "interrupt_response": False}
        await client.update(audio={"input": {"turn_detection": detection}})
        await client.write("repeat after me: a story of some length")
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        await client.append(cards + kit.quiet(1.0))
        first = (await client.until("response.done"))["response"]
        second = (await client.until("response.done"))["response"]
        assert (first["status"], second["status"]) == ("completed", "completed")


async def test_idle_timeout_lets_the_model_speak(kit, monkeypatch):
    async with kit.talking() as client:
        loop = asyncio.get_running_loop()
        real = loop.call_later
        waits = []

        def hasten(delay, callback, *args, **kwargs):
            if delay >= 5:
                waits.append(delay)
                delay = 0.01
            return real(delay, callback, *args, **kwargs)

        detection = {"type": "server_vad", "idle_timeout_ms": 5000}
        await client.update(audio={"input": {"turn_detection": detection}})
        await client.write("repeat after me: hm")
        monkeypatch.setattr(loop, "call_later", hasten)
        await client.append(kit.quiet(0.5))
        await client.reply()
        await client.append(kit.quiet(1.0))
        timeout = await client.until("input_audio_buffer.timeout_triggered")
        committed = await client.until("input_audio_buffer.committed")
        monkeypatch.undo()
        assert waits[0] == pytest.approx(5 + 0.2, abs=0.05)  # after 200 ms of reply
        assert committed["item_id"] == timeout["item_id"]
        assert timeout["audio_start_ms"] == 500
        assert (await client.until("response.done"))["response"]["status"] == "completed"


async def test_commit_of_too_little_is_refused(kit, client):
    await client.no_turn_detection()
    await client.append(kit.quiet(0.099))
    error = await client.refused("input_audio_buffer.commit")
    assert error["code"] == "input_audio_buffer_commit_empty"
    assert "Expected at least 100ms of audio, but buffer only has 99.00ms" in error["message"]
    await client.append(kit.quiet(0.001))
    await client.send("input_audio_buffer.commit")
    await client.until("input_audio_buffer.committed")


async def test_clear_forgets_what_was_appended(kit, client):
    await client.no_turn_detection()
    await client.append(kit.quiet(1))
    await client.send("input_audio_buffer.clear")
    await client.until("input_audio_buffer.cleared")
    assert (await client.refused("input_audio_buffer.commit"))["code"].endswith("commit_empty")


async def test_transcription_comes_with_usage(client, cards):
    transcription = {"model": "whisper-1"}
    await client.update(audio={"input": {"turn_detection": None, "transcription": transcription}})
    await client.append(cards)
    await client.send("input_audio_buffer.commit")
    prefix = "conversation.item.input_audio_transcription"
    completed = await client.until(f"{prefix}.completed")
    deltas = [e["delta"] for e in client.seen if e["type"] == f"{prefix}.delta"]
    assert "".join(deltas) == completed["transcript"] == "ten of clubs"
    assert completed["usage"] == {"type": "duration", "seconds": pytest.approx(3.5, abs=0.01)}


async def test_transcription_by_a_newer_model_is_billed_in_tokens(kit, client):
    transcription = {"model": "gpt-transcribe"}
    await client.update(audio={"input": {"turn_detection": None, "transcription": transcription}})
    await client.append(kit.quiet(1))
    await client.send("input_audio_buffer.commit")
    completed = await client.until("conversation.item.input_audio_transcription.completed")
    assert completed["usage"]["input_token_details"]["audio_tokens"] == 10
    assert completed["languages"] == [{"code": "en"}]


async def test_the_voice_is_told_who_speaks_and_how_fast(kit):
    voice = kit.Beeper()
    async with kit.talking(voice=voice) as client:
        await client.update(
            audio={
                "input": {"transcription": {"model": "gpt-transcribe", "language": "de"}},
                "output": {"voice": "cedar", "speed": 1.5},
            }
        )
        await client.write("repeat after me: hallo")
        await client.reply()
    assert voice.orders == [("hallo", "cedar", "de", 1.5)]


async def test_a_reply_is_paced(kit):
    loop = asyncio.get_running_loop()
    async with kit.talking(pace=5.0) as client:
        await client.write("repeat after me: 1234567890")  # one second of sound
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        first = loop.time()
        await client.until("response.done")
        assert 0.15 < loop.time() - first < 0.95
        sizes = [len(e["delta"]) for e in client.seen if e["type"] == "response.output_audio.delta"]
        assert sizes[0] < sizes[1] < sizes[2]


async def test_ears_that_fail_do_not_end_the_session(kit, caplog):
    class DeafEars(kit.SetEars):
        async def hear(self, pcm):
            raise ApplianceError("the speech recogniser ended")

    async with kit.talking(ears=DeafEars()) as client:
        transcription = {"model": "whisper-1"}
        await client.update(
            audio={"input": {"turn_detection": None, "transcription": transcription}}
        )
        await client.append(kit.quiet(1))
        await client.send("input_audio_buffer.commit")
        await client.until("conversation.item.input_audio_transcription.failed")
        done = await client.reply()
    assert done["output"][0]["content"][0]["transcript"] == "I heard nothing I understood."
    assert "recogniser ended" in caplog.text


async def test_a_voice_that_fails_is_a_failed_response(kit):
    class Mute(kit.Beeper):
        async def speak(self, text, voice, language, speed):
            raise ApplianceError("no voice")

    async with kit.talking(voice=Mute()) as client:
        done = await client.reply()
        assert done["status"] == "failed"
        assert done["status_details"]["error"]["message"] == "no voice"


async def test_connections_do_not_share_a_conversation(kit):
    async with (
        kit.served() as server,
        kit.connected(server.url) as one,
        kit.connected(server.url) as two,
    ):
        item = await one.write("hello")
        error = await two.refused("conversation.item.retrieve", item_id=item)
        assert error["code"] == "item_retrieve_invalid_item_id"
