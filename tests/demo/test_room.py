"""The room is what it says it is: its echo, its delay, its drift, its loudspeaker."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.demo.rendering import BLOCK, Convolver, DriftingDelay, RoomSound
from appliance.demo.room import ROOMS, Responses, Room, responses_of, room_named
from appliance.errors import UsageError

DICE = np.random.default_rng(20261125)


def blocks(samples):
    return samples[: len(samples) // BLOCK * BLOCK].reshape(-1, BLOCK)


def through(stage, samples):
    return np.concatenate([stage.process(block) for block in blocks(samples)])


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_a_room_has_the_reverberation_that_it_says(room):
    responses = responses_of(room)
    assert responses.rt60_s == pytest.approx(room.rt60_s, rel=0.15)
    # The loudspeaker is 12 cm away, the mouth 1 m: 0.35 and 2.9 ms of air.
    assert np.argmax(np.abs(responses.loudspeaker)) == pytest.approx(0.35 * 24, abs=2)
    assert np.argmax(np.abs(responses.mouth)) == pytest.approx(2.9 * 24, abs=3)


def test_a_farther_mouth_is_softer_and_its_echo_is_not():
    near, far = (responses_of(room_named("small", distance_m=d)) for d in (0.5, 2.0))
    assert np.max(near.mouth) > 2 * np.max(far.mouth)
    assert np.sum(near.loudspeaker**2) == pytest.approx(np.sum(far.loudspeaker**2))


def test_the_echo_is_as_loud_as_asked():
    room = room_named("living")
    responses = responses_of(room)
    db = 10 * np.log10(np.sum(responses.loudspeaker**2) / np.sum(responses.mouth**2))
    assert db == pytest.approx(room.echo_db, abs=0.5)


def test_a_room_that_there_is_not_is_told_with_those_that_there_are():
    with pytest.raises(UsageError, match=r"no room 'cave': there are small, living, hard"):
        room_named("cave")


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("distance_m", 0.1, "--distance takes 0.2 to 3"),
        ("drift_ppm", 401.0, "--drift takes -400 to 400"),
        ("saturation", float("nan"), "--saturation takes 0 to 1"),
    ],
)
def test_what_no_room_can_be_is_refused(option, value, told):
    with pytest.raises(UsageError, match=told):
        room_named("living", **{option: value})


@pytest.mark.parametrize("length", [1, 240, 241, 5000])
def test_the_convolver_convolves(length):
    response, sound = DICE.normal(size=length), DICE.normal(size=BLOCK * 40)
    assert np.allclose(through(Convolver(response), sound), np.convolve(sound, response)[:9600])


def test_a_delay_is_a_delay():
    sound = DICE.normal(size=BLOCK * 20)
    out = through(DriftingDelay(700, 0.0), sound)
    assert np.array_equal(out[700:], sound[:-700])
    assert not out[:700].any()


@pytest.mark.parametrize("ppm", [100.0, -400.0])
def test_a_drifting_clock_reads_faster_or_slower(ppm):
    """A tone of the loudspeaker has another pitch at the microphone: by ppm, as asked."""
    seconds = 8
    at_s = np.arange(24_000 * seconds) / 24_000
    out = through(DriftingDelay(720, ppm), np.sin(2 * np.pi * 1000 * at_s))
    middle = slice(24_000, 24_000 * (seconds - 1))
    steps = np.convolve(out[middle] * np.exp(-2j * np.pi * 1000 * at_s[middle]), np.ones(24) / 24)
    turned = np.unwrap(np.angle(steps[24:-24]))
    hz = (turned[-1] - turned[0]) / (2 * np.pi) / (len(turned) / 24_000)
    assert hz / 1000 * 1e6 == pytest.approx(ppm, abs=2)
    assert np.max(np.abs(out)) < 1.01


def test_drift_ends_when_the_delay_is_used_up():
    delay = DriftingDelay(8, 400.0)
    for _ in range(100 * 200):
        delay.process(np.zeros(BLOCK))
    assert np.isfinite(delay.process(DICE.normal(size=BLOCK))).all()


def plain(**changes):
    fields = {"echo_db": 0.0, "noise_dbfs": -200.0, "delay_ms": 10.0, **changes}
    return Room("plain", (3.0, 3.0, 3.0), 0.2, **fields)


BOTH = Responses(np.array([0.5]), np.array([0.25]), 0.2)


def test_the_microphone_hears_both_and_how_much_of_it_is_the_mouth():
    sound = RoomSound(plain(), BOTH)
    loudspeaker, mouth = (blocks(DICE.normal(scale=0.1, size=BLOCK * 9)) for _ in range(2))
    heard = [sound.process(a, b) for a, b in zip(loudspeaker, mouth, strict=True)]
    speech = np.concatenate([part for _, part in heard])
    whole = np.concatenate([part for part, _ in heard])
    assert np.allclose(speech, 0.25 * mouth.ravel())
    assert np.allclose((whole - speech)[BLOCK:], 0.5 * loudspeaker.ravel()[:-BLOCK])
    assert sound.echo_to_speech_db() == pytest.approx(6.0, abs=0.6)
    assert sound.clipped == 0


def test_what_is_too_loud_is_clipped_and_counted():
    sound = RoomSound(plain(), BOTH)
    heard, _ = sound.process(np.zeros(BLOCK), np.full(BLOCK, 5.0))
    assert heard.max() == 1.0
    assert sound.clipped == BLOCK
    assert sound.echo_to_speech_db() is None  # there was no echo to compare


def test_a_loudspeaker_that_saturates_is_not_linear():
    tone = 0.9 * np.sin(2 * np.pi * 1000 * np.arange(BLOCK * 4) / 24_000)
    heard = through_room(RoomSound(plain(saturation=1.0), BOTH), tone)
    spectrum = np.abs(np.fft.rfft(heard[BLOCK * 2 :]))
    third, first = spectrum[60], spectrum[20]  # bins of 50 Hz
    assert third > 0.1 * first
    clean = through_room(RoomSound(plain(), BOTH), tone)
    spectrum = np.abs(np.fft.rfft(clean[BLOCK * 2 :]))
    assert spectrum[60] < 1e-6 * spectrum[20]


def through_room(sound, loudspeaker):
    return np.concatenate([sound.process(b, np.zeros(BLOCK))[0] for b in blocks(loudspeaker)])
