"""The training's examples, from planted files; and that without torch it says so in a line."""

import sys

import numpy as np
import pytest
import soundfile

from appliance.bench import train_denoise, train_denoise_mix
from appliance.bench.train_denoise_mix import Mixer, active_level, read_noises, read_talkers
from appliance.errors import UsageError

SIZE = 96_000


@pytest.fixture
def folders(tmp_path):
    rng = np.random.default_rng(2)
    for kind, seconds, rate in (("speech", 3, 16_000), ("noise", 3, 44_100)):
        (tmp_path / kind / "deep").mkdir(parents=True)
        for index in range(3):
            sound = rng.normal(0, 0.1, seconds * rate)
            sound *= np.sin(2 * np.pi * 2 * np.arange(len(sound)) / rate) > 0
            soundfile.write(tmp_path / kind / "deep" / f"{index}.wav", sound, rate)
    return tmp_path


@pytest.fixture
def mixer(folders, monkeypatch):
    for name in ("BABBLES", "SYNTHESISED", "ROOMS"):
        monkeypatch.setattr(train_denoise_mix, name, 2)
    rng = np.random.default_rng(4)
    return Mixer(read_talkers(folders / "speech", rng), read_noises([folders / "noise"], rng), rng)


def test_a_folder_becomes_five_talkers_of_known_band(folders):
    talkers = read_talkers(folders / "speech", np.random.default_rng(1))
    bands = [each.band_hz for each in talkers]
    assert bands == pytest.approx([0.96 * 8000 * s for s in train_denoise_mix.SPEEDS])
    lengths = [len(each.sound) for each in talkers]
    assert lengths[0] > lengths[2] > lengths[4]
    assert active_level(talkers[2].sound) == pytest.approx(0.05, rel=0.1)


def test_noises_are_looped_and_even(folders):
    noises = read_noises([folders / "noise"], np.random.default_rng(1))
    assert len(noises) == 3
    for noise in noises:
        assert len(noise) >= 16 * 24_000
        assert np.std(noise) == pytest.approx(1, abs=0.01)


def test_examples_differ_and_have_speech_noise_and_both(mixer):
    examples = [mixer.example(SIZE) for _ in range(60)]
    speech = np.array([np.std(each.speech) for each in examples])
    noise = np.array([np.std(each.noise) for each in examples])
    for each in examples:
        assert each.speech.shape == each.wanted.shape == each.noise.shape == (SIZE,)
        assert np.isfinite(each.speech).all()
    assert len(np.unique(noise)) == len(examples)
    assert np.median(speech) == pytest.approx(0.7, abs=0.4)
    snr_db = 20 * np.log10(speech[speech > 0] / noise[speech > 0])
    assert snr_db.min() < 5
    assert snr_db.max() > 20
    assert any(not np.array_equal(each.speech, each.wanted) for each in examples)


def test_an_equaliser_is_a_gain_for_each_bin(mixer):
    gains = np.stack([mixer.equaliser(481) for _ in range(40)])
    assert gains.shape == (40, 481)
    assert np.all(gains > 0)
    assert np.any(np.all(gains == 1, axis=1))


@pytest.mark.parametrize("missing", ["speech", "noise"])
def test_a_folder_without_sound_is_refused(folders, missing, capsys):
    for path in (folders / missing).rglob("*.wav"):
        path.unlink()
    words = ["--speech", folders / "speech", "--noise", folders / "noise", "--out", folders / "w"]
    assert train_denoise.main([str(word) for word in words]) == 2
    assert f"no {missing} in" in capsys.readouterr().err


def test_what_is_no_folder_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no folder"):
        read_talkers(tmp_path / "nowhere", np.random.default_rng(1))


def test_without_torch_it_says_so(folders, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in ("BABBLES", "SYNTHESISED", "ROOMS"):
        monkeypatch.setattr(train_denoise_mix, name, 1)
    words = ["--speech", folders / "speech", "--noise", folders / "noise", "--out", folders / "w"]
    assert train_denoise.main([str(word) for word in words]) == 2
    assert capsys.readouterr().err.startswith("train_denoise: training wants torch")
