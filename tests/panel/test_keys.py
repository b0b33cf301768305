import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.panel.keys import Did, Key, KittyAnswer, decode


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b" ", [Key(" ")]),
        (b"tq", [Key("t"), Key("q")]),
        (b"\r", [Key("\r")]),
        (b"\n", [Key("\r")]),
        (b"\x03", [Key("c", ctrl=True)]),
        (b"\x1b[32u", [Key(" ")]),
        (b"\x1b[32;1:1u", [Key(" ")]),
        (b"\x1b[32;1:2u", [Key(" ", Did.REPEAT)]),
        (b"\x1b[32;1:3u", [Key(" ", Did.RELEASE)]),
        (b"\x1b[32;129:3u", [Key(" ", Did.RELEASE)]),  # with num lock
        (b"\x1b[99;5u", [Key("c", ctrl=True)]),
        (b"\x1b[99;69u", [Key("c", ctrl=True)]),  # with caps lock
        (b"\x1b[32;;32u", [Key(" ")]),  # with its text
        (b"\x1b[97:65;2u", [Key("a")]),  # with its shifted form
        (b"\x1b[?0u", [KittyAnswer()]),
        (b"\x1b[A\x1bOP\x1b[15~ ", [Key(" ")]),  # arrow and function keys
        (b"\x1b[?62;c", []),
        (b"\x1b[32;1:9u\x1b[99999999u\x1b[u", []),  # of no known form
        ("ß".encode(), []),
    ],
)
def test_keys(data, keys):
    assert decode(data) == (tuple(keys), b"")


def test_an_escape_key_is_dropped_when_something_else_follows():
    assert decode(b"\x1b") == ((), b"\x1b")
    assert decode(b"\x1b ") == ((Key(" "),), b"")


@given(st.binary(max_size=200))
def test_any_bytes_are_taken_and_little_is_kept(data):
    keys, rest = decode(data)
    assert data.endswith(rest)
    assert len(rest) <= 64
    assert all(isinstance(key, Key | KittyAnswer) for key in keys)


@given(
    st.lists(
        st.sampled_from([b" ", b"q", b"\x1b[32;1:3u", b"\x1b[?11u", b"\x1b[A", b"\x1b[32u"])
    ).map(b"".join),
    st.integers(0, 60),
)
def test_it_does_not_matter_how_bytes_are_cut(data, cut):
    whole, _ = decode(data)
    first, rest = decode(data[:cut])
    second, _ = decode(rest + data[cut:])
    assert first + second == whole
