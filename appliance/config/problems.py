"""What validation found, as one line for each setting."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from appliance.config import catalogue, schema
from appliance.config.secrets import Redactor
from appliance.config.section import CONFLICT
from appliance.config.sources import where

_NEVER_QUOTED = (("endpoint", "api_key"), ("endpoint", "url"))  # people paste keys into both


@dataclass(frozen=True, slots=True)
class Problem:
    """`message` is the whole line. `paths` are the settings that it is about, the first most."""

    paths: tuple[schema.Path, ...]
    message: str


def explain(
    error: ValidationError, origins: Mapping[schema.Path, str], redactor: Redactor
) -> list[Problem]:
    """Return one problem for each setting that was refused."""
    found: dict[tuple[schema.Path, ...], Problem] = {}
    for detail in error.errors(include_url=False):
        for problem in _problems_of(detail, origins, redactor):
            found.setdefault(problem.paths, problem)
    return list(found.values())


def _problems_of(
    detail: ErrorDetails, origins: Mapping[schema.Path, str], redactor: Redactor
) -> Iterator[Problem]:
    location = tuple(str(part) for part in detail["loc"])
    if detail["type"] == CONFLICT:
        for conflict in detail["ctx"]["found"]:
            paths = tuple((*location, *name.split(".")) for name in conflict.names)
            yield Problem(paths, _line(paths[0], conflict.message, _origin(paths, origins)))
    elif detail["type"] == "missing":
        message = f"is missing; use {catalogue.allowed(_setting(location))}"
        yield Problem(
            (location[:-1],), _line(location, message, _origin((location[:-1],), origins))
        )
    else:
        path = _setting_path(location)
        message = _refusal(path, detail, redactor)
        yield Problem((path,), _line(path, message, _origin((path,), origins)))


def _refusal(path: schema.Path, detail: ErrorDetails, redactor: Redactor) -> str:
    setting = _setting(path)
    value = detail["input"]
    said = "this value" if path in _NEVER_QUOTED else redactor.quote(value)
    if detail["type"] == "value_error":
        reason = str(detail["ctx"]["error"])
        return reason if path in _NEVER_QUOTED else f"{said} {reason}"
    why = catalogue.note(setting, "x-why")
    if why:
        return f"{said} is not allowed: {why}"
    choices = [choice for choice in schema.choices(setting.annotation) if isinstance(choice, str)]
    if isinstance(value, str) and choices:
        close = difflib.get_close_matches(value.lower(), choices, n=1)
        if close:
            said_so = f'did you mean "{close[0]}"? Use {catalogue.allowed(setting)}'
            return f"{said} is not allowed: {said_so}"
    return f"{said} is not allowed: use {catalogue.allowed(setting)}"


def _setting_path(location: schema.Path) -> schema.Path:
    """Cut off what validation adds behind a setting: an item's place, the branch of a union."""
    for length in range(len(location), 0, -1):
        if schema.find(location[:length]) is not None:
            return location[:length]
    return location


def _setting(path: schema.Path) -> FieldInfo:
    setting = schema.find(path)
    if setting is None:
        raise LookupError(f"validation refused {'.'.join(path)}, which is no setting")
    return setting


def _origin(paths: tuple[schema.Path, ...], origins: Mapping[schema.Path, str]) -> str:
    """Say where the first of these settings that was given stands, or one below it."""
    for path in paths:
        for given, origin in origins.items():
            if given[: len(path)] == path:
                return origin
    return "defaults"


def _line(path: schema.Path, message: str, origin: str) -> str:
    return f"{'.'.join(path)}: {message} {where(origin)}"
