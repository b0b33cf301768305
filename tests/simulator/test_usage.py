"""Tokens by the documented rule."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.simulator.usage import (
    Billed,
    assistant_audio_tokens,
    text_tokens,
    usage_of,
    user_audio_tokens,
)

PARTS = st.lists(
    st.builds(Billed, st.sampled_from("abc"), st.integers(0, 99), st.integers(0, 99)), max_size=5
)
OUTPUT = Billed("", 3, 20)


def test_the_rule():
    assert user_audio_tokens(1000) == 10
    assert assistant_audio_tokens(1000) == 20
    assert text_tokens("one two three") == 4
    assert text_tokens("") == 0


def test_a_changed_item_ends_the_cached_prefix():
    one, two, three = (Billed(name, 10, 5) for name in "abc")
    cut = Billed("b", 4, 2)
    usage = usage_of([one, cut, three], [one, two, three], OUTPUT)
    assert usage["input_token_details"]["cached_tokens"] == 15
    assert usage["input_tokens"] == 36


@given(PARTS, PARTS)
def test_sums_agree(request_parts, earlier):
    usage = usage_of(request_parts, earlier, OUTPUT)
    details = usage["input_token_details"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["input_tokens"] == details["text_tokens"] + details["audio_tokens"]
    assert details["cached_tokens"] == sum(details["cached_tokens_details"].values())
    assert 0 <= details["cached_tokens"] <= usage["input_tokens"]
    again = usage_of(request_parts, request_parts, OUTPUT)
    assert again["input_token_details"]["cached_tokens"] == again["input_tokens"]
