import json

import openai.types.realtime as sdk
import pytest
from pydantic import TypeAdapter

from appliance.config.settings import Settings
from appliance.realtime.client_structures import FunctionTool
from appliance.realtime.codec import encode
from appliance.realtime.wire_session import endpoint_url, session_update


def wire(push_to_talk=True, tools=(), **sections):
    """Return the session object on the wire, after the SDK has agreed to it."""
    event = session_update(
        Settings.model_validate(sections),
        push_to_talk=push_to_talk,
        instructions="Be brief.",
        tools=tools,
    )
    message = json.loads(encode(event))
    TypeAdapter(sdk.SessionUpdateEvent).validate_python(message, strict=True)
    return message["session"]


def test_the_default_session_push_to_talk():
    assert wire() == {
        "type": "realtime",
        "instructions": "Be brief.",
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": {"model": "whisper-1"},
                "noise_reduction": None,
                "turn_detection": None,
            },
            "output": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "voice": Settings().voice.name,
                "speed": 1.0,
            },
        },
        "max_output_tokens": 4096,
        "tools": [],
        "tool_choice": "auto",
    }


def test_all_six_values_of_the_server_s_turn_detection_are_sent():
    assert wire(push_to_talk=False)["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "create_response": True,
        "interrupt_response": True,
    }


def test_an_idle_time_out_is_sent_when_there_is_one():
    detection = wire(push_to_talk=False, turn_detection={"idle_timeout_ms": 6000})["audio"]["input"]
    assert detection["turn_detection"]["idle_timeout_ms"] == 6000


def test_turn_detection_by_meaning():
    wanted = {"type": "semantic_vad", "eagerness": "low", "interrupt_response": False}
    assert wire(push_to_talk=False, turn_detection=wanted)["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "low",
        "create_response": True,
        "interrupt_response": False,
    }


@pytest.mark.parametrize(("speed", "sent"), [(0.25, 0.25), (1.2, 1.2), (1.5, 1.5), (4.0, 1.5)])
def test_the_wire_s_speed_ends_at_one_and_a_half(speed, sent):
    assert wire(voice={"speed": speed})["audio"]["output"]["speed"] == sent


@pytest.mark.parametrize("kind", ["near_field", "far_field"])
def test_noise_reduction_at_the_service(kind):
    session = wire(session={"noise_reduction": {"remote": kind}})
    assert session["audio"]["input"]["noise_reduction"] == {"type": kind}


def test_the_reply_s_length_and_the_tool_choice_are_the_settings():
    session = wire(session={"max_response_output_tokens": "inf", "tool_choice": "none"})
    assert (session["max_output_tokens"], session["tool_choice"]) == ("inf", "none")


def test_tools_are_sent_whole():
    schema = {"type": "object", "properties": {"level": {"type": "number"}}}
    assert wire(tools=(FunctionTool("set_volume", "Sets it.", schema),))["tools"] == [
        {
            "type": "function",
            "name": "set_volume",
            "description": "Sets it.",
            "parameters": schema,
        }
    ]


def test_what_the_wire_no_longer_takes_is_never_sent():
    text = json.dumps(wire(session={"temperature": 1.2, "modalities": ["text", "audio"]}))
    for gone in ("temperature", '"modalities"', '"model": "gpt', "max_response_output_tokens"):
        assert gone not in text


@pytest.mark.parametrize(
    ("url", "model", "expected"),
    [
        ("wss://api.openai.com/v1/realtime", "m-1", "wss://api.openai.com/v1/realtime?model=m-1"),
        ("ws://127.0.0.1:80/r?room=a%20b&x=", "m", "ws://127.0.0.1:80/r?room=a+b&x=&model=m"),
        ("ws://h/r?model=old&y=1", "new", "ws://h/r?y=1&model=new"),
        ("ws://h/r", "a/b&c", "ws://h/r?model=a%2Fb%26c"),
    ],
)
def test_the_model_is_in_the_url(url, model, expected):
    settings = Settings.model_validate({"endpoint": {"url": url}, "session": {"model": model}})
    assert endpoint_url(settings) == expected
