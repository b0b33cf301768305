"""The measure of lost speech must see a loss, or its zeros say nothing."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.demo.compare import lost_samples
from appliance.demo.recording import default_recording, read_recording


@pytest.fixture(scope="module")
def said():
    return read_recording(default_recording())


def around(samples):
    return np.concatenate([np.zeros(5000, np.int16), samples, np.zeros(3000, np.int16)])


def test_a_whole_copy_has_lost_nothing(said):
    assert lost_samples(said, around(said)) == 0


@pytest.mark.parametrize("gone", [100, 1024, 24000])
def test_a_hole_is_counted(said, gone):
    holed = np.concatenate([said[:20000], said[20000 + gone :]])
    assert gone <= lost_samples(said, around(holed)) <= gone + 48


def test_a_tail_that_was_cut_off_is_counted(said):
    assert lost_samples(said, around(said[:-20000])) >= 10000


def test_nothing_received_is_everything_lost(said):
    assert lost_samples(said, np.zeros(0, np.int16)) >= 0.9 * np.count_nonzero(abs(said) > 64)


@pytest.mark.parametrize("gone", [0, 2400])
def test_on_a_path_that_changes_the_samples_a_hole_is_seen_too(said, gone):
    changed = np.convolve(said * 0.7, [0.3, 0.5, 0.2], "same").astype(np.int16)
    holed = np.concatenate([changed[:24000], changed[24000 + gone :]])
    lost = lost_samples(said, around(holed))
    assert (lost == 0) if gone == 0 else (lost >= 1200)
