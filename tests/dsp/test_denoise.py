"""Noise suppression on recorded speech in synthesised noise."""

import wave
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from appliance.dsp.denoise import DELAY, FLOORS_DB, FRAME, LEVELS, SIZE, Denoiser
from appliance.dsp.gain import DELAY as GAIN_DELAY
from appliance.dsp.gain import Gain
from appliance.dsp.highpass import HighPass
from appliance.dsp.resample import Resampler
from appliance.errors import SignalError

RATE = 24_000
SPEECH = Path("/usr/share/pocketsphinx/test/data/librivox")


@cache
def speech(seconds=6):
    with wave.open(str(SPEECH / "sense_and_sensibility_01_austen_64kb-0880.wav")) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    resampler = Resampler(16_000, RATE)
    x = np.concatenate([resampler.process((pcm / 32768.0).astype(np.float32)), resampler.flush()])
    x = np.resize(x, seconds * RATE)
    return (x * (0.05 / np.std(x))).astype(np.float32)


def noise(seconds, level, seed=1, tilt=0.0):
    """White noise, or with `tilt` near 1 noise that falls towards high frequencies."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.normal(0, 1, seconds * RATE))
    spectrum /= np.maximum(np.arange(len(spectrum)), 50 * seconds) ** tilt
    x = np.fft.irfft(spectrum)
    return (x * level / np.std(x)).astype(np.float32)


def run(stage, x):
    x = x[: len(x) // FRAME * FRAME]
    return np.concatenate([stage.process(frame) for frame in x.reshape(-1, FRAME)])


def db(x):
    return 10 * np.log10(np.mean(np.square(x, dtype=np.float64)) + 1e-20)


def delay(x, y):
    """Samples by which `y` lags `x`, where their correlation is highest."""
    size = 1 << (len(x) + len(y)).bit_length()
    product = np.fft.irfft(np.fft.rfft(y, size) * np.conj(np.fft.rfft(x, size)))
    return int(np.argmax(product[: RATE // 4]))


def likeness(clean, y):
    """Share of `clean` in `y`, whatever its scale, in dB over the rest."""
    scale = np.dot(clean, y) / np.dot(clean, clean)
    return db(scale * clean) - db(y - scale * clean)


@pytest.mark.parametrize("tilt", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("level", FLOORS_DB)
def test_noise_alone_goes_down_by_what_the_level_says(level, tilt):
    x = noise(4, 0.02, tilt=tilt)
    y = run(Denoiser(level), x)
    down = db(x[2 * RATE :]) - db(y[2 * RATE :])
    assert min(-FLOORS_DB[level] - 1, 33) <= down <= -FLOORS_DB[level] + 1


def test_a_higher_level_leaves_less_noise():
    assert 0 > FLOORS_DB["low"] > FLOORS_DB["moderate"] > FLOORS_DB["high"]


@pytest.mark.parametrize(("tilt", "least"), [(0.0, 5), (0.8, 0.7)])
def test_speech_in_noise_comes_nearer_to_clean_speech(tilt, least):
    """Behind the high-pass, as in the chain: the recording rumbles, and that counts as speech."""
    clean = run(HighPass(80.0), speech())
    noisy = clean + run(HighPass(80.0), noise(6, 0.05 * 10 ** (-5 / 20), tilt=tilt))
    y = run(Denoiser(), noisy)
    start, end = 2 * RATE, len(clean) - DELAY
    before = likeness(clean[start:end], noisy[start:end])
    after = likeness(clean[start:end], y[start + DELAY :])
    assert after > before + least


def test_clean_speech_passes():
    clean = speech()
    y = run(Denoiser(), clean)
    assert likeness(clean[RATE:-DELAY], y[DELAY:][RATE:]) > 12


@pytest.mark.parametrize("before", [0.001, 0.005])
def test_a_new_noise_is_learnt_within_two_seconds(before):
    x = np.concatenate([noise(2, before), noise(3, 0.05, seed=2, tilt=0.5)])
    y = run(Denoiser(), x)
    assert db(x[-RATE:]) - db(y[-RATE:]) > 20


@pytest.mark.parametrize("level_db", [-50, -38, -14, -6])
def test_the_level_of_it_all_does_not_matter(level_db):
    clean = speech()
    noisy = clean + noise(6, 0.05 * 10 ** (-8 / 20), tilt=0.5)
    scale = np.float32(10 ** (level_db / 20) / np.std(noisy))
    usual = np.float32(10 ** (-26 / 20) / np.std(noisy))
    other, y = run(Denoiser(), noisy * scale) / scale, run(Denoiser(), noisy * usual) / usual
    assert likeness(y[2 * RATE :], other[2 * RATE :]) > 20


@pytest.mark.parametrize(
    "x",
    [
        np.zeros(2 * RATE, np.float32),
        np.full(2 * RATE, 1.0, np.float32),
        noise(2, 0.9, seed=5),
        np.where(np.arange(2 * RATE) % 4000 == 0, 1.0, 0.0).astype(np.float32),
    ],
    ids=["silence", "dc", "loud noise", "impulses"],
)
def test_whatever_came_before_is_forgotten_within_two_seconds(x):
    noisy = speech() + noise(6, 0.02, tilt=0.5)
    stage = Denoiser()
    run(stage, x)
    after, fresh = run(stage, noisy)[2 * RATE :], run(Denoiser(), noisy)[2 * RATE :]
    assert abs(db(after) - db(fresh)) < 1
    assert likeness(fresh, after) > 15


def test_silence_stays_silent_after_speech():
    stage = Denoiser()
    run(stage, speech())
    y = run(stage, np.zeros(RATE, np.float32))
    assert not y[SIZE:].any()


def test_noise_after_digital_silence_is_learnt_within_two_seconds():
    x = np.concatenate([np.zeros(2 * RATE, np.float32), noise(3, 0.02)])
    y = run(Denoiser(), x)
    assert np.abs(y[: 2 * RATE]).max() < 1e-6
    assert db(x[-RATE:]) - db(y[-RATE:]) > 10


def test_the_delay_is_twenty_milliseconds():
    x = speech()
    assert delay(x, run(Denoiser(), x)) == DELAY == 480
    assert delay(x, run(Denoiser("off"), x)) == Denoiser("off").delay == 0


def test_highpass_denoiser_and_gain_together_stay_under_thirty_milliseconds():
    x = speech()
    stages = HighPass(80.0), Denoiser(), Gain(-20.0)
    y = x
    for stage in stages:
        y = run(stage, y)
    assert delay(x, y) == pytest.approx(DELAY + GAIN_DELAY, abs=12)
    assert delay(x, y) <= 30 * RATE // 1000


def test_off_changes_nothing():
    x = noise(1, 0.1)
    assert np.array_equal(run(Denoiser("off"), x), x)


def test_reset_starts_anew():
    x = speech()[:RATE]
    stage = Denoiser()
    first = run(stage, x)
    stage.process(np.full(FRAME, 0.9, np.float32))
    stage.reset()
    assert np.array_equal(run(stage, x), first)


def test_outrageous_sound_stays_bounded_and_is_forgotten_within_two_seconds():
    rng = np.random.default_rng(7)
    loud = rng.choice(np.array([-3e38, 0.0, 1e-40, 3e38], np.float32), RATE)
    stage = Denoiser()
    y = run(stage, loud)
    assert np.isfinite(y).all()
    assert np.abs(y).max() < 40
    x = speech() + noise(6, 0.01)
    after, fresh = run(stage, x), run(Denoiser(), x)
    assert abs(db(after[2 * RATE :]) - db(fresh[2 * RATE :])) < 1
    assert likeness(fresh[2 * RATE :], after[2 * RATE :]) > 15


@pytest.mark.parametrize(
    "x",
    [
        np.zeros(RATE, np.float32),
        np.ones(RATE, np.float32),
        np.eye(1, RATE, 5000, dtype=np.float32)[0],
        np.sign(np.sin(np.arange(RATE) * 0.1)).astype(np.float32),
    ],
    ids=["silence", "dc", "impulse", "square"],
)
def test_strange_sound_stays_bounded(x):
    y = run(Denoiser("high"), x)
    assert np.isfinite(y).all()
    assert np.abs(y).max() < 2


@pytest.mark.parametrize(
    "bad", [np.zeros(480, np.float32), np.zeros(240), np.full(240, np.nan, np.float32)]
)
def test_refuses_what_is_no_frame(bad):
    for level in LEVELS:
        with pytest.raises(SignalError, match="denoise"):
            Denoiser(level).process(bad)


def test_refuses_a_level_it_does_not_know():
    with pytest.raises(SignalError, match="moderate"):
        Denoiser("medium")
