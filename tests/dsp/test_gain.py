"""Automatic gain on recorded speech at many levels."""

import wave
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from appliance.dsp.gain import CEILING, DELAY, FRAME, Gain
from appliance.dsp.resample import Resampler
from appliance.errors import SignalError

RATE = 24_000
SPEECH = Path("/usr/share/pocketsphinx/test/data/librivox")


@cache
def speech(name="0880", seconds=7):
    with wave.open(str(SPEECH / f"sense_and_sensibility_01_austen_64kb-{name}.wav")) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    resampler = Resampler(16_000, RATE)
    x = np.concatenate([resampler.process((pcm / 32768.0).astype(np.float32)), resampler.flush()])
    x = np.resize(x, seconds * RATE)
    return (x / 10 ** (speech_dbfs(x) / 20)).astype(np.float32)


def active(x):
    """Frames within 25 dB of the loud ones: speech, as its level is understood."""
    power = np.mean(np.square(x.reshape(-1, FRAME), dtype=np.float64), axis=1)
    return power > np.percentile(power, 95) * 10**-2.5


def speech_dbfs(x, where=None):
    where = active(x) if where is None else where
    power = np.mean(np.square(x.reshape(-1, FRAME), dtype=np.float64), axis=1)
    return 10 * np.log10(np.mean(power[where]) + 1e-20)


def run(stage, x):
    return np.concatenate([stage.process(frame) for frame in x.reshape(-1, FRAME)])


def noise(seconds, dbfs, seed=1):
    x = np.random.default_rng(seed).normal(0, 10 ** (dbfs / 20), seconds * RATE)
    return x.astype(np.float32)


def db(x):
    return 10 * np.log10(np.mean(np.square(x, dtype=np.float64)) + 1e-20)


@pytest.mark.parametrize("name", ["0870", "0880", "0930"])
@pytest.mark.parametrize("level", [-50, -40, -30, -20, -12, -6])
def test_speech_of_any_level_is_at_the_target_after_two_seconds(level, name):
    unit = speech(name)
    x = (unit * 10 ** (level / 20)).astype(np.float32)
    y = run(Gain(-20.0), np.clip(x, -1, 1))
    late = 2 * RATE // FRAME * FRAME
    aligned = np.concatenate([y[DELAY:], np.zeros(DELAY, np.float32)])
    assert speech_dbfs(aligned[late:], active(unit)[late // FRAME :]) == pytest.approx(-20, abs=3)
    assert np.abs(y).max() <= CEILING + 1e-6


@pytest.mark.parametrize("dbfs", [-90, -70, -50, -30])
def test_silence_is_not_pumped_up(dbfs):
    x = noise(6, dbfs)
    y = run(Gain(), x)
    for second in range(6):
        part = slice(second * RATE, (second + 1) * RATE)
        assert db(y[part]) < db(x[part]) + 6


def test_a_pause_after_quiet_speech_is_not_pumped_up():
    x = np.concatenate([speech() * np.float32(10 ** (-45 / 20)), noise(3, -75)])
    stage = Gain()
    y = run(stage, x)
    assert db(y[-RATE:]) < -75 + 6
    assert stage.gain_db < 6


def test_the_gain_of_speech_is_back_at_its_next_word():
    quiet = speech() * np.float32(10 ** (-45 / 20))
    stage = Gain()
    run(stage, quiet)
    before = float(stage.state[0])
    run(stage, noise(2, -80))
    run(stage, quiet[: RATE // 2])
    assert before > 15
    assert stage.gain_db > before - 3


def test_the_gain_of_speech_rises_and_falls_at_bounded_speed():
    stage = Gain()
    unit = speech()
    x = np.concatenate([unit * np.float32(0.003), np.clip(unit * np.float32(0.4), -1, 1)])
    learnt = []
    for frame in x.reshape(-1, FRAME):
        stage.process(frame)
        learnt.append(float(stage.state[0]))
    steps = np.diff(learnt)
    assert steps.max() <= 0.3001
    assert steps.min() >= -0.6001
    assert max(learnt) > 20 > 0 > learnt[-1]


def test_what_the_voice_detector_denies_is_not_learnt_from():
    stage = Gain()
    for frame in (speech() * np.float32(0.003)).reshape(-1, FRAME):
        stage.process(frame, 0.1)
    assert stage.gain_db == pytest.approx(0.0, abs=1e-6)


def test_nothing_clips_when_shouting_follows_whispering():
    unit = speech()
    x = np.concatenate([unit * np.float32(0.003), unit * np.float32(1.0)]).clip(-1, 1)
    y = run(Gain(), x)
    assert np.abs(y).max() <= CEILING + 1e-6


def test_the_limiter_does_not_distort_by_jumps():
    """Its gain moves along lines of 5 ms: a loud tone has no step at a peak's start."""
    n = np.arange(RATE)
    x = (0.05 * np.sin(2 * np.pi * 440 * n / RATE)).astype(np.float32)
    x[RATE // 2 :] *= 19
    stage = Gain()
    stage.state[1] = stage.state[0] = 12.0
    y = run(stage, x)
    gain = np.abs(np.diff(y)).max()
    assert gain < 2 * np.pi * 440 / RATE * 1.6


def test_the_delay_is_five_milliseconds():
    x = noise(1, -30)
    y = run(Gain(), x)
    at = np.correlate(y, x[2400:-2400], "valid")
    assert int(np.argmax(at)) - 2400 == DELAY == 120


def test_outrageous_sound_stays_bounded_and_is_forgotten():
    stage = Gain()
    rng = np.random.default_rng(5)
    wild = rng.choice(np.array([-3e38, 0.0, 1e-40, 3e38], np.float32), RATE)
    y = run(stage, wild)
    assert np.isfinite(y).all()
    assert np.abs(y).max() <= CEILING + 1e-6
    x = (speech() * 0.1).astype(np.float32)
    after = run(stage, x)
    late = 3 * RATE
    assert speech_dbfs(after[late:]) == pytest.approx(-20, abs=3)


def test_reset_starts_anew():
    x = (speech()[: 2 * RATE] * 0.01).astype(np.float32)
    stage = Gain()
    first = run(stage, x)
    stage.reset()
    assert np.array_equal(run(stage, x), first)


def test_refuses_wrong_input():
    with pytest.raises(SignalError):
        Gain(0.0)
    with pytest.raises(SignalError):
        Gain().process(np.zeros(240))
    with pytest.raises(SignalError):
        Gain().process(np.zeros(240, np.float32), float("nan"))
