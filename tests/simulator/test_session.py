"""session.created, session.update and what every client event is checked for."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.simulator.schema import CLIENT_EVENT
from appliance.simulator.shape import refusal_of

DETECTION = "session.audio.input.turn_detection"


async def test_a_new_session_has_server_vad_and_the_asked_model(kit, client):
    session = client.seen[0]["session"]
    assert session["type"] == "realtime"
    assert session["model"] == kit.MODEL
    assert session["output_modalities"] == ["audio"]
    detection = session["audio"]["input"]["turn_detection"]
    assert detection["type"] == "server_vad"
    assert (detection["create_response"], detection["interrupt_response"]) == (True, True)


async def test_updates_merge_and_null_and_empty_clear(client):
    tool = {"type": "function", "name": "get_time", "parameters": {"type": "object"}}
    first = await client.update(
        instructions="Be brief.",
        tools=[tool],
        audio={"input": {"transcription": {"model": "whisper-1"}}, "output": {"speed": 1.25}},
    )
    assert first["instructions"] == "Be brief."
    assert first["audio"]["input"]["turn_detection"]["type"] == "server_vad"
    second = await client.update(
        instructions="", tools=[], audio={"input": {"transcription": None, "turn_detection": None}}
    )
    assert (second["instructions"], second["tools"]) == ("", [])
    assert second["audio"]["input"]["transcription"] is None
    assert second["audio"]["input"]["turn_detection"] is None
    assert second["audio"]["output"]["speed"] == 1.25


async def test_another_kind_of_turn_detection_replaces_the_first(client):
    detection = {"type": "semantic_vad", "eagerness": "high"}
    session = await client.update(audio={"input": {"turn_detection": detection}})
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "high",
        "create_response": True,
        "interrupt_response": True,
    }


async def test_a_refused_update_changes_nothing(client):
    error = await client.refused(
        "session.update", session={"type": "realtime", "instructions": "no", "max_output_tokens": 0}
    )
    assert error["param"] == "session.max_output_tokens"
    assert (await client.update())["instructions"] != "no"


def _sound(**keys):
    return {"audio": {"input": keys}}


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"temperature": 0.8}, "unknown_parameter", "session.temperature"),
        ({"modalities": ["text"]}, "unknown_parameter", "session.modalities"),
        (
            {"audio": {"output": {"volume": 1}}},
            "unknown_parameter",
            "session.audio.output.volume",
        ),
        ({"model": "gpt-realtime-2.1"}, "invalid_value", "session.model"),
        ({"instructions": 7}, "invalid_type", "session.instructions"),
        ({"output_modalities": ["text", "audio"]}, "invalid_value", "session.output_modalities"),
        ({"output_modalities": []}, "invalid_value", "session.output_modalities"),
        ({"output_modalities": ["sound"]}, "invalid_value", "session.output_modalities[0]"),
        (
            {"max_output_tokens": 4097},
            "integer_above_max_value",
            "session.max_output_tokens",
        ),
        ({"max_output_tokens": "all"}, "invalid_value", "session.max_output_tokens"),
        ({"max_output_tokens": 1.5}, "invalid_type", "session.max_output_tokens"),
        (
            {"audio": {"output": {"speed": 1.6}}},
            "decimal_above_max_value",
            "session.audio.output.speed",
        ),
        (
            {"audio": {"output": {"speed": 0.2}}},
            "decimal_below_min_value",
            "session.audio.output.speed",
        ),
        ({"audio": {"output": {"voice": "bob"}}}, "invalid_value", "session.audio.output.voice"),
        (
            _sound(format={"type": "audio/pcm", "rate": 16000}),
            "integer_below_min_value",
            "session.audio.input.format.rate",
        ),
        (
            _sound(format={"type": "audio/pcmu"}),
            "invalid_value",
            "session.audio.input.format.type",
        ),
        (
            _sound(turn_detection={"type": "server_vad", "threshold": 1.1}),
            "decimal_above_max_value",
            f"{DETECTION}.threshold",
        ),
        (
            _sound(turn_detection={"type": "server_vad", "idle_timeout_ms": 4999}),
            "integer_below_min_value",
            f"{DETECTION}.idle_timeout_ms",
        ),
        (
            _sound(turn_detection={"type": "server_vad", "eagerness": "low"}),
            "unknown_parameter",
            f"{DETECTION}.eagerness",
        ),
        (
            _sound(turn_detection={"threshold": 0.5}),
            "missing_required_parameter",
            f"{DETECTION}.type",
        ),
        (_sound(turn_detection={"type": "none"}), "invalid_value", f"{DETECTION}.type"),
        ({"tools": [{"type": "function"}]}, "missing_required_parameter", "session.tools[0].name"),
        ({"tracing": "always"}, "invalid_value", "session.tracing"),
    ],
)
async def test_what_an_update_may_not_hold(client, session, code, param):
    error = await client.refused("session.update", session={"type": "realtime", **session})
    assert (error["code"], error["param"]) == (code, param)
    assert error["type"] == "invalid_request_error"


async def test_type_is_required(client):
    error = await client.refused("session.update", session={"instructions": "x"})
    assert (error["code"], error["param"]) == ("missing_required_parameter", "session.type")


async def test_the_voice_is_locked_once_it_has_spoken(client):
    await client.update(audio={"output": {"voice": "cedar"}})
    await client.write("hello")
    await client.reply()
    session = {"type": "realtime", "audio": {"output": {"voice": "marin"}}}
    error = await client.refused("session.update", session=session)
    assert error["code"] == "cannot_update_voice"
    await client.update(audio={"output": {"voice": "cedar"}})  # the same one is no change


async def test_unknown_keys_pass_when_not_strict(kit):
    async with kit.talking(strict=False) as client:
        await client.update(temperature=0.8, instructions="Be brief.")
        assert client.seen[-1]["session"]["instructions"] == "Be brief."


@pytest.mark.parametrize(
    ("text", "code", "param"),
    [
        ("{", "invalid_json", None),
        ("[" * 100_000, "invalid_json", None),
        ("[]", "invalid_type", None),
        ("{}", "missing_required_parameter", "type"),
        ('{"type": 3}', "invalid_type", "type"),
        ('{"type": "response.make"}', "invalid_value", "type"),
        ('{"type": "response.cancel", "reason": "x"}', "unknown_parameter", "reason"),
        ('{"type": "input_audio_buffer.append"}', "missing_required_parameter", "audio"),
        ('{"type": "input_audio_buffer.append", "audio": "%%%"}', "invalid_value", "audio"),
        ('{"type": "input_audio_buffer.append", "audio": "AAAA"}', "invalid_value", "audio"),
    ],
)
async def test_a_bad_event_is_an_error_and_the_connection_stays(client, text, code, param):
    await client.socket.send_str(text)
    error = (await client.until("error"))["error"]
    assert (error["code"], error["param"]) == (code, param)
    await client.update()


async def test_a_binary_message_is_an_error(client):
    await client.socket.send_bytes(b"\0\0")
    assert "text" in (await client.until("error"))["error"]["message"]
    await client.update()


async def test_an_append_may_have_15_mib_and_no_more(kit, client):
    await client.no_turn_detection()
    audio = base64.b64encode(bytes(15 * 1024 * 1024)).decode()
    await client.send("input_audio_buffer.append", audio=audio)
    await client.send("input_audio_buffer.commit")
    await client.until("input_audio_buffer.committed")
    error = await client.refused("input_audio_buffer.append", audio=audio + "AAAA")
    assert "15 MiB" in error["message"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    kind=st.sampled_from(sorted(CLIENT_EVENT.shapes)),
    fields=st.dictionaries(
        st.sampled_from(["session", "audio", "item", "item_id", "response", "event_id", "x"]), _JSON
    ),
)
def test_any_json_gets_a_verdict(kind, fields):
    refusal = refusal_of(CLIENT_EVENT, {"type": kind, **fields}, "", strict=True)
    assert refusal is None or refusal.message
    if "x" in fields:
        assert refusal is not None


def test_the_judge_of_these_tests_is_no_rubber_stamp(kit):
    event = {"type": "input_audio_buffer.cleared", "event_id": "e"}
    kit.judge(event)
    with pytest.raises(AssertionError):
        kit.judge({**event, "extra": 1})
    with pytest.raises(ValueError, match="event_id"):
        kit.judge({"type": "input_audio_buffer.cleared"})
    response = {"id": "r", "output": [], "extra": 1}
    with pytest.raises(AssertionError):
        kit.judge({"type": "response.created", "event_id": "e", "response": response})
