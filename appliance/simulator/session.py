"""The session's settings: what they are at first, and how an update changes them. Pure."""

from __future__ import annotations

import copy
from typing import Any

from appliance.simulator.schema import SESSION
from appliance.simulator.shape import Json, Refusal, refusal_of

INSTRUCTIONS = (
    "Your knowledge cutoff is 2023-10. You are a helpful, witty, and friendly AI."
    " Act like a human, but remember that you aren't a human."
)
SERVER_VAD: dict[str, Json] = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 200,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
SEMANTIC_VAD: dict[str, Json] = {
    "type": "semantic_vad",
    "eagerness": "auto",
    "create_response": True,
    "interrupt_response": True,
}
# What one eagerness waits for, since no model here judges whether a sentence is over.
SILENCE_MS_BY_EAGERNESS = {"high": 300, "auto": 500, "medium": 500, "low": 1000}


def first_settings(session_id: str, model: str, expires_at: int) -> dict[str, Json]:
    """Return the session object of a new connection. `expires_at` is in Unix seconds."""
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "output_modalities": ["audio"],
        "instructions": INSTRUCTIONS,
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": expires_at,
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": dict(SERVER_VAD),
            },
            "output": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "voice": "alloy",
                "speed": 1.0,
            },
        },
        "include": None,
    }


def update_refusal(
    settings: dict[str, Json], update: dict[str, Json], voice_locked: bool, strict: bool
) -> Refusal | None:
    """Return why `update` (the event's `session`) cannot be applied, or None."""
    if refusal := refusal_of(SESSION, update, "session", strict):
        return refusal
    if update.get("model", settings["model"]) != settings["model"]:
        return Refusal(
            "invalid_value", "The model of a session cannot be updated.", "session.model"
        )
    sound = update.get("audio", {})
    for way in ("input", "output"):
        kind = sound.get(way, {}).get("format", {}).get("type", "audio/pcm")
        if kind != "audio/pcm":
            return Refusal(
                "invalid_value",
                f"This local server takes 'audio/pcm' only, not '{kind}'.",
                f"session.audio.{way}.format.type",
            )
    voice = sound.get("output", {}).get("voice")
    if voice_locked and voice is not None and voice != settings["audio"]["output"]["voice"]:
        return Refusal(
            "cannot_update_voice",
            "Cannot update a conversation's voice if assistant audio is present.",
            None,
        )
    return None


def updated(settings: dict[str, Json], update: dict[str, Json]) -> dict[str, Json]:
    """Return new settings with a checked `update` merged in; null, "" and [] clear."""
    new = _merge(settings, {key: value for key, value in update.items() if key != "type"})
    asked = update.get("audio", {}).get("input", {}).get("turn_detection")
    if asked is not None:
        before = settings["audio"]["input"]["turn_detection"] or {}
        kept = before if before.get("type") == asked["type"] else {}
        defaults = SERVER_VAD if asked["type"] == "server_vad" else SEMANTIC_VAD
        new["audio"]["input"]["turn_detection"] = {**defaults, **kept, **asked}
    return new


# Objects that an update replaces as a whole, because their keys belong to one choice.
_WHOLE = frozenset({"turn_detection", "tool_choice", "tracing", "truncation", "format", "voice"})


def _merge(old: dict[str, Json], update: dict[str, Json]) -> dict[str, Json]:
    new: dict[str, Any] = copy.deepcopy(old)
    for key, value in update.items():
        if isinstance(value, dict) and isinstance(new.get(key), dict) and key not in _WHOLE:
            new[key] = _merge(new[key], value)
        else:
            new[key] = copy.deepcopy(value)
    return new
