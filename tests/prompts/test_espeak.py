"""The synthesiser reads each language as that language, and understandably."""

from __future__ import annotations

import re

import pytest

from appliance.errors import UsageError
from appliance.prompts.catalogue import spoken
from appliance.prompts.keys import LANGUAGES, PROMPTS
from appliance.prompts_build import espeak as espeak_module
from appliance.prompts_build.build import LONGEST_MS, VOICES, voice_for
from appliance.prompts_build.espeak import Espeak, Voice
from appliance.prompts_build.sound import finished
from appliance.units import samples_to_ms

ENGLISH_ON_PURPOSE = {("de", "outdated")}  # "Software" is an English word in German too


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_falls_back_on_another_language(espeak, language):
    for key in PROMPTS:
        told = espeak.phonemes(spoken(key, language), VOICES[language])
        assert told.strip(" |_"), key
        assert "(" not in told or (language, key) in ENGLISH_ON_PURPOSE, (key, told)


def test_mandarin_is_read_as_mandarin(espeak):
    """Each character is one syllable with its tone; tones are the numbers in the phonemes."""
    for key in PROMPTS:
        text = spoken(key, "zh")
        told = espeak.phonemes(text, VOICES["zh"])
        assert len(re.findall(r"\d+", told)) == len(re.findall("[一-鿿]", text)), (key, told)
    known = espeak.phonemes("请检查", VOICES["zh"], ipa=True)
    assert re.sub(r"[ˈˌ]", "", known) == "tɕhi2ŋ tɕiɛ2n ts.hɑɜ", "qǐng jiǎn chá"


def test_the_check_would_notice(espeak):
    assert "(en)" in espeak.phonemes("没有 network", VOICES["zh"])
    assert "(en)" in espeak.phonemes("確認", VOICES["ja"]), "kanji are not read"


def test_every_sentence_is_spoken_in_less_than_four_seconds(espeak):
    for language in LANGUAGES:
        voice = voice_for(language)
        for key in PROMPTS:
            samples = finished(espeak.speak(spoken(key, language), voice), espeak.rate_hz)
            assert 500 < samples_to_ms(len(samples)) < LONGEST_MS, (language, key)


def test_the_rate_is_the_voice_s_own(espeak):
    one = espeak.speak("I am connected again.", VOICES["en"])
    espeak.speak("连接恢复了。", VOICES["zh"])
    again = espeak.speak("I am connected again.", VOICES["en"])
    assert len(again) == pytest.approx(len(one), rel=0.01)
    faster = Voice("en-us", 2 * VOICES["en"].words_per_minute)
    assert len(espeak.speak("I am connected again.", faster)) < 0.7 * len(one)


def test_an_unknown_voice_is_said(espeak):
    for name in ("xx-yy", "en-us+nobody"):
        with pytest.raises(UsageError, match=f"no voice {re.escape(name)}"):
            espeak.speak("hello", Voice(name, 160))


def test_an_old_or_absent_library_is_said(monkeypatch):
    monkeypatch.setattr(espeak_module, "OLDEST", (9, 9))
    with pytest.raises(UsageError, match=r"1\.\d+.* is too old, want 9\.9: pip install"):
        Espeak()
    monkeypatch.setattr(espeak_module, "_installed", lambda: ("/no/such.so", None))
    with pytest.raises(UsageError, match="no espeak-ng library"):
        Espeak()
