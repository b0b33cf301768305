import numpy as np
import pytest

from appliance.dsp.level import FLOOR_DBFS, rms_dbfs
from appliance.errors import SignalError


def test_sine_and_square():
    n = np.arange(4800)
    sine = np.sin(2 * np.pi * 1000 * n / 48000).astype(np.float32)
    assert rms_dbfs(sine) == pytest.approx(-3.0103, abs=1e-3)
    assert rms_dbfs(np.sign(sine + 1e-9).astype(np.float32)) == pytest.approx(0, abs=0.02)


def test_silence_reads_the_floor():
    assert rms_dbfs(np.zeros(480, np.float32)) == FLOOR_DBFS


def test_half_the_amplitude_is_six_decibels_less():
    noise = np.random.default_rng(3).normal(0, 0.1, 240).astype(np.float32)
    assert rms_dbfs(noise) - rms_dbfs(noise / 2) == pytest.approx(6.02, abs=0.01)


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros(0, np.float32),
        np.zeros((2, 2), np.float32),
        np.zeros(4),
        np.array([np.nan], np.float32),
        np.array([np.inf, 0], np.float32),
    ],
)
def test_refuses_wrong_signals(bad):
    with pytest.raises(SignalError):
        rms_dbfs(bad)
