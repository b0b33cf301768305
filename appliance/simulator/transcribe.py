"""The events that tell what was heard in a user's audio. Pure."""

from __future__ import annotations

from appliance.simulator.schema import TRANSCRIPTION_MODELS_BILLED_BY_TIME
from appliance.simulator.shape import Json
from appliance.simulator.usage import text_tokens, user_audio_tokens

Event = tuple[str, dict[str, Json]]


def transcription_events(
    item_id: str, transcript: str | None, settings: dict[str, Json], sound_ms: int
) -> list[Event]:
    """Return (type, fields) of each event for one item; transcript None: it failed."""
    place: dict[str, Json] = {"item_id": item_id, "content_index": 0}
    prefix = "conversation.item.input_audio_transcription"
    if transcript is None:
        error = {
            "type": "transcription_error",
            "code": "audio_unintelligible",
            "message": "Input transcription failed for this item.",
            "param": None,
        }
        return [(f"{prefix}.failed", {**place, "error": error})]
    words = transcript.split()
    deltas = [word if index == 0 else f" {word}" for index, word in enumerate(words)]
    done: dict[str, Json] = {**place, "transcript": transcript}
    model = settings.get("model", "")
    if model in TRANSCRIPTION_MODELS_BILLED_BY_TIME:
        done["usage"] = {"type": "duration", "seconds": sound_ms / 1000}
    else:
        audio, text = user_audio_tokens(sound_ms), text_tokens(transcript)
        done["usage"] = {
            "type": "tokens",
            "input_tokens": audio,
            "output_tokens": text,
            "total_tokens": audio + text,
            "input_token_details": {"audio_tokens": audio, "text_tokens": 0},
        }
    if model == "gpt-transcribe":
        done["languages"] = [{"code": "en"}]
    return [
        *((f"{prefix}.delta", {**place, "delta": delta}) for delta in deltas),
        (f"{prefix}.completed", done),
    ]
