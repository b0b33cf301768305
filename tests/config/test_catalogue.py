import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import catalogue

ENTRIES = {entry.name: entry for entry in catalogue.entries()}


def test_every_setting_and_section_is_explained():
    for entry in ENTRIES.values():
        assert entry.meaning.endswith("."), entry.name
        assert entry.allowed, entry.name
    assert all(text.endswith(".") for text in catalogue.tables().values())


@pytest.mark.parametrize(
    ("name", "default", "allowed", "unit"),
    [
        ("audio.sample_rate", "24000", "24000", "Hz"),
        ("audio.input_chunk_size", "1024", "a whole number from 240 to 8192", "samples"),
        ("turn_detection.idle_timeout_ms", "", "a whole number from 5000 to 30000 or unset", "ms"),
        ("voice.emphasis", '"moderate"', '"none", "moderate" or "strong"', ""),
        ("voice.speed", "1.0", "a number from 0.25 to 4", "times"),
        (
            "session.max_response_output_tokens",
            "4096",
            'a whole number from 1 to 4096 or "inf"',
            "tokens",
        ),
        ("session.personality", '"friendly"', "text", ""),
        ("hardware.max_turn_s", "60.0", "a number above 0 to 170", "s"),
        ("hardware.button_pin", "17", "a whole number from 0 to 27", "BCM"),
        ("endpoint.api_key", '""', "text without spaces", ""),
    ],
)
def test_settings_in_words(name, default, allowed, unit):
    entry = ENTRIES[name]
    assert (entry.default, entry.allowed, entry.unit) == (default, allowed, unit)


@pytest.mark.parametrize("ending", ["_ms", "_s", "_delay", "_interval", "_timeout", "_window"])
def test_every_duration_names_its_unit(ending):
    durations = [entry for name, entry in ENTRIES.items() if name.endswith(ending)]
    assert durations
    assert {entry.unit for entry in durations} <= {"ms", "s"}


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(
    st.dictionaries(
        TEXT,
        st.recursive(
            st.one_of(TEXT, st.booleans(), st.integers(), st.floats(allow_nan=False)),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)
            ),
            max_leaves=6,
        ),
        max_size=3,
    )
)
def test_toml_spelling_is_read_back(table):
    assert tomllib.loads(f"t = {catalogue.toml(table)}")["t"] == table
