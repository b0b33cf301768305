"""response.create and response.cancel: every way in which a response comes and ends."""

import json
import math

import pytest

TIME_TOOL = {"type": "function", "name": "get_time", "parameters": {"type": "object"}}
VOLUME_TOOL = {
    "type": "function",
    "name": "set_volume",
    "parameters": {
        "type": "object",
        "properties": {"level": {"type": "number", "minimum": 0, "maximum": 1}},
    },
}


async def test_metadata_is_echoed_at_both_ends(client):
    await client.write("hello")
    done = await client.reply(metadata={"turn": "7"})
    created = next(e for e in client.seen if e["type"] == "response.created")
    assert created["response"]["metadata"] == done["metadata"] == {"turn": "7"}
    assert created["response"]["status"] == "in_progress"


async def test_a_text_reply(client):
    await client.write("what is two plus three")
    done = await client.reply(output_modalities=["text"])
    assert done["output"][0]["content"] == [{"type": "output_text", "text": "2 plus 3 is 5."}]
    deltas = [e["delta"] for e in client.seen if e["type"] == "response.output_text.delta"]
    assert "".join(deltas) == "2 plus 3 is 5."
    kinds = client.types()
    assert kinds.index("response.output_text.done") < kinds.index("response.content_part.done")
    assert not [kind for kind in kinds if "audio" in kind]


async def test_a_reply_to_nothing_is_a_greeting(client):
    assert "Hello" in (await client.reply())["output"][0]["content"][0]["transcript"]


async def test_one_active_response_at_a_time(kit):
    async with kit.talking(pace=1.0) as client:
        await client.write("repeat after me: a rather long sentence")
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        error = await client.refused("response.create")
        assert error["code"] == "conversation_already_has_active_response"


async def test_cancel(kit):
    async with kit.talking(pace=1.0) as client:
        await client.write("repeat after me: one two three four five six seven")
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        await client.send("response.cancel")
        done = (await client.until("response.done"))["response"]
        assert done["status"] == "cancelled"
        assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
        item = done["output"][0]
        assert item["status"] == "incomplete"
        assert "seven" not in item["content"][0]["transcript"]
        assert done["usage"]["output_tokens"] > 0
        tail = client.types()[-6:]
        assert tail == [
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "response.output_item.done",
            "conversation.item.done",
            "response.done",
        ]
        # The sound that was sent is what can be truncated.
        sent_ms = len(client.sound()) // 48
        place = {"item_id": item["id"], "content_index": 0}
        error = await client.refused(
            "conversation.item.truncate", **place, audio_end_ms=sent_ms + 1
        )
        assert f"Audio content of {sent_ms}ms" in error["message"]


async def test_a_new_response_may_follow_a_cancel_at_once(kit):
    async with kit.talking(pace=1.0) as client:
        await client.write("repeat after me: one two three four")
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        await client.send("response.cancel")
        await client.send("response.create", response={"output_modalities": ["text"]})
        statuses = [(await client.until("response.done"))["response"]["status"] for _ in "ab"]
        assert statuses == ["cancelled", "completed"]


async def test_cancel_with_nothing_active(client):
    assert (await client.refused("response.cancel"))["code"] == "response_cancel_not_active"
    error = await client.refused("response.cancel", response_id="resp_none")
    assert error["code"] == "response_cancel_not_active"


async def test_out_of_band_stays_out_of_the_conversation(client):
    text = {"type": "input_text", "text": "what is two plus two"}
    done = await client.reply(
        conversation="none",
        input=[{"type": "message", "role": "user", "content": [text]}],
        output_modalities=["text"],
        metadata={"purpose": "side"},
    )
    assert done["conversation_id"] is None
    assert done["output"][0]["content"][0]["text"] == "2 plus 2 is 4."
    assert not [kind for kind in client.types() if kind.startswith("conversation.item")]
    error = await client.refused("conversation.item.retrieve", item_id=done["output"][0]["id"])
    assert error["code"] == "item_retrieve_invalid_item_id"


async def test_out_of_band_runs_beside_the_conversation_and_by_reference(kit):
    async with kit.talking(pace=1.0) as client:
        await client.write("repeat after me: a rather long sentence")
        asked = await client.write("what is four times five")
        await client.write("repeat after me: a rather long sentence")
        await client.send("response.create")
        main = (await client.until("response.created"))["response"]["id"]
        await client.until("response.output_audio.delta")
        side = await client.reply(
            conversation="none",
            input=[{"type": "item_reference", "id": asked}],
            output_modalities=["text"],
        )
        assert side["id"] != main
        assert side["output"][0]["content"][0]["text"] == "4 times 5 is 20."


async def test_instructions_of_an_out_of_band_response_can_be_all_there_is(client):
    done = await client.reply(
        conversation="none",
        input=[],
        instructions="Say exactly: Good night.",
        output_modalities=["text"],
    )
    assert done["output"][0]["content"][0]["text"] == "Good night."


async def test_max_output_tokens_cuts_the_sound(client):
    await client.write("repeat after me: " + "word " * 20)
    done = await client.reply(max_output_tokens=20)
    assert done["status"] == "incomplete"
    assert done["status_details"]["reason"] == "max_output_tokens"
    assert 0 < done["usage"]["output_tokens"] <= 21
    assert done["output"][0]["status"] == "incomplete"
    sent_ms = len(client.sound()) / 48
    assert done["usage"]["output_token_details"]["audio_tokens"] == math.ceil(sent_ms / 50) > 0


async def test_max_output_tokens_cuts_the_text(client):
    await client.write("repeat after me: one two three four five six")
    done = await client.reply(max_output_tokens=4, output_modalities=["text"])
    assert done["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert done["output"][0]["content"][0]["text"] == "one two three"


async def test_a_function_call_and_its_result(client):
    await client.update(tools=[TIME_TOOL, VOLUME_TOOL])
    await client.write("what time is it")
    call = (await client.reply())["output"][0]
    assert (call["type"], call["name"], call["status"]) == (
        "function_call",
        "get_time",
        "completed",
    )
    arguments = [e for e in client.seen if "function_call_arguments" in e["type"]]
    assert "".join(e["delta"] for e in arguments[:-1]) == arguments[-1]["arguments"] == "{}"
    assert arguments[-1]["call_id"] == call["call_id"]
    output = {
        "type": "function_call_output",
        "call_id": call["call_id"],
        "output": '{"time": "21:05"}',
    }
    await client.send("conversation.item.create", item=output)
    spoken = (await client.reply())["output"][0]["content"][0]["transcript"]
    assert "21:05" in spoken


@pytest.mark.parametrize(
    ("choice", "text", "called"),
    [
        ("auto", "set the volume to fifty percent", {"level": 0.5}),
        ("auto", "hello", None),
        ("none", "set the volume to fifty percent", None),
        ("required", "hello", {}),
        ({"type": "function", "name": "set_volume"}, "hello 1", {"level": 1.0}),
    ],
)
async def test_tool_choice(client, choice, text, called):
    await client.write(text)
    item = (await client.reply(tools=[VOLUME_TOOL], tool_choice=choice))["output"][0]
    found = json.loads(item["arguments"]) if item["type"] == "function_call" else None
    assert found == called


async def test_usage_counts_the_whole_history_and_the_cache(kit, client):
    await client.update(instructions="one two three", audio={"input": {"turn_detection": None}})
    usages = []
    for _ in range(2):
        await client.append(kit.quiet(2.0))
        await client.send("input_audio_buffer.commit")
        usages.append((await client.reply())["usage"])
    first, second = usages
    heard = "I heard: ten of clubs"
    assert first["input_token_details"]["audio_tokens"] == 20
    assert first["input_token_details"]["cached_tokens"] == 0
    assert first["output_token_details"]["audio_tokens"] == len(heard) * 2  # 100 ms a letter
    assert second["input_token_details"]["audio_tokens"] == 40 + len(heard) * 2
    cached = second["input_token_details"]["cached_tokens"]
    assert cached == first["total_tokens"]
    assert second["total_tokens"] == second["input_tokens"] + second["output_tokens"]


async def test_new_instructions_empty_the_cache(client):
    await client.write("hello")
    await client.reply()
    await client.update(instructions="Something else.")
    usage = (await client.reply())["usage"]
    assert usage["input_token_details"]["cached_tokens"] == 0
