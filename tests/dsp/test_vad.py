"""Voice activity on recorded speech in synthesised noise."""

import wave
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from appliance.dsp.resample import Resampler
from appliance.dsp.vad import FRAME, HANGOVER, VoiceActivity
from appliance.errors import SignalError

webrtcvad = pytest.importorskip("webrtcvad")
RATE = 24_000
SPEECH = Path("/usr/share/pocketsphinx/test/data/librivox")


@cache
def scene():
    """Speech at 16 kHz with a second of pause after each three, and which frames hold speech."""
    with wave.open(str(SPEECH / "sense_and_sensibility_01_austen_64kb-0870.wav")) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    x = np.resize(pcm / 32768.0, 12 * 16_000)
    x *= 0.05 / np.std(x)
    x = np.concatenate([np.concatenate([part, np.zeros(16_000)]) for part in np.split(x, 4)])
    power = np.mean(x.reshape(-1, 160) ** 2, axis=1)
    return x, power > np.percentile(power, 95) * 1e-3


def noisy(snr_db, seed=1):
    x, label = scene()
    rng = np.random.default_rng(seed)
    swell = 10 ** (np.sin(np.arange(len(x)) / 8000) * 3 / 20)
    return (x + swell * rng.normal(0, 0.05 * 10 ** (-snr_db / 20), len(x))).astype(
        np.float32
    ), label


def probabilities(x16):
    resampler = Resampler(16_000, RATE)
    x = np.concatenate([resampler.process(x16), resampler.flush()])[: len(x16) * 3 // 2]
    stage = VoiceActivity()
    return np.array([stage.process(frame) for frame in x.reshape(-1, FRAME)])


@pytest.mark.parametrize("mode", [0, 1, 2, 3])
@pytest.mark.parametrize(("snr_db", "ahead"), [(0, 0.0), (10, -0.04)])
def test_finds_speech_as_webrtcvad_at_its_false_alarms(mode, snr_db, ahead):
    """White noise is what webrtcvad does best in; ahead is for strong noise, near for weak."""
    x, label = noisy(snr_db)
    pcm = (x.clip(-1, 1) * 32767).astype("<i2")
    peer = webrtcvad.Vad(mode)
    theirs = np.array(
        [peer.is_speech(pcm[i : i + 160].tobytes(), 16_000) for i in range(0, len(pcm), 160)]
    )
    ours = probabilities(x)
    late = slice(100, None)
    theirs, ours, label = theirs[late], ours[late], label[late]
    false_alarms = max(theirs[~label].mean(), 0.02)
    threshold = np.quantile(ours[~label], 1 - false_alarms)
    assert (ours[label] > threshold).mean() >= theirs[label].mean() + ahead


def test_tells_clean_speech_from_its_pauses():
    x, label = noisy(40)
    p = probabilities(x)[100:]
    assert (p[label[100:]] > 0.5).mean() > 0.85
    assert (p[~label[100:]] > 0.5).mean() < 0.25


@pytest.mark.parametrize("level", [0.0, 0.001, 0.1])
def test_steady_noise_is_no_speech(level):
    rng = np.random.default_rng(4)
    stage = VoiceActivity()
    p = [stage.process(rng.normal(0, level, FRAME).astype(np.float32)) for _ in range(400)]
    assert np.mean(np.array(p[200:]) > 0.5) < 0.05


def test_the_decision_outlives_speech_by_the_hangover():
    x, _ = noisy(40)
    resampler = Resampler(16_000, RATE)
    x24 = resampler.process(x)[: 16 * RATE // FRAME * FRAME // 2]
    stage = VoiceActivity()
    last = None
    held = []
    for at, frame in enumerate(x24[: len(x24) // FRAME * FRAME].reshape(-1, FRAME)):
        if stage.process(frame) >= stage.threshold:
            last = at
        held.append(stage.active == (last is not None and at - last < HANGOVER))
    assert all(held)
    assert last is not None


def test_recovers_from_outrageous_sound_within_two_seconds():
    x, _ = noisy(10)
    fresh = probabilities(x)
    stage = VoiceActivity()
    rng = np.random.default_rng(6)
    for _ in range(100):
        p = stage.process(rng.choice(np.array([-3e38, 3e38, 0], np.float32), FRAME))
        assert 0.0 <= p <= 1.0
    resampler = Resampler(16_000, RATE)
    x24 = np.concatenate([resampler.process(x), resampler.flush()])[: len(x) * 3 // 2]
    after = np.array([stage.process(frame) for frame in x24.reshape(-1, FRAME)])
    assert np.abs(after - fresh)[220:].mean() < 0.02


def test_reset_starts_anew():
    x, _ = noisy(10)
    x = x[: 16_000 // 240 * 240].reshape(-1, FRAME)
    stage = VoiceActivity()
    first = [stage.process(frame) for frame in x]
    stage.reset()
    assert [stage.process(frame) for frame in x] == first


@pytest.mark.parametrize(
    "bad", [np.zeros(160, np.float32), np.zeros(240), np.full(240, np.inf, np.float32)]
)
def test_refuses_what_is_no_frame(bad):
    with pytest.raises(SignalError, match="voice activity"):
        VoiceActivity().process(bad)
