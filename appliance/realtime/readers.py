"""Readers: from a parsed JSON value to one of the server's dataclasses, with the path on error.

`reader_of(cls)` looks at a dataclass's annotations once, and gives a function that does not look
again. The rules:

- a key without a default in the dataclass must be there, and not be `null`;
- a key with a default may be absent or `null`, and then has that default;
- keys that the dataclass does not know are passed over;
- `bytes` is base64 of s16le PCM on the wire.
"""

from __future__ import annotations

import binascii
import dataclasses
import types
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from appliance.realtime import server_structures as structures
from appliance.units import BYTES_PER_SAMPLE

LONGEST_ID = 512  # characters; a longer one is none, and must not be remembered
LARGEST_NUMBER = 2**63 - 1  # no field needs more; Python would go on to any size

Reader = Callable[[object], Any]  # Any: a dataclass's constructor takes the values unchecked


class WrongError(Exception):
    """A value is not what it should be. `path` grows, innermost first, on its way up."""

    def __init__(self, message: str, *path: str) -> None:
        super().__init__(message)
        self.message = message
        self.path = list(path)


def kind(value: object) -> str:
    """Return what JSON calls a value of this type, for messages; never the value itself."""
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    return "null" if value is None else names.get(type(value), "a number")


def read_object(value: object) -> dict[str, object]:
    if type(value) is dict:
        return value
    raise WrongError(f"want an object, got {kind(value)}")


def read_text(value: object) -> str:
    if type(value) is not str:
        raise WrongError(f"want text, got {kind(value)}")
    if value.isascii():
        return value
    # JSON can spell half of a surrogate pair, which no terminal or file can then write.
    return value.encode("utf-8", "replace").decode("utf-8")


def read_id(value: object) -> str:
    text = read_text(value)
    if len(text) > LONGEST_ID:
        raise WrongError(f"an id of {len(text)} characters")
    return text


def read_whole_number(value: object) -> int:
    if type(value) is not int:
        raise WrongError(f"want a whole number, got {kind(value)}")
    if abs(value) > LARGEST_NUMBER:
        raise WrongError("the number is too large")
    return value


def read_number(value: object) -> float:
    if type(value) is float:
        return value
    return float(read_whole_number(value))


def read_flag(value: object) -> bool:
    if type(value) is bool:
        return value
    raise WrongError(f"want true or false, got {kind(value)}")


def read_pcm(value: object) -> bytes:
    if type(value) is not str:
        raise WrongError(f"want base64 text, got {kind(value)}")
    try:
        pcm = binascii.a2b_base64(value, strict_mode=True)
    except ValueError as error:  # binascii.Error, or text that is not ASCII
        raise WrongError(f"not base64: {error}") from None
    if len(pcm) % BYTES_PER_SAMPLE:
        raise WrongError(f"16-bit audio has an odd number of bytes ({len(pcm)})")
    return pcm


def read_text_map(value: object) -> Mapping[str, str]:
    text_map = {}
    for key, text in read_object(value).items():
        try:
            text_map[read_text(key)] = read_text(text)
        except WrongError as wrong:
            wrong.path.append(key[:64] if key.isprintable() else "?")  # the server chose the key
            raise
    return text_map


def read_whole_number_or_inf(value: object) -> int | Literal["inf"]:
    return "inf" if value == "inf" else read_whole_number(value)


def read_item(value: object) -> structures.Item:
    """Read a conversation item by its `type`; one of an unknown type keeps type and id."""
    type_text = read_object(value).get("type")
    reader = ITEM_READERS.get(type_text) if type(type_text) is str else None
    item: structures.Item = (reader or _read_unknown_item)(value)
    return item


def _anything(value: object) -> object:
    return value


def _read_list(read_element: Reader) -> Reader:
    def read(value: object) -> tuple[object, ...]:
        if type(value) is not list:
            raise WrongError(f"want a list, got {kind(value)}")
        elements: list[object] = []
        try:
            for element in value:
                elements.append(read_element(element))
        except WrongError as wrong:
            wrong.path.append(str(len(elements)))
            raise
        return tuple(elements)

    return read


def reader_of(cls: type) -> Reader:
    """Return a function that makes a `cls` (a dataclass) from a parsed JSON object.

    The function raises WrongError. `cls` may use the types that this module has readers for.
    """
    hints = get_type_hints(cls)
    required: list[tuple[str, Reader]] = []
    optional: list[tuple[str, Reader]] = []
    whole: list[str] = []
    for field in dataclasses.fields(cls):
        if field.metadata.get("whole"):
            whole.append(field.name)
            continue
        has_default = (
            field.default is not dataclasses.MISSING
            or field.default_factory is not dataclasses.MISSING
        )
        is_id = field.name == "id" or field.name.endswith("_id")
        read_field = read_id if is_id else _reader_for(hints[field.name])
        (optional if has_default else required).append((field.name, read_field))

    def read(value: object) -> object:
        source = read_object(value)
        arguments: dict[str, Any] = {}
        name = ""
        try:
            for name, read_field in required:
                raw = source.get(name)
                if raw is None:
                    raise WrongError("is null" if name in source else "is missing")
                arguments[name] = read_field(raw)
            for name, read_field in optional:
                raw = source.get(name)
                if raw is not None:
                    arguments[name] = read_field(raw)
        except WrongError as wrong:
            wrong.path.append(name)
            raise
        for name in whole:
            arguments[name] = source
        return cls(**arguments)

    return read


def _reader_for(hint: Any) -> Reader:
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return reader_of(hint)
    if get_origin(hint) is tuple:
        return _read_list(_reader_for(get_args(hint)[0]))
    if get_origin(hint) in (types.UnionType, Union):  # X | None: null is dealt with by the object
        kinds = [kind for kind in get_args(hint) if kind is not types.NoneType]
        return _reader_for(Union[tuple(kinds)])  # noqa: UP007 - made at run time
    raise TypeError(f"no reader for {hint}")


_SIMPLE: Final[dict[Any, Reader]] = {
    str: read_text,
    int: read_whole_number,
    float: read_number,
    bool: read_flag,
    bytes: read_pcm,
    object: _anything,
    Mapping[str, str]: read_text_map,
    Mapping[str, object]: read_object,
    Union[int, Literal["inf"]]: read_whole_number_or_inf,  # noqa: UP007 - hashes as made above
    Union[get_args(structures.Item)]: read_item,  # noqa: UP007
}
_read_unknown_item = reader_of(structures.UnknownItem)
ITEM_READERS: Final[Mapping[str, Reader]] = {
    cls.TYPE: reader_of(cls)
    for cls in get_args(structures.Item)
    if cls is not structures.UnknownItem
}
