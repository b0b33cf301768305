"""Read the settings from every source, weakest first, and say where each value came from.

defaults < TOML file < OPENAI_API_KEY < APPLIANCE_SECTION__NAME < systemd credential
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from appliance.config import schema, sources
from appliance.config.problems import Problem, explain
from appliance.config.secrets import Redactor
from appliance.config.settings import Settings
from appliance.errors import ConfigError

SYSTEM_FILE = Path("/etc/appliance/appliance.toml")
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings and where they come from.

    `provenance` has the dotted name of every setting, with `default`, `file PATH`,
    `environment NAME` or `credential NAME`.
    """

    settings: Settings
    provenance: Mapping[str, str]

    @property
    def explicit(self) -> frozenset[str]:
        """Dotted names of the settings that some source gave, be it the default's own value."""
        return frozenset(name for name, origin in self.provenance.items() if origin != DEFAULT)


def load_settings(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings; `load` says what is read and what is raised."""
    return load(path, environ).settings


def load(
    path: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    *,
    system_file: Path = SYSTEM_FILE,
) -> Loaded:
    """Read file, environment and credentials.

    Args:
        path: the TOML file; None for `$APPLIANCE_CONFIG`, else `system_file` if there is one.
        environ: the environment.
        system_file: the file that may be absent.

    Raises:
        ConfigError: something is wrong; it holds every problem of every source, one line each,
            and never a secret.
    """
    named = path or environ.get(sources.FILE_VARIABLE)
    layers = (
        sources.file_layer(Path(named or system_file), optional=not named),
        sources.environment_layer(environ),
        sources.credential_layer(environ),
    )
    origins = {path: origin for layer in layers for path, origin in layer.origins.items()}
    redactor = Redactor(secret for layer in layers for secret in layer.secrets)
    problems = [problem for layer in layers for problem in layer.problems]
    settings, refused = _validate(layers, origins, redactor)
    problems += [problem.message for problem in refused]
    if settings is None or problems:
        raise ConfigError([_one_line(redactor.clean(problem)) for problem in problems])
    provenance = {".".join(leaf): origins.get(leaf, DEFAULT) for leaf, _ in leaves(settings)}
    return Loaded(settings, provenance)


def _validate(
    layers: tuple[sources.Layer, ...],
    origins: Mapping[schema.Path, str],
    redactor: Redactor,
) -> tuple[Settings | None, list[Problem]]:
    """Validate; a section with a wrong value is looked at again without it, for conflicts."""
    found: list[Problem] = []
    without: frozenset[schema.Path] = frozenset()
    while True:
        given = [sources.LayerSource(layer, without) for layer in reversed(layers)]
        try:
            settings = Settings(*given)
        except ValidationError as error:
            new = [
                problem
                for problem in explain(error, origins, redactor)
                # What conflicts with the default of a value that was left out is no news.
                if not any(_within(gone, path) for path in problem.paths for gone in without)
            ]
            found += new
            wrong = [problem.paths[0] for problem in new]
            more = {path for path in origins if any(_within(path, table) for table in wrong)}
            if more <= without:
                return None, found
            without |= more
        else:
            return settings if not found else None, found


def _within(path: schema.Path, table: schema.Path) -> bool:
    return path[: len(table)] == table


def leaves(model: BaseModel, above: schema.Path = ()) -> Iterator[tuple[schema.Path, object]]:
    """Yield every value with its path; entries of a table with free names one by one."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        path = (*above, name)
        if isinstance(value, BaseModel):
            yield from leaves(value, path)
        elif isinstance(value, Mapping):
            for key, entry in value.items():
                yield from leaves(entry, (*path, key))
        else:
            yield path, value


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
