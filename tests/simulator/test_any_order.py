"""Client events in any order: the session goes on, and every response has its end."""

import base64
import random

import pytest

TEXT = {"type": "input_text", "text": "repeat after me: one two three"}
MESSAGE = {"type": "message", "role": "user", "content": [TEXT]}


def events(kit, cards, chance, items):
    """Return one random client event; half of those that name an item name one that exists."""
    item_id = chance.choice([*items, "item_none"])
    start = chance.randrange(0, len(cards), 2)
    sound = chance.choice([cards[start : start + 48_000], kit.quiet(0.4)])
    detection = chance.choice([None, {"type": "server_vad"}, {"type": "semantic_vad"}])
    turns = {"turn_detection": detection}
    side = {"conversation": "none", "input": [MESSAGE], "metadata": {"a": "b"}}
    return chance.choice(
        [
            ("input_audio_buffer.append", {"audio": base64.b64encode(sound).decode()}),
            ("input_audio_buffer.commit", {}),
            ("input_audio_buffer.clear", {}),
            ("conversation.item.create", {"item": MESSAGE, "previous_item_id": item_id}),
            ("conversation.item.create", {"item": MESSAGE}),
            ("conversation.item.delete", {"item_id": item_id}),
            ("conversation.item.retrieve", {"item_id": item_id}),
            (
                "conversation.item.truncate",
                {"item_id": item_id, "content_index": 0, "audio_end_ms": chance.randrange(900)},
            ),
            ("response.create", {}),
            ("response.create", {"response": {"max_output_tokens": 3}}),
            ("response.create", {"response": side}),
            ("response.cancel", {}),
            ("session.update", {"session": {"type": "realtime", "audio": {"input": turns}}}),
        ]
    )


def responses(client, kind):
    return sorted(event["response"]["id"] for event in client.seen if event["type"] == kind)


@pytest.mark.parametrize("seed", range(4))
async def test_any_order_of_events_leaves_a_session_that_works(kit, cards, seed):
    chance = random.Random(seed)
    async with kit.talking(pace=40.0) as client:
        await client.write("hello")
        for _ in range(60):
            items = [e["item"]["id"] for e in client.seen if e["type"] == "conversation.item.added"]
            kind, fields = events(kit, cards, chance, items)
            await client.send(kind, **fields)
            if chance.random() < 0.3:
                await client.update()
        await client.no_turn_detection()
        await client.send("conversation.item.retrieve", item_id="item_last", event_id="last")
        while (await client.until("error"))["error"]["event_id"] != "last":
            pass
        while responses(client, "response.done") != responses(client, "response.created"):
            await client.receive()
        assert (await client.reply())["status"] == "completed"
        assert all(e["error"]["code"] for e in client.seen if e["type"] == "error")
