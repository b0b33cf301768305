"""What each client event of the GA interface may hold: keys, types, ranges.

Written from the API's reference alone and kept apart from the device's own wire types,
so that a mistake made there is not repeated here.
"""

from __future__ import annotations

from appliance.simulator.shape import (
    Anything,
    ByType,
    Either,
    Fields,
    Flag,
    Items,
    Null,
    Number,
    Shape,
    Text,
)

VOICES = (
    "alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar",
)  # fmt: skip
TRANSCRIPTION_MODELS_BILLED_BY_TIME = ("whisper-1",)
COUNT_MAX = 2**31


def _or_null(*shapes: Shape) -> Shape:
    return Either((*shapes, Null()))


PCM = Fields({"type": Text(("audio/pcm",)), "rate": Number(24000, 24000, whole=True)}, ("type",))
FORMAT = ByType(
    {
        "audio/pcm": PCM,
        "audio/pcmu": Fields({"type": Text()}),
        "audio/pcma": Fields({"type": Text()}),
    }
)
VOICE = Either((Text(VOICES), Fields({"id": Text()}, ("id",))))
SPEED = Number(0.25, 1.5)
MODALITIES = Items(Text(("audio", "text")), exactly_one=True)
MAX_OUTPUT_TOKENS = Either((Number(1, 4096, whole=True), Text(("inf",))))
REASONING = Fields({"effort": Text(("minimal", "low", "medium", "high", "xhigh"))})
PROMPT = Fields({"id": Text(), "variables": Anything(), "version": Anything()}, ("id",))

TURN_DETECTION = ByType(
    {
        "server_vad": Fields(
            {
                "type": Text(),
                "threshold": Number(0, 1),
                "prefix_padding_ms": Number(0, 10_000, whole=True),
                "silence_duration_ms": Number(0, 10_000, whole=True),
                "idle_timeout_ms": _or_null(Number(5000, 30_000, whole=True)),
                "create_response": Flag(),
                "interrupt_response": Flag(),
            }
        ),
        "semantic_vad": Fields(
            {
                "type": Text(),
                "eagerness": Text(("low", "medium", "high", "auto")),
                "create_response": Flag(),
                "interrupt_response": Flag(),
            }
        ),
    }
)
TRANSCRIPTION = Fields(
    {
        "model": Text(),
        "language": Text(),
        "languages": Items(Text()),
        "keywords": Items(Text()),
        "prompt": Text(),
        "delay": Text(("minimal", "low", "medium", "high", "xhigh")),
    }
)
NOISE_REDUCTION = Fields({"type": Text(("near_field", "far_field")), "strength": Number(0, 1)})
TRUNCATION = Either(
    (
        Text(("auto", "disabled")),
        Fields(
            {
                "type": Text(("retention_ratio",)),
                "retention_ratio": Number(0, 1),
                "token_limits": Fields({"post_instructions": Number(0, COUNT_MAX, whole=True)}),
            },
            ("type", "retention_ratio"),
        ),
    )
)
TRACING = Either(
    (
        Text(("auto",)),
        Fields({"group_id": Text(), "metadata": Anything(), "workflow_name": Text()}),
    )
)
FUNCTION = Fields(
    {"type": Text(), "name": Text(), "description": Text(), "parameters": Anything()}, ("name",)
)
MCP_KEYS: dict[str, Shape] = dict.fromkeys(
    (
        "allowed_callers", "allowed_tools", "authorization", "connector_id", "defer_loading",
        "headers", "require_approval", "server_description", "server_url", "tunnel_id",
    ),
    Anything(),
)  # fmt: skip
TOOLS = Items(
    ByType(
        {
            "function": FUNCTION,
            "mcp": Fields({"type": Text(), "server_label": Text(), **MCP_KEYS}, ("server_label",)),
        }
    )
)
TOOL_CHOICE = Either(
    (
        Text(("none", "auto", "required")),
        ByType(
            {
                "function": Fields({"type": Text(), "name": Text()}, ("name",)),
                "mcp": Fields(
                    {"type": Text(), "server_label": Text(), "name": _or_null(Text())},
                    ("server_label",),
                ),
            }
        ),
    )
)

SESSION = Fields(
    {
        "type": Text(("realtime",)),
        "model": Text(),
        "instructions": Text(),
        "output_modalities": MODALITIES,
        "audio": Fields(
            {
                "input": Fields(
                    {
                        "format": FORMAT,
                        "transcription": _or_null(TRANSCRIPTION),
                        "noise_reduction": _or_null(NOISE_REDUCTION),
                        "turn_detection": _or_null(TURN_DETECTION),
                    }
                ),
                "output": Fields({"format": FORMAT, "voice": VOICE, "speed": SPEED}),
            }
        ),
        "max_output_tokens": MAX_OUTPUT_TOKENS,
        "truncation": TRUNCATION,
        "tracing": _or_null(TRACING),
        "tools": TOOLS,
        "tool_choice": TOOL_CHOICE,
        "include": _or_null(Items(Text(("item.input_audio_transcription.logprobs",)))),
        "reasoning": REASONING,
        "parallel_tool_calls": Flag(),
        "prompt": _or_null(PROMPT),
    },
    ("type",),
)

_ITEM_KEYS: dict[str, Shape] = {
    "id": Text(),
    "object": Text(("realtime.item",)),
    "type": Text(),
    "status": Text(("completed", "incomplete", "in_progress")),
}
_INPUT_TEXT = Fields({"type": Text(), "text": Text()}, ("text",))


def _message(role: str, contents: dict[str, Shape]) -> Shape:
    keys = {**_ITEM_KEYS, "role": Text((role,)), "content": Items(ByType(contents))}
    return Fields(keys, ("content",))


MESSAGE = ByType(
    {
        "system": _message("system", {"input_text": _INPUT_TEXT}),
        "user": _message(
            "user",
            {
                "input_text": _INPUT_TEXT,
                "input_audio": Fields(
                    {"type": Text(), "audio": Text(), "transcript": _or_null(Text())}, ("audio",)
                ),
                "input_image": Fields(
                    {"type": Text(), "image_url": Text(), "detail": Text(("auto", "low", "high"))},
                    ("image_url",),
                ),
            },
        ),
        "assistant": _message(
            "assistant",
            {"output_text": Fields({"type": Text(), "text": Text()}, ("text",))},
        ),
    },
    tag="role",
)
ITEM = ByType(
    {
        "message": MESSAGE,
        "function_call": Fields(
            {**_ITEM_KEYS, "call_id": Text(), "name": Text(), "arguments": Text()},
            ("name", "arguments"),
        ),
        "function_call_output": Fields(
            {**_ITEM_KEYS, "call_id": Text(), "output": Text()}, ("call_id", "output")
        ),
    }
)
REFERENCE = Fields({"type": Text(), "id": Text()}, ("id",))

RESPONSE = Fields(
    {
        "audio": Fields({"output": Fields({"format": FORMAT, "voice": VOICE})}),
        "conversation": Text(("auto", "none")),
        "input": Items(ByType({**ITEM.shapes, "item_reference": REFERENCE})),
        "instructions": Text(),
        "max_output_tokens": MAX_OUTPUT_TOKENS,
        "metadata": _or_null(Fields(open_keys=Text())),
        "output_modalities": MODALITIES,
        "parallel_tool_calls": Flag(),
        "prompt": _or_null(PROMPT),
        "reasoning": REASONING,
        "tool_choice": TOOL_CHOICE,
        "tools": TOOLS,
    }
)


def _event(keys: dict[str, Shape] | None = None, required: tuple[str, ...] = ()) -> Shape:
    return Fields({"type": Text(), "event_id": Text(), **(keys or {})}, required)


_INDEX = Number(0, COUNT_MAX, whole=True)
CLIENT_EVENT = ByType(
    {
        "session.update": _event({"session": SESSION}, ("session",)),
        "input_audio_buffer.append": _event({"audio": Text()}, ("audio",)),
        "input_audio_buffer.commit": _event(),
        "input_audio_buffer.clear": _event(),
        "output_audio_buffer.clear": _event(),
        "conversation.item.create": _event(
            {"item": ITEM, "previous_item_id": _or_null(Text())}, ("item",)
        ),
        "conversation.item.delete": _event({"item_id": Text()}, ("item_id",)),
        "conversation.item.retrieve": _event({"item_id": Text()}, ("item_id",)),
        "conversation.item.truncate": _event(
            {"item_id": Text(), "content_index": _INDEX, "audio_end_ms": _INDEX},
            ("item_id", "content_index", "audio_end_ms"),
        ),
        "response.create": _event({"response": RESPONSE}),
        "response.cancel": _event({"response_id": Text()}),
    }
)
CLIENT_SECRET = Fields(
    {
        "expires_after": Fields(
            {"anchor": Text(("created_at",)), "seconds": Number(10, 7200, whole=True)}
        ),
        "session": SESSION,
    }
)
