"""Count tokens by the documented rule. Pure.

1 token per 100 ms of user audio, 1 per 50 ms of assistant audio; text about 4 tokens for
3 words. Each response is billed the whole conversation again; what an earlier request
already held, from its start on and unchanged, counts as cached.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from appliance.simulator.shape import Json

USER_MS_PER_TOKEN = 100
ASSISTANT_MS_PER_TOKEN = 50
TOKENS_PER_WORD = 4 / 3


@dataclass(frozen=True, slots=True)
class Billed:
    """One stretch of a request: the instructions, or one item as it is now."""

    name: str
    text_tokens: int
    audio_tokens: int


def text_tokens(text: str) -> int:
    """Return about how many tokens `text` is."""
    return math.ceil(len(text.split()) * TOKENS_PER_WORD)


def user_audio_tokens(ms: float) -> int:
    """Return the tokens of `ms` of a person's voice."""
    return math.ceil(ms / USER_MS_PER_TOKEN)


def assistant_audio_tokens(ms: float) -> int:
    """Return the tokens of `ms` of the model's voice."""
    return math.ceil(ms / ASSISTANT_MS_PER_TOKEN)


def usage_of(request: list[Billed], earlier: list[Billed], output: Billed) -> dict[str, Json]:
    """Return a response's `usage` object.

    Args:
        request: what this response was made from, in order.
        earlier: what the response before was made from and made, in order.
        output: what this response made.
    """
    same = 0
    while same < min(len(request), len(earlier)) and request[same] == earlier[same]:
        same += 1
    text, audio = _sums(request)
    cached_text, cached_audio = _sums(request[:same])
    total_out = output.text_tokens + output.audio_tokens
    return {
        "total_tokens": text + audio + total_out,
        "input_tokens": text + audio,
        "output_tokens": total_out,
        "input_token_details": {
            "text_tokens": text,
            "audio_tokens": audio,
            "image_tokens": 0,
            "cached_tokens": cached_text + cached_audio,
            "cached_tokens_details": {
                "text_tokens": cached_text,
                "audio_tokens": cached_audio,
                "image_tokens": 0,
            },
        },
        "output_token_details": {
            "text_tokens": output.text_tokens,
            "audio_tokens": output.audio_tokens,
        },
    }


def _sums(parts: list[Billed]) -> tuple[int, int]:
    return sum(p.text_tokens for p in parts), sum(p.audio_tokens for p in parts)
