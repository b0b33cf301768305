"""Every event of the SDK's union, least and full, read by our codec."""

import base64
import copy
import dataclasses
import json
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import openai.types.realtime as sdk
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

from appliance.errors import ProtocolError
from appliance.realtime.codec import decode
from appliance.realtime.server_events import Received, ServerEvent
from appliance.realtime.server_structures import SessionInfo, UnknownItem

MODELS = get_args(get_args(sdk.RealtimeServerEvent)[0])
PCM = bytes([1, 2, 3, 255])
LEFT_OUT = {"object"}  # constants: "realtime.item", "realtime.response", …


def type_of(model: type[BaseModel]) -> str:
    return get_args(model.model_fields["type"].annotation)[0]


def variants(hint: Any, name: str, owner: type | None) -> Iterator[Any]:
    """Yield JSON values of a type of the SDK's: each alternative, empty and full lists."""
    origin = get_origin(hint)
    if origin is Annotated:
        yield from variants(get_args(hint)[0], name, owner)
    elif hint is types.NoneType:
        yield None
    elif origin is Literal:
        yield from get_args(hint)
    elif origin in (Union, types.UnionType):
        for part in get_args(hint):
            yield from variants(part, name, owner)
    elif origin is list:
        yield []
        yield list(variants(get_args(hint)[0], name, owner))
    elif origin is dict:
        yield {"turn": "3 ü"}
    elif isinstance(hint, type) and issubclass(hint, BaseModel):
        yield from examples(hint)
    elif hint is str and (name == "audio" or owner is sdk.ResponseAudioDeltaEvent):
        yield base64.b64encode(PCM).decode() if name in ("audio", "delta") else "id"
    else:
        yield {str: "text ü", int: 7, float: 0.5, bool: True, object: {"any": [1, None]}}[hint]


def examples(model: type[BaseModel]) -> Iterator[dict[str, Any]]:
    """Yield the least instance, the full one, and one for every variant of every field."""
    fields = model.model_fields
    values = {n: list(variants(f.annotation, n, model)) for n, f in fields.items()}
    least = {n: values[n][0] for n, f in fields.items() if f.is_required()}
    yield least
    yield {n: next((v for v in reversed(values[n]) if v is not None), None) for n in fields}
    for name in fields:
        yield from ({**least, name: value} for value in values[name])


def assert_same(ours: Any, wire: Any, path: str) -> None:
    """Assert that everything the wire says is in our object."""
    if isinstance(ours, SessionInfo):
        assert ours.raw == wire
    elif isinstance(ours, UnknownItem):
        raise AssertionError(f"{path}: the SDK has this item, we do not: {wire}")
    elif dataclasses.is_dataclass(ours):
        for key, value in wire.items():
            if key == "type" and hasattr(ours, "TYPE"):
                assert value == ours.TYPE, path
            elif value is not None and key not in LEFT_OUT:
                assert_same(getattr(ours, key), value, f"{path}.{key}")
    elif isinstance(ours, tuple):
        assert len(ours) == len(wire), path
        for index, (a, b) in enumerate(zip(ours, wire, strict=True)):
            assert_same(a, b, f"{path}.{index}")
    elif isinstance(ours, bytes):
        assert ours == base64.b64decode(wire), path
    else:
        assert ours == wire, path


EXAMPLES = [example for model in MODELS for example in examples(model)]


def test_there_are_the_sdk_s_forty_six():
    ours = {cls.TYPE for cls in get_args(ServerEvent)}
    assert ours == {type_of(model) for model in MODELS}
    assert len(ours) == 46


@pytest.mark.parametrize("model", MODELS, ids=type_of)
def test_every_variant_is_read_whole(model):
    adapter = TypeAdapter(model)
    for wire in examples(model):
        adapter.validate_python(wire, strict=True)  # the examples are the SDK's, not our idea
        event = decode(json.dumps(wire))
        assert wire["type"] == event.TYPE
        assert_same(event, wire, event.TYPE)


@pytest.mark.parametrize("model", MODELS, ids=type_of)
def test_a_missing_or_null_field_that_we_require_is_named(model):
    wire = next(examples(model))
    cls = next(cls for cls in get_args(ServerEvent) if wire["type"] == cls.TYPE)
    required = [f.name for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING]
    for name in required:
        for broken in ({k: v for k, v in wire.items() if k != name}, {**wire, name: None}):
            with pytest.raises(ProtocolError) as caught:
                decode(json.dumps(broken))
            assert caught.value.field == name
            assert wire["type"] in str(caught.value)


def test_nothing_but_what_the_docstrings_say_is_laxer_than_the_sdk():
    laxer = set()
    for model in MODELS:
        cls = next(cls for cls in get_args(ServerEvent) if type_of(model) == cls.TYPE)
        has_default = {
            f.name for f in dataclasses.fields(cls) if f.default is not dataclasses.MISSING
        }
        needed = {n for n, f in model.model_fields.items() if f.is_required()}
        laxer |= {f"{cls.TYPE}:{name}" for name in has_default & needed}
    assert laxer == {
        "error:event_id",
        "response.function_call_arguments.done:name",
        "conversation.item.input_audio_transcription.completed:usage",
    }


@pytest.mark.parametrize("model", MODELS, ids=type_of)
def test_unknown_keys_are_passed_over_at_any_depth(model):
    for wire in list(examples(model))[:2]:
        stuffed = with_strangers(copy.deepcopy(wire))
        if "session" in wire:
            assert decode(json.dumps(stuffed)).session.raw["zz_new"] == {"a": [1]}
        elif "metadata" not in json.dumps(wire):
            assert decode(json.dumps(stuffed)) == decode(json.dumps(wire))


def with_strangers(value: Any) -> Any:
    if isinstance(value, dict):
        return {**{k: with_strangers(v) for k, v in value.items()}, "zz_new": {"a": [1]}}
    return [with_strangers(v) for v in value] if isinstance(value, list) else value


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict | list):
        children = value.items() if isinstance(value, dict) else enumerate(value)
        for key, child in children:
            yield from paths_of(child, (*path, key))


def read(message: str | bytes) -> Received | ProtocolError:
    """Decode; anything else raised fails the test."""
    try:
        event = decode(message)
    except ProtocolError as error:
        return error
    assert isinstance(event, get_args(Received))
    return event


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_mutated_event_is_read_or_is_a_protocol_error(data):
    # Through text: an example may hold one list in several places, and a change is to be in one.
    wire = json.loads(json.dumps(data.draw(st.sampled_from(EXAMPLES))))
    path = data.draw(st.sampled_from([p for p in paths_of(wire) if p]))
    target = wire
    for key in path[:-1]:
        target = target[key]
    if data.draw(st.booleans()):
        target[path[-1]] = data.draw(ANY_JSON)
    else:
        del target[path[-1]]
    outcome = read(json.dumps(wire))
    if isinstance(outcome, ProtocolError):
        assert "\n" not in str(outcome)
        named = outcome.field.split(".") if outcome.field else []
        assert [str(key) for key in path[: len(named)]] == named[: len(path)]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(EXAMPLES), st.integers(0, 10**6), st.binary(max_size=4), st.integers(0, 6))
def test_a_mangled_message_is_read_or_is_a_protocol_error(wire, where, junk, cut):
    message = json.dumps(wire, ensure_ascii=False).encode()
    where %= len(message)
    mangled = message[:where] + junk + message[where + cut :]
    assert "\n" not in str(read(mangled))
