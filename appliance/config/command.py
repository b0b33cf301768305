"""`appliance config`: show the settings, check them, and describe them."""

from __future__ import annotations

import argparse
import json
import sys
from itertools import groupby
from pathlib import Path

from appliance.config import catalogue, schema
from appliance.config.example import example_toml
from appliance.config.load import Loaded, leaves, load
from appliance.config.notices import has_effect, warnings_for
from appliance.config.secrets import Redactor
from appliance.config.settings import Settings
from appliance.errors import ConfigError, UsageError

_EPILOG = """\
examples:
  appliance config show                      every setting and where its value came from
  appliance config show --section voice      one section
  appliance config check --config my.toml    every problem at once; exit 2 if there is one
  appliance config schema > appliance.json   JSON Schema, for an editor
  appliance config example > my.toml         every setting as a comment, to begin with
"""
_DOCS_HEAD = """\
# Settings

Made by `appliance config docs`; a test keeps it equal to the code.

Sources, weakest first: the defaults below; the TOML file (`--config FILE`, else
`$APPLIANCE_CONFIG`, else `/etc/appliance/appliance.toml`); `OPENAI_API_KEY`; environment variables
(`[audio] channels` is `APPLIANCE_AUDIO__CHANNELS`); the systemd credential `openai_api_key`.
`appliance config show` says which one each value came from.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands."""
    parser.epilog = _EPILOG
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("show", help="print every setting and where its value came from")
    check = actions.add_parser("check", help="look for mistakes, and for what is worth a word")
    schema_parser = actions.add_parser("schema", help="print the JSON Schema of the settings")
    actions.add_parser("example", help="print a settings file in which everything is a comment")
    docs = actions.add_parser("docs", help="print the table of every setting, in Markdown")
    docs.add_argument("--brief", action="store_true", help="one short table, as the README has it")
    for action in (show, check, schema_parser, docs):
        action.add_argument("--config", type=Path, metavar="FILE", help="settings file (TOML)")
    for action in (show, check):
        action.add_argument("--json", action="store_true", help="print JSON")
    show.add_argument("--section", metavar="NAME", help="only this section")


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Raises:
        ConfigError: `show` cannot show settings that are wrong.
        UsageError: there is no such section.
    """
    match args.action:
        case "show":
            return _show(args.config, args.section, as_json=args.json)
        case "check":
            return _check(args.config, as_json=args.json)
        case "schema":
            print(json.dumps(json_schema(), indent=2))
        case "example":
            print(example_toml(), end="")
        case _:
            print(settings_table() if args.brief else settings_markdown(), end="")
    return 0


def _show(path: Path | None, section: str | None, *, as_json: bool) -> int:
    if section is not None and section not in Settings.model_fields:
        meant = schema.similar_name(section, list(Settings.model_fields))
        hint = (
            f"did you mean {meant}?" if meant else "there are " + ", ".join(Settings.model_fields)
        )
        raise UsageError(f"no section {section}; {hint}")
    loaded = load(path)
    shown = _shown(loaded, section)
    if as_json:
        print(
            json.dumps(
                {
                    ".".join(path): {"value": value, "source": loaded.provenance[".".join(path)]}
                    for path, value in shown.items()
                },
                indent=2,
                ensure_ascii=False,
            )
        )
    else:
        print("\n".join(_as_toml(shown, loaded)))
    return 0


def _shown(loaded: Loaded, section: str | None) -> dict[schema.Path, object]:
    """Return the values as people may see them."""
    redactor = Redactor([loaded.settings.endpoint.api_key.get_secret_value()])
    return {
        path: _cleaned(catalogue.plain(value), redactor)
        for path, value in leaves(loaded.settings)
        if section in (None, path[0])
    }


def _cleaned(value: object, redactor: Redactor) -> object:
    return redactor.clean(value) if isinstance(value, str) else value


def _as_toml(shown: dict[schema.Path, object], loaded: Loaded) -> list[str]:
    """Return lines of TOML that give these settings again, secrets and unset ones commented out."""
    lines: list[str] = []
    values: dict[schema.Path, str] = {}
    for path, value in shown.items():
        key = catalogue.toml_key(path[-1])
        setting = schema.find(path)
        if value is None:
            values[path] = f"# {key} is unset"
        elif setting is not None and schema.is_secret(setting.annotation) and value:
            values[path] = f"# {key} is set, and not shown"
        else:
            values[path] = f"{key} = {catalogue.toml(value)}"
    # A table stands before those inside it, as TOML wants it.
    order = {name: place for place, name in enumerate(Settings.model_fields)}
    by_table = sorted(values, key=lambda path: (order[path[0]], len(path) > 2))
    for table, paths in groupby(by_table, lambda path: path[:-1]):
        of_table = list(paths)
        widest = max(len(path[-1]) for path in of_table)
        column = [_aligned(values[path], widest) for path in of_table]
        width = min(max(len(line) for line in column), 60)
        lines += ["", "[" + ".".join(catalogue.toml_key(name) for name in table) + "]"]
        for path, line in zip(of_table, column, strict=True):
            lines.append(f"{line:<{width}}  # {loaded.provenance['.'.join(path)]}")
    return lines[1:]


def _aligned(line: str, widest: int) -> str:
    key, equals, value = line.partition(" = ")
    return line if line.startswith("#") else f"{key:<{widest}}{equals}{value}"


def _check(path: Path | None, *, as_json: bool) -> int:
    errors: list[str] = []
    warnings: list[str] = []
    try:
        loaded = load(path)
    except ConfigError as error:
        errors = error.problems
    else:
        redactor = Redactor([loaded.settings.endpoint.api_key.get_secret_value()])
        warnings = [redactor.clean(line) for line in warnings_for(loaded.settings, loaded.explicit)]
    if as_json:
        print(json.dumps({"ok": not errors, "errors": errors, "warnings": warnings}, indent=2))
    else:
        for line in errors:
            print(f"error: {line}", file=sys.stderr)
        for line in warnings:
            print(f"warning: {line}")
        if not errors:
            print(
                "settings are good" + (f" ({_count(len(warnings), 'warning')})" if warnings else "")
            )
        else:
            print(_count(len(errors), "error"), file=sys.stderr)
    return 2 if errors else 0


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def json_schema() -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12) of the settings file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Settings.model_json_schema(),
    }


def settings_table() -> str:
    """Return the README's table of settings."""
    parts = ["| Setting | Default | Meaning |\n|---|---|---|\n"]
    for entry in catalogue.entries():
        default = f"`{entry.default}`" if entry.default else "unset"
        default += f" {entry.unit}" if entry.default and entry.unit else ""
        meaning = entry.meaning + ("" if has_effect(entry.name) else " *No effect yet.*")
        parts.append(f"| `{entry.name}` | {default} | {meaning} |\n")
    return "".join(parts)


def settings_markdown() -> str:
    """Return docs/settings.md."""
    sections = catalogue.tables()
    parts = [_DOCS_HEAD]
    for section, entries in groupby(catalogue.entries(), lambda entry: entry.path[0]):
        parts.append(f"\n## `[{section}]`\n\n{sections[section]}\n\n")
        parts.append("| Setting | Default | Allowed | Unit | Meaning |\n|---|---|---|---|---|\n")
        for entry in entries:
            name = ".".join(entry.path[1:])
            default = f"`{entry.default}`" if entry.default else "unset"
            cells = (f"`{name}`", default, entry.allowed, entry.unit, entry.meaning)
            parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    return "".join(parts)
