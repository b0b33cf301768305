"""Is the machine well: its card, memory, heat and supply; and does the service run?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from appliance.devices.health import Board
from appliance.doctor.findings import Figures, Finding, cure_of, fail, first_of, ok, skipped, warn
from appliance.doctor.patient import UNIT, Patient
from appliance.faults.table import FAULTS
from appliance.session.health import MB, HealthRules

_RULES = HealthRules()
_ROOM_MB = 150.0  # that should be free before the device starts: it may grow to 100
_LEAST_MB = 100.0
_LEAST_BESIDE_MB = 32.0  # while it runs


def disk(patient: Patient) -> Finding:
    """Is there room on the card, and may the state be kept?"""
    there = next(each for each in (patient.state, *patient.state.parents) if each.exists())
    readings = Board(there, patient.root).look()
    free, names = readings.disk_free_bytes, readings.files_free
    if free is None:
        return skipped(f"the file system of {there} does not say how full it is")
    free_mb = round(free / MB, 1)
    figures: Figures = {"free_mb": free_mb, "files_free": names}
    if free < _RULES.disk_low_bytes or (names is not None and names < _RULES.files_low):
        return fail(
            f"{free_mb:g} MB are free, which is too little", cure_of("disk_full"), **figures
        )
    if there != patient.state:
        said = (
            f"{free_mb:g} MB free; {patient.state} does not exist: costs and calibration are lost"
        )
        return warn(said, f"make it (the service does), or: mkdir -p {patient.state}", **figures)
    if free < _RULES.disk_fine_bytes:
        return warn(f"only {free_mb:g} MB are free", cure_of("disk_full"), **figures)
    if _is_read_only(there):
        return fail(f"{there} is on a file system that is read-only", cure_of("state_not_saved"))
    return ok(f"{free_mb:g} MB free", **figures)


def _is_read_only(directory: Path) -> bool:
    return bool(os.statvfs(directory).f_flag & os.ST_RDONLY)


def memory(patient: Patient) -> Finding:
    """Is there memory for the device?"""
    told = _meminfo(patient.root)
    if "MemAvailable" not in told:
        return skipped("the kernel does not say how much memory there is")
    free_mb, all_mb = (round(told.get(n, 0) * 1024 / MB, 1) for n in ("MemAvailable", "MemTotal"))
    resident = ((patient.snapshot or {}).get("board") or {}).get("resident_mb")
    figures: Figures = {"available_mb": free_mb, "total_mb": all_mb, "device_mb": resident}
    said = f"{free_mb:g} of {all_mb:g} MB available"
    if resident is not None:
        said += f"; the device takes {resident:g} MB"
    least, wanted = (_LEAST_BESIDE_MB,) * 2 if patient.runs else (_LEAST_MB, _ROOM_MB)
    cure = "end other programs on this machine, or restart it"
    if free_mb < least:
        return fail(said, cure, **figures)
    critical_mb = _RULES.memory_critical_mb
    if free_mb < wanted or (resident is not None and resident >= critical_mb):
        return warn(said, cure if free_mb < wanted else cure_of("memory_high"), **figures)
    return ok(said, **figures)


def _meminfo(root: Path) -> dict[str, int]:
    """Return proc(5)'s meminfo, in KiB."""
    try:
        lines = (root / "proc/meminfo").read_text("ascii", "replace").splitlines()
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {name: int(value.split()[0]) for name, value in pairs if value.split()[:1] != []}


def temperature(patient: Patient) -> Finding:
    """Is the processor cool enough to run at its full speed?"""
    readings = Board(patient.state, patient.root).look()
    degrees = readings.temperature_c
    if degrees is None:
        return skipped("this machine has no sensor that the kernel knows")
    figures: Figures = {"temperature_c": round(degrees, 1), "throttled": readings.throttled}
    said = f"{degrees:.1f} °C" + (", slowed down by the firmware" if readings.throttled else "")
    if degrees >= _RULES.hot_c:
        return fail(said, cure_of("too_hot"), **figures)
    if degrees >= _RULES.cool_c or readings.throttled:
        return warn(said, cure_of("too_hot"), **figures)
    return ok(said, **figures)


def supply(patient: Patient) -> Finding:
    """Does the board get the voltage that it needs?"""
    undervolted = Board(patient.state, patient.root).look().undervolted
    if undervolted is None:
        return skipped("this machine does not measure its supply (a Raspberry Pi does)")
    if undervolted:
        said = "the voltage is too low at this moment"
        return fail(said, cure_of("undervoltage"), undervolted=True)
    return ok("the voltage is right", undervolted=False)


def service(patient: Patient) -> Finding:
    """Does the device run, and what does it say of itself?"""
    told, unit = patient.snapshot, patient.unit
    figures: Figures = {"unit": unit, "answers": told is not None}
    log = f"journalctl -u {UNIT} -n 50 tells why"
    if told is not None:
        return _by_its_own_word(told, unit)
    if unit in ("active", "reloading"):
        said = f"systemd calls it {unit}, but: {patient.why_no_snapshot}"
        return fail(said, f"systemctl restart {UNIT}; {log}", **figures)
    if unit == "failed":
        return fail("it has failed, and systemd tries no longer", f"systemctl start {UNIT}; {log}")
    if unit:
        return warn(f"it does not run ({unit})", f"systemctl enable --now {UNIT}", **figures)
    return skipped("no unit is installed, and nobody runs the device by hand", **figures)


def _by_its_own_word(told: dict[str, Any], unit: str) -> Finding:
    names = [str(each.get("fault", "")) for each in told.get("faults") or []]
    uptime_s = float(told.get("uptime_s") or 0.0)
    how = f"runs since {_duration(uptime_s)}" + ("" if unit else ", by hand")
    link = (told.get("link") or {}).get("state", "unknown")
    said = f"{how}; {told.get('state', 'unknown')}, link {link}"
    figures: Figures = {
        "unit": unit,
        "answers": True,
        "faults": names,
        "uptime_s": round(uptime_s, 1),
    }
    if names:
        cures = [FAULTS[name].sentence for name in names if name in FAULTS]
        return fail(f"{said}; faults: {', '.join(names)}", first_of(cures, 2), **figures)
    if not told.get("well", True):
        return warn(f"{said}; it does not call itself well", "appliance status", **figures)
    return ok(said, **figures)


def _duration(seconds: float) -> str:
    for unit_s, name in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= unit_s:
            return f"{seconds / unit_s:.1f} {name}"
    return f"{seconds:.0f} s"
