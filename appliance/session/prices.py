"""What the service's tokens cost. Pure, and exact: money is counted in whole picodollars.

Sources: the service's pages on the costs of its Realtime API and on each model. A person's voice
is 1 token per 100 ms, the model's 1 per 50 ms; each response is billed the whole conversation
again, what an earlier one had at the cached rate.
"""

from __future__ import annotations

from dataclasses import dataclass

PICO = 10**12  # picodollars in a dollar
SAID_MS_PER_TOKEN = 100
REPLY_MS_PER_TOKEN = 50


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one response, or of many, by what they cost; each at least 0."""

    audio_in: int = 0  # heard for the first time
    audio_cached: int = 0
    audio_out: int = 0
    text_in: int = 0
    text_cached: int = 0
    text_out: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            self.audio_in + other.audio_in,
            self.audio_cached + other.audio_cached,
            self.audio_out + other.audio_out,
            self.text_in + other.text_in,
            self.text_cached + other.text_cached,
            self.text_out + other.text_out,
        )

    @property
    def audio(self) -> int:
        return self.audio_in + self.audio_cached + self.audio_out


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars per million tokens; of the transcript, per minute. Of gpt-realtime-2.1-mini."""

    audio_input_usd: float = 10.0
    audio_cached_usd: float = 0.30
    audio_output_usd: float = 20.0
    text_input_usd: float = 0.60
    text_cached_usd: float = 0.06
    text_output_usd: float = 2.40
    transcription_usd: float = 0.006

    def of_tokens(self, tokens: Tokens) -> int:
        """Return what they cost, in picodollars."""
        return (
            tokens.audio_in * _each(self.audio_input_usd)
            + tokens.audio_cached * _each(self.audio_cached_usd)
            + tokens.audio_out * _each(self.audio_output_usd)
            + tokens.text_in * _each(self.text_input_usd)
            + tokens.text_cached * _each(self.text_cached_usd)
            + tokens.text_out * _each(self.text_output_usd)
        )

    def of_transcript(self, ms: int) -> int:
        """Return what it costs to write down so much of a person's voice, in picodollars."""
        return max(0, ms) * round(self.transcription_usd * PICO) // 60_000


def _each(usd_per_million: float) -> int:
    return round(usd_per_million * PICO / 1e6)


def tokens_of(
    *,
    input_tokens: int,
    input_audio: int,
    input_text: int,
    cached: int,
    cached_audio: int,
    cached_text: int,
    output_tokens: int,
    output_audio: int,
    output_text: int,
) -> Tokens:
    """Return a response's tokens by price, from the counts of its `usage`.

    Whatever the counts say, no token of the two totals is lost. What an itemised bill leaves out
    (reasoning, images) is text; a bill that is not itemised is all audio, as the dearest. Cached
    tokens whose kind is not said are text first, which saves the least.
    """
    audio, text = _itemised(input_tokens, input_audio, input_text)
    old_audio = _within(cached_audio, audio)
    old_text = _within(cached_text, text)
    unsaid = max(0, cached - old_audio - old_text)
    more_text = min(unsaid, text - old_text)
    old_text += more_text
    old_audio += min(unsaid - more_text, audio - old_audio)
    audio_out, text_out = _itemised(output_tokens, output_audio, output_text)
    return Tokens(audio - old_audio, old_audio, audio_out, text - old_text, old_text, text_out)


def _itemised(total: int, audio: int, text: int) -> tuple[int, int]:
    audio, text = max(0, audio), max(0, text)
    rest = max(0, total - audio - text)
    return (audio, text + rest) if audio or text else (rest, 0)


def _within(part: int, whole: int) -> int:
    return min(max(0, part), whole)


def estimate(said_ms: int, reply_ms: int, earlier: Tokens) -> Tokens:
    """Return the tokens of a response without a bill, by the documented rule.

    Args:
        said_ms: what a person said for it, as far as it was sent.
        reply_ms: what came of its answer.
        earlier: what the conversation held before.
    """
    return Tokens(
        audio_in=-(-max(0, said_ms) // SAID_MS_PER_TOKEN),
        audio_out=-(-max(0, reply_ms) // REPLY_MS_PER_TOKEN),
        audio_cached=earlier.audio,
        text_cached=earlier.text_in + earlier.text_cached + earlier.text_out,
    )
