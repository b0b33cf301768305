"""What a support bundle is made of, as far as this machine lets us read it; never raises."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from appliance.devices.soundcards import read_cards
from appliance.doctor.patient import UNIT

_WITHIN_S = 20.0
_JOURNAL_LINES = 5000
_KERNEL_LINES = 300
_LONGEST = 1 << 20  # characters of one part
# What somebody said, or was answered: `metrics.log_transcripts` writes that down.
_SPEECH_EVENTS = ("heard", "reply")
_SPEECH = re.compile(r"\s*(?:heard|reply|transcript)\s*:", re.I)
# Fields of the snapshot that the contract has; whatever else comes stays here.
_TOLD = (
    "version", "at", "appliance", "pid", "uptime_s", "well", "state", "light", "link", "faults",
    "recent_faults", "indicators", "spans_ms", "counters", "turns", "cost", "echo", "board",
    "meters", "settings",
)  # fmt: skip
_BOOT_CONFIG = ("boot/firmware/config.txt", "boot/config.txt")
_MODEL = Path("/proc/device-tree/model")


def without_words(snapshot: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the snapshot's known fields; a turn's words are none of them."""
    if snapshot is None:
        return None
    told = {name: value for name, value in snapshot.items() if name in _TOLD}
    turns = [each for each in told.get("turns") or [] if isinstance(each, dict)]
    known = ("turn", "at", "outcome", "said_ms", "release_to_first_sound_ms", "cost_usd")
    told["turns"] = [{name: turn[name] for name in known if name in turn} for turn in turns]
    return told


def journal() -> str:
    """Return the device's lines of the last day, without any that repeat what was said."""
    words = ["journalctl", "--no-pager", "--quiet", "--since=-1d", "-o", "json"]
    words += ["-n", str(_JOURNAL_LINES)]
    # The device's own lines, and systemd's about it.
    fields = (f"_SYSTEMD_UNIT={UNIT}", f"UNIT={UNIT}", "SYSLOG_IDENTIFIER=appliance")
    words += " + ".join(fields).split()
    code, text = _said(*words)
    if code:
        return f"(the journal cannot be read: {text.strip() or 'no reason given'})\n"
    lines = list(_journal_lines(text))
    return "\n".join(lines) + "\n" if lines else "(no line within the last day that you may read)\n"


def _journal_lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if not isinstance(entry, dict):
            continue
        event = str(entry.get("APPLIANCE_EVENT") or "-")
        message = _message(entry)
        if event in _SPEECH_EVENTS or _SPEECH.match(message):
            continue
        yield f"{_moment(entry)} {entry.get('PRIORITY', '-')} {event} {message}"


def _moment(entry: dict[str, Any]) -> str:
    try:
        seconds = int(entry["__REALTIME_TIMESTAMP"]) / 1e6
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return "-"


def _message(entry: dict[str, Any]) -> str:
    """Return the message in one line; journalctl gives bytes as a list of numbers."""
    message = entry.get("MESSAGE", "")
    if isinstance(message, list):
        numbers = [number for number in message if isinstance(number, int) and 0 <= number < 256]
        message = bytes(numbers).decode("utf-8", "replace")
    return " ".join(str(message).split())


def kernel_log() -> str:
    """Return the newest lines of the kernel's log."""
    code, text = _said("dmesg")
    if code:
        return f"(the kernel's log cannot be read: {text.strip()})\n"
    return "\n".join(text.splitlines()[-_KERNEL_LINES:]) + "\n"


def sound_cards(root: Path) -> str:
    """Return the kernel's sound cards, and what their mixers say."""
    parts = []
    for card in read_cards(root):
        ways = [way for way, can in (("captures", card.captures), ("plays", card.plays)) if can]
        parts.append(f"{card}: {', '.join(ways)}\n")
        parts.append(_said("amixer", "-c", str(card.number))[1])
    return "".join(parts) or "(no sound card)\n"


def usb(root: Path) -> str:
    """Return vendor and product of everything on USB; no serial number."""
    lines = []
    for device in sorted((root / "sys/bus/usb/devices").glob("*")):
        vendor, product = (_word(device / name) for name in ("idVendor", "idProduct"))
        if vendor and product:
            lines.append(f"{device.name} {vendor}:{product} {_word(device / 'product')}".rstrip())
    return "\n".join(lines) + "\n" if lines else "(nothing on USB)\n"


def boot_config(root: Path) -> str:
    """Return the Raspberry Pi's config.txt."""
    for name in _BOOT_CONFIG:
        text = _word(root / name)
        if text:
            return text[:_LONGEST] + "\n"
    return "(no config.txt: not a Raspberry Pi)\n"


def board() -> str:
    """Return the board's model, "" where there is no device tree."""
    return _word(_MODEL).rstrip("\0")


def first_line(file: Path, beginning: str) -> str:
    """Return the rest of the first line that begins so, "" if there is none."""
    lines = (line for line in _word(file).splitlines() if line.startswith(beginning))
    return next(lines, "").removeprefix(beginning).strip('"')


def _word(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _said(*words: str) -> tuple[int, str]:
    """Run a program; return its code and its output, or its complaint if it failed."""
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_WITHIN_S,
            check=False,
        )
    except FileNotFoundError:
        return 127, f"there is no {words[0]} here\n"
    except subprocess.TimeoutExpired:
        return 124, f"{words[0]} did not end in time\n"
    except OSError as error:
        return 126, f"{words[0]}: {error.strerror}\n"
    if done.returncode:
        return done.returncode, done.stderr or done.stdout
    return 0, done.stdout[-20 * _LONGEST :]
