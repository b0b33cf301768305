"""What each prompt says, in eight languages: for people, and for the synthesiser.

Sentences are short (less than 4 s), calm, and say what is wrong and then what to do. The daemon
does not import this: it plays what was rendered from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from appliance.errors import UsageError
from appliance.prompts.keys import PROMPTS
from appliance.prompts.texts_de import GERMAN
from appliance.prompts.texts_en import ENGLISH
from appliance.prompts.texts_es import SPANISH
from appliance.prompts.texts_fr import FRENCH
from appliance.prompts.texts_ja import JAPANESE, JAPANESE_IN_KANA
from appliance.prompts.texts_pt import PORTUGUESE
from appliance.prompts.texts_ru import RUSSIAN
from appliance.prompts.texts_zh import MANDARIN

WRITTEN: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "en": ENGLISH,
        "es": SPANISH,
        "fr": FRENCH,
        "de": GERMAN,
        "ja": JAPANESE,
        "zh": MANDARIN,
        "pt": PORTUGUESE,
        "ru": RUSSIAN,
    }
)
# Only where a synthesiser would stumble over what people read.
_SPOKEN: Mapping[str, Mapping[str, str]] = MappingProxyType({"ja": JAPANESE_IN_KANA})


def written(key: str, language: str) -> str:
    """Return a prompt as people read it.

    Raises:
        UsageError: no such prompt, or no such language.
    """
    if language not in WRITTEN:
        raise UsageError(f"no language {language}; there are {', '.join(WRITTEN)}")
    if key not in PROMPTS:
        raise UsageError(f"no prompt {key}; `appliance prompts list` shows them")
    return WRITTEN[language][key]


def spoken(key: str, language: str) -> str:
    """Return a prompt as the synthesiser is given it.

    Raises:
        UsageError: no such prompt, or no such language.
    """
    text = written(key, language)
    return _SPOKEN.get(language, {}).get(key, text)
