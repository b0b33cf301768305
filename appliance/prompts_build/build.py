"""Render the prompts into a directory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.errors import ApplianceError
from appliance.prompts.catalogue import spoken
from appliance.prompts.keys import PROMPTS
from appliance.prompts.store import sound_path
from appliance.prompts_build.encoder import encode
from appliance.prompts_build.espeak import Voice
from appliance.prompts_build.manifest import (
    FILE_NAME,
    Entry,
    Manifest,
    digest,
    manifest_text,
    read_manifest,
)
from appliance.prompts_build.sound import finished
from appliance.units import samples_to_ms

VARIANT = "f2"  # of espeak-ng's; the best understood (docs/prompts.md)
LONGEST_MS = 4000  # nobody waits for longer
# Rates at which each language is about as fast as people speak it; "pt" is Brazilian.
VOICES = MappingProxyType(
    {
        "en": Voice("en-us", 165),
        "es": Voice("es", 165),
        "fr": Voice("fr", 160),
        "de": Voice("de", 165),
        "ja": Voice("ja", 200),
        "zh": Voice("cmn", 200),
        "pt": Voice("pt-br", 180),
        "ru": Voice("ru", 165),
    }
)


class Engine(Protocol):
    """A synthesiser."""

    version: str
    rate_hz: int

    def speak(self, text: str, voice: Voice) -> NDArray[np.float32]: ...


def build(
    engine: Engine,
    languages: Iterable[str],
    directory: Path,
    *,
    variant: str = VARIANT,
    keys: Iterable[str] = tuple(PROMPTS),
    progress: Callable[[str], None] = lambda _: None,
) -> Manifest:
    """Render `keys` in `languages`, beside what the directory has of others.

    Each file is put in place whole, and the manifest last: who reads meanwhile, or after we were
    stopped, finds old or new sounds, and a manifest that is right or one build behind.

    Args:
        variant: one of the synthesiser's own of its voices, such as "f2"; "" for none.

    Raises:
        ApplianceError: the directory cannot be written, or a sentence is longer than LONGEST_MS.
        UsageError: no such prompt, language or voice.
    """
    keys = tuple(keys)
    before = read_manifest(directory)
    entries = {code: dict(of) for code, of in before.entries.items()} if before else {}
    for language in languages:
        rendered = entries.setdefault(language, {})
        for key in keys:
            text = spoken(key, language)
            samples = render(engine, text, voice_for(language, variant))
            ms = samples_to_ms(len(samples))
            if ms > LONGEST_MS:
                raise ApplianceError(f"{key} in {language} is {ms} ms long: shorten the sentence")
            content = encode(samples)
            _put(sound_path(directory, key, language), content)
            rendered[key] = Entry(digest(content), text, ms)
        progress(f"{language}: {len(keys)} prompts")
    manifest = Manifest(f"espeak-ng {engine.version}", version("voice-appliance"), entries)
    _put(directory / FILE_NAME, manifest_text(manifest).encode())
    return manifest


def render(engine: Engine, text: str, voice: Voice) -> NDArray[np.float32]:
    """Return one sentence as it will be played: shape (n,), float32, 24 kHz."""
    return finished(engine.speak(text, voice), engine.rate_hz)


def voice_for(language: str, variant: str = VARIANT) -> Voice:
    """Return who speaks a language.

    Args:
        language: of keys.LANGUAGES.
        variant: see `build`.
    """
    voice = VOICES[language]
    name = f"{voice.name}+{variant}" if variant else voice.name
    return Voice(name, voice.words_per_minute, voice.pitch)


def _put(path: Path, content: bytes) -> None:
    beside = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        raise ApplianceError(f"{path}: {error.strerror}") from error
