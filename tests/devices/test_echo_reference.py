"""What the loudspeaker was given, frame by frame, whatever the two threads' jitter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.devices.echo_reference import AWAY, MOST, STILL, WINDOW, EchoReference
from appliance.dsp.frame import FRAME

KEEP = 1200
BUFFER = 480


def ramp(count, start=1):
    """Samples that tell where they are from: 1, 2, 3 … as s16le."""
    return np.arange(start, start + count, dtype="<i2").tobytes()


def numbers(frame):
    return np.rint(frame.samples * 32768).astype(int)


def started(samples=KEEP):
    ring = EchoReference(KEEP)
    ring.put(ramp(samples))
    return ring


def test_frames_follow_each_other_without_a_gap():
    ring = started()
    taken = []
    for i in range(30):
        if i % 2 == 0:
            ring.put(ramp(BUFFER, KEEP + 1 + BUFFER * (i // 2)))
        frame = ring.take()
        assert frame.moved == 0
        taken.append(numbers(frame))
    whole = np.concatenate(taken)
    assert np.array_equal(np.diff(whole), np.ones(len(whole) - 1))
    assert ring.gaps == 0


@given(st.lists(st.integers(0, 2), min_size=1, max_size=60))
def test_no_frame_is_mixed_or_out_of_order(bursts):
    ring, at = started(), KEEP + 1
    last = 0
    for burst in bursts:
        ring.put(ramp(BUFFER, at))
        at += BUFFER
        for _ in range(burst):
            values = numbers(ring.take())
            if values.any():
                assert np.array_equal(np.diff(values), np.ones(FRAME - 1))
                assert values[0] > last
                last = values[-1]


def test_until_enough_is_in_hand_it_is_silent():
    ring = EchoReference(KEEP)
    ring.put(ramp(KEEP - 1))
    assert not numbers(ring.take()).any()
    ring.put(ramp(1, KEEP))
    assert numbers(ring.take())[0] == 1


def test_a_frame_that_is_not_there_yet_is_silence_and_said_so():
    ring = started()
    for _ in range(KEEP // FRAME):
        ring.take()
    late = ring.take()
    assert (late.moved, ring.gaps) == (-1, 1)
    assert not late.samples.any()
    ring.put(ramp(BUFFER, KEEP + 1))
    assert numbers(ring.take())[0] == KEEP + 1, "nothing was skipped"


def test_a_loudspeaker_that_was_away_begins_anew():
    ring = started()
    for _ in range(KEEP // FRAME + AWAY):
        ring.take()
    ring.put(ramp(BUFFER, KEEP + 1))
    assert not ring.take().samples.any(), "not before as much is in hand as at first"
    ring.put(ramp(BUFFER, KEEP + 1 + BUFFER))
    ring.put(ramp(BUFFER, KEEP + 1 + 2 * BUFFER))
    assert numbers(ring.take()).any()


def test_a_microphone_that_was_away_does_not_get_what_is_old():
    ring = started()
    ring.take()
    for i in range(100):
        ring.put(ramp(BUFFER, 1000 + i))
    assert numbers(ring.take())[0] != FRAME + 1


def drifting(ring, frames, extra):
    """Take frames while a little more, or less, than them is put in; return all moves."""
    moves, owed = [], 0.0
    for _ in range(frames):
        owed += FRAME + extra
        ring.put(bytes(2 * int(owed)))
        owed -= int(owed)
        moves.append(ring.take().moved)
    return moves


@pytest.mark.parametrize("extra", [0.072, -0.072])  # 300 ppm
def test_what_drift_adds_up_to_is_put_right_in_silence(extra):
    ring = EchoReference(KEEP)
    ring.put(bytes(2 * KEEP))
    moves = drifting(ring, 60_000, extra)  # ten minutes
    assert sum(moves) == pytest.approx(60_000 * extra / FRAME, abs=MOST / FRAME)
    assert all(move * extra >= 0 for move in moves)
    assert ring.gaps == 0


def test_nothing_is_put_right_while_somebody_speaks():
    ring = EchoReference(KEEP)
    ring.put(ramp(KEEP))
    ring.take()
    ring.put(ramp(MOST + 2 * FRAME))  # a jump of the other clock
    for _ in range(2 * WINDOW):
        ring.put(ramp(FRAME))
        assert ring.take().moved == 0
    moves = []
    for _ in range(WINDOW + STILL + MOST // FRAME + KEEP // FRAME):
        ring.put(bytes(2 * FRAME))
        moves.append(ring.take().moved)
    assert sum(moves) > 0, "now it is"
