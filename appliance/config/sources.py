"""Where settings come from: file, environment, credentials. Each gives one layer.

A layer holds only what the models know, as (path, value) leaves; what they do not know, and what
could not be read at all, it tells as problems. So every problem of every source is found at once.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

from appliance.config import schema
from appliance.config.settings import Settings

PREFIX = "APPLIANCE_"
FILE_VARIABLE = "APPLIANCE_CONFIG"
KERNELS_VARIABLE = "APPLIANCE_KERNELS"  # where the compiled sound kernels are; dsp reads it
PROMPTS_VARIABLE = "APPLIANCE_PROMPTS"  # where the rendered prompts are; prompts reads it
NO_SETTINGS = (FILE_VARIABLE, KERNELS_VARIABLE, PROMPTS_VARIABLE)
KEY_VARIABLE = "OPENAI_API_KEY"
KEY_CREDENTIAL = "openai_api_key"
KEY_PATH: schema.Path = ("endpoint", "api_key")
_LARGEST_FILE = 1 << 20  # bytes; a settings file has a few thousand
_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")


@dataclass(slots=True)
class Layer:
    """What one source gives. `origins` says for each leaf where it stands."""

    values: dict[schema.Path, object] = field(default_factory=dict)
    origins: dict[schema.Path, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)  # texts that no message may repeat

    def put(self, path: schema.Path, value: object, origin: str, setting: FieldInfo) -> None:
        """Take one leaf; a secret is wrapped before anything can print it."""
        if schema.is_secret(setting.annotation):
            if not isinstance(value, str):
                self.problems.append(
                    f"{'.'.join(path)}: must be text in quotes; it is not shown {where(origin)}"
                )
                return
            self.secrets.add(value.strip())
            value = SecretStr(value)
        self.values[path] = value
        self.origins[path] = origin


def where(origin: str) -> str:
    """Return the end of a message about something that stands at `origin`."""
    return f"(in {origin.removeprefix('file ')})"


class LayerSource(PydanticBaseSettingsSource):
    """A layer in the form that pydantic-settings merges. `without` leaves are left out."""

    def __init__(self, layer: Layer, without: frozenset[schema.Path] = frozenset()) -> None:
        super().__init__(Settings)
        self._layer = layer
        self._without = without

    def get_field_value(
        self,
        field: FieldInfo,  # noqa: ARG002 - the base class wants this method; __call__ needs it not
        field_name: str,
    ) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        nested: dict[str, Any] = {}
        for path, value in self._layer.values.items():
            if path in self._without:
                continue
            table = nested
            for name in path[:-1]:
                table = table.setdefault(name, {})
            table[path[-1]] = value
        return nested


def file_layer(path: FilePath, *, optional: bool) -> Layer:
    """Read a TOML file. What is wrong with it is in the layer's problems.

    Args:
        path: the file.
        optional: a file that does not exist gives nothing, instead of a problem.
    """
    layer = Layer()
    raw = b""
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST_FILE + 1)
        if len(raw) > _LARGEST_FILE:
            layer.problems.append(f"{path}: larger than 1 MiB; this is no settings file")
            return layer
        table = tomllib.loads(raw.decode("utf-8-sig").replace("\r\n", "\n"))
    except FileNotFoundError:
        if not optional:
            layer.problems.append(f"{path}: no such file")
    except OSError as error:
        layer.problems.append(f"{path}: cannot be read: {error.strerror or error}")
    except UnicodeDecodeError as error:
        layer.problems.append(f"{path}: byte {error.start} is not UTF-8 text")
    except tomllib.TOMLDecodeError as error:
        layer.problems.append(f"{path}: not valid TOML: {_with_place(str(error), raw)}")
    except RecursionError:
        layer.problems.append(f"{path}: not valid TOML: nested too deeply")
    except ValueError as error:  # a path with a zero byte, a number of thousands of digits
        layer.problems.append(f"{path}: cannot be read: {error}")
    else:
        _take_table(layer, table, Settings, (), f"file {path}")
    return layer


def _with_place(message: str, raw: bytes) -> str:
    """Give the one message of tomllib that has no line its line."""
    lines = raw.decode("utf-8-sig").splitlines() or [""]
    place = f"(at line {len(lines)}, column {len(lines[-1]) + 1})"
    return message.replace("(at end of document)", place)


def _take_table(
    layer: Layer,
    table: Mapping[str, object],
    model: type[BaseModel],
    above: schema.Path,
    origin: str,
) -> None:
    for name, value in table.items():
        path = (*above, name)
        setting = model.model_fields.get(name)
        if setting is None:
            layer.problems.append(_unknown(path, value, origin))
            continue
        inner = schema.table_of(setting.annotation)
        entries = schema.entries_of(setting.annotation)
        if inner is not None:
            _take_inner(layer, value, inner, path, origin)
        elif entries is not None and isinstance(value, dict):
            for key, entry in value.items():
                _take_inner(layer, entry, entries, (*path, key), origin)
                if entry == {}:  # `german = {}`: named, with the seed's values
                    layer.put((*path, key), {}, origin, setting)
        else:
            layer.put(path, value, origin, setting)


def _take_inner(
    layer: Layer, value: object, model: type[BaseModel], path: schema.Path, origin: str
) -> None:
    if not isinstance(value, dict):
        layer.problems.append(
            f"{'.'.join(path)}: is a table, not a value: write [{'.'.join(path)}] and below it "
            f"one line for each setting {where(origin)}"
        )
    else:
        _take_table(layer, value, model, path, origin)


def _unknown(path: schema.Path, value: object, origin: str) -> str:
    if len(path) == 1 and isinstance(value, dict):
        meant = schema.similar_name(path[0], list(Settings.model_fields))
        hint = f"; did you mean [{meant}]?" if meant else ""
        return f"[{path[0]}]: no such section{hint} {where(origin)}"
    probable = schema.probable_setting(path)
    hint = f"; did you mean {probable}?" if probable else ""
    return f"{'.'.join(path)}: no such setting{hint} {where(origin)}"


def environment_layer(environ: Mapping[str, str]) -> Layer:
    """Take `OPENAI_API_KEY`, then every `APPLIANCE_SECTION__NAME` over it."""
    layer = Layer()
    key = environ.get(KEY_VARIABLE, "").strip()
    if key:
        layer.values[KEY_PATH] = SecretStr(key)
        layer.origins[KEY_PATH] = f"environment {KEY_VARIABLE}"
        layer.secrets.add(key)
    for name, text in environ.items():
        if not name.startswith(PREFIX) or name in NO_SETTINGS:
            continue
        path = tuple(name.removeprefix(PREFIX).lower().split("__"))
        setting = schema.find(path)
        if setting is None:
            layer.problems.append(_unknown_variable(name, path))
        elif schema.entries_of(setting.annotation) is not None:
            layer.problems.append(
                f"{name}: is a table; set its entries one by one, "
                f"like {name}__ENGLISH__CODE (in environment {name})"
            )
        else:
            layer.put(path, typed(text, setting.annotation), f"environment {name}", setting)
    return layer


def _unknown_variable(name: str, path: schema.Path) -> str:
    known = {variable_of(setting): setting for setting, _ in schema.walk()}
    meant = schema.similar_name(name.lower(), [variable.lower() for variable in known])
    if meant is None and (probable := schema.probable_setting(path)):
        meant = variable_of(tuple(probable.split(".")))
    hint = f"; did you mean {meant.upper()}?" if meant else ""
    return f"{name}: no such setting{hint} (in environment {name})"


def variable_of(path: schema.Path) -> str:
    """Return the name of the environment variable for a setting."""
    return PREFIX + "__".join(path).upper()


def typed(text: str, annotation: Any) -> object:
    """Turn an environment variable's text into a value of the setting's type.

    What cannot be turned stays text, for validation to refuse.
    """
    options = schema.alternatives(annotation)
    if type(None) in options and text.strip().lower() in ("", "none"):
        return None
    if text in schema.choices(annotation):
        return text
    word = text.strip().lower()
    for option in (*options, *(type(value) for value in schema.choices(annotation))):
        if option is bool and word in (*_TRUE, *_FALSE):
            return word in _TRUE
        if option in (int, float):
            try:
                return option(word)
            except ValueError:
                continue
        if get_origin(option) is tuple:
            try:
                return json.loads(text)
            except (ValueError, RecursionError):
                continue
    return text


def credential_layer(environ: Mapping[str, str]) -> Layer:
    """Read the key from systemd's credentials; an absent or empty one gives nothing."""
    layer = Layer()
    directory = environ.get("CREDENTIALS_DIRECTORY", "")
    if not directory:
        return layer
    origin = f"credential {KEY_CREDENTIAL}"
    name = f"{'.'.join(KEY_PATH)}: {origin}"
    try:
        with FilePath(directory, KEY_CREDENTIAL).open("rb") as file:
            key = file.read(_LARGEST_FILE).decode().strip()
    except FileNotFoundError:
        return layer
    except OSError as error:
        layer.problems.append(f"{name} cannot be read: {error.strerror or error}")
    except UnicodeDecodeError:
        layer.problems.append(f"{name} is not UTF-8 text")
    except ValueError as error:  # a directory name with a zero byte
        layer.problems.append(f"{name} cannot be read: {error}")
    else:
        if key:
            layer.values[KEY_PATH] = SecretStr(key)
            layer.origins[KEY_PATH] = origin
            layer.secrets.add(key)
    return layer
