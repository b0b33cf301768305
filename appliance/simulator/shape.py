"""Shapes of JSON values, and the one check that compares a value with its shape.

A refusal is worded as the Realtime API words it, and names the place as a dotted path.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = Any  # what json.loads gives
MISSING = object()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a client event was not taken; becomes the `error` object of an `error` event."""

    code: str | None
    message: str
    param: str | None = None
    type: str = "invalid_request_error"


@dataclass(frozen=True, slots=True)
class Text:
    """A string, if `one_of` is not empty one of these."""

    one_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Number:
    """A number from `low` to `high`, both included."""

    low: float
    high: float
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""


@dataclass(frozen=True, slots=True)
class Anything:
    """Any JSON value."""


@dataclass(frozen=True, slots=True)
class Null:
    """null."""


@dataclass(frozen=True, slots=True)
class Items:
    """A list whose members all have one shape."""

    of: Shape
    exactly_one: bool = False


@dataclass(frozen=True, slots=True)
class Fields:
    """An object with these keys and no others, unless `open_keys` gives a shape for the rest."""

    keys: dict[str, Shape] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    open_keys: Shape | None = None


@dataclass(frozen=True, slots=True)
class ByType:
    """An object whose key `tag` says which shape it has."""

    shapes: dict[str, Shape]
    tag: str = "type"


@dataclass(frozen=True, slots=True)
class Either:
    """A value of any one of these shapes; they differ by JSON type."""

    shapes: tuple[Shape, ...]


Shape = Text | Number | Flag | Anything | Null | Items | Fields | ByType | Either


def refusal_of(shape: Shape, value: Json, path: str, strict: bool) -> Refusal | None:
    """Return why `value` does not have `shape`, or None if it has.

    Args:
        path: dotted path of `value` in the event, "" for the event itself.
        strict: also refuse keys that `shape` does not know.
    """
    match shape:
        case Anything():
            return None
        case Either(shapes):
            fitting = [s for s in shapes if _same_kind(s, value)]
            if not fitting:
                return _wrong_kind(shape, value, path)
            found = [refusal_of(s, value, path, strict) for s in fitting]
            return None if None in found else found[0]
        case _ if not _same_kind(shape, value):
            return _wrong_kind(shape, value, path)
        case Text(one_of):
            if one_of and value not in one_of:
                return _unsupported(value, one_of, path)
        case Number(low, high, whole):
            return _out_of_range(low, high, whole, value, path)
        case Items(of, exactly_one):
            if exactly_one and len(value) != 1:
                return Refusal(
                    "invalid_value", f"Invalid '{path}': expected exactly one entry.", path
                )
            for index, member in enumerate(value):
                if refusal := refusal_of(of, member, f"{path}[{index}]", strict):
                    return refusal
        case ByType(shapes, tag):
            chosen = value.get(tag, MISSING)
            if chosen is MISSING:
                return missing(_join(path, tag))
            if not isinstance(chosen, str):
                return _wrong_kind(Text(), chosen, _join(path, tag))
            if chosen not in shapes:
                return _unsupported(chosen, tuple(shapes), _join(path, tag))
            return refusal_of(shapes[chosen], value, path, strict)
        case Fields(keys, required, open_keys):
            for key in required:
                if key not in value:
                    return missing(_join(path, key))
            for key, member in value.items():
                known = keys.get(key, open_keys)
                if known is None:
                    if strict:
                        return unknown(_join(path, key))
                elif refusal := refusal_of(known, member, _join(path, key), strict):
                    return refusal
    return None


def known_part(shape: Shape, value: Json) -> Json:
    """Return a checked `value` without the keys that `shape` does not know."""
    match shape:
        case Either(shapes):
            return known_part(next(s for s in shapes if _same_kind(s, value)), value)
        case Items(of):
            return [known_part(of, member) for member in value]
        case ByType(shapes, tag):
            return known_part(shapes[value[tag]], value)
        case Fields(keys, _, open_keys):
            shapes_of = {key: keys.get(key, open_keys) for key in value}
            return {
                key: known_part(known, value[key])
                for key, known in shapes_of.items()
                if known is not None
            }
    return value


def missing(path: str) -> Refusal:
    """Refuse an event without the parameter at `path`."""
    return Refusal("missing_required_parameter", f"Missing required parameter: '{path}'.", path)


def unknown(path: str) -> Refusal:
    """Refuse an event with a parameter at `path` that the API does not have."""
    return Refusal("unknown_parameter", f"Unknown parameter: '{path}'.", path)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _unsupported(value: str, one_of: tuple[str, ...], path: str) -> Refusal:
    supported = ", ".join(f"'{each}'" for each in one_of)
    return Refusal(
        "invalid_value", f"Invalid value: '{value}'. Supported values are: {supported}.", path
    )


def _out_of_range(low: float, high: float, whole: bool, value: float, path: str) -> Refusal | None:
    kind = "integer" if whole else "decimal"
    if value < low:
        rule, code = f"below minimum value. Expected a value >= {low:g}", "below_min_value"
    elif value > high or value != value:
        rule, code = f"above maximum value. Expected a value <= {high:g}", "above_max_value"
    else:
        return None
    message = f"Invalid '{path}': {kind} {rule}, but got {value:g} instead."
    return Refusal(f"{kind}_{code}", message, path)


def _same_kind(shape: Shape, value: Json) -> bool:
    match shape:
        case Text():
            return isinstance(value, str)
        case Number(_, _, whole):
            wanted = int if whole else (int, float)
            return isinstance(value, wanted) and not isinstance(value, bool)
        case Flag():
            return isinstance(value, bool)
        case Null():
            return value is None
        case Items():
            return isinstance(value, list)
        case Fields() | ByType():
            return isinstance(value, dict)
        case Either(shapes):
            return any(_same_kind(each, value) for each in shapes)
        case Anything():
            return True


def _wrong_kind(shape: Shape, value: Json, path: str) -> Refusal:
    message = f"Invalid type for '{path}': expected {_name(shape)}, but got {_kind(value)} instead."
    return Refusal("invalid_type", message, path)


def _name(shape: Shape) -> str:
    match shape:
        case Text(one_of):
            return (
                " or ".join(f"'{each}'" for each in one_of) if 0 < len(one_of) < 3 else "a string"
            )
        case Number(_, _, whole):
            return "an integer" if whole else "a number"
        case Flag():
            return "a boolean"
        case Null():
            return "null"
        case Items():
            return "an array"
        case Fields() | ByType():
            return "an object"
        case Either(shapes):
            return " or ".join(_name(each) for each in shapes)
        case Anything():
            return "anything"


def _kind(value: Json) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a decimal"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"
