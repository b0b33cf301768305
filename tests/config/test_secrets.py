import pytest

from appliance.config.secrets import MASK, Redactor


@pytest.mark.parametrize(
    "key", ["sk-abc123", "sk-proj-A_b-9xyz", "ek_68af296e8e40", "eyJhbGciOiJSUzI1NiJ9.eyJz.c2ln"]
)
def test_what_looks_like_a_key_is_masked_unasked(key):
    assert Redactor().clean(f"Bearer {key}!") == f"Bearer {MASK}!"


def test_words_that_only_resemble_a_key_stay():
    text = "a task-oriented desk-mounted risk-averse sk-ip"
    assert Redactor().clean(text) == text


def test_a_secret_that_begins_with_another_leaves_no_tail():
    assert Redactor(["gate", "gateway-9"]).clean("gateway-9 gate") == f"{MASK} {MASK}"


def test_what_is_too_short_to_be_a_key_does_not_garble_messages():
    assert Redactor(["", "a"]).clean("audio") == "audio"


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("echo", '"echo"'),
        ("a\nb\x1b", r'"a\nb\x1b"'),
        ("x" * 33, "a text of 33 characters"),
        (True, "true"),
        (24000.5, "24000.5"),
        (10**18, "so large a number"),
        ({"k": "secret"}, "a table"),
        (["secret"], "this list"),
        (None, "a value of type NoneType"),
    ],
)
def test_values_are_quoted_in_one_short_line(value, quoted):
    assert Redactor().quote(value) == quoted


def test_a_number_too_large_to_print_is_no_trouble():
    assert Redactor().quote(-(10**5000)) == "so large a number"
