"""The network's parts against what numpy makes of the same numbers."""

import numpy as np
import pytest

from appliance.dsp import denoise_net as net
from appliance.dsp.denoise import Denoiser
from appliance.dsp.kernel import REGISTRY


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def plain_python():
    REGISTRY.use("python")
    yield
    REGISTRY.use(None)


def normal(rng, *shape):
    return rng.normal(0, 1, shape).astype(np.float32)


def test_squash_is_the_hyperbolic_tangent_to_the_last_bits():
    x = np.linspace(-20, 20, 4001, dtype=np.float32)
    ours = np.array([net.squash(each) for each in x])
    assert ours.dtype == np.float32
    assert np.abs(ours - np.tanh(x.astype(np.float64))).max() < 5e-7
    assert np.abs(ours).max() <= 1 + 1e-6


def test_add_product_adds_a_product(rng):
    x, matrix, y = normal(rng, 8), normal(rng, 8, 20), normal(rng, 20)
    want = y + x @ matrix
    net.add_product(y, x, matrix, 8, 20)
    np.testing.assert_allclose(y, want, atol=1e-5)


def test_recur_makes_the_step_of_a_gated_recurrent_unit(rng):
    n = net.UNITS
    held, given, again, bias = (
        normal(rng, *shape) for shape in ((n,), (3 * n,), (n, 3 * n), (2, 3 * n))
    )
    again *= np.float32(0.1)

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    inner, outer = given + bias[0], held @ again + bias[1]
    reset, update = sigmoid(inner[:n] + outer[:n]), sigmoid(inner[n : 2 * n] + outer[n : 2 * n])
    new = np.tanh(inner[2 * n :] + reset * outer[2 * n :])
    want = (1 - update) * new + update * held
    net.recur(held, given, np.zeros(3 * n, np.float32), again, bias, 0)
    np.testing.assert_allclose(held, want, atol=1e-5)


def test_bands_cover_every_bin_once_and_a_bin_lies_between_two_of_them():
    edges = net.edges()
    assert len(edges) == net.BANDS + 1
    assert (edges[0], edges[-1]) == (0, net.USED)
    assert np.all(np.diff(edges) >= 3)
    lower, part = net.between()
    centres = (edges[:-1] + edges[1:] - 1) / 2
    at = centres[lower] + part * (centres[lower + 1] - centres[lower])
    inside = slice(int(centres[0]), int(centres[-1]))
    np.testing.assert_allclose(at[inside], np.arange(net.USED)[inside], atol=0.51)
    assert part.min() >= 0
    assert part.max() <= 1


def test_gains_follow_the_bands_and_the_bin_itself(rng):
    values = np.zeros(net.VOICES * net.BANDS, np.float32)
    values[: net.BANDS] = np.linspace(-4, 4, net.BANDS) + 5  # of the first voice alone
    excess = np.zeros((2, net.USED + 2 * net.AROUND), np.float32)
    excess[0, net.AROUND + 100] = 2.0
    local, join = np.zeros((net.VOICES, net.TAPS), np.float32), np.zeros(9, np.float32)
    local[0, net.AROUND] = 1.0
    join[0], join[net.VOICES] = 1.0, -5.0
    voice, gains = np.zeros(net.USED, np.float32), np.zeros(net.USED, np.float32)
    net.answer(values, excess, local, join, *net.between(), voice, gains)
    lower, part = net.between()
    smooth = values[lower] * (1 - part) + values[lower + 1] * part
    smooth[100] += 2.0
    np.testing.assert_allclose(gains, 1 / (1 + np.exp(5 - smooth)), atol=1e-5)


def test_features_do_not_know_how_loud_it_all_is(rng):
    spectra = normal(rng, 6, 2, 481) + 0.2
    heard = []
    for scale in (0.1, 10.0):
        floors, level = np.zeros(net.USED, np.float32), np.zeros(1, np.float32)
        excess, features = np.zeros((2, 438), np.float32), np.zeros(80, np.float32)
        for index, (re, im) in enumerate(spectra * np.float32(scale)):
            power = np.zeros(481, np.float32)
            first = index == 0
            net.hear(re, im, power, first, floors, level, excess, features, net.edges())
        heard.append(np.concatenate([features, excess.ravel()]))
    np.testing.assert_allclose(heard[0], heard[1], atol=2e-3)


def test_the_weights_are_whole_and_small():
    weights = net.weights()
    shapes = [each.shape for each in weights]
    assert shapes[:4] == [(80, 216), (72, 216), (72, 216), (72, 216)]
    assert shapes[4:] == [(4, 216), (72, 320), (320,), (8, 10), (9,)]
    assert all(each.dtype == np.float32 and np.isfinite(each).all() for each in weights)
    assert sum(each.nbytes for each in weights) < 500_000


def test_plain_python_and_machine_code_agree(rng, plain_python):
    sound = normal(rng, 10, 240) * np.float32(0.1)
    stage = Denoiser()
    plain = np.concatenate([stage.process(frame) for frame in sound])
    REGISTRY.use(None)
    stage = Denoiser()
    compiled = np.concatenate([stage.process(frame) for frame in sound])
    assert np.abs(plain).max() > 0.01
    np.testing.assert_allclose(plain, compiled, atol=1e-5)
