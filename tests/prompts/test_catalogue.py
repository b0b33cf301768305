"""Every sentence exists in every language, for people and for the synthesiser."""

from __future__ import annotations

import re

import pytest

from appliance.errors import UsageError
from appliance.faults import FAULTS
from appliance.prompts.catalogue import WRITTEN, spoken, written
from appliance.prompts.keys import FALLBACK_LANGUAGE, LANGUAGES, PROMPTS

SCRIPTS = {
    "en": r"[A-Za-z]",
    "es": r"[A-Za-záéíóúñüÁÉÍÓÚ]",
    "fr": r"[A-Za-zàâçéèêëîïôûùœÉÀÇ]",
    "de": r"[A-Za-zäöüßÄÖÜ]",
    "ja": r"[ぁ-ゖァ-ヺーー一-鿿]",
    "zh": r"[一-鿿]",
    "pt": r"[A-Za-zàáâãçéêíóôõúÀÁÉ]",
    "ru": r"[А-Яа-яЁё]",
}
ANNOUNCEMENTS = {"back_online", "microphone_back", "speaker_back"}  # of something good


def test_the_languages_are_those_of_the_settings():
    from appliance.config.dialogue import SEED_LANGUAGES

    assert set(LANGUAGES) == {language.code for language in SEED_LANGUAGES.values()}
    assert set(WRITTEN) == set(LANGUAGES)
    assert FALLBACK_LANGUAGE in LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_prompt_is_written_and_in_the_right_script(language):
    assert list(WRITTEN[language]) == list(WRITTEN["en"])
    assert set(WRITTEN[language]) == set(PROMPTS)
    for key in PROMPTS:
        for text in (written(key, language), spoken(key, language)):
            assert re.fullmatch(f"(?:{SCRIPTS[language]}|[ '’,.、。-])+", text), (key, text)
            assert text[-1] in ".。", (key, text)
            assert 1 <= len(re.findall(r"[.。]", text)) <= 2, (key, text)
    texts = [written(key, language) for key in PROMPTS]
    assert len(set(texts)) == len(texts), "each can be told from the others"


def test_japanese_is_spoken_from_kana():
    for key in PROMPTS:
        assert re.fullmatch(r"[ぁ-ゖァ-ヺー 、。]+", spoken(key, "ja")), key
        assert written(key, "ja") != spoken(key, "ja")


def test_every_prompt_has_a_use_and_every_fault_its_prompt():
    used = {fault.prompt for fault in FAULTS.values() if fault.prompt}
    assert used | ANNOUNCEMENTS == set(PROMPTS)
    for fault in FAULTS.values():
        if fault.prompt:
            assert PROMPTS[fault.prompt].severity is fault.severity, fault.key


def test_every_prompt_stays_fresh_for_a_while():
    assert all(each.fresh_s >= 5.0 for each in PROMPTS.values())
    assert PROMPTS["back_online"].topic == PROMPTS["offline_now"].topic
    assert PROMPTS["microphone_back"].topic == PROMPTS["microphone_lost"].topic


def test_what_is_not_there_is_said():
    with pytest.raises(UsageError, match="no language xx"):
        written("no_wifi", "xx")
    with pytest.raises(UsageError, match="no prompt nope"):
        spoken("nope", "en")
