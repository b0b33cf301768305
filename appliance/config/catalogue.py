"""Every setting in words: default, what is allowed, unit, meaning. Feeds messages and docs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

import annotated_types
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from appliance.config import schema
from appliance.config.settings import Settings


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting, in words."""

    path: schema.Path
    default: str  # in TOML's spelling; "" if it is unset
    allowed: str
    unit: str
    meaning: str

    @property
    def name(self) -> str:
        """The dotted name."""
        return ".".join(self.path)


def entries() -> tuple[Entry, ...]:
    """Return every setting, in the order of the models."""
    return tuple(
        Entry(
            path,
            toml(plain(field.default)),
            allowed(field),
            note(field, "x-unit"),
            field.description or "",
        )
        for path, field in schema.walk()
    )


def note(field: FieldInfo, name: str) -> str:
    """Return what `section.setting` noted of a setting, or ""."""
    extra = field.json_schema_extra
    return str(extra.get(name, "")) if isinstance(extra, dict) else ""


def allowed(field: FieldInfo) -> str:
    """Say which values a setting takes."""
    noted = note(field, "x-allowed")
    if noted:
        return noted
    words = _allowed(field.annotation, field.metadata)
    return ", ".join(words[:-1]) + " or " + words[-1] if len(words) > 1 else words[0]


def _allowed(annotation: Any, limits: list[Any]) -> list[str]:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *extras = get_args(annotation)
        more = [
            limit for extra in extras if isinstance(extra, FieldInfo) for limit in extra.metadata
        ]
        return _allowed(inner, more)
    if origin is Literal:
        return [toml(value) for value in get_args(annotation)]
    if annotation is bool:
        return ["true", "false"]
    if annotation is int:
        return ["a whole number" + _range(limits)]
    if annotation is float:
        return ["a number" + _range(limits)]
    if annotation is type(None):
        return ["unset"]
    if annotation in (str, SecretStr):
        return ["text"]
    return [word for option in get_args(annotation) for word in _allowed(option, limits)]


def _range(limits: list[Any]) -> str:
    low, high = "", ""
    for limit in limits:
        match limit:
            case annotated_types.Ge(ge):
                low = f" from {_number(ge)}"
            case annotated_types.Gt(gt):
                low = f" above {_number(gt)}"
            case annotated_types.Le(le):
                high = f" to {_number(le)}"
            case _:
                pass  # patterns and modes are said in words, by `allowed`
    return low + high


def _number(value: Any) -> str:
    return str(int(value)) if value == int(value) else str(value)


def plain(value: object) -> object:
    """Return a setting's value as TOML and JSON know it; a secret must have been masked before."""
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {str(name): plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, SecretStr):
        return str(value)  # stars, or nothing if it is empty
    return value


def toml(value: object) -> str:
    """Return a plain value in TOML's spelling; "" for None, which TOML does not have."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case str():
            return _toml_text(value)
        case list() | tuple():
            return "[" + ", ".join(toml(entry) for entry in value) + "]"
        case Mapping():
            inside = ", ".join(f"{toml_key(name)} = {toml(entry)}" for name, entry in value.items())
            return f"{{ {inside} }}" if inside else "{}"
        case _:
            return str(value)


def toml_key(name: str) -> str:
    """Return a key, in quotes if TOML wants them."""
    bare = name.replace("-", "").replace("_", "")
    return name if bare.isascii() and bare.isalnum() else _toml_text(name)


def _toml_text(text: str) -> str:
    # JSON's spelling is TOML's, but for DEL, which TOML wants escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def tables() -> dict[str, str]:
    """Return the section names with one sentence about each."""
    return {
        name: " ".join((model.__doc__ or "").split())
        for name, field in Settings.model_fields.items()
        if (model := schema.table_of(field.annotation)) is not None
    }
