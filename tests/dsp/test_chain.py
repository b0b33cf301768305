"""The whole chain: its order, its delay, and that nothing breaks it."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from appliance.dsp.chain import STAGES, Chain
from appliance.dsp.geometry import GEOMETRIES
from appliance.errors import SignalError
from appliance.recordings import read_channels

RECORDING = (
    "/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0870.wav"
)
WITHOUT_ECHO = ("highpass", "denoise", "gain")


def through(chain, samples, reference=None):
    frames = len(samples) // 240
    silence = np.zeros(240, np.float32)
    return np.concatenate(
        [
            chain.process(
                samples[i * 240 : (i + 1) * 240],
                silence if reference is None else reference[i * 240 : (i + 1) * 240],
            )
            for i in range(frames)
        ]
    )


@pytest.fixture(scope="module")
def speech():
    return read_channels(RECORDING)[0]


@pytest.mark.parametrize("stages", [("highpass",), ("denoise",), ("gain",), ("echo",), STAGES[1:]])
def test_its_delay_is_what_it_says_by_correlation(speech, stages):
    chain = Chain(stages)
    out = through(chain, speech[: 240 * 400])
    size = 1 << 18
    alike = np.fft.irfft(
        np.fft.rfft(out, size) * np.conj(np.fft.rfft(speech[: len(out)], size)), size
    )
    measured = int(np.argmax(alike[:4800]))
    assert abs(measured - chain.delay_samples) <= 12, "half a millisecond"
    assert chain.delay_samples <= 24 * 40, "the chain may add 40 ms"


def test_every_stage_off_is_the_microphone(speech):
    out = through(Chain(()), speech[:4800])
    assert np.array_equal(out, speech[:4800])


def test_noise_goes_down_and_speech_comes_to_its_level(speech):
    noise = np.random.default_rng(1).standard_normal(len(speech)).astype(np.float32) * 0.01
    quiet = np.concatenate([np.zeros(48000, np.float32), 0.1 * speech])
    noisy = quiet + np.resize(noise, len(quiet)).astype(np.float32)
    out = through(Chain(("highpass", "denoise")), noisy)
    before, after = (20 * np.log10(np.std(x[24000:47000])) for x in (noisy, out))
    assert before - after > 10
    levelled = through(Chain(WITHOUT_ECHO), 0.05 * speech)
    assert np.sqrt(np.mean(levelled[48000:] ** 2)) > 3 * np.sqrt(np.mean((0.05 * speech) ** 2))
    assert np.abs(levelled).max() <= 0.9


def test_an_echo_is_taken_out(speech):
    reference = speech[: 240 * 600]
    mic = 0.3 * np.concatenate([np.zeros(2000, np.float32), reference])[: len(reference)]
    chain = Chain(("echo",))
    out = through(chain, mic.astype(np.float32), reference)
    late = slice(240 * 400, None)
    assert 20 * np.log10(np.std(out[late]) / np.std(mic[late])) < -20
    assert chain.echo.converged


@pytest.mark.parametrize("name", GEOMETRIES)
def test_every_array_fits(name):
    geometry = GEOMETRIES[name]
    chain = Chain(geometry=geometry)
    frame = np.random.default_rng(0).standard_normal((geometry.channels, 240)).astype(np.float32)
    for _ in range(5):
        out = chain.process(0.1 * frame)
    assert out.shape == (240,)
    assert np.isfinite(out).all()


def test_garbage_gives_bounded_sound_and_is_forgotten(speech):
    chain = Chain()
    rng = np.random.default_rng(2)
    for garbage in (
        np.ones(240, np.float32),
        rng.uniform(-1, 1, 240).astype(np.float32),
        np.eye(1, 240, dtype=np.float32)[0],
        np.zeros(240, np.float32),
    ):
        for _ in range(100):
            out = chain.process(garbage, garbage[::-1].copy())
            assert np.abs(out).max() <= 0.9
    through(chain, speech[: 240 * 200])
    level = np.sqrt(np.mean(through(chain, speech[240 * 200 : 240 * 400]) ** 2))
    assert 0.02 < level < 0.5


def test_a_reference_that_vanishes_and_comes_back_leaves_sound_that_is_sound(speech):
    """The loudspeaker's stream dies in mid-word, and its echo with it or without it."""
    chain = Chain()
    far = np.tile(np.roll(speech, 24_000), 2)[: 240 * 900]
    echo = 0.5 * np.roll(far, 2_000)
    near = 0.5 * np.tile(speech, 2)[: 240 * 900]
    through(chain, echo[: 240 * 300], far[: 240 * 300])
    silent = np.zeros(240 * 300, np.float32)
    gone = through(chain, (echo + near)[240 * 300 : 240 * 600], silent)
    back = through(chain, near[240 * 600 :], far[240 * 600 :])
    for out in (gone, back):
        assert np.isfinite(out).all()
        assert np.abs(out).max() <= 0.9
    voice, heard = near[240 * 800 :], back[240 * 200 :]
    assert np.std(heard) > 0.3 * np.std(voice), "after two seconds the voice is there again"


def test_a_stage_that_is_none_is_refused():
    with pytest.raises(SignalError, match="no stage reverb"):
        Chain(("reverb",))


def test_reset_forgets(speech):
    chain = Chain()
    first = through(chain, speech[:24000])
    chain.reset()
    assert np.array_equal(through(chain, speech[:24000]), first)


def test_the_recording_is_what_we_think():
    assert soundfile.info(RECORDING).samplerate == 16000
