"""The chain behind the microphone: times, echo and voices, on recordings in a room of noise."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.devices.echo_reference import EchoReference
from appliance.devices.sound_front import SoundFront
from appliance.dsp.chain import STAGES, Chain
from appliance.dsp.geometry import GEOMETRIES
from appliance.dsp.pcm import float_to_pcm16
from appliance.recordings import read_channels

RATE = 24_000
SPEECH = "/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-08{}0.wav"
CARDS = "/usr/share/pocketsphinx/test/data/cards/00{}.wav"
CHUNK = 480


def loud(names, seconds, level):
    samples = np.concatenate([read_channels(name)[0] for name in names])
    samples = np.resize(samples, round(seconds * RATE))
    return (samples * (level / np.std(samples))).astype(np.float32)


def room(far, seed=1):
    rng = np.random.default_rng(seed)
    n = round(0.25 * RATE)
    response = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n) * 0.1
    response[0] = 1.0
    size = 1 << (len(far) + n).bit_length()
    echo = np.fft.irfft(np.fft.rfft(far, size) * np.fft.rfft(response, size))[: len(far)]
    echo *= 0.06 / max(np.std(echo), 1e-9)
    return (echo + 5e-5 * rng.standard_normal(len(far))).astype(np.float32)


def live(far, near, *, queued_s=0.06, stages=("highpass", "echo", "denoise", "gain")):
    """Run a loudspeaker and a microphone against each other in simulated time.

    Returns all that came out, in order.
    """
    late = round(queued_s * RATE)
    heard = np.concatenate([np.zeros(late, np.float32), room(far)])[: len(far)] + near
    reference = EchoReference(CHUNK + CHUNK + 240)
    front = SoundFront(Chain(stages), reference)
    reference.put(bytes(2 * late))  # what was queued before the microphone was opened
    out = []
    for start in range(0, len(far) - CHUNK + 1, CHUNK):
        reference.put(float_to_pcm16(far[start : start + CHUNK]))
        cleaned = front.process(heard[np.newaxis, start : start + CHUNK], start / RATE)
        assert cleaned is not None
        out.append(cleaned)
    return out


def voices(out, from_s=0.0, to_s=1e9):
    return [c for c in out if c.voice_since_s is not None and from_s <= c.first_sample_s <= to_s]


@pytest.fixture(scope="module")
def far():
    return loud([SPEECH.format(n) for n in (7, 8, 9)], 14, 0.06)


def test_every_sample_is_dated_by_when_it_was_captured():
    click = np.zeros((1, 24_000), np.float32)
    click[0, 12_000:12_002] = 0.5
    front = SoundFront(Chain(("highpass", "denoise")), None)
    at_s = None
    for start in range(0, 24_000, 700):  # no multiple of a frame
        cleaned = front.process(click[:, start : start + 700], 100 + start / RATE)
        if cleaned is None:
            continue
        samples = np.frombuffer(cleaned.pcm, "<i2")
        if np.abs(samples).max() > 3000:
            at_s = cleaned.first_sample_s + np.argmax(np.abs(samples)) / RATE
    assert at_s == pytest.approx(100.5, abs=0.001)


def test_less_than_a_frame_waits_for_the_rest():
    front = SoundFront(Chain(()), None)
    assert front.process(np.full((1, 239), 0.25, np.float32), 0.0) is None
    cleaned = front.process(np.full((1, 1), 0.25, np.float32), 239 / RATE)
    assert cleaned is not None
    assert cleaned.first_sample_s == pytest.approx(0.0)
    assert np.array_equal(np.frombuffer(cleaned.pcm, "<i2"), np.full(240, 8192))


def test_the_loudspeaker_alone_is_no_voice_and_converges(far):
    out = live(far, np.zeros_like(far))
    assert not voices(out), "the device heard itself"
    converged = [c.first_sample_s for c in out if c.echo.converged]
    assert converged[0] < 4.0
    last = out[-1].echo
    assert last.converged
    assert last.loss_db > 12
    assert 20 <= last.delay_ms <= 120


@pytest.mark.parametrize("level", [0.03, 0.06])
def test_a_voice_over_the_loudspeaker_is_heard_from_its_beginning(far, level):
    begins_s = 8.0
    said = loud([CARDS.format(n) for n in (1, 2, 3)], 6, level)
    near = np.zeros_like(far)
    near[round(begins_s * RATE) :] = said[: len(near) - round(begins_s * RATE)]
    first_word_s = begins_s + np.flatnonzero(np.abs(said) > 0.02)[0] / RATE
    out = live(far, near)
    assert not voices(out, to_s=first_word_s - 0.1)
    found = voices(out)[0]
    assert found.first_sample_s - first_word_s < 1.0
    assert abs(found.voice_since_s - first_word_s) < 0.6


def test_a_voice_is_not_believed_before_the_canceller_is(far):
    near = loud([CARDS.format(n) for n in (1, 2, 3)], 14, 0.06)
    out = live(far[: RATE * 2], near[: RATE * 2])
    assert not [c for c in voices(out) if not c.echo.converged and c.first_sample_s > 0.1]


def test_in_silence_a_voice_needs_no_canceller():
    near = loud([CARDS.format(n) for n in (1, 2, 3)], 3, 0.06)
    assert voices(live(np.zeros_like(near), near))
    assert voices(live(np.zeros_like(near), near, stages=("highpass", "denoise")))


def test_a_quiet_room_is_nobody():
    hiss = 0.001 * np.random.default_rng(2).standard_normal(RATE * 4)
    assert not voices(live(np.zeros(RATE * 4, np.float32), hiss.astype(np.float32)))


def test_an_array_gives_all_its_channels():
    front = SoundFront(Chain(STAGES), EchoReference(1200))
    assert front.channels == 1
    array = SoundFront(Chain(STAGES, geometry=GEOMETRIES["linear-4"]), EchoReference(1200))
    assert array.channels == 4
    cleaned = array.process(np.zeros((4, 480), np.float32), 0.0)
    assert cleaned is not None
    assert cleaned.pcm == bytes(960)


def test_the_calibrated_gain_is_put_on_once():
    front = SoundFront(Chain(()), None, input_gain_db=6.0206)
    quiet = np.full((1, CHUNK), 0.125, np.float32)
    cleaned = front.process(quiet, 0.0)
    assert cleaned is not None
    assert np.frombuffer(cleaned.pcm, "<i2") == pytest.approx(0.25 * 32768, abs=1.0)
