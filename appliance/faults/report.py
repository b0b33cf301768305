"""The table of faults for readers: Markdown, JSON, and the catalogue of the systemd journal."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from appliance.faults.fault import Fault, Severity
from appliance.faults.table import FAULTS

_CATALOGUE_WIDTH = 76  # journalctl indents the text by four
_DEFINED_BY = "voice-appliance"
_HEAD = (
    "| Fault | How it is noticed | Severity | Light, flash | Said | What is wrong, what helps |\n"
    "|---|---|---|---|---|---|\n"
)


def markdown() -> str:
    """Return the README's table; what is harmless is left out."""
    rows = (_row(each) for each in FAULTS.values() if each.severity is not Severity.HARMLESS)
    return _HEAD + "".join(rows)


def as_json() -> dict[str, dict[str, str | None]]:
    """Return the whole table, by name."""
    return {
        each.key: {
            "severity": each.severity.value,
            "level": each.severity.level,
            "detected": each.detected,
            "light": each.light.value if each.light else None,
            "flash": each.flash.value if each.flash else None,
            "prompt": each.prompt,
            "message_id": each.message_id,
            "cause": each.cause,
            "cure": each.cure,
        }
        for each in FAULTS.values()
    }


def catalogue(texts: Mapping[str, tuple[str, str]]) -> str:
    """Return a file for `journalctl --update-catalog`.

    It knows the language by the file's name: `appliance.de.catalog`; the one without a language
    is shown to everybody else.

    Args:
        texts: cause and cure of each fault.

    Source: "Journal Message Catalogs", systemd.io.
    """
    entries = (
        f"-- {each.message_id}\n"
        f"Subject: {texts[each.key][0].rstrip('.')}\n"
        f"Defined-By: {_DEFINED_BY}\n"
        f"\n"
        f"{_wrapped(texts[each.key][1])}\n"
        for each in FAULTS.values()
    )
    return "\n".join(entries)


def english() -> dict[str, tuple[str, str]]:
    """Return cause and cure of each fault as the table has them."""
    return {each.key: (each.cause, each.cure) for each in FAULTS.values()}


def in_full(fault: Fault) -> str:
    """Return everything about one fault, for a terminal."""
    rows = {
        "noticed": fault.detected,
        "cause": fault.cause,
        "cure": fault.cure,
        "severity": fault.severity.value,
        "light": _shown(fault) or "none",
        "said": fault.prompt or "nothing",
        "journal": f"journalctl MESSAGE_ID={fault.message_id}",
    }
    return f"{fault.key}\n" + "".join(f"  {name:<9} {text}\n" for name, text in rows.items())


def _row(fault: Fault) -> str:
    said = f"`{fault.prompt}`" if fault.prompt else ""
    cells = (
        f"`{fault.key}`", fault.detected, fault.severity.value, _shown(fault), said, fault.sentence,
    )  # fmt: skip
    return "| " + " | ".join(cells) + " |\n"


def _shown(fault: Fault) -> str:
    signs = [fault.light.value.replace("_", " ")] if fault.light else []
    signs += [f"flash: {fault.flash.value.replace('_', ' ')}"] if fault.flash else []
    return ", ".join(signs)


def _wrapped(text: str) -> str:
    wide = _CATALOGUE_WIDTH
    return textwrap.fill(text, wide, break_long_words=False, break_on_hyphens=False)
