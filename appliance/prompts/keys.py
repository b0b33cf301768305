"""The prompts by name: how urgent each is, what it is about, how long it stays worth saying."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from appliance.faults import Severity

LANGUAGES = ("en", "es", "fr", "de", "ja", "zh", "pt", "ru")
FALLBACK_LANGUAGE = "en"
FRESH_S = {
    Severity.HARMLESS: 5.0,
    Severity.NOTICE: 120.0,
    Severity.TURN: 5.0,  # the person has moved on
    Severity.STANDING: 60.0,
    Severity.FINAL: 60.0,
}


@dataclass(frozen=True, slots=True)
class Prompt:
    """One thing to say; the words are in `catalogue`."""

    key: str
    severity: Severity
    topic: str  # of two about one topic, the later one knows better
    fresh_s: float  # how long it may wait for its moment


def _prompts(topic: str, severity: Severity, *keys: str, fresh_s: float = 0.0) -> list[Prompt]:
    return [Prompt(key, severity, topic, fresh_s or FRESH_S[severity]) for key in keys]


_ALL = [
    *_prompts(
        "connection", Severity.STANDING,
        "no_wifi", "no_internet", "captive_portal", "clock_wrong", "tls_failed", "service_away",
        "offline_now", "still_offline",
    ),
    *_prompts("connection", Severity.NOTICE, "back_online", fresh_s=20.0),
    *_prompts(
        "turn", Severity.TURN,
        "answer_lost", "no_answer", "speech_dropped", "rate_limited", "service_trouble",
        "tool_failed", "too_short", "microphone_silent",
    ),
    *_prompts("speech", Severity.NOTICE, "speech_partly_lost"),
    *_prompts(
        "account", Severity.FINAL,
        "key_missing", "key_invalid", "quota", "account", "model_gone", "outdated",
        "service_refused",
    ),
    *_prompts("microphone", Severity.STANDING, "microphone_missing", "microphone_lost"),
    *_prompts("microphone", Severity.NOTICE, "microphone_back", fresh_s=20.0),
    *_prompts("loudness", Severity.NOTICE, "microphone_clipping"),
    *_prompts("speaker", Severity.NOTICE, "speaker_back", fresh_s=20.0),
    *_prompts("button", Severity.STANDING, "button_stuck"),
    *_prompts("disk", Severity.STANDING, "disk_full"),
    *_prompts("memory", Severity.NOTICE, "memory_high"),
    *_prompts("heat", Severity.STANDING, "too_hot"),
    *_prompts("power", Severity.STANDING, "undervoltage"),
    *_prompts("settings", Severity.FINAL, "settings_invalid"),
    *_prompts("update", Severity.NOTICE, "update_pending"),
    *_prompts("cost", Severity.NOTICE, "cost_warning"),
    *_prompts("cost", Severity.FINAL, "cost_stop"),
]  # fmt: skip
PROMPTS: Mapping[str, Prompt] = MappingProxyType({each.key: each for each in _ALL})
