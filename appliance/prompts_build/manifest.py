"""What was rendered, and from what: `manifest.json` beside the sounds.

The daemon does not need it: each sound has its own checksum.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

FILE_NAME = "manifest.json"
FORMAT = 1  # of the manifest; others are not read


@dataclass(frozen=True, slots=True)
class Entry:
    """One rendered prompt."""

    sha256: str  # of the file
    text: str  # what the synthesiser was given
    ms: int


@dataclass(frozen=True, slots=True)
class Manifest:
    engine: str = ""  # name and version
    version: str = ""  # of this package
    entries: Mapping[str, Mapping[str, Entry]] = field(default_factory=dict)  # by language and key

    def entry(self, key: str, language: str) -> Entry | None:
        return self.entries.get(language, {}).get(key)


def digest(content: bytes) -> str:
    """Return what `Entry.sha256` is of."""
    return hashlib.sha256(content).hexdigest()


def read_manifest(directory: Path) -> Manifest | None:
    """Return the manifest, None where there is none that can be read."""
    try:
        told = json.loads((directory / FILE_NAME).read_text("utf-8"))
        if told["format"] != FORMAT:
            return None
        return Manifest(
            told["engine"],
            told["version"],
            {
                language: {
                    key: Entry(e["sha256"], e["text"], int(e["ms"])) for key, e in of.items()
                }
                for language, of in told["prompts"].items()
            },
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def manifest_text(manifest: Manifest) -> str:
    """Return the content of `manifest.json`; the same for the same manifest."""
    told = {
        "format": FORMAT,
        "engine": manifest.engine,
        "version": manifest.version,
        "prompts": {
            language: {
                key: {"sha256": entry.sha256, "text": entry.text, "ms": entry.ms}
                for key, entry in sorted(of.items())
            }
            for language, of in sorted(manifest.entries.items())
        },
    }
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"
