"""Run checks one after the other, and tell each as it comes."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from types import FrameType

from appliance.doctor.checks import CHECKS, needs_settings
from appliance.doctor.findings import Finding, Line, Report, fail, skipped, tidy
from appliance.doctor.patient import UNIT, Patient, systemctl
from appliance.errors import ApplianceError, UsageError


def examine(patient: Patient, names: Sequence[str]) -> Report:
    """Return the report of these checks."""
    at_s = time.time()
    lines = []
    for name in names:
        patient.teller.progress(f"… {name}")
        began_s = time.monotonic()
        finding = tidy(_look(patient, name))
        line = Line(name, finding, (time.monotonic() - began_s) * 1000)
        patient.teller.line(line)
        lines.append(line)
    return Report(tuple(lines), version("voice-appliance"), at_s)


def _look(patient: Patient, name: str) -> Finding:
    if patient.loaded is None and needs_settings(name):
        return skipped("the settings are wrong")
    try:
        return CHECKS[name].look(patient)
    except (ApplianceError, OSError) as error:
        # What a check did not foresee: the others are to be made all the same.
        return fail(f"it could not be looked at: {error}", "report this, with --bundle")


@contextmanager
def service_stopped() -> Iterator[None]:
    """Stop the device's service for as long as this lasts, and start it again, come what may.

    Raises:
        UsageError: systemd does not let us.
    """
    code, said = systemctl("stop", UNIT)
    if code:
        raise UsageError(f"--stop-service: {said.strip() or 'it cannot be stopped'} (use sudo)")
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        code, said = systemctl("start", UNIT)
        if code:
            sys.stderr.write(f"appliance: the service does not start again: {said.strip()}\n")


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
