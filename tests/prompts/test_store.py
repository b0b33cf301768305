"""A prompt always sounds: in its language, in English, or as tones."""

from __future__ import annotations

import shutil
from itertools import combinations

import numpy as np
import pytest

from appliance.faults import Severity
from appliance.prompts.codec import decode
from appliance.prompts.keys import LANGUAGES
from appliance.prompts.store import DIRECTORY, Prompts, default_directory, sound_path
from appliance.prompts.tones import LEVEL_DBFS, tone
from appliance.units import WIRE_RATE_HZ


@pytest.fixture
def mine(rendered, tmp_path):
    """The same directory, to be damaged."""
    return shutil.copytree(rendered, tmp_path / "prompts")


def floats(pcm):
    return np.frombuffer(pcm, "<i2") / 32768


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_its_own_sound(rendered, language):
    sound = Prompts(rendered).sound("offline_now", language)
    assert sound.language == language
    samples = decode(sound_path(rendered, "offline_now", language).read_bytes())
    assert np.abs(floats(sound.pcm) - samples).max() <= 0.51 / 32768
    assert 0.5 * WIRE_RATE_HZ < len(samples) < 4 * WIRE_RATE_HZ


@pytest.mark.parametrize("language", ["it", "", "../en", "en-US", "en_GB", "EN"])
def test_another_language_is_english(rendered, language):
    prompts = Prompts(rendered)
    assert prompts.pcm("offline_now", language) == prompts.pcm("offline_now", "en")
    assert prompts.sound("offline_now", language).language == "en"


def test_a_region_is_its_language(rendered):
    assert Prompts(rendered).sound("offline_now", "pt-BR").language == "pt"


@pytest.mark.parametrize("content", [None, b"", b"no sound", "short"])
def test_without_its_file_it_is_english_then_tones(mine, content):
    def damage(language):
        path = sound_path(mine, "key_invalid", language)
        whole = path.read_bytes()
        path.unlink()
        if content is not None:
            path.write_bytes(whole[:-9] if content == "short" else content)

    damage("de")
    assert Prompts(mine).sound("key_invalid", "de").language == "en"
    damage("en")
    sound = Prompts(mine).sound("key_invalid", "de")
    assert sound.language is None
    assert np.abs(floats(sound.pcm) - tone(Severity.FINAL)).max() <= 0.51 / 32768
    assert Prompts(mine).sound("offline_now", "de").language == "de", "the others are there"


def test_a_directory_in_the_place_of_a_file_is_no_error(mine):
    path = sound_path(mine, "offline_now", "en")
    path.unlink()
    path.mkdir()
    assert Prompts(mine).sound("offline_now", "en").language is None


def test_nothing_rendered_is_tones_by_severity(tmp_path):
    prompts = Prompts(tmp_path / "none")
    assert prompts.pcm("offline_now", "de") != prompts.pcm("quota", "de")
    assert prompts.pcm("offline_now", "de") == prompts.pcm("disk_full", "ja")
    assert prompts.pcm("no_such", "de") == prompts.pcm("no_answer", "de")


def test_what_was_read_is_kept(mine):
    prompts = Prompts(mine)
    first = prompts.pcm("offline_now", "fr")
    prompts.preload("ru")
    shutil.rmtree(mine)
    assert prompts.pcm("offline_now", "fr") == first
    assert prompts.sound("key_invalid", "ru").language == "ru"
    assert prompts.sound("key_invalid", "de").language is None


def test_tones_can_be_told_apart_and_are_as_loud_as_speech():
    patterns = {severity: tone(severity) for severity in Severity}
    for one, other in combinations(patterns.values(), 2):
        assert one.shape != other.shape or not np.array_equal(one, other)
    for severity, samples in patterns.items():
        loud = samples[np.abs(samples) > 0.01]
        assert 10 * np.log10(np.mean(loud**2)) == pytest.approx(LEVEL_DBFS, abs=1.5), severity
        assert np.abs(samples[[0, -1]]).max() < 0.01, "no click"
        assert len(samples) < 2 * WIRE_RATE_HZ


def test_the_directory_can_be_named(tmp_path):
    assert default_directory({}) == DIRECTORY
    assert default_directory({"APPLIANCE_PROMPTS": ""}) == DIRECTORY
    assert default_directory({"APPLIANCE_PROMPTS": str(tmp_path)}) == tmp_path
