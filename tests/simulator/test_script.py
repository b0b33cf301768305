"""Scripts: what they can make a connection do, and what is wrong with bad ones."""

import asyncio
import json
import re
import tomllib
from pathlib import Path

import aiohttp
import pytest

from appliance.errors import UsageError
from appliance.simulator.script import (
    After,
    Close,
    Delay,
    Drop,
    Expect,
    FailNext,
    FilterNext,
    HearNext,
    Part,
    Refuse,
    SayNext,
    Script,
    Send,
    SendText,
    Stall,
    read_script,
    script_of,
)

DELTA = {"type": "response.output_audio.delta"}
CREATE = {"type": "response.create"}


def always(*steps):
    return Script(rest=Part(tuple(steps)))


async def test_say_sets_the_next_reply_only(kit):
    async with kit.talking(script=always(Expect(CREATE), SayNext("Scripted."))) as client:
        await client.write("what is two plus three")
        said = [(await client.reply())["output"][0]["content"][0]["transcript"] for _ in "ab"]
    assert said == ["Scripted.", "2 plus 3 is 5."]


async def test_expect_matches_in_part_and_in_number(kit):
    wanted = {"type": "response.create", "response": {"metadata": {"n": "1"}}}
    async with kit.talking(script=always(Expect(wanted, count=2), SayNext("Now."))) as client:
        await client.write("hello")
        said = []
        for number in ("0", "1", "1"):
            done = await client.reply(metadata={"n": number, "other": "x"})
            said.append(done["output"][0]["content"][0]["transcript"])
        assert said == ["I heard: hello", "I heard: hello", "Now."]
        assert client.server.connections[0].player.done


async def test_an_event_can_be_taken_from_the_server_and_answered_by_hand(kit):
    answer = {
        "type": "error",
        "error": {"type": "server_error", "message": "no", "event_id": "$event_id"},
    }
    script = always(Expect(CREATE, handle=False), Send(answer))
    async with kit.talking(script=script) as client:
        await client.send("response.create", event_id="mine")
        event = await client.receive()
        assert event["error"]["event_id"] == "mine"
        assert event["event_id"]


async def test_ids_of_the_reply_are_filled_in(kit):
    late = {
        **DELTA,
        "response_id": "$response_id",
        "item_id": "$item_id",
        "output_index": 0,
        "content_index": 0,
        "delta": "",
    }
    script = always(After({"type": "response.done"}), Send(late))
    async with kit.talking(script=script) as client:
        await client.write("hello")
        done = await client.reply()
        event = await client.receive()
    assert (event["response_id"], event["item_id"]) == (done["id"], done["output"][0]["id"])


@pytest.mark.parametrize("text", ["not json", '{"type": "session.renamed", "x": 1}', "[]"])
async def test_anything_can_be_sent_as_it_is(kit, text):
    async with (
        kit.served(script=always(SendText(text))) as server,
        kit.raw_socket(server.url) as socket,
    ):
        assert json.loads((await socket.receive()).data)["type"] == "session.created"
        assert (await socket.receive()).data == text


async def test_a_response_that_fails_at_once(kit):
    async with kit.talking(script=always(FailNext("rate_limit_exceeded"))) as client:
        done = await client.reply()
        assert done["status"] == "failed"
        assert done["status_details"]["error"]["code"] == "rate_limit_exceeded"
        assert done["output"] == []
        assert "error" not in client.types()  # the quiet failure
        assert (await client.reply())["status"] == "completed"


async def test_a_response_that_fails_in_the_middle(kit):
    async with kit.talking(script=always(FailNext("server_error", after_ms=500))) as client:
        await client.write("repeat after me: 0123456789")
        done = await client.reply()
        assert done["status"] == "failed"
        assert 500 <= len(client.sound()) / 48 < 1000
        assert done["output"][0]["status"] == "incomplete"


async def test_a_response_stopped_by_the_content_filter(kit):
    async with kit.talking(script=always(FilterNext("content_filter", after_ms=100))) as client:
        done = await client.reply()
        assert done["status_details"] == {"type": "incomplete", "reason": "content_filter"}


async def test_what_is_heard_can_be_set_or_made_to_fail(kit):
    script = always(HearNext("what is two plus three"), HearNext(None))
    async with kit.talking(script=script) as client:
        transcription = {"model": "whisper-1"}
        await client.update(
            audio={"input": {"turn_detection": None, "transcription": transcription}}
        )
        prefix = "conversation.item.input_audio_transcription"
        for last, said in (
            ("completed", "2 plus 3 is 5."),
            ("failed", "I heard nothing I understood."),
        ):
            await client.append(kit.quiet(0.5))
            await client.send("input_audio_buffer.commit")
            await client.until(f"{prefix}.{last}")
            assert (await client.reply())["output"][0]["content"][0]["transcript"] == said


async def test_a_close_in_the_middle_of_a_reply(kit):
    script = always(After(DELTA, count=2), Close(1001, "going away"))
    async with kit.talking(script=script) as client:
        await client.write("repeat after me: a story of some length")
        await client.send("response.create")
        code, events = await client.ended()
        assert code == 1001
        assert [e["type"] for e in events].count(DELTA["type"]) == 2


async def test_a_dropped_connection_in_the_middle_of_a_reply(kit):
    async with kit.talking(script=always(After(DELTA), Drop()), pace=1.0) as client:
        await client.write("repeat after me: a story of some length")
        await client.send("response.create")
        code, events = await client.ended()
        assert code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE
        assert events[-1]["type"] == DELTA["type"]


async def test_a_stall_is_silent_and_then_ends(kit):
    async with kit.talking(script=always(After(DELTA), Stall(ms=400))) as client:
        loop = asyncio.get_running_loop()
        await client.write("repeat after me: a story of some length")
        await client.send("response.create")
        await client.until(DELTA["type"])
        began = loop.time()
        await client.receive()
        assert 0.3 < loop.time() - began < 2.0
        await client.until("response.done")


@pytest.mark.parametrize(("dead", "answered"), [(False, True), (True, False)])
async def test_a_dead_connection_answers_no_ping(kit, dead, answered):
    async with (
        kit.served(script=always(Stall(dead))) as server,
        aiohttp.ClientSession() as session,
        session.ws_connect(
            f"{server.url}?model={kit.MODEL}",
            headers={"Authorization": "Bearer x"},
            autoping=False,
        ) as socket,
    ):
        await socket.receive()
        await socket.send_str('{"type": "input_audio_buffer.clear"}')  # gets no answer
        await socket.ping()
        try:
            message = await socket.receive(timeout=0.5)
            assert message.type is aiohttp.WSMsgType.PONG
            got = True
        except TimeoutError:
            got = False
        assert got == answered


async def test_a_delay(kit):
    script = always(Expect(CREATE, handle=False), Delay(200), SendText("late"))
    async with kit.talking(script=script) as client:
        began = asyncio.get_running_loop().time()
        await client.send("response.create")
        assert (await client.socket.receive()).data == "late"
        assert asyncio.get_running_loop().time() - began >= 0.2


async def test_a_refused_handshake_and_then_a_good_one(kit):
    script = Script((Part(refuse=Refuse(503, retry_after=2)), Part(refuse=Refuse(429))))
    async with kit.served(script=script) as server:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with kit.raw_socket(server.url):
                pass
        assert (caught.value.status, caught.value.headers["Retry-After"]) == (503, "2")
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with kit.raw_socket(server.url):
                pass
        assert caught.value.status == 429
        async with kit.connected(server.url) as client:
            assert (await client.reply())["status"] == "completed"


TOML = """
[[connection]]
refuse = { status = 503, retry_after = 1, code = "overloaded" }

[[connection]]
steps = [
  { expect = { type = "response.create" }, count = 2, handle = false },
  { say = "Hello." },
  { transcript = "ten of clubs" },
  { transcript = false },
  { fail = "server_error", after_ms = 300 },
  { incomplete = "content_filter" },
  { after = { type = "response.output_audio.delta" }, count = 3 },
  { delay_ms = 50 },
  { send = { type = "error" } },
  { send_text = "{" },
  { stall = "dead", for_ms = 100 },
  { close = 1001, reason = "bye" },
]

[[steps]]
drop = true
"""


def test_every_step_can_be_read(tmp_path):
    path = tmp_path / "script.toml"
    path.write_text(TOML)
    script = read_script(path)
    assert script.part(0).refuse == Refuse(503, 1, "overloaded")
    assert script.part(1).steps == (
        Expect(CREATE, 2, handle=False),
        SayNext("Hello."),
        HearNext("ten of clubs"),
        HearNext(None),
        FailNext("server_error", 300),
        FilterNext("content_filter"),
        After(DELTA, 3),
        Delay(50),
        Send({"type": "error"}),
        SendText("{"),
        Stall(dead=True, ms=100),
        Close(1001, "bye"),
    )
    assert script.part(2) == script.part(9) == Part((Drop(),))


def test_the_examples_in_the_manual_can_be_read():
    manual = Path(__file__).parents[2] / "docs" / "simulator.md"
    examples = re.findall(r"```toml\n(.*?)```", manual.read_text(encoding="utf-8"), re.DOTALL)
    scripts = [script_of(tomllib.loads(each)) for each in examples]
    assert len(scripts) >= 3
    assert all(script != Script() for script in scripts)


def test_json_is_read_too(tmp_path):
    path = tmp_path / "script.json"
    path.write_text('{"steps": [{"say": "Hello."}]}')
    assert read_script(path) == always(SayNext("Hello."))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ([], "script: "),
        ({"step": []}, "Unknown parameter: 'step'"),
        ({"steps": [{"shout": "x"}]}, r"steps\[0\]: a step has exactly one of expect, after"),
        ({"steps": [{"say": "x", "drop": True}]}, r"steps\[0\]: a step has exactly one"),
        ({"steps": [{"say": "x", "count": 2}]}, r"Unknown parameter: 'steps\[0\].count'"),
        ({"steps": [{"close": 42}]}, r"'steps\[0\].close'"),
        ({"connection": [{"refuse": {}}]}, r"'connection\[0\].refuse.status'"),
        ({"connection": [{"steps": [{"delay_ms": -1}]}]}, r"'connection\[0\].steps\[0\].delay_ms'"),
    ],
)
def test_a_bad_script_names_the_place(raw, message):
    with pytest.raises(UsageError, match=message):
        script_of(raw)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("no.toml", None, "No such file"),
        ("bad.toml", "steps = [", "bad.toml: "),
        ("bad.json", "{", "bad.json: "),
    ],
)
def test_a_file_that_is_no_script(tmp_path, name, text, message):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=message):
        read_script(tmp_path / name)
