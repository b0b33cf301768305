"""Rate, ends and loudness of what was synthesised."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.errors import SignalError
from appliance.prompts.catalogue import spoken
from appliance.prompts.keys import LANGUAGES
from appliance.prompts_build.build import VOICES
from appliance.prompts_build.sound import (
    LEVEL_DBFS,
    PEAK_DBFS,
    active_level_dbfs,
    finished,
    resampled,
)


def sine(hertz, rate_hz, seconds=1.0, peak=0.5):
    at_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return (peak * np.sin(2 * np.pi * hertz * at_s)).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 24_000, 48_000])
def test_a_sine_is_the_same_at_another_rate(rate_hz):
    gentle = np.hanning(rate_hz).astype(np.float32)
    out = resampled(sine(1000, rate_hz) * gentle, rate_hz)
    want = sine(1000, 24_000) * np.hanning(24_000)
    assert out.shape == (24_000,)
    assert np.abs(out - want).max() < 2e-3


def test_what_is_too_high_for_the_new_rate_is_left_out():
    gentle = np.hanning(48_000).astype(np.float32)
    assert np.abs(resampled(sine(15_000, 48_000) * gentle, 48_000)).max() < 1e-4


def test_pauses_do_not_lower_the_active_level():
    speech = sine(300, 24_000)
    level = active_level_dbfs(speech)
    assert level == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.05)
    pause = np.zeros(48_000, np.float32)
    assert active_level_dbfs(np.concatenate([pause, speech, pause])) == pytest.approx(
        level, abs=0.1
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_voice_is_as_loud_as_the_others(espeak, language):
    raw = espeak.speak(spoken("still_offline", language), VOICES[language])
    done = finished(raw, espeak.rate_hz)
    peak_dbfs = 20 * np.log10(np.abs(done).max())
    assert peak_dbfs <= PEAK_DBFS + 0.01
    level = active_level_dbfs(done)
    assert level == pytest.approx(LEVEL_DBFS, abs=0.3) or peak_dbfs > PEAK_DBFS - 0.01
    assert level > LEVEL_DBFS - 1.5


def test_ends_are_cut_and_faded():
    pause = np.zeros(24_000, np.float32)
    speech = sine(300, 24_000, 0.5)
    done = finished(np.concatenate([pause, speech, pause]), 24_000)
    assert len(speech) <= len(done) < len(speech) + 0.06 * 24_000
    assert np.abs(done[[0, -1]]).max() < 1e-3


def test_a_click_is_not_let_over_the_peak():
    speech = sine(300, 24_000, peak=0.1)
    speech[12_000] = 1.0
    done = finished(speech, 24_000)
    assert 20 * np.log10(np.abs(done).max()) == pytest.approx(PEAK_DBFS, abs=0.01)


@pytest.mark.parametrize("samples", [np.zeros(24_000, np.float32), np.zeros(10, np.float32)])
def test_silence_is_refused(samples):
    with pytest.raises(SignalError, match="no speech"):
        finished(samples, 24_000)
