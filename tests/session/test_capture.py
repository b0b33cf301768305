"""Turns are cut out of the stream without losing a sample of them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from appliance.ports import Captured
from appliance.session.capture import MicGate

RATE = 24_000
CHUNK = 480


def stream(chunks: int, start_s: float = 10.0) -> list[Captured]:
    """A microphone that counts: sample number n has the value n."""
    samples = np.arange(chunks * CHUNK).astype(np.uint16)
    return [
        Captured(samples[i * CHUNK : (i + 1) * CHUNK].tobytes(), start_s + i * CHUNK / RATE)
        for i in range(chunks)
    ]


def numbers(chunks: list[Captured]) -> list[int]:
    """Return the sample numbers; int16 wraps round, the time of the first tells how often."""
    if not chunks:
        return []
    values = np.frombuffer(b"".join(c.pcm for c in chunks), np.uint16).astype(int)
    steps = np.diff(values) % 65536
    first = round((chunks[0].first_sample_s - 10.0) * RATE)
    assert first % 65536 == values[0], "the time stamp does not belong to the sample"
    return (first + np.concatenate([[0], np.cumsum(steps)])).tolist()


def test_the_preroll_begins_to_the_sample():
    gate = MicGate(preroll_s=0.1)
    for chunk in stream(20):  # 400 ms
        assert gate.feed(chunk) is None
    kept = gate.open(edge_s=10.35)
    assert numbers(kept) == list(range(round(0.25 * RATE), 20 * CHUNK))
    assert kept[0].first_sample_s == 10.25


def test_without_a_press_nothing_from_before_is_kept():
    gate = MicGate(preroll_s=0.3)
    for chunk in stream(20):
        gate.feed(chunk)
    assert gate.open(edge_s=10.4 + 0.3) == []


def test_it_shuts_with_the_chunk_that_holds_the_release():
    gate = MicGate(preroll_s=0.1)
    gate.open(edge_s=10.0)
    gate.close_at(10.05)
    kept = [c for chunk in stream(10) if (c := gate.feed(chunk))]
    assert not gate.is_open
    assert numbers(kept) == list(range(4 * CHUNK)), "80 ms: the first end past 50 + 15 ms"


@given(st.integers(0, 40), st.lists(st.tuples(st.integers(0, 9), st.integers(1, 20)), max_size=6))
def test_from_press_to_release_every_sample_comes_once_and_in_order(before, turns):
    """The news of a press comes some chunks (20 ms each) late."""
    gate = MicGate(preroll_s=0.2)
    chunks = iter(stream(400))
    last = -1
    for _ in range(before):
        gate.feed(next(chunks))
    for late, length in turns:
        pressed = next(chunks)
        gate.feed(pressed)
        for _ in range(late):
            gate.feed(next(chunks))
        kept = list(gate.open(pressed.first_sample_s))
        inside = [next(chunks) for _ in range(length)]
        kept += [c for chunk in inside if (c := gate.feed(chunk))]
        gate.close_at(inside[-1].first_sample_s)
        while gate.is_open:
            kept += [c for c in [gate.feed(next(chunks))] if c]
        got = numbers(kept)
        assert got == list(range(got[0], got[-1] + 1)), "a hole, or a repetition"
        assert got[0] <= round((pressed.first_sample_s - 10.0) * RATE)
        assert got[-1] >= round((inside[-1].first_sample_s - 10.0) * RATE)
        assert got[0] > last, "a sample was given to two turns"
        last = got[-1]
