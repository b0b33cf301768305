"""Finding one's way in the models: which setting a dotted name means, and what is like it."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from appliance.config.settings import Settings

Path = tuple[str, ...]  # ("session", "noise_reduction", "level")


def table_of(annotation: Any) -> type[BaseModel] | None:
    """Return the model if the annotation is a table of settings."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return None


def entries_of(annotation: Any) -> type[BaseModel] | None:
    """Return the model of the entries if the annotation is a table with free names."""
    if get_origin(annotation) is Mapping:
        return table_of(get_args(annotation)[1])
    return None


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """Return the types that a value may have; one, unless the annotation is a union."""
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(option for part in get_args(annotation) for option in alternatives(part))
    if get_origin(annotation) is Annotated:
        return alternatives(get_args(annotation)[0])
    return (annotation,)


def choices(annotation: Any) -> tuple[Any, ...]:
    """Return the literal values that the annotation names."""
    return tuple(
        value
        for option in alternatives(annotation)
        if get_origin(option) is Literal
        for value in get_args(option)
    )


def is_secret(annotation: Any) -> bool:
    """Whether values of this type are never shown."""
    return SecretStr in alternatives(annotation)


def walk(model: type[BaseModel] = Settings, above: Path = ()) -> Iterator[tuple[Path, FieldInfo]]:
    """Yield every setting, in the order of the models. A table with free names is one setting."""
    for name, field in model.model_fields.items():
        inner = table_of(field.annotation)
        if inner is None:
            yield (*above, name), field
        else:
            yield from walk(inner, (*above, name))


def find(path: Path) -> FieldInfo | None:
    """Return the setting that `path` means, in a table with free names too; None if there is none.

    A path that stops at a table is no setting.
    """
    model: type[BaseModel] = Settings
    names = iter(path)
    for name in names:
        field = model.model_fields.get(name)
        if field is None:
            return None
        inner = table_of(field.annotation)
        entries = entries_of(field.annotation)
        if entries is not None and next(names, None) is not None:
            inner = entries
        elif inner is None:
            return field if next(names, None) is None else None
        model = inner
    return None


def similar_name(wrong: str, names: list[str]) -> str | None:
    """Return the name that was probably meant; camelCase counts as snake_case."""
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in wrong)
    for spelling in (snake.replace("-", "_"), wrong.lower()):
        close = difflib.get_close_matches(spelling, names, n=1)
        if close:
            return close[0]
    return None


def probable_setting(path: Path) -> str | None:
    """Return the dotted name of the setting that was probably meant by an unknown `path`."""
    everything = [".".join(known) for known, _ in walk()]
    *table, name = path
    beside = [known for known in everything if known.split(".")[:-1] == table]
    by_name = {known.rsplit(".", 1)[1]: known for known in reversed(beside or everything)}
    meant = similar_name(name, list(by_name))
    if meant is not None:
        return by_name[meant]
    elsewhere = [known for known in everything if known.rsplit(".", 1)[1] == name.lower()]
    return elsewhere[0] if elsewhere else similar_name(".".join(path), everything)
