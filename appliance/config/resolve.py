"""The process that `apart` starts: reads and checks the settings, and writes them to its output."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pydantic import BaseModel, SecretStr

from appliance.config.apart import REFUSED, Secret
from appliance.config.load import leaves, load_settings
from appliance.errors import ConfigError


def plain(value: Any) -> Any:
    """Return the same values without their models: fields and properties alike."""
    if isinstance(value, BaseModel):
        names = [*type(value).model_fields, *_properties(type(value))]
        return SimpleNamespace(**{name: plain(getattr(value, name)) for name in names})
    if isinstance(value, SecretStr):
        return Secret(value.get_secret_value())
    if isinstance(value, Mapping):
        return {key: plain(entry) for key, entry in value.items()}
    return value


def _properties(model: type[BaseModel]) -> list[str]:
    """Return the names of our own properties; pydantic's own are its models' business."""
    return [
        name
        for each in model.__mro__
        if each not in BaseModel.__mro__ and each.__module__.startswith("appliance.")
        for name, value in vars(each).items()
        if isinstance(value, property)
    ]


def main(argv: list[str]) -> int:
    try:
        settings = load_settings(Path(argv[0]) if argv else None)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    tree = plain(settings)
    # Fields and properties look alike in there; these are the fields.
    tree.setting_names = tuple(".".join(path) for path, _ in leaves(settings))
    sys.stdout.buffer.write(pickle.dumps(tree))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
