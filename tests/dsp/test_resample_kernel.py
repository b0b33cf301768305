import numpy as np
import pytest

from appliance.dsp.kernel import REGISTRY
from appliance.dsp.resample_kernel import BLOCK, LINE, Polyphase
from appliance.errors import SignalError


@pytest.fixture(autouse=True)
def plain():
    REGISTRY.use("python")
    yield
    REGISTRY.use(None)


def direct(line, table, first, down, count):
    """Each output by its definition, in double precision."""
    up, taps = table.shape
    spots = [divmod(first + i * down, up) for i in range(count)]
    return np.array([line[at : at + taps].astype(float) @ table[row] for at, row in spots])


@pytest.mark.parametrize(("up", "down", "taps"), [(1, 2, 29), (2, 1, 15), (147, 80, 11), (3, 2, 8)])
def test_every_output_is_its_row_times_its_stretch_of_the_input(up, down, taps):
    rng = np.random.default_rng(up)
    table = rng.standard_normal((up, taps)).astype(np.float32)
    line = rng.standard_normal(taps + 300).astype(np.float32)
    out = np.empty(290 * up // down if up < down else 290, np.float32)
    Polyphase(table, down).process(line, 1, out)
    assert np.abs(out - direct(line, table, 1, down, out.size)).max() < 1e-5


def test_a_long_stretch_is_that_of_its_pieces_to_the_bit():
    rng = np.random.default_rng(2)
    table = rng.standard_normal((1, 9)).astype(np.float32)
    line = rng.standard_normal(3 * LINE).astype(np.float32)
    filter_ = Polyphase(table, 2)
    whole = np.empty(2 * BLOCK + 100, np.float32)
    filter_.process(line, 0, whole)
    for start, count in ((0, 1), (7, 100), (BLOCK - 1, 3), (2 * BLOCK, 100)):
        part = np.empty(count, np.float32)
        filter_.process(line, 2 * start, part)
        assert np.array_equal(part, whole[start : start + count])


def test_what_does_not_fit_is_refused():
    with pytest.raises(SignalError, match=r"fits 32768, got float32 \(300, 300\)"):
        Polyphase(np.zeros((300, 300), np.float32), 1)
    with pytest.raises(SignalError, match="got float64"):
        Polyphase(np.zeros((2, 8)), 1)
    filter_ = Polyphase(np.ones((1, 8), np.float32), 1)
    with pytest.raises(SignalError, match="5 samples from 0 on reach beyond the input"):
        filter_.process(np.zeros(11, np.float32), 0, np.zeros(5, np.float32))
    with pytest.raises(SignalError, match="want float32"):
        filter_.process(np.zeros(11), 0, np.zeros(2, np.float32))
