"""Levels of speech, against sound whose level is known; and what is no speech."""

from pathlib import Path

import numpy as np
import pytest

from appliance.doctor.speech import active_level, measure, refuse_unfit
from appliance.errors import ApplianceError
from appliance.recordings import read_channels

RATE = 24_000
READER = Path(
    "/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0870.wav"
)


@pytest.fixture(scope="module")
def reader():
    return read_channels(READER)[0]


def at(samples, level_dbfs):
    """Return the samples with this active level."""
    return (samples * 10 ** ((level_dbfs - active_level(samples, RATE)[0]) / 20)).astype(np.float32)


def noise(level_dbfs, seconds, seed=1):
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE)
    return (10 ** (level_dbfs / 20) * rng.standard_normal(count)).astype(np.float32)


# ITU-T P.56


@pytest.mark.parametrize("level_dbfs", [-60, -40, -26, -10])
def test_what_never_pauses_has_its_rms_as_active_level(level_dbfs):
    level, activity = active_level(noise(level_dbfs, 3.0), RATE)
    assert level == pytest.approx(level_dbfs, abs=0.2)
    assert activity > 0.98


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_pauses_do_not_count(share):
    sound = noise(-26, 8.0)
    sound[round(share * len(sound)) :] = 0.0
    level, activity = active_level(sound, RATE)
    # A hangover of 200 ms is part of the method: it counts as speech, and lowers the level a bit.
    assert level == pytest.approx(-26, abs=0.6)
    assert activity == pytest.approx(share, abs=0.06)


def test_a_gain_moves_the_level_by_as_much(reader):
    level, activity = active_level(reader, RATE)
    softer, as_active = active_level((reader * 0.1).astype(np.float32), RATE)
    assert softer == pytest.approx(level - 20, abs=0.1)
    assert as_active == pytest.approx(activity, abs=0.02)


def test_the_level_hardly_depends_on_noise_in_the_pauses(reader):
    level, _ = active_level(reader, RATE)
    noisy = reader + noise(level - 25, len(reader) / RATE)[: len(reader)]
    assert active_level(noisy, RATE)[0] == pytest.approx(level, abs=0.5)


def test_the_rate_is_of_no_matter():
    sound = noise(-30, 2.0)
    halves = sound.reshape(-1, 2).copy()
    halves[:, 1] = halves[:, 0]  # the same sound at 12 kHz has the same level
    assert active_level(halves[:, 0].copy(), 12_000)[0] == pytest.approx(
        active_level(halves.ravel(), 24_000)[0], abs=0.1
    )


def test_nothing_has_no_level():
    assert active_level(np.zeros(RATE, np.float32), RATE) == (-100.0, 0.0)


# What can be judged


@pytest.mark.parametrize("level_dbfs", [-60, -45, -26])
def test_speech_is_fit_at_any_level(reader, level_dbfs):
    sound = at(reader, level_dbfs) + noise(level_dbfs - 25, len(reader) / RATE)[: len(reader)]
    speech = measure(sound, sound)
    refuse_unfit(speech)
    assert speech.active_dbfs == pytest.approx(level_dbfs, abs=0.7)
    assert speech.speech_s > 4.0


def refusal(raw):
    with pytest.raises(ApplianceError) as refused:
        refuse_unfit(measure(raw, raw))
    text = str(refused.value)
    assert "\n" not in text
    return text


def test_what_is_unfit_is_refused_with_what_helps(reader):
    assert "too short" in refusal(reader[: 2 * RATE])
    assert "silence" in refusal(np.zeros(5 * RATE, np.float32))
    assert "silence" in refusal(noise(-90, 5.0))
    assert "it clips" in refusal(np.clip(reader * 40, -1, 32767 / 32768).astype(np.float32))
    assert "no speech stands out" in refusal(noise(-30, 5.0))
    hum = (0.1 * np.sin(2 * np.pi * 100 * np.arange(5 * RATE) / RATE)).astype(np.float32)
    assert "no speech stands out" in refusal(hum)
    assert "no speech stands out" in refusal(at(reader, -40) + noise(-38, 9)[: len(reader)])
    assert "too short" in refusal(np.zeros(0, np.float32))
