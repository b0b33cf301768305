"""Settings read and checked in a process of their own, which ends when it has.

Measured on x86-64: pydantic and what it imports are 14 MB of a daemon that may have 60, and are
needed for half a second of its life. What comes back is the same tree of names and values, without
the models behind it.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from appliance.errors import ApplianceError, ConfigError

if TYPE_CHECKING:
    from appliance.config.settings import Settings

REFUSED = 2  # exit code of the child when the settings are wrong, as of every command


class Secret:
    """A value that does not show itself; as pydantic's SecretStr."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret('**********')"


class SettingsApart:
    """The child, started; other work can be done until `wait`."""

    def __init__(self, path: Path | None) -> None:
        """Start it. It has our environment, so it reads what we would."""
        named = [str(path)] if path is not None else []
        self._child = subprocess.Popen(
            [sys.executable, "-m", "appliance.config.resolve", *named],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def wait(self) -> Settings:
        """Return the settings.

        They are namespaces that answer to the same names as the models, properties included; what
        they do not do is validate or dump themselves. `setting_names` has the dotted names.

        Raises:
            ConfigError: something is wrong with them, every problem a line, as from
                `load_settings`.
            ApplianceError: the child did not do its work.
        """
        told, said = self._child.communicate()
        lines = said.decode(errors="replace").splitlines()
        if self._child.returncode == REFUSED:
            raise ConfigError(lines)
        if self._child.returncode:
            why = lines[-1] if lines else "it said nothing"
            raise ApplianceError(f"the settings could not be read: {why}")
        tree = pickle.loads(told)  # noqa: S301 - written by our own child, through a pipe of ours
        assert isinstance(tree, SimpleNamespace), "the child sends one tree"
        return cast("Settings", tree)
