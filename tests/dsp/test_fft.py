"""The transforms as plain Python; tests/kernels/test_build.py holds machine code to them."""

import numpy as np
import pytest

from appliance.dsp import fft
from appliance.errors import SignalError


def run(size, x):
    """Return the spectrum of `x`, and what comes back from it."""
    re, im = np.full(size // 2 + 1, np.nan, np.float32), np.full(size // 2 + 1, np.nan, np.float32)
    a, b, back = (np.full(size, np.nan, np.float32) for _ in range(3))
    twiddles = fft.tables(size)
    getattr(fft, f"rfft_{size}")(x, re, im, a, b, twiddles)
    a[:], b[:] = np.nan, np.nan
    getattr(fft, f"irfft_{size}")(re, im, back, a, b, twiddles)
    return re + 1j * im, back


@pytest.mark.parametrize("size", fft.SIZES)
def test_noise_has_the_spectrum_that_numpy_finds_and_comes_back(size):
    x = np.random.default_rng(size).standard_normal(size).astype(np.float32)
    kept = x.copy()
    spectrum, back = run(size, x)
    want = np.fft.rfft(x.astype(np.float64))
    assert np.abs(spectrum - want).max() < 4e-7 * np.abs(want).max()
    assert np.abs(back - x).max() < 2e-6
    assert np.array_equal(x, kept)


@pytest.mark.parametrize("size", fft.SIZES)
@pytest.mark.parametrize("place", ["first", "second", "last"])
def test_one_pulse_has_a_flat_spectrum_of_the_right_phase(size, place):
    at = {"first": 0, "second": 1, "last": size - 1}[place]
    x = np.zeros(size, np.float32)
    x[at] = 1.0
    spectrum, back = run(size, x)
    want = np.exp(-2j * np.pi * at * np.arange(size // 2 + 1) / size)
    assert np.abs(spectrum - want).max() < 1e-6
    assert np.abs(back - x).max() < 1e-6


@pytest.mark.parametrize("size", fft.SIZES)
def test_every_cosine_lands_in_its_own_bin_alone(size):
    for bin_ in (0, 1, size // 4, size // 2 - 1, size // 2):
        x = np.cos(2 * np.pi * bin_ * np.arange(size) / size).astype(np.float32)
        spectrum, _ = run(size, x)
        spectrum[bin_] -= size if bin_ in (0, size // 2) else size / 2
        assert np.abs(spectrum).max() < 2e-6 * size


@pytest.mark.parametrize("size", fft.SIZES)
def test_the_ends_of_the_spectrum_have_no_imaginary_part_and_the_inverse_looks_at_none(size):
    rng = np.random.default_rng(1)
    re, im = (rng.standard_normal(size // 2 + 1).astype(np.float32) for _ in range(2))
    kept = re.copy(), im.copy()
    a, b, x = (np.empty(size, np.float32) for _ in range(3))
    getattr(fft, f"irfft_{size}")(re, im, x, a, b, fft.tables(size))
    assert np.abs(x - np.fft.irfft(re + 1j * im)).max() < 1e-6
    assert np.array_equal(kept, (re, im))
    spectrum, _ = run(size, x)
    assert spectrum[0].imag == spectrum[-1].imag == 0.0


def test_another_size_is_refused():
    with pytest.raises(SignalError, match=r"want an FFT of 256, 480, 512, 960, 1024 .*, got 500"):
        fft.tables(500)
