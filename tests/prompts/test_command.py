"""`appliance prompts`: build, list, play."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import time
import wave

import numpy as np
import pytest

from appliance.errors import ApplianceError, HardwareError, UsageError
from appliance.prompts.keys import LANGUAGES, PROMPTS
from appliance.prompts.store import Prompts, sound_path
from appliance.prompts_build import build as building
from appliance.prompts_build import command
from appliance.prompts_build.manifest import FILE_NAME, digest, read_manifest
from appliance.units import pcm_samples


def run(*words):
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return command.run(parser.parse_args([str(word) for word in words]))


@pytest.fixture
def few(monkeypatch):
    """Let `build` render two prompts only."""
    monkeypatch.setattr(building.build, "__kwdefaults__", {
        **building.build.__kwdefaults__, "keys": ("no_wifi", "back_online"),
    })  # fmt: skip


def test_build_renders_into_the_directory(few, tmp_path, capsys):
    assert run("build", "--language", "de", "--language", "zh", "--out", tmp_path) == 0
    told = capsys.readouterr().out
    assert "de: 2 prompts" in told
    assert "espeak-ng 1." in told
    manifest = read_manifest(tmp_path)
    assert set(manifest.entries) == {"de", "zh"}
    for language, of in manifest.entries.items():
        for key, entry in of.items():
            content = sound_path(tmp_path, key, language).read_bytes()
            assert entry.sha256 == digest(content)
            pcm = Prompts(tmp_path).pcm(key, language)
            assert entry.ms == pcm_samples(pcm) // 24
    assert list(tmp_path.rglob("*.new")) == []


def test_one_language_is_added_to_the_others(few, tmp_path):
    run("build", "--language", "ja", "--out", tmp_path)
    before = read_manifest(tmp_path).entries["ja"]
    run("build", "--language", "ru", "--out", tmp_path, "--voice", "f3")
    assert read_manifest(tmp_path).entries["ja"] == before
    assert set(read_manifest(tmp_path).entries) == {"ja", "ru"}


def test_the_same_build_gives_the_same_bytes(tmp_path):
    program = (
        "import sys; from pathlib import Path\n"
        "from appliance.prompts_build.build import build\n"
        "from appliance.prompts_build.espeak import Espeak\n"
        "build(Espeak(), ['fr', 'zh'], Path(sys.argv[1]), keys=['no_wifi', 'back_online'])\n"
    )
    for name in ("one", "two"):
        subprocess.run([sys.executable, "-c", program, tmp_path / name], check=True)
    assert len(list((tmp_path / "one").rglob("*.vap"))) == 4
    for path in (tmp_path / "one").rglob("*.*"):
        assert (
            path.read_bytes()
            == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()
        )


def test_another_voice_is_another_sound(few, tmp_path):
    run("build", "--language", "en", "--out", tmp_path / "one")
    run("build", "--language", "en", "--out", tmp_path / "two", "--voice", "m3")
    assert Prompts(tmp_path / "one").pcm("no_wifi", "en") != Prompts(tmp_path / "two").pcm(
        "no_wifi", "en"
    )
    with pytest.raises(UsageError, match="no voice en-us\\+nobody"):
        run("build", "--language", "en", "--out", tmp_path, "--voice", "nobody")


def test_a_place_that_cannot_be_written_is_said(few, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ApplianceError, match=r"Not a directory|File exists"):
        run("build", "--language", "en", "--out", tmp_path / "file")


def test_a_sentence_that_is_too_long_is_refused(espeak, monkeypatch, tmp_path):
    monkeypatch.setattr(building, "spoken", lambda key, language: "and so on " * 20)
    with pytest.raises(ApplianceError, match=r"quota in en is \d+ ms long"):
        building.build(espeak, ["en"], tmp_path, keys=["quota"])
    assert not (tmp_path / FILE_NAME).exists()


@pytest.mark.parametrize("damage", ["{", "[]", '{"format": 2}', '{"format": 1, "prompts": 3}'])
def test_a_manifest_that_cannot_be_read_is_made_anew(few, tmp_path, damage):
    (tmp_path / FILE_NAME).write_text(damage)
    assert read_manifest(tmp_path) is None
    run("build", "--language", "es", "--out", tmp_path)
    assert set(read_manifest(tmp_path).entries) == {"es"}


def test_list_tells_what_is_rendered(rendered, tmp_path, capsys, monkeypatch):
    mine = shutil.copytree(rendered, tmp_path / "p")
    assert run("list", "--language", "de", "--from", mine) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert set(lines) == set(PROMPTS)
    assert "rendered" in lines["offline_now"]
    assert "missing" in lines["quota"]
    monkeypatch.setattr(command, "spoken", lambda key, language: "something new")
    run("list", "--from", mine, "--json")
    told = json.loads(capsys.readouterr().out)
    assert set(told) == set(PROMPTS)
    assert set(told["quota"]["texts"]) == set(LANGUAGES)
    assert told["offline_now"]["texts"]["ja"]["state"] == "outdated"
    assert told["quota"]["severity"] == "final"


def test_play_into_a_file(rendered, tmp_path, capsys):
    out = tmp_path / "out.wav"
    assert run("play", "offline_now", "--language", "ja", "--from", rendered, "--wav", out) == 0
    assert capsys.readouterr().out == "今は接続がありません。続けて試します。\n"
    with wave.open(str(out)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24_000, 1, 2)
        pcm = file.readframes(file.getnframes())
    assert pcm == Prompts(rendered).pcm("offline_now", "ja")


def test_play_says_what_it_does_instead(rendered, tmp_path, capsys):
    run("play", "quota", "--from", rendered, "--wav", tmp_path / "a.wav")
    assert "tones instead" in capsys.readouterr().out
    mine = shutil.copytree(rendered, tmp_path / "p")
    sound_path(mine, "offline_now", "fr").unlink()
    run("play", "offline_now", "--language", "fr", "--from", mine, "--wav", tmp_path / "b.wav")
    assert "not rendered in fr: in en instead" in capsys.readouterr().out
    with pytest.raises(UsageError, match="no prompt nope"):
        run("play", "nope", "--from", rendered)
    with pytest.raises(UsageError, match="--wav"):
        run("play", "quota", "--from", rendered, "--wav", tmp_path)


def test_the_variable_names_the_directory(rendered, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("APPLIANCE_PROMPTS", str(rendered))
    run("play", "offline_now", "--wav", tmp_path / "a.wav")
    assert "instead" not in capsys.readouterr().out


class Speaker:
    """A loudspeaker of which `ending` tells how it ends."""

    def __init__(self, ending):
        self.ending = ending
        self.played = self.volume = None
        self.stopped = False

    def __call__(self, system, selector):
        self.selector = selector
        return self

    def set_volume(self, volume):
        self.volume = volume

    def start(self, sounded, drained, lost):
        self.end = drained if self.ending == "drained" else lambda: lost("unplugged")

    def play(self, item_id, pcm):
        self.played = pcm
        asyncio.get_running_loop().call_soon(self.end)

    def stop(self):
        self.stopped = True


class NoSystem:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


@pytest.mark.parametrize("ending", ["drained", "lost"])
def test_play_through_the_loudspeaker(rendered, monkeypatch, tmp_path, ending):
    settings = tmp_path / "a.toml"
    settings.write_text('[hardware]\nspeaker = "card:somewhere"\n[voice]\nvolume = 0.25\n')
    speaker = Speaker(ending)
    monkeypatch.setattr(command, "PortAudioSpeaker", speaker)
    monkeypatch.setattr(command, "SoundSystem", NoSystem)
    words = ("play", "key_invalid", "--from", rendered, "--config", settings)
    if ending == "drained":
        assert run(*words) == 0
    else:
        with pytest.raises(HardwareError, match="unplugged"):
            run(*words)
    assert speaker.played == Prompts(rendered).pcm("key_invalid", "en")
    assert (speaker.selector, speaker.volume, speaker.stopped) == ("card:somewhere", 0.25, True)


def test_play_through_a_real_sound_card(sound_room, rendered):
    began_s = time.monotonic()
    assert run("play", "back_online", "--from", rendered) == 0
    lasts_s = pcm_samples(Prompts(rendered).pcm("back_online", "en")) / 24_000
    assert time.monotonic() - began_s > lasts_s, "to its end"


def test_what_is_played_is_speech(rendered):
    pcm = np.frombuffer(Prompts(rendered).pcm("back_online", "en"), "<i2") / 32768
    assert -26 < 10 * np.log10(np.mean(pcm**2)) < -18
