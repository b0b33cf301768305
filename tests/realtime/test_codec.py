import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import ProtocolError
from appliance.realtime.client_events import InputAudioBufferAppend
from appliance.realtime.codec import decode, encode
from appliance.realtime.server_events import OutputAudioDelta, Received, ResponseDone, UnknownEvent
from appliance.realtime.server_structures import InputTokenDetails, Message, UnknownItem

DELTA = {
    "type": "response.output_audio.delta",
    "event_id": "event_1",
    "response_id": "resp_1",
    "item_id": "item_1",
    "output_index": 0,
    "content_index": 0,
    "delta": base64.b64encode(b"\x01\x02\x03\x04").decode(),
}
DONE = {
    "type": "response.done",
    "event_id": "event_2",
    "response": {
        "id": "resp_1",
        "status": "completed",
        "output": [
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_audio", "transcript": "Hello."}],
            }
        ],
        "metadata": {"turn": "3"},
        "usage": {
            "total_tokens": 50,
            "input_token_details": {"audio_tokens": 20, "cached_tokens": 10},
        },
    },
}


def changed(wire, path, value):
    """Return a copy of `wire` with the value at the dotted path replaced."""
    copy = json.loads(json.dumps(wire))
    *way, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    target = copy
    for key in way:
        target = target[key]
    target[last] = value
    return copy


def field_of(message):
    with pytest.raises(ProtocolError) as caught:
        decode(message)
    assert "\n" not in str(caught.value)
    return caught.value.field


@given(st.binary(max_size=400).map(lambda pcm: pcm[: len(pcm) // 2 * 2]))
def test_audio_comes_back_as_it_went(pcm):
    sent = json.loads(encode(InputAudioBufferAppend(pcm)))
    event = decode(json.dumps(changed(DELTA, "delta", sent["audio"])))
    assert isinstance(event, OutputAudioDelta)
    assert event.delta == pcm


def test_text_and_bytes_read_alike():
    assert decode(json.dumps(DONE)) == decode(json.dumps(DONE).encode())


def test_a_response_is_read_to_its_depths():
    event = decode(json.dumps(DONE))
    assert isinstance(event, ResponseDone)
    response = event.response
    assert isinstance(response.output[0], Message)
    assert response.output[0].content[0].transcript == "Hello."
    assert response.metadata == {"turn": "3"}
    assert response.usage.input_token_details == InputTokenDetails(
        audio_tokens=20, cached_tokens=10
    )
    assert response.usage.output_tokens == 0


def test_unknown_events_and_items_are_no_errors():
    assert decode('{"type":"response.dreamed","x":1}') == UnknownEvent("response.dreamed")
    item = {"type": "hologram", "id": "item_9", "depth": 3}
    event = decode(json.dumps(changed(DONE, "response.output", [item])))
    assert event.response.output == (UnknownItem("hologram", "item_9"),)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("response", []),
        ("response.id", 5),
        ("response.output", {}),
        ("response.output.0", "x"),
        ("response.output.0.type", 3),
        ("response.output.0.content.0.transcript", 1.5),
        ("response.output.0.content.0.audio", "AQ=="),
        ("response.metadata.turn", 3),
        ("response.max_output_tokens", "lots"),
        ("response.usage.total_tokens", "50"),
        ("response.usage.total_tokens", 50.5),
        ("response.usage.total_tokens", True),
        ("response.usage.total_tokens", 10**30),
        ("response.usage.input_token_details.cached_tokens", []),
    ],
)
def test_the_wrong_field_is_named(path, value):
    assert field_of(json.dumps(changed(DONE, path, value))) == path


@pytest.mark.parametrize(
    "delta", ["AQ==", "AQI", "A", "====", "AQ ID", "AQID\n", "AQ-_", "\u00fcAAA", "AAA=AAAA", 7]
)
def test_bad_audio_is_named(delta):
    assert field_of(json.dumps(changed(DELTA, "delta", delta))) == "delta"


@pytest.mark.parametrize(
    "message",
    [
        "",
        "hello",
        b"\xff\xfe",
        b'{"type":"\xc3"}',
        "[]",
        "null",
        '"error"',
        '{"type":"error"',
        '{"type":"x","n":NaN}',
        '{"type":"x","n":-Infinity}',
        '{"type":"x","n":1e999}',
        '{"type":"x","n":' + "9" * 5000 + "}",
        "[" * 100_000,
        '{"a":' * 100_000,
        '\ufeff{"type":"x"}',
    ],
    ids=lambda message: repr(message[:20]),
)
def test_what_is_no_message_is_refused_as_a_whole(message):
    assert field_of(message) == ""


@pytest.mark.parametrize("message", ["{}", '{"type":null}', '{"type":7}', '{"type":["error"]}'])
def test_a_message_without_a_type_is_refused(message):
    assert field_of(message) == "type"


def test_an_error_says_nothing_of_the_content():
    with pytest.raises(ProtocolError) as caught:
        decode(json.dumps(changed(DONE, "response.metadata", {"a\nb": 1})))
    assert str(caught.value) == ("response.metadata.?: want text, got a number (in response.done)")


def test_half_a_surrogate_pair_becomes_writable():
    event = decode(json.dumps(changed(DONE, "response.output.0.content.0.transcript", "ab\ud83d")))
    assert event.response.output[0].content[0].transcript == "ab?"


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_any_message_is_read_or_is_a_protocol_error(message):
    try:
        event = decode(message)
    except ProtocolError:
        return
    assert isinstance(event, Received)
