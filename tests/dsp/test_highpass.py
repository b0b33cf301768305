import numpy as np
import pytest

from appliance.dsp.frame import FRAME, LIMIT, RATE
from appliance.dsp.highpass import HighPass
from appliance.errors import SignalError


def run(stage, x):
    return np.concatenate([stage.process(f) for f in x.reshape(-1, FRAME)])


def tone(hz, frames=100, level=0.5):
    n = np.arange(frames * FRAME)
    return (level * np.sin(2 * np.pi * hz * n / RATE)).astype(np.float32)


def gain_db(stage, hz):
    x = tone(hz)
    y = run(stage, x)
    half = len(x) // 2
    return 10 * np.log10(np.mean(y[half:] ** 2) / np.mean(x[half:] ** 2))


@pytest.mark.parametrize("order", [2, 4])
@pytest.mark.parametrize("cutoff", [80.0, 200.0])
def test_three_decibels_at_the_cutoff_and_the_slope_of_its_order_below(order, cutoff):
    assert gain_db(HighPass(cutoff, order), cutoff) == pytest.approx(-3.01, abs=0.1)
    ratio = gain_db(HighPass(cutoff, order), cutoff / 4)
    assert ratio == pytest.approx(-6.02 * order * 2, abs=0.5)
    assert gain_db(HighPass(cutoff, order), 10 * cutoff) == pytest.approx(0.0, abs=0.05)


def test_takes_dc_off():
    y = run(HighPass(), np.full(100 * FRAME, 0.5, np.float32))
    assert np.abs(y[-FRAME:]).max() < 1e-6


def test_does_not_delay_speech_frequencies():
    x = np.random.default_rng(1).normal(0, 0.1, 50 * FRAME).astype(np.float32)
    y = run(HighPass(), x)
    assert int(np.argmax(np.correlate(y, x[2400:-2400], "valid"))) == 2400


def test_frames_join_without_a_seam():
    x = tone(300, 4)
    whole = run(HighPass(), x)
    stage = HighPass()
    run(stage, tone(1000, 3))
    stage.reset()
    assert np.array_equal(run(stage, x), whole)


def test_outrageous_samples_stay_bounded_and_are_forgotten():
    stage = HighPass()
    y = run(stage, np.full(10 * FRAME, 3e38, np.float32) * np.float32(-1))
    assert np.isfinite(y).all()
    assert np.abs(y).max() < 4 * LIMIT
    run(stage, np.zeros(100 * FRAME, np.float32))
    clean = run(HighPass(), tone(500, 5))
    assert np.abs(run(stage, tone(500, 5)) - clean).max() < 1e-4


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros(239, np.float32),
        np.zeros(240),
        np.zeros((1, 240), np.float32),
        np.full(240, np.nan, np.float32),
        np.full(240, np.inf, np.float32),
    ],
)
def test_refuses_what_is_no_frame(bad):
    with pytest.raises(SignalError, match="high-pass"):
        HighPass().process(bad)


@pytest.mark.parametrize("settings", [(5.0, 4), (80.0, 3), (2000.0, 2)])
def test_refuses_what_it_cannot_build(settings):
    with pytest.raises(SignalError):
        HighPass(*settings)
