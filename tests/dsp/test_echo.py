"""The echo canceller in rooms made of decaying noise, on recorded speech."""

import wave
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from appliance.dsp.echo import FRAME, EchoCanceller
from appliance.dsp.echo_frame import LOUDEST_INPUT
from appliance.dsp.kernel import REGISTRY
from appliance.dsp.resample import Resampler
from appliance.errors import SignalError

RATE = 24_000
SPEECH = Path("/usr/share/pocketsphinx/test/data")
FAR = "librivox/sense_and_sensibility_01_austen_64kb-08{}0.wav"


def at_24k(samples):
    resampler = Resampler(16_000, RATE)
    return np.concatenate([resampler.process(samples), resampler.flush()])


def recording(name):
    with wave.open(str(SPEECH / name)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return at_24k((pcm / 32768.0).astype(np.float32))


@cache
def far_end():
    speech = np.concatenate([recording(FAR.format(n)) for n in (7, 8, 9)])
    return fitted(speech, 16)


@cache
def near_end():
    return fitted(np.concatenate([recording(f"cards/00{n}.wav") for n in range(1, 6)]), 16)


def fitted(speech, seconds, level=0.05):
    speech = np.resize(speech, seconds * RATE)
    return (speech * (level / np.std(speech))).astype(np.float32)


def echo_of(far, *, delay_ms=80.0, rt60=0.25, seed=1, drift_ppm=0.0, level=0.05):
    """What a microphone hears of a loudspeaker that plays `far`."""
    rng = np.random.default_rng(seed)
    n = round(rt60 * RATE)
    response = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n) * 0.1
    response[0] = 1.0
    size = 1 << (len(far) + n + RATE).bit_length()
    shift = np.exp(-2j * np.pi * np.arange(size // 2 + 1) * round(delay_ms * 24) / size)
    spectrum = np.fft.rfft(far, size) * np.fft.rfft(response, size) * shift
    if drift_ppm == 0.0:
        echo = np.fft.irfft(spectrum)[: len(far)]
    else:  # sixteen times as dense, then a straight line: 60 dB and more below the echo
        dense = np.fft.irfft(np.pad(spectrum, (0, 15 * size // 2)), 16 * size) * 16
        at = 16 * np.arange(len(far)) * (1 - 1e-6 * drift_ppm)
        echo = np.interp(at, np.arange(16 * len(far) + 16 * RATE), dense[: 16 * (len(far) + RATE)])
    hiss = rng.standard_normal(len(far)) * level * 1e-3
    return (echo * (level / np.std(echo)) + hiss).astype(np.float32)


def run(mic, far, canceller=None):
    """Return the output, in step with `mic`, and what the canceller said of itself each frame."""
    canceller = canceller or EchoCanceller()
    out, said = [], []
    for start in range(0, len(mic) - FRAME + 1, FRAME):
        frame = slice(start, start + FRAME)
        out.append(canceller.process(mic[frame], far[frame]))
        said.append(canceller.converged)
    late = np.concatenate(out)[canceller.delay_samples :]
    return np.pad(late, (0, canceller.delay_samples)), np.array(said)


def loss(mic, out, start, end):
    span = slice(int(start * RATE), int(end * RATE))
    return 10 * np.log10(np.sum(mic[span] ** 2.0) / (np.sum(out[span] ** 2.0) + 1e-12))


def clearness(near, out, start, end):
    """Ratio of what follows `near` to what does not, dB."""
    span = slice(int(start * RATE), int(end * RATE))
    wanted, got = near[span].astype(float), out[span].astype(float)
    wanted *= np.dot(wanted, got) / np.dot(wanted, wanted)
    return 10 * np.log10(np.sum(wanted**2) / np.sum((got - wanted) ** 2))


@pytest.mark.parametrize("rt60", [0.2, 0.45])
def test_the_echo_is_gone_after_four_seconds(rt60):
    mic = echo_of(far_end(), rt60=rt60)
    out, converged = run(mic, far_end())
    assert loss(mic, out, 4, 8) > 28
    assert not converged[:20].any()
    assert converged[300:].all()


@pytest.mark.parametrize("near_db", [0, -10])
def test_a_voice_over_the_loudspeaker_comes_through_clear(near_db):
    near = near_end() * np.float32(10 ** (near_db / 20))
    near[: 6 * RATE] = 0
    mic = echo_of(far_end()) + near
    out, converged = run(mic, far_end())
    assert clearness(near, out, 6, 16) - clearness(near, mic, 6, 16) > 15
    assert clearness(near, out, 6, 16) > 8
    assert converged[600:].all()


@pytest.mark.parametrize(("ppm", "at_most"), [(150.0, 3), (-150.0, 3), (300.0, 5)])
def test_clocks_that_drift_cost_little_and_are_told(ppm, at_most):
    steady = echo_of(far_end())
    drifting = echo_of(far_end(), drift_ppm=ppm)
    canceller = EchoCanceller()
    out, converged = run(drifting, far_end(), canceller)
    assert canceller.drift_ppm == pytest.approx(ppm, abs=15)
    assert converged[1000:].all()
    lost = loss(steady, run(steady, far_end())[0], 8, 15) - loss(drifting, out, 8, 15)
    assert lost < at_most


@pytest.mark.parametrize("ppm", [-300.0, 300.0])
def test_a_drift_of_many_blocks_is_followed_across_them(ppm):
    far = np.tile(far_end(), 5)  # 80 s: 24 ms of drift, more than two blocks
    drifting = echo_of(far, drift_ppm=ppm)
    canceller = EchoCanceller()
    out, _ = run(drifting, far, canceller)
    losses = [loss(drifting, out, start, start + 4) for start in range(12, 76, 4)]
    assert min(losses) > 20
    assert canceller.delay_ms == pytest.approx(80 + ppm * 0.080, abs=11)


@pytest.mark.parametrize("delay", [5.0, 80.0, 207.0, 340.0, 485.0])
def test_the_delay_is_found(delay):
    mic = echo_of(far_end(), delay_ms=delay)
    canceller = EchoCanceller()
    assert canceller.delay_ms is None
    out, _ = run(mic, far_end(), canceller)
    assert canceller.delay_ms == pytest.approx(delay, abs=11)
    assert loss(mic, out, 4, 8) > 25


def test_a_delay_beyond_the_greatest_asked_for_is_not_looked_for():
    canceller = EchoCanceller(max_delay_ms=200)
    run(echo_of(far_end(), delay_ms=400), far_end(), canceller)
    assert canceller.delay_ms is None or canceller.delay_ms < 230
    assert not canceller.converged


@pytest.mark.parametrize("change", [{"delay_ms": 180.0}, {"seed": 2}])
def test_another_delay_or_room_is_noticed_and_learnt(change):
    mic = echo_of(far_end())
    mic[8 * RATE :] = echo_of(far_end(), **change)[8 * RATE :]
    out, converged = run(mic, far_end())
    assert converged[790]
    assert not converged[800:950].all()
    assert converged[-200:].all()
    assert loss(mic, out, 11, 15) > 22


def test_without_a_reference_the_microphone_passes_as_it_is_ten_milliseconds_late():
    out, converged = run(near_end(), np.zeros_like(near_end()))
    assert np.abs(out - near_end())[: -2 * FRAME].max() < 1e-5
    assert not converged.any()


def test_headphones_pass_the_voice_untouched():
    out, converged = run(near_end(), far_end())
    assert clearness(near_end(), out, 0, 15.9) > 20
    assert not converged.any()


def test_a_reply_after_silence_finds_the_room_still_known():
    far = far_end().copy()
    far[6 * RATE : 10 * RATE] = 0
    mic = echo_of(far)
    out, converged = run(mic, far)
    assert converged[595:].all()
    assert loss(mic, out, 10.2, 12) > 22


def answers(count, silence_s=10, answer_s=3):
    """Answers with long silences between, and where each begins, in seconds."""
    parts, begins = [np.zeros(RATE, np.float32)], []
    for k in range(count):
        begins.append(sum(map(len, parts)) / RATE)
        parts.append(far_end()[k * answer_s * RATE : (k + 1) * answer_s * RATE])
        parts.append(np.zeros(silence_s * RATE, np.float32))
    return np.concatenate(parts), begins


def test_silence_does_not_make_a_steady_clock_wander():
    far, begins = answers(4)
    mic = echo_of(far)
    out, converged = run(mic, far)
    for begin in begins[1:]:
        assert loss(mic, out, begin, begin + 0.5) > 20
        assert converged[round(begin * 100) : round(begin * 100) + 300].all()


@pytest.mark.parametrize("ppm", [-40.0, 100.0])
def test_two_clocks_that_part_in_silence_are_brought_together_within_a_second(ppm):
    far, begins = answers(3)
    mic = echo_of(far, drift_ppm=ppm)
    out, converged = run(mic, far)
    for begin in begins[1:]:
        assert loss(mic, out, begin + 1, begin + 3) > 30
        assert converged[round((begin + 2) * 100) : round((begin + 3) * 100)].all()


@pytest.mark.parametrize("frames", [3, -2])
def test_a_reference_that_was_put_right_in_silence_needs_no_learning(frames):
    canceller = EchoCanceller()
    far, mic = far_end(), echo_of(far_end(), delay_ms=120.0)
    _, before = run(mic, far, canceller)
    silent = np.zeros(2 * RATE, np.float32)
    run(silent, silent, canceller)
    canceller.moved(frames)
    shifted = np.roll(far, -frames * FRAME)
    out, after = run(mic, shifted, canceller)
    assert before[-1]
    assert loss(mic, out, 0.2, 1.0) > 20
    assert after.mean() > 0.9
    assert canceller.delay_ms == pytest.approx(120.0 + 10 * frames, abs=12)


def test_a_reference_that_vanishes_does_not_take_the_voice_with_it():
    far = far_end().copy()
    far[5 * RATE : 9 * RATE] = 0
    near = near_end().copy()
    near[: 5 * RATE] = 0
    mic = echo_of(far_end())
    mic[5 * RATE :] = 0
    out, _ = run(mic + near, far)
    assert clearness(near, out, 6, 9) > 15
    assert np.abs(out).max() < 1


def noise(seconds, seed=5):
    return np.sign(np.random.default_rng(seed).standard_normal(seconds * RATE)).astype(np.float32)


GARBAGE = {
    "full scale": (noise(3), noise(3, 6)),
    "same on both": (noise(3), noise(3)),
    "constant": (np.ones(3 * RATE, np.float32), np.ones(3 * RATE, np.float32)),
    "far beyond full scale": (noise(3) * 60, noise(3, 6) * 60),
    "single samples": (
        np.float32(np.arange(3 * RATE) % 5000 == 0),
        np.float32(np.arange(3 * RATE) % 7001 == 0),
    ),
    "denormal": (noise(3) * np.float32(1e-39), noise(3, 6) * np.float32(1e-39)),
}


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_stays_finite_and_bounded_and_is_forgotten_in_two_seconds(garbage):
    mic, far = echo_of(far_end()), far_end().copy()
    mic[4 * RATE : 7 * RATE], far[4 * RATE : 7 * RATE] = GARBAGE[garbage]
    out, _ = run(mic, far)
    assert np.isfinite(out).all()
    assert np.abs(out).max() < 4 * max(1.0, np.abs(mic).max())
    assert loss(mic, out, 9, 13) > 20


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2 * LOUDEST_INPUT, 3e38])
@pytest.mark.parametrize("where", [0, 1])
def test_what_is_no_sound_is_refused_and_leaves_no_trace(value, where):
    mic, far = echo_of(far_end())[: 2 * RATE], far_end()[: 2 * RATE]
    canceller = EchoCanceller()
    run(mic[:RATE], far[:RATE], canceller)
    frames = [np.zeros(FRAME, np.float32), np.zeros(FRAME, np.float32)]
    frames[where][:] = value
    with pytest.raises(SignalError, match="mic or reference"):
        canceller.process(*frames)
    out, _ = run(mic[RATE:], far[RATE:], canceller)
    undisturbed = EchoCanceller()
    run(mic[:RATE], far[:RATE], undisturbed)
    assert np.array_equal(out, run(mic[RATE:], far[RATE:], undisturbed)[0])


@pytest.mark.parametrize(
    "frame", [np.zeros(239, np.float32), np.zeros(240), np.zeros((1, 240), np.float32)]
)
def test_another_shape_or_dtype_is_refused(frame):
    good = np.zeros(FRAME, np.float32)
    with pytest.raises(SignalError, match="mic"):
        EchoCanceller().process(frame, good)
    with pytest.raises(SignalError, match="reference"):
        EchoCanceller().process(good, frame)


@pytest.mark.parametrize("delay", [0, 510])
def test_a_delay_that_it_cannot_cover_is_refused(delay):
    with pytest.raises(SignalError, match="10 to 500 ms"):
        EchoCanceller(max_delay_ms=delay)


def test_after_reset_it_is_as_new():
    mic, far = echo_of(far_end())[: 3 * RATE], far_end()[: 3 * RATE]
    canceller = EchoCanceller()
    first, _ = run(mic, far, canceller)
    canceller.reset()
    assert not canceller.converged
    assert canceller.delay_ms is None
    assert canceller.echo_loss_db == 0.0
    assert np.array_equal(run(mic, far, canceller)[0], first)


def test_plain_python_and_machine_code_agree():
    start = 2 * RATE
    mic, far = echo_of(far_end())[start:], far_end()[start:]
    compiled = EchoCanceller()
    run(mic[:RATE], far[:RATE], compiled)
    REGISTRY.use("python")
    try:
        plain = EchoCanceller()
        for name, array in plain.state.items():
            array[:] = compiled.state[name]
        slow, _ = run(mic[RATE:][: 4 * FRAME], far[RATE:][: 4 * FRAME], plain)
    finally:
        REGISTRY.use(None)
    fast, _ = run(mic[RATE:][: 4 * FRAME], far[RATE:][: 4 * FRAME], compiled)
    assert np.abs(slow - fast).max() < 1e-5 * np.abs(mic).max()
