"""The settings file that an installation begins with: every setting, as a comment."""

from __future__ import annotations

import textwrap
from itertools import groupby

from appliance.config import catalogue
from appliance.config.notices import has_effect

_WIDTH = 100
_HEAD = """\
# Settings of the voice appliance. What is commented out has the value that it shows.
# After a change: `appliance config check`, then `systemctl reload appliance`, which tells whether
# it takes a restart. The key does not belong here, but into /etc/credstore/openai_api_key.
"""


def example_toml() -> str:
    """Return TOML that changes nothing: each setting with its meaning, unit and range.

    What has no effect yet is left out, and so is the key.
    """
    parts = [_HEAD]
    tables = catalogue.tables()
    wanted = [
        entry
        for entry in catalogue.entries()
        if has_effect(entry.name) and entry.name != "endpoint.api_key"
    ]
    # A table stands before those inside it, as TOML wants it.
    order = {entry.path[0]: place for place, entry in reversed(list(enumerate(wanted)))}
    wanted.sort(key=lambda entry: (order[entry.path[0]], len(entry.path) > 2))
    for table, entries in groupby(wanted, lambda entry: entry.path[:-1]):
        name = ".".join(catalogue.toml_key(each) for each in table)
        about = _comment(tables[table[0]]) if len(table) == 1 else ""
        parts.append(f"\n{about}[{name}]\n" + "".join(map(_setting, entries)))
    return "".join(parts)


def _setting(entry: catalogue.Entry) -> str:
    unit = f" In {entry.unit}." if entry.unit else ""
    meaning = _comment(f"{entry.meaning}{unit} Allowed: {entry.allowed}.")
    return f"{meaning}#{catalogue.toml_key(entry.path[-1])} = {entry.default or '…'}\n"


def _comment(text: str) -> str:
    return textwrap.indent(textwrap.fill(text, _WIDTH - 2, break_on_hyphens=False), "# ") + "\n"
