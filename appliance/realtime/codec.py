"""Between the events and their JSON. Pure; decoders are built once, when this is imported.

The two that matter for speed are `input_audio_buffer.append` out and
`response.output_audio.delta` in: some 25 and 10 a second.
"""

from __future__ import annotations

import binascii
import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Final, get_args

from appliance.errors import ProtocolError, SignalError
from appliance.realtime.client_events import ClientEvent, InputAudioBufferAppend
from appliance.realtime.client_structures import UNSET
from appliance.realtime.readers import Reader, WrongError, kind, read_text, reader_of
from appliance.realtime.server_events import Received, ServerEvent, UnknownEvent
from appliance.units import BYTES_PER_SAMPLE

MAX_APPEND_BYTES = 15 * 2**20 * 3 // 4  # 15 MiB an event, as base64


def encode(event: ClientEvent, event_id: str | None = None) -> str:
    """Return `event` as compact JSON, with `event_id` if there is one.

    Raises:
        SignalError: audio with an odd number of bytes, or more than one append may carry.
        ProtocolError: it holds what JSON cannot (NaN, infinity, an object of our own).
    """
    if type(event) is InputAudioBufferAppend:
        return _encode_append(event.audio, event_id)
    wire = _wire(event)
    if event_id is not None:
        wire = {"event_id": event_id, **wire}
    try:
        return json.dumps(wire, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ProtocolError(f"cannot be sent: {error}", event.TYPE) from None


def decode(data: str | bytes) -> Received:
    """Return the event in one message.

    Raises:
        ProtocolError: it is not of the Realtime API's form. `field` is the path to what is wrong
            ("response.usage.total_tokens", "response.output.0.content"), empty where the message
            as a whole is.
    """
    message = _parse(data)
    if type(message) is not dict:
        raise ProtocolError(f"a message must be a JSON object, this is {kind(message)}", "")
    type_text = message.get("type")
    if type(type_text) is not str:
        wrong = "is missing" if type_text is None else f"want text, got {kind(type_text)}"
        raise ProtocolError(wrong, "type")
    reader = _EVENT_READERS.get(type_text)
    if reader is None:
        return UnknownEvent(read_text(type_text))
    try:
        event: ServerEvent = reader(message)
    except WrongError as error:
        path = ".".join(reversed(error.path))
        raise ProtocolError(f"{error.message} (in {type_text})", path) from None
    return event


def _encode_append(audio: bytes, event_id: str | None) -> str:
    if len(audio) % BYTES_PER_SAMPLE:
        raise SignalError(f"16-bit audio has an odd number of bytes ({len(audio)})")
    if len(audio) > MAX_APPEND_BYTES:
        raise SignalError(f"{len(audio)} bytes of audio; one append takes {MAX_APPEND_BYTES}")
    text = _base64(audio)
    if event_id is None:
        return f'{{"type":"input_audio_buffer.append","audio":"{text}"}}'
    name = json.dumps(event_id)
    return f'{{"event_id":{name},"type":"input_audio_buffer.append","audio":"{text}"}}'


def _base64(audio: bytes) -> str:
    return binascii.b2a_base64(audio, newline=False).decode("ascii")


def _wire(value: object) -> dict[str, object]:
    """Return a client event or structure as a JSON object: constants first, nothing unset."""
    cls = type(value)
    wire: dict[str, object] = {}
    for key, attribute in (("type", "TYPE"), ("role", "ROLE")):
        if hasattr(cls, attribute):
            wire[key] = getattr(cls, attribute)
    for field in dataclasses.fields(cls):  # type: ignore[arg-type] # callers give dataclasses
        part = getattr(value, field.name)
        if part is not UNSET:
            wire[field.name] = _wire_value(part)
    return wire


def _wire_value(value: object) -> object:
    if isinstance(value, bytes):
        return _base64(value)
    if isinstance(value, tuple):
        return [_wire_value(element) for element in value]
    if isinstance(value, Mapping):
        return dict(value)
    if dataclasses.is_dataclass(value):
        return _wire(value)
    return value


def _parse(data: str | bytes) -> object:
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
        return _JSON.decode(text)
    except UnicodeDecodeError:
        raise ProtocolError("a message is not UTF-8", "") from None
    except RecursionError:
        raise ProtocolError("a message is nested too deeply", "") from None
    except ValueError as error:  # JSONDecodeError, _refuse_constant, a number of 5000 digits
        raise ProtocolError(f"a message is not JSON: {error}", "") from None


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


_JSON: Final = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
_EVENT_READERS: Final[Mapping[str, Reader]] = {
    cls.TYPE: reader_of(cls) for cls in get_args(ServerEvent)
}
