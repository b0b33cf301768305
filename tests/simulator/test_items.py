"""conversation.item.*: create, delete, retrieve, truncate."""

import base64

import pytest


def user(text, **keys):
    return {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": text}],
        **keys,
    }


async def create(client, item, **fields):
    await client.send("conversation.item.create", item=item, **fields)
    added = await client.until("conversation.item.added")
    done = await client.until("conversation.item.done")
    assert added["item"] == done["item"]
    return added


async def test_items_know_the_one_before(client):
    first = await create(client, user("one", id="a"))
    second = await create(client, user("two", id="b"))
    between = await create(client, user("three", id="c"), previous_item_id="a")
    root = await create(client, user("four", id="d"), previous_item_id="root")
    before = [each["previous_item_id"] for each in (first, second, between, root)]
    assert before == [None, "a", "a", None]
    assert first["item"]["status"] == "completed"


async def test_items_that_cannot_be(client):
    await create(client, user("one", id="a"))
    again = await client.refused("conversation.item.create", item=user("one", id="a"))
    assert again["code"] == "item_id_already_exists"
    nowhere = await client.refused(
        "conversation.item.create", item=user("two"), previous_item_id="zzz"
    )
    assert nowhere["param"] == "previous_item_id"
    audio = {"type": "message", "role": "assistant", "content": [{"type": "output_audio"}]}
    refused = await client.refused("conversation.item.create", item=audio)
    assert refused["param"] == "item.content[0].type"


async def test_delete_and_retrieve(client):
    await create(client, user("one", id="a"))
    await client.send("conversation.item.retrieve", item_id="a")
    item = (await client.until("conversation.item.retrieved"))["item"]
    assert item["content"] == [{"type": "input_text", "text": "one"}]
    await client.send("conversation.item.delete", item_id="a")
    assert (await client.until("conversation.item.deleted"))["item_id"] == "a"
    for kind in ("delete", "retrieve"):
        error = await client.refused(f"conversation.item.{kind}", item_id="a")
        assert error["code"] == f"item_{kind}_invalid_item_id"


async def test_a_user_s_sound_can_be_put_in_and_had_back(kit, client, cards):
    part = {"type": "input_audio", "audio": base64.b64encode(cards).decode()}
    item = {"type": "message", "role": "user", "content": [part], "id": "a"}
    added = await create(client, item)
    assert added["item"]["content"] == [{"type": "input_audio"}]
    done = await client.reply()
    assert done["output"][0]["content"][0]["transcript"] == "I heard: ten of clubs"
    await client.send("conversation.item.retrieve", item_id="a")
    retrieved = (await client.until("conversation.item.retrieved"))["item"]
    assert base64.b64decode(retrieved["content"][0]["audio"]) == cards


async def test_sound_that_is_refused_or_out_of_band_is_not_transcribed(client, cards):
    await client.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
    part = {"type": "input_audio", "audio": base64.b64encode(cards).decode()}
    item = {"type": "message", "role": "user", "content": [part]}
    await create(client, user("one", id="a"))
    await client.refused("conversation.item.create", item={**item, "id": "a"})
    done = await client.reply(conversation="none", input=[item])
    assert done["output"][0]["content"][0]["transcript"] == "I heard: ten of clubs"
    assert not [kind for kind in client.types() if "transcription" in kind]
    await create(client, item)
    await client.until("conversation.item.input_audio_transcription.completed")


async def spoken(client, text):
    await client.write(f"repeat after me: {text}")
    return (await client.reply())["output"][0]["id"]


async def test_truncate_forgets_the_words_that_were_not_heard(client):
    item_id = await spoken(client, "aaaa bbbb cccc dddd")  # 19 letters, 1900 ms
    await client.send(
        "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=1000
    )
    truncated = await client.until("conversation.item.truncated")
    assert (truncated["item_id"], truncated["audio_end_ms"]) == (item_id, 1000)
    await client.send("conversation.item.retrieve", item_id=item_id)
    part = (await client.until("conversation.item.retrieved"))["item"]["content"][0]
    assert part["transcript"] == "aaaa bbbb"
    assert len(base64.b64decode(part["audio"])) == 48 * 1000


async def test_truncate_beyond_the_sound_is_refused(client):
    item_id = await spoken(client, "0123456789")
    place = {"item_id": item_id, "content_index": 0}
    error = await client.refused("conversation.item.truncate", **place, audio_end_ms=1001)
    assert error["message"] == "Audio content of 1000ms is already shorter than 1001ms"
    await client.send("conversation.item.truncate", **place, audio_end_ms=1000)
    await client.until("conversation.item.truncated")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"item_id": "zzz"}, "item_id"),
        ({"item_id": "typed"}, "item_id"),
        ({"content_index": 1}, "content_index"),
        ({"audio_end_ms": -1}, "audio_end_ms"),
    ],
)
async def test_truncate_of_what_is_not_there(client, fields, param):
    await create(client, user("x", id="typed"))
    item_id = await spoken(client, "abc")
    place = {"item_id": item_id, "content_index": 0, "audio_end_ms": 0, **fields}
    assert (await client.refused("conversation.item.truncate", **place))["param"] == param
