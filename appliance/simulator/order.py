"""What one response shall be: the session's settings with response.create's laid over. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.simulator.shape import Json


@dataclass(frozen=True, slots=True)
class Order:
    """One response, before it is made."""

    in_conversation: bool
    modality: str  # "audio" or "text"
    instructions: str
    own_instructions: str | None  # given with response.create alone
    tools: tuple[dict[str, Json], ...]
    tool_choice: Json
    max_output_tokens: int | None  # None: no limit
    metadata: dict[str, str] | None
    voice: Json  # a name, or {"id": …}
    speed: float
    language: str  # for the voice: what the transcription is set to, or English
    input: tuple[dict[str, Json], ...] | None  # None: the whole conversation


def order_of(settings: Json, asked: Json) -> Order:
    """Return the order for `asked`, the checked `response` of response.create or {}."""
    output = settings["audio"]["output"]
    limit = asked.get("max_output_tokens", settings["max_output_tokens"])
    own = asked.get("instructions")
    return Order(
        in_conversation=asked.get("conversation", "auto") != "none",
        modality=asked.get("output_modalities", settings["output_modalities"])[0],
        instructions=settings["instructions"] if own is None else own,
        own_instructions=own,
        tools=tuple(asked.get("tools", settings["tools"])),
        tool_choice=asked.get("tool_choice", settings["tool_choice"]),
        max_output_tokens=None if limit == "inf" else limit,
        metadata=asked.get("metadata"),
        voice=asked.get("audio", {}).get("output", {}).get("voice", output["voice"]),
        speed=output["speed"],
        language=_language(settings["audio"]["input"]["transcription"] or {}),
        input=tuple(asked["input"]) if "input" in asked else None,
    )


def _language(transcription: dict[str, Json]) -> str:
    named = transcription.get("language") or next(iter(transcription.get("languages", [])), "")
    return "en-us" if named in ("", "en") else str(named)
