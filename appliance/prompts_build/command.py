"""`appliance prompts`: render what the device says by itself, list it, and listen to it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import wave
from collections.abc import Mapping, Sequence
from pathlib import Path

from appliance.config import load_settings
from appliance.devices.portaudio import PortAudioSpeaker, SoundSystem
from appliance.errors import HardwareError, UsageError
from appliance.prompts.catalogue import spoken, written
from appliance.prompts.keys import FALLBACK_LANGUAGE, LANGUAGES, PROMPTS
from appliance.prompts.store import Prompts, default_directory, sound_path
from appliance.prompts_build.build import VARIANT, build
from appliance.prompts_build.espeak import Espeak
from appliance.prompts_build.manifest import Manifest, read_manifest
from appliance.units import BYTES_PER_SAMPLE, WIRE_RATE_HZ, pcm_samples, samples_to_ms

EPILOG = """\
examples:
  appliance prompts build                          every prompt in every language
  appliance prompts build --language de --out german
  appliance prompts play no_wifi --language ja     through the loudspeaker of the settings
  appliance prompts play no_wifi --wav no_wifi.wav
  appliance prompts list --language fr

`build`, `list` and `play` use $APPLIANCE_PROMPTS, else appliance/prompts/built, if no directory is
named.
"""
_PATIENCE_S = 5.0  # that the loudspeaker may take longer than the sound lasts


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands."""
    parser.description = "Render, list and play what the device says by itself."
    parser.epilog = EPILOG
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    making = actions.add_parser("build", help="render the prompts")
    making.add_argument(
        "--language", action="append", choices=LANGUAGES, help="only this one; may be repeated"
    )
    making.add_argument("--voice", default=VARIANT, help=f"variant of espeak-ng's ({VARIANT})")
    making.add_argument("--out", type=Path, metavar="DIR", help="where to")
    listing = actions.add_parser("list", help="show every prompt, and whether it was rendered")
    listing.add_argument("--language", choices=LANGUAGES, default=FALLBACK_LANGUAGE)
    listing.add_argument("--json", action="store_true", help="print JSON, all languages")
    playing = actions.add_parser("play", help="let one be heard")
    playing.add_argument("key", metavar="KEY", help="see `appliance prompts list`")
    playing.add_argument("--language", choices=LANGUAGES, default=FALLBACK_LANGUAGE)
    playing.add_argument("--wav", type=Path, metavar="FILE", help="into a file instead")
    playing.add_argument("--config", type=Path, metavar="FILE", help="settings file (TOML)")
    for action in (listing, playing):
        action.add_argument("--from", dest="directory", type=Path, metavar="DIR", help="where from")


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Raises:
        ApplianceError: a file cannot be written, or there is no loudspeaker.
        UsageError: no such prompt, or espeak-ng is missing or too old.
    """
    match args.action:
        case "build":
            return _build(args.language or LANGUAGES, args.out or default_directory(), args.voice)
        case "list":
            return _list(args.directory or default_directory(), args.language, as_json=args.json)
        case _:
            return _play(args)


def _build(languages: Sequence[str], directory: Path, variant: str) -> int:
    engine = Espeak()
    manifest = build(engine, languages, directory, variant=variant, progress=print)
    size = sum(
        sound_path(directory, key, language).stat().st_size
        for language, of in manifest.entries.items()
        for key in of
    )
    seconds = sum(entry.ms for of in manifest.entries.values() for entry in of.values()) / 1000
    print(f"{directory}: {seconds:.0f} s of speech in {size / 1e6:.1f} MB, {manifest.engine}")
    return 0


def _list(directory: Path, language: str, *, as_json: bool) -> int:
    manifest = read_manifest(directory) or Manifest()
    if as_json:
        told = {key: _about(key, manifest) for key in PROMPTS}
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return 0
    width = max(map(len, PROMPTS))
    for key, prompt in PROMPTS.items():
        state = _state(key, language, manifest)
        text = written(key, language)
        print(f"{key:<{width}}  {prompt.severity.value:<8}  {state:<8}  {text}")
    return 0


def _about(key: str, manifest: Manifest) -> Mapping[str, object]:
    prompt = PROMPTS[key]
    return {
        "severity": prompt.severity.value,
        "topic": prompt.topic,
        "fresh_s": prompt.fresh_s,
        "texts": {
            language: {
                "written": written(key, language),
                "spoken": spoken(key, language),
                "state": _state(key, language, manifest),
            }
            for language in LANGUAGES
        },
    }


def _state(key: str, language: str, manifest: Manifest) -> str:
    entry = manifest.entry(key, language)
    if entry is None:
        return "missing"
    return "rendered" if entry.text == spoken(key, language) else "outdated"


def _play(args: argparse.Namespace) -> int:
    text = written(args.key, args.language)
    directory = args.directory or default_directory()
    sound = Prompts(directory).sound(args.key, args.language)
    print(text)
    if sound.language is None:
        print(f"nothing is rendered in {directory} (`appliance prompts build`): tones instead")
    elif sound.language != args.language:
        print(f"not rendered in {args.language}: in {sound.language} instead")
    if args.wav is not None:
        _write(args.wav, sound.pcm)
    else:
        settings = load_settings(args.config, os.environ)
        asyncio.run(_sound(sound.pcm, settings.hardware.speaker, settings.voice.volume))
    return 0


def _write(path: Path, pcm: bytes) -> None:
    try:
        with path.open("wb") as raw, wave.open(raw, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(BYTES_PER_SAMPLE)
            file.setframerate(WIRE_RATE_HZ)
            file.writeframes(pcm)
    except OSError as error:
        raise UsageError(f"--wav {path}: {error.strerror}") from error


async def _sound(pcm: bytes, selector: str, volume: float) -> None:
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def drained() -> None:
        if not ended.done():
            ended.set_result(None)

    def lost(why: str) -> None:
        if not ended.done():
            ended.set_exception(HardwareError(why))

    with SoundSystem() as system:
        speaker = PortAudioSpeaker(system, selector)
        speaker.set_volume(volume)
        speaker.start(lambda _: None, drained, lost)
        try:
            speaker.play("prompt", pcm)
            patience_s = samples_to_ms(pcm_samples(pcm)) / 1000 + _PATIENCE_S
            async with asyncio.timeout(patience_s):
                await ended
        except TimeoutError:
            raise HardwareError("the loudspeaker does not come to an end") from None
        finally:
            speaker.stop()
