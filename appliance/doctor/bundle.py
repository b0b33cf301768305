"""A support bundle: what somebody who helps from afar wants to see, and no secret in it.

No transcript and no sound is ever in it. What was said does not stand in the journal's messages
unless `metrics.log_transcripts` is on; then those lines are left out here.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import platform
import sys
import tarfile
import tempfile
import time
from importlib.metadata import Distribution, distributions
from pathlib import Path

from appliance.config import catalogue
from appliance.config.load import leaves
from appliance.doctor import gather
from appliance.doctor.findings import Report
from appliance.doctor.patient import Patient
from appliance.doctor.redact import MASK, Redactor
from appliance.doctor.secrets_here import names_here, secrets_of
from appliance.errors import UsageError

FOLDER = "appliance-support"
_PRIVATE = ("session.instructions", "session.personality", "endpoint.safety_identifier")


def write_bundle(path: Path, patient: Patient, report: Report) -> None:
    """Write the bundle: all of it or nothing, for the eyes of its owner alone.

    Raises:
        UsageError: it cannot be written there.
    """
    redactor = Redactor(secrets_of(patient), names_here(patient.environ))
    members = {name: _checked(redactor, text) for name, text in _members(patient, report, redactor)}
    data = _packed(members)
    try:
        _write(path, data)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(f"--bundle {path}: {why}") from error


def refuse_bad_place(path: Path) -> None:
    """Find out before everything is looked at for nothing.

    Raises:
        UsageError: no file can be made there.
    """
    try:
        if path.is_dir():
            raise UsageError(f"--bundle {path}: is a directory; name a file in it")
        if not path.parent.is_dir():
            raise UsageError(f"--bundle {path}: there is no directory {path.parent}")
    except OSError as error:  # a directory on the way that is not for us
        raise UsageError(f"--bundle {path}: {error.strerror}") from error
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UsageError(f"--bundle {path}: you may not write there")


def _members(patient: Patient, report: Report, redactor: Redactor) -> list[tuple[str, str]]:
    def tree(value: object) -> str:
        cleaned = redactor.clean_tree(value)
        return json.dumps(cleaned, indent=2, ensure_ascii=False, default=str) + "\n"

    text = redactor.clean

    return [
        ("report.json", tree(report.as_json())),
        ("settings.json", tree(_settings(patient))),
        ("snapshot.json", tree(gather.without_words(patient.snapshot))),
        ("versions.json", tree(_versions())),
        ("journal.txt", text(gather.journal())),
        ("kernel.txt", text(gather.kernel_log())),
        ("sound.txt", text(gather.sound_cards(patient.root))),
        ("usb.txt", text(gather.usb(patient.root))),
        ("boot-config.txt", text(gather.boot_config(patient.root))),
    ]


def _checked(redactor: Redactor, cleaned: str) -> str:
    """Return a member as it is; one that still holds a secret is left out."""
    if redactor.still_holds(cleaned):
        return "left out: a secret could not be taken out of it\n"
    return cleaned


def _settings(patient: Patient) -> dict[str, object]:
    if patient.loaded is None:
        return {"problems": patient.problems}
    shown: dict[str, object] = {}
    for path, value in leaves(patient.loaded.settings):
        name = ".".join(path)
        plain = catalogue.plain(value)
        if name in _PRIVATE and plain:
            plain = MASK
        shown[name] = {"value": plain, "source": patient.loaded.provenance[name]}
    return shown


def _versions() -> dict[str, object]:
    system = platform.uname()
    return {
        "uname": [system.system, system.release, system.version, system.machine],
        "system": gather.first_line(Path("/etc/os-release"), "PRETTY_NAME="),
        "board": gather.board(),
        "python": sys.version,
        "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "packages": {each.name: each.version for each in sorted(distributions(), key=_name)},
    }


def _name(package: Distribution) -> str:
    return package.name.lower()


def _packed(members: dict[str, str]) -> bytes:
    """Return a tar.gz that says nothing of who made it: no user, no file's name in its header."""
    now_s = int(time.time())
    whole = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=whole, mtime=now_s) as squeezed,
        tarfile.open(mode="w", fileobj=squeezed, format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name, text in members.items():
            data = text.encode("utf-8", "replace")
            entry = tarfile.TarInfo(f"{FOLDER}/{name}")
            entry.size, entry.mtime, entry.mode = len(data), now_s, 0o600
            tar.addfile(entry, io.BytesIO(data))
    return whole.getvalue()


def _write(path: Path, data: bytes) -> None:
    """Write beside the place and move: never half a bundle, never readable by others."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    aside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
