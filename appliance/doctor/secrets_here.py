"""What this machine knows that must not leave it: keys, Wi-Fi, people's names."""

from __future__ import annotations

import contextlib
import getpass
import os
import pwd
import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from appliance.config.sources import KEY_CREDENTIAL
from appliance.doctor.patient import CREDENTIALS, ENVIRONMENT_FILE, Patient

_SECRET_VARIABLE = re.compile(r"(?i)key|secret|token|passw|credential|auth|cookie|psk")
_WIFI_FILES = (
    "etc/NetworkManager/system-connections/*",
    "run/NetworkManager/system-connections/*",
    "etc/wpa_supplicant/*.conf",
    "etc/netplan/*.yaml",
    "var/lib/iwd/*",
)
_WIFI_LINE = re.compile(
    r"(?im)^\s*(?:ssid|psk|password|wep-key\d|identity|id|passphrase|pre-?shared-?key)\s*[=:]\s*(.+)$"
)
_FIRST_PERSON = 1000  # smallest number of a person's account
_NOBODY = 65534
# What switches are set to: no secret, and in every text.
_SWITCHES = ("true", "false", "none", "null", "auto", "basic", "bearer", "enabled", "disabled")
_COMMON = ("root", "user", "appliance", "localhost", "raspberrypi", "debian", "runner", "nobody")


def secrets_of(patient: Patient) -> set[str]:
    """Return every secret that we can get at: from settings, environment, credentials, Wi-Fi."""
    root = patient.root
    found = set(_from_environment(patient.environ))
    if patient.loaded is not None:
        endpoint = patient.loaded.settings.endpoint
        found |= {endpoint.api_key.get_secret_value(), endpoint.safety_identifier}
        found |= set(_from_url(endpoint.url))
        instructions = patient.loaded.settings.session.instructions
        found |= {instructions} if len(instructions) > 8 else set()
    found.add(_text(root / CREDENTIALS / KEY_CREDENTIAL).strip())
    for line in _text(root / ENVIRONMENT_FILE).splitlines():
        name, _, value = line.partition("=")
        found |= set(_from_environment({name.strip(): value.strip().strip("'\"")}))
    found |= set(_of_wifi(root))
    return {each for each in found if each and each.lower() not in _SWITCHES}


def names_here(environ: Mapping[str, str] = os.environ) -> set[str]:
    """Return names of people with an account here, and this machine's own."""
    names = {environ.get(name, "") for name in ("USER", "LOGNAME", "SUDO_USER")}
    names |= {Path(environ.get("HOME", "/")).name, socket.gethostname().partition(".")[0]}
    with contextlib.suppress(KeyError, OSError):  # an account without a name
        names.add(getpass.getuser())
    for account in pwd.getpwall():
        if _FIRST_PERSON <= account.pw_uid < _NOBODY:
            names.add(account.pw_name)
            names |= {part for part in account.pw_gecos.split(",")[0].split() if part.isalpha()}
    return {name for name in names if name and name.lower() not in _COMMON}


def _from_environment(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        if _SECRET_VARIABLE.search(name):
            yield value.strip()
        # The scheme of a proxy may be left out.
        bare = name.lower().endswith("_proxy") and "://" not in value
        yield from _from_url(f"http://{value}" if bare else value)
    directory = environ.get("CREDENTIALS_DIRECTORY", "")
    if directory:
        for file in _files(Path(directory), "*"):
            yield _text(file).strip()


def _from_url(text: str) -> Iterator[str]:
    """Yield what is secret in an address: user, password, values of its query."""
    if "://" not in text:
        return
    try:
        parts = urlsplit(text)
        user, password = parts.username, parts.password
    except ValueError:
        return
    for part in (user, password):
        if part:
            yield from (part, unquote(part))
    for name, value in parse_qsl(parts.query):
        if name != "model":
            yield value


def _of_wifi(root: Path) -> Iterator[str]:
    for pattern in _WIFI_FILES:
        for file in _files(root, pattern):
            yield from (found.strip().strip("'\"") for found in _WIFI_LINE.findall(_text(file)))
            if "iwd" in file.parts or file.suffix == ".nmconnection":
                yield file.stem


def _files(folder: Path, pattern: str) -> list[Path]:
    try:
        return [file for file in folder.glob(pattern) if file.is_file()]
    except OSError:
        return []  # not for us to read


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""
