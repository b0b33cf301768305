"""Tokens are read from any bill, and none is lost; without a bill the documented rule counts."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.realtime.server_structures import Usage
from appliance.session.prices import Tokens, estimate, tokens_of
from appliance.simulator.usage import Billed as SimulatedPart
from appliance.simulator.usage import usage_of


def counts(usage):
    """What a caller makes of the service's `usage`."""
    taken, given_ = usage.input_token_details, usage.output_token_details
    cached = taken.cached_tokens_details
    return {
        "input_tokens": usage.input_tokens,
        "input_audio": taken.audio_tokens,
        "input_text": taken.text_tokens,
        "cached": taken.cached_tokens,
        "cached_audio": cached.audio_tokens,
        "cached_text": cached.text_tokens,
        "output_tokens": usage.output_tokens,
        "output_audio": given_.audio_tokens,
        "output_text": given_.text_tokens,
    }


NOTHING = counts(Usage())


def test_counts_of_the_local_servers_usage():
    first = [SimulatedPart("instructions", 100, 0), SimulatedPart("a", 0, 20)]
    told = usage_of([*first, SimulatedPart("b", 0, 30)], first, SimulatedPart("c", 12, 40))
    given_ = {
        "input_tokens": told["input_tokens"],
        "input_audio": told["input_token_details"]["audio_tokens"],
        "input_text": told["input_token_details"]["text_tokens"],
        "cached": told["input_token_details"]["cached_tokens"],
        "cached_audio": told["input_token_details"]["cached_tokens_details"]["audio_tokens"],
        "cached_text": told["input_token_details"]["cached_tokens_details"]["text_tokens"],
        "output_tokens": told["output_tokens"],
        "output_audio": told["output_token_details"]["audio_tokens"],
        "output_text": told["output_token_details"]["text_tokens"],
    }
    assert tokens_of(**given_) == Tokens(30, 20, 40, 0, 100, 12)


@pytest.mark.parametrize(
    ("given_", "tokens"),
    [
        ({}, Tokens()),
        # Not itemised: the dearest.
        ({"input_tokens": 50, "output_tokens": 9}, Tokens(audio_in=50, audio_out=9)),
        # What an itemised bill leaves out is text.
        (
            {"input_tokens": 50, "input_audio": 40, "output_tokens": 30, "output_audio": 20},
            Tokens(40, 0, 20, 10, 0, 10),
        ),
        # Cached, and not said of what: what saves least.
        (
            {"input_tokens": 50, "input_audio": 40, "input_text": 10, "cached": 30},
            Tokens(20, 20, 0, 0, 10, 0),
        ),
        # More cached than there is.
        ({"input_audio": 5, "cached_audio": 9, "cached": 99}, Tokens(0, 5)),
        ({"input_audio": -5, "cached_text": -9, "output_text": -1}, Tokens()),
    ],
)
def test_counts_that_do_not_add_up_are_read_as_the_dearer(given_, tokens):
    assert tokens_of(**{**NOTHING, **given_}) == tokens


@given(st.fixed_dictionaries({name: st.integers(-50, 1000) for name in NOTHING}))
def test_no_token_of_a_bill_is_lost(given_):
    tokens = tokens_of(**given_)
    assert all(getattr(tokens, each.name) >= 0 for each in fields(Tokens))
    read = tokens.audio_in + tokens.audio_cached + tokens.text_in + tokens.text_cached
    assert read >= given_["input_tokens"]
    assert read >= max(0, given_["input_audio"]) + max(0, given_["input_text"])
    assert tokens.audio_out + tokens.text_out >= given_["output_tokens"]


def test_without_a_bill_the_documented_rule_counts():
    assert estimate(2000, 1000, Tokens()) == Tokens(audio_in=20, audio_out=20)
    assert estimate(2001, 1001, Tokens()) == Tokens(audio_in=21, audio_out=21)
    assert estimate(-1, 0, Tokens()) == Tokens()
