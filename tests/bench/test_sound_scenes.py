"""The recordings of `appliance bench sound`: always the same, and what they say they are."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from appliance.bench.cache import kept
from appliance.bench.corpus import Corpus, active_power, trimmed
from appliance.bench.echo_scenes import QUICK_ECHO_SET, EchoScene, echo_scenes
from appliance.bench.noise_scenes import QUICK_NOISE_SET, NoiseItem, is_speech, noise_items


@pytest.fixture(scope="module")
def corpus():
    return Corpus()


@pytest.fixture(scope="module")
def items(corpus):
    return list(noise_items(QUICK_NOISE_SET, corpus))


@pytest.fixture(scope="module")
def drifting(corpus):
    wanted = dataclasses.replace(QUICK_ECHO_SET, scenes=1, drifts_ppm=(0, 150, -150))
    return next(iter(echo_scenes(wanted, corpus)))


def same(one, other):
    return all(
        np.array_equal(getattr(one, f.name), getattr(other, f.name))
        for f in dataclasses.fields(one)
        if f.name != "references"
    )


def test_items_are_the_same_every_time_and_others_with_another_seed(items):
    again = list(noise_items(QUICK_NOISE_SET, Corpus()))
    assert all(same(*pair) for pair in zip(items, again, strict=True))
    other = next(noise_items(dataclasses.replace(QUICK_NOISE_SET, seed=9), Corpus()))
    assert not np.array_equal(items[0].clean, other.clean)


def test_an_item_has_the_snr_that_it_is_called_by(items):
    for item in items:
        clean, noisy = item.clean.astype(float), item.noisy.astype(float)
        snr_db = 10 * np.log10(np.mean(clean**2) / np.mean((noisy - clean) ** 2))
        assert snr_db == pytest.approx(item.snr_db, abs=0.1)
        assert len(clean) == len(noisy) == QUICK_NOISE_SET.length_s * 24_000
        assert np.abs(item.noisy).max() < 32767  # nothing clips


def test_babble_is_made_of_talkers(corpus):
    wanted = dataclasses.replace(QUICK_NOISE_SET, noises=("babble",), talkers=("librivox",))
    (item,) = noise_items(wanted, corpus)
    babble = item.noisy.astype(float) - item.clean
    # Voices: next to nothing under 60 Hz, and most of it under 4 kHz.
    power = np.abs(np.fft.rfft(babble)) ** 2
    hz = np.fft.rfftfreq(len(babble), 1 / 24_000)
    assert power[hz < 60].sum() < 0.05 * power.sum()
    assert power[hz < 4000].sum() > 0.8 * power.sum()


def test_speech_is_where_the_clean_recording_is_loud():
    clean = np.zeros(24_000, np.int16)
    clean[6000:12_000] = 3000
    clean[18_000:] = 3  # 60 dB below
    assert is_speech(clean).tolist() == [25 <= frame < 50 for frame in range(100)]


def test_the_level_of_speech_leaves_its_pauses_out():
    tone = np.sin(np.arange(24_000) / 5.0)
    with_pause = np.concatenate([np.zeros(12_000), tone, np.zeros(12_000)])
    assert active_power(with_pause) == pytest.approx(0.5, rel=0.05)
    assert len(trimmed(with_pause)) == pytest.approx(24_000 + 7 * 240, abs=480)


def test_an_echo_scene_holds_a_far_end_alone_and_then_both(drifting):
    assert len(drifting.mic) == len(drifting.near) == 16 * 24_000
    assert not drifting.near[: 8 * 24_000].any()
    assert drifting.near[8 * 24_000 :].any()
    # The microphone hears the loudspeaker, later by at least the bulk delay.
    mic, reference = (x[: 6 * 24_000].astype(float) for x in (drifting.mic, drifting.references[0]))
    spectrum = np.fft.rfft(mic, 1 << 19) * np.conj(np.fft.rfft(reference, 1 << 19))
    lag_ms = np.argmax(np.abs(np.fft.irfft(spectrum / np.abs(spectrum)))) / 24
    assert drifting.delay_ms <= lag_ms < drifting.delay_ms + 20


@pytest.mark.parametrize("ppm", [150, -150])
def test_the_reference_drifts(drifting, ppm):
    def lag(end_s):
        part = slice((end_s - 2) * 24_000, end_s * 24_000)
        at = np.fft.rfft(drifting.references[ppm][part].astype(float), 1 << 17)
        of = np.fft.rfft(drifting.references[0][part].astype(float), 1 << 17)
        shift = np.argmax(np.fft.irfft(at * np.conj(of)))
        return shift if shift < 1 << 16 else shift - (1 << 17)

    # A faster clock takes more samples of the same: each sound sits later in its recording.
    assert lag(14) - lag(4) == pytest.approx(10 * 24_000 * ppm * 1e-6, abs=2)
    assert len(drifting.references[ppm]) == len(drifting.mic)


def test_scenes_come_out_of_the_cache_as_they_went_in(tmp_path, drifting):
    wanted = dataclasses.replace(QUICK_ECHO_SET, scenes=1)
    kept(tmp_path, wanted, EchoScene, lambda: [drifting])
    (back,) = kept(tmp_path, wanted, EchoScene, lambda: pytest.fail("it was kept"))
    assert same(back, drifting)
    assert set(back.references) == {0, 150, -150}
    assert np.array_equal(back.references[150], drifting.references[150])


def test_another_set_a_damaged_file_and_no_directory_at_all(tmp_path, items):
    def make():
        made.append(True)
        return items

    made = []
    kept(tmp_path, QUICK_NOISE_SET, NoiseItem, make)
    kept(tmp_path, dataclasses.replace(QUICK_NOISE_SET, seed=5), NoiseItem, make)
    (only,) = tmp_path.iterdir()  # the older one is gone
    assert len(made) == 2
    only.write_bytes(only.read_bytes()[:5000])
    kept(tmp_path, dataclasses.replace(QUICK_NOISE_SET, seed=5), NoiseItem, make)
    assert len(made) == 3
    blocked = only / "under-a-file"
    assert kept(blocked, QUICK_NOISE_SET, NoiseItem, make) == items
