import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.metrics.histogram import EDGES_MS, EXPORTED_MS, Histogram

RATIO = EDGES_MS[1] / EDGES_MS[0]  # the width of a bucket
within = st.floats(EDGES_MS[0], EDGES_MS[-1])
anything = st.floats(-10.0, 1e7)


def filled(values):
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    return histogram


@given(st.lists(within, min_size=1, max_size=300), st.sampled_from([1, 5, 25, 50, 75, 95, 99, 100]))
def test_a_percentile_is_numpys_within_a_buckets_width(values, percent):
    truth = np.percentile(values, percent, method="inverted_cdf")  # nearest rank
    found = filled(values).percentile(percent)
    assert truth / RATIO <= found * (1 + 1e-9)
    assert found <= truth * RATIO * (1 + 1e-9)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_many_values_of_a_real_kind_are_found_within_five_percent(seed):
    values = np.random.default_rng(seed).lognormal(math.log(80), 0.4, 20_000)
    histogram = filled(values.tolist())
    for percent in (50, 95, 99):
        truth = np.percentile(values, percent)
        assert abs(histogram.percentile(percent) - truth) < 0.05 * truth


def test_one_value_is_known_exactly():
    assert filled([163.4]).percentile(50) == 163.4
    assert Histogram().percentile(50) is None


@given(st.lists(anything, max_size=100))
def test_every_value_is_counted_once_and_no_percentile_lies_outside(values):
    histogram = filled(values)
    assert sum(histogram.counts) == histogram.count == len(values)
    assert histogram.sum_ms == pytest.approx(sum(max(0.0, value) for value in values))
    if values:
        clamped = [max(0.0, value) for value in values]
        assert min(clamped) <= histogram.percentile(50) <= max(clamped)


@given(st.lists(anything, max_size=100))
def test_what_is_exported_counts_the_values_up_to_each_edge(values):
    edges = EDGES_MS[:: len(EDGES_MS) // (len(EXPORTED_MS) - 1)]
    truth = [sum(max(0.0, value) <= edge for value in values) for edge in edges]
    assert filled(values).cumulative() == truth


def test_its_size_does_not_grow():
    histogram = filled([1.0])
    before = sys.getsizeof(histogram.counts)
    for value in range(100_000):
        histogram.add(value / 7)
    assert sys.getsizeof(histogram.counts) == before < 1000
