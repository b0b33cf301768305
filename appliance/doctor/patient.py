"""The device under examination: its settings, its machine, and what may be done with it."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.config.load import Loaded, load
from appliance.config.settings import Settings
from appliance.config.sources import KEY_CREDENTIAL
from appliance.devices.gpio_api import GpioModule, load_gpio
from appliance.doctor.teller import Teller
from appliance.errors import ConfigError, NotRunningError
from appliance.status.client import StatusClient, default_path

UNIT = "appliance.service"
# What the unit reads beside the settings: EnvironmentFile= and LoadCredential=. While it runs, its
# credential stands open for root in the second place, wherever it came from.
ENVIRONMENT_FILE = Path("etc/default/appliance")
GIVEN_CREDENTIALS = Path(f"run/credentials/{UNIT}")
CREDENTIALS = Path("etc/credstore")
SEALED_CREDENTIALS = Path("etc/credstore.encrypted")
STATE = Path("/var/lib/appliance")
_SYSTEMCTL_S = 20.0  # a stop waits for the device's goodbye


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a check may do. `for_a_press_s`: how long a person is waited for."""

    sound: bool = True  # make some
    questions: bool = True  # ask a person, and wait
    for_a_press_s: float = 15.0
    light_s: float = 2.0  # how long each light is shown


@dataclass(slots=True)
class Patient:
    """Everything that the checks look at. `loaded` is None if the settings are wrong."""

    loaded: Loaded | None
    problems: list[str]
    snapshot: dict[str, Any] | None  # what the running device says of itself
    why_no_snapshot: str
    unit: str  # systemd's word for it: active, inactive, failed …; "" without systemd
    allowed: Allowed
    teller: Teller
    state: Path = STATE
    root: Path = Path("/")
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    load_gpio: Callable[[], GpioModule] = load_gpio
    stopped: bool = False  # the service was stopped for the examination
    unread: tuple[str, ...] = ()  # files of the service's settings that we may not read
    notes: dict[str, Any] = field(default_factory=dict)  # what one check found out for another

    @property
    def settings(self) -> Settings:
        """The settings.

        Raises:
            ConfigError: they are wrong.
        """
        if self.loaded is None:
            raise ConfigError(self.problems)
        return self.loaded.settings

    @property
    def runs(self) -> bool:
        """Whether the device runs now, and so has the sound card and the pins."""
        if self.stopped:
            return False
        return self.snapshot is not None or self.unit in ("active", "activating", "reloading")


def meet(
    config: Path | None,
    teller: Teller,
    allowed: Allowed,
    *,
    environ: Mapping[str, str] = os.environ,
    client: StatusClient | None = None,
) -> Patient:
    """Read the settings and ask the running device; never raises for what is wrong with them.

    Where the unit is installed, its environment counts as ours: it is the device that is examined.
    """
    unit = unit_state()
    unread: tuple[str, ...] = ()
    if unit:
        environ, unread = as_the_service(environ)
    loaded, problems = None, []
    try:
        loaded = load(config, environ)
    except ConfigError as error:
        problems = error.problems
    snapshot, why = None, ""
    try:
        snapshot = (client or StatusClient()).snapshot(default_path(environ))
    except NotRunningError as error:
        why = str(error)
    named = environ.get("STATE_DIRECTORY", "").split(":")[0]
    return Patient(
        loaded=loaded,
        problems=problems,
        snapshot=snapshot,
        why_no_snapshot=why,
        unit=unit,
        unread=unread,
        allowed=allowed,
        teller=teller,
        state=Path(named) if named else STATE,
        environ=environ,
    )


def as_the_service(
    environ: Mapping[str, str], root: Path = Path("/")
) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """Return the environment with what the unit adds to it, and the files that we may not read.

    What is set already stays: somebody tries something out.
    """
    added, unread = {}, []
    file = root / ENVIRONMENT_FILE
    try:
        for line in file.read_text(errors="replace").splitlines():
            name, equals, value = line.strip().partition("=")
            if equals and name.isidentifier():
                added[name] = " ".join(shlex.split(value, comments=False))
    except FileNotFoundError:
        pass  # it need not be there
    except (OSError, ValueError):  # ValueError: a quote that does not end
        unread.append(str(file))
    for folder in (root / GIVEN_CREDENTIALS, root / CREDENTIALS):
        try:
            if (folder / KEY_CREDENTIAL).read_bytes():
                added["CREDENTIALS_DIRECTORY"] = str(folder)
                break
        except FileNotFoundError:
            continue
        except OSError:
            unread.append(str(folder / KEY_CREDENTIAL))
    else:
        sealed = root / SEALED_CREDENTIALS / KEY_CREDENTIAL
        with contextlib.suppress(OSError):  # not even its folder is for us
            unread += [str(sealed)] if sealed.exists() else []
    return {**added, **environ}, tuple(unread)


def unit_state() -> str:
    """Return what systemd says of the unit, "" if there is no systemd or no such unit."""
    code, said = systemctl("show", "--property=LoadState,ActiveState", UNIT)
    told = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    if code or told.get("LoadState", "not-found") == "not-found":
        return ""
    return told.get("ActiveState", "")


def systemctl(*arguments: str) -> tuple[int, str]:
    """Run systemctl and return its code and what it said; code 127 where there is none."""
    try:
        done = subprocess.run(
            ["systemctl", "--no-pager", *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SYSTEMCTL_S,
            check=False,
        )
    except FileNotFoundError:
        return 127, "there is no systemctl here"
    except subprocess.TimeoutExpired:
        return 124, f"systemctl did not end within {_SYSTEMCTL_S:g} s"
    return done.returncode, done.stdout if done.returncode == 0 else done.stderr or done.stdout
