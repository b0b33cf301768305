"""Every event that we can emit, judged by the official SDK's types."""

import base64
import dataclasses
import json
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import openai.types.realtime as sdk
import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from appliance.errors import ProtocolError, SignalError
from appliance.realtime.client_events import (
    ClientEvent,
    InputAudioBufferAppend,
    InputAudioBufferCommit,
    ResponseCreate,
    SessionUpdate,
)
from appliance.realtime.client_structures import (
    UNSET,
    AudioInput,
    AudioSettings,
    FunctionTool,
    ItemReference,
    PcmFormat,
    ResponseSettings,
    SessionSettings,
    Unset,
)
from appliance.realtime.codec import MAX_APPEND_BYTES, encode

JUDGES = {
    get_args(model.model_fields["type"].annotation)[0]: model
    for model in get_args(get_args(sdk.RealtimeClientEvent)[0])
}


def variants(hint: Any) -> Iterator[Any]:
    """Yield values of a type of ours: each alternative of a union, each value of a literal."""
    origin = get_origin(hint)
    if hint is Unset:
        yield UNSET
    elif hint is types.NoneType:
        yield None
    elif origin is Literal:
        yield from get_args(hint)
    elif origin in (Union, types.UnionType):
        for part in get_args(hint):
            yield from variants(part)
    elif origin is tuple:
        element, *more = get_args(hint)
        if more:
            yield ()
            yield tuple(variants(element))
        else:
            yield from ((value,) for value in variants(element))
    elif origin is Mapping:
        yield {"type": "object", "properties": {}} if get_args(hint)[1] is object else {"k": "v"}
    elif dataclasses.is_dataclass(hint):
        yield from instances(hint)
    else:
        yield {str: "text ü", int: 300, float: 0.5, bool: False, bytes: b"\x01\x02"}[hint]


def instances(cls: type) -> Iterator[Any]:
    """Yield the least instance, then one for every variant of every field."""
    hints = {f.name: list(variants(get_type_hints(cls)[f.name])) for f in dataclasses.fields(cls)}
    required = [f.name for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING]
    least = cls(**{name: hints[name][0] for name in required})
    if cls is PcmFormat:
        yield least
        return
    yield least
    for name, values in hints.items():
        yield from (dataclasses.replace(least, **{name: value}) for value in values)


def strangers(value: Any, hint: Any, path: str = "") -> list[str]:
    """Return the paths of keys that the SDK's type has not; its validation lets them pass."""
    origin = get_origin(hint)
    if origin is Annotated:
        return strangers(value, get_args(hint)[0], path)
    if origin in (Union, types.UnionType):
        fits = [part for part in get_args(hint) if accepts(part, value)]
        assert fits, f"{path}: {value} fits no part of {hint}"
        return min((strangers(value, part, path) for part in fits), key=len)
    if origin is list:
        return [
            s for i, v in enumerate(value) for s in strangers(v, get_args(hint)[0], f"{path}.{i}")
        ]
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        fields = hint.model_fields
        found = [f"{path}.{key}" for key in value if key not in fields]
        for key in value.keys() & fields.keys():
            found += strangers(value[key], fields[key].annotation, f"{path}.{key}")
        return found
    return []


def accepts(hint: Any, value: Any) -> bool:
    try:
        TypeAdapter(hint).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


def has_reference(event: object) -> bool:
    return "ItemReference(" in repr(event)


EVENTS = [event for cls in get_args(ClientEvent) for event in instances(cls)]


def test_there_are_the_sdk_s_eleven():
    ours = {cls.TYPE for cls in get_args(ClientEvent)}
    assert ours == JUDGES.keys()
    assert len(JUDGES) == 11
    assert len(EVENTS) > 150


@pytest.mark.parametrize("cls", get_args(ClientEvent), ids=lambda cls: cls.TYPE)
def test_the_sdk_takes_every_variant_and_knows_every_key(cls):
    judge = JUDGES[cls.TYPE]
    for event in instances(cls):
        if has_reference(event):
            continue  # the SDK has these in a type of their own: judged below
        wire = json.loads(encode(event, "evt_000001"))
        assert accepts(judge, wire), wire
        assert strangers(wire, judge) == [], wire


def test_the_judge_sees_a_stranger_at_any_depth():
    wire = json.loads(encode(SessionUpdate(SessionSettings(audio=AudioSettings(AudioInput())))))
    wire["session"]["temperature"] = 0.8
    wire["session"]["audio"]["input"]["sample_rate"] = 24000
    assert strangers(wire, sdk.SessionUpdateEvent) == [
        ".session.temperature",
        ".session.audio.input.sample_rate",
    ]


def test_item_references_are_the_sdk_s():
    event = ResponseCreate(ResponseSettings(conversation="none", input=(ItemReference("item_1"),)))
    wire = json.loads(encode(event))
    TypeAdapter(sdk.ResponseCreateEventWithReferencesParam).validate_python(wire)
    assert wire["response"]["input"] == [{"type": "item_reference", "id": "item_1"}]
    assert strangers(wire["response"]["input"][0], sdk.ResponseItemReference) == []


def test_unset_is_left_out_and_none_is_null():
    audio = AudioInput(transcription=None, noise_reduction=None, turn_detection=None)
    wire = json.loads(encode(SessionUpdate(SessionSettings(audio=AudioSettings(input=audio)))))
    assert wire == {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "audio": {
                "input": {"transcription": None, "noise_reduction": None, "turn_detection": None}
            },
        },
    }


def test_an_append_is_compact_and_carries_the_audio():
    pcm = bytes(range(256)) * 8
    text = encode(InputAudioBufferAppend(pcm), "evt_000007")
    assert json.loads(text) == {
        "event_id": "evt_000007",
        "type": "input_audio_buffer.append",
        "audio": base64.b64encode(pcm).decode(),
    }
    assert " " not in text


def test_an_event_id_is_escaped():
    name = 'a"b\\'
    assert json.loads(encode(InputAudioBufferAppend(b""), name))["event_id"] == name
    assert json.loads(encode(InputAudioBufferCommit(), name))["event_id"] == name


@pytest.mark.parametrize("size", [1, 2047, MAX_APPEND_BYTES + 2])
def test_an_append_refuses_audio_that_the_server_would(size):
    with pytest.raises(SignalError, match=str(size)):
        encode(InputAudioBufferAppend(bytes(size)))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), object()])
def test_what_json_cannot_hold_is_refused(bad):
    with pytest.raises(ProtocolError, match=r"session\.update: cannot be sent"):
        encode(SessionUpdate(SessionSettings(tools=(FunctionTool("f", parameters={"x": bad}),))))
