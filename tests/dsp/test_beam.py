"""The array in a free field: direction, gain towards it, delay, layouts. Rooms: see the docs."""

import wave
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from appliance.dsp.beam import FADE, Array, Mode
from appliance.dsp.chain import STAGES, Chain
from appliance.dsp.direction import SOUND_M_S
from appliance.dsp.geometry import GEOMETRIES, LINEAR_4, SINGLE, XVF3000, XVF3800, Geometry
from appliance.dsp.resample import Resampler
from appliance.errors import SignalError

RATE, FRAME = 24_000, 240
SPEECH = Path("/usr/share/pocketsphinx/test/data/librivox")


@cache
def speech(seconds=3):
    with wave.open(str(SPEECH / "sense_and_sensibility_01_austen_64kb-0870.wav")) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    samples = Resampler(16_000, RATE).process((pcm / 32768.0).astype(np.float32))
    samples = samples[: seconds * RATE]
    return samples * (0.1 / np.std(samples))


def arriving(samples, geometry, degrees):
    """A plane wave at each microphone, shape (mics, n)."""
    ahead = [
        (x * np.cos(np.radians(degrees)) + y * np.sin(np.radians(degrees))) / SOUND_M_S
        for x, y in geometry.mics
    ]
    spectrum, hertz = np.fft.rfft(samples), np.fft.rfftfreq(len(samples), 1 / RATE)
    waves = [np.fft.irfft(spectrum * np.exp(2j * np.pi * hertz * t), len(samples)) for t in ahead]
    return np.array(waves, np.float32)


def everywhere(geometry, count, seed):
    """Diffuse noise in the plane: 24 independent waves."""
    random = np.random.default_rng(seed)
    angles = np.arange(24) * 15.0 + 4.0
    return sum(arriving(random.standard_normal(count) * 0.01, geometry, a) for a in angles)


def device(geometry, waves):
    """What the sound device delivers: the microphones in their channels, nothing in the others."""
    channels = np.zeros((geometry.channels, waves.shape[1]), np.float32)
    channels[list(geometry.raw)] = waves
    return channels


def run(array, channels):
    count = channels.shape[1] // FRAME
    frames = [
        array.process(np.ascontiguousarray(channels[:, n * FRAME : (n + 1) * FRAME]))
        for n in range(count)
    ]
    return np.concatenate(frames)


def power_db(samples):
    return 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-20)


@pytest.mark.parametrize(
    ("geometry", "degrees"),
    [(XVF3000, 33), (XVF3000, 187), (XVF3800, 301), (XVF3800, 2), (LINEAR_4, 62), (LINEAR_4, 117)],
)
def test_the_talker_is_found_in_noise_from_everywhere(geometry, degrees):
    samples = speech()
    array = Array(geometry)
    assert array.direction_deg is None
    run(array, device(geometry, arriving(samples, geometry, degrees)
                      + everywhere(geometry, len(samples), 1)))  # fmt: skip
    error = (array.direction_deg - degrees + 180) % 360 - 180
    assert abs(error) < 6.0


def test_the_direction_holds_in_silence_and_follows_a_talker_who_moves():
    samples = speech()
    array = Array(XVF3000)
    run(array, device(XVF3000, arriving(samples, XVF3000, 80)))
    there = array.direction_deg
    assert abs(there - 80) < 6.0
    run(array, device(XVF3000, everywhere(XVF3000, 48_000, 2) * 0.05))
    assert abs(array.direction_deg - there) < 1.0
    run(array, device(XVF3000, arriving(samples, XVF3000, 250)))
    assert abs(array.direction_deg - 250) < 6.0
    array.reset()
    assert array.direction_deg is None


@pytest.mark.parametrize("geometry", [XVF3000, LINEAR_4])
def test_a_beam_keeps_the_talker_and_loses_noise_the_superdirective_one_more(geometry):
    samples = speech()
    talker = arriving(samples, geometry, 60)
    noise = everywhere(geometry, len(samples), 3)
    late = slice(RATE, None)
    gains = {}
    for mode in (Mode.DELAY_SUM, Mode.SUPERDIRECTIVE):
        both = run(Array(geometry, mode), device(geometry, talker + noise))[late]
        # The talker at the array's centre, as late as the array says.
        delay = Array(geometry, mode).delay_samples
        wanted = samples[RATE - delay : len(samples) - delay]
        left = both - wanted
        gains[mode] = power_db(noise[0][late]) - power_db(left)
    assert gains[Mode.DELAY_SUM] > 1.0
    assert gains[Mode.SUPERDIRECTIVE] > gains[Mode.DELAY_SUM] + 0.3


def test_the_delay_is_what_correlation_says_and_less_than_20_ms():
    samples = speech()
    array = Array(XVF3000)
    out = run(array, device(XVF3000, arriving(samples, XVF3000, 10)))
    size = 1 << 18
    match = np.fft.irfft(np.fft.rfft(out, size) * np.conj(np.fft.rfft(samples, size)), size)
    assert int(np.argmax(match)) == array.delay_samples == 120


def test_a_microphones_own_noise_comes_out_at_most_6_db_louder():
    random = np.random.default_rng(5)
    samples = speech()
    array = Array(XVF3000)
    run(array, device(XVF3000, arriving(samples, XVF3000, 120)))
    hiss = (random.standard_normal((4, 2 * RATE)) * 1e-4).astype(np.float32)
    out = run(array, device(XVF3000, hiss))[RATE:]
    assert power_db(out) - power_db(hiss) < 6.0


def test_processed_and_first_take_their_channel_as_it_is_and_at_once():
    channels = np.random.default_rng(6).standard_normal((6, FRAME)).astype(np.float32)
    for geometry, mode, channel in (
        (XVF3000, Mode.PROCESSED, 0),
        (XVF3000, Mode.FIRST, 1),
        (XVF3800, Mode.PROCESSED, 1),
        (XVF3800, Mode.FIRST, 2),
    ):
        array = Array(geometry, mode)
        assert array.process(channels).tobytes() == channels[channel].tobytes()
        assert array.delay_samples == 0
        assert array.direction_deg is None
    single = Array(SINGLE)
    assert single.mode is Mode.FIRST
    assert single.process(channels[:1]).tobytes() == channels[0].tobytes()


@pytest.mark.parametrize("geometry", GEOMETRIES.values())
@pytest.mark.parametrize("degrees", [40.0, 90.0])
def test_the_whole_chain_with_an_array_adds_at_most_40_ms(geometry, degrees):
    samples = np.concatenate([speech(), speech()])
    chain = Chain(STAGES, geometry=geometry)
    out = run(chain, np.ascontiguousarray(device(geometry, arriving(samples, geometry, degrees))))
    late = slice(3 * RATE, 6 * RATE)  # by now it knows where the talker is
    match = np.correlate(out[late], samples[late.start : late.stop - 2400], "valid")
    measured = int(np.argmax(match))
    assert abs(measured - chain.delay_samples) <= 24, "a millisecond"
    assert measured <= 0.040 * RATE


def test_before_anybody_speaks_it_is_the_first_microphone():
    hum = np.random.default_rng(7).standard_normal((6, 4 * FRAME)).astype(np.float32) * 0.01
    out = run(Array(XVF3000), hum)
    assert np.allclose(out[FADE:], hum[1, :-FADE], atol=1e-6)


@pytest.mark.parametrize("geometry", [g for g in GEOMETRIES.values() if len(g.mics) > 1])
def test_any_finite_sound_stays_finite_and_is_forgotten_in_two_seconds(geometry):
    random = np.random.default_rng(8)
    shape = (geometry.channels, 10 * FRAME)
    wild = (random.standard_normal(shape) * 1e30).astype(np.float32)
    array = Array(geometry)
    for channels in (wild, np.sign(wild), np.ones(shape, np.float32), np.zeros(shape, np.float32)):
        out = run(array, channels)
        assert np.isfinite(out).all()
        assert np.abs(out).max() < 200.0
    samples = speech()
    degrees = 70
    run(array, device(geometry, arriving(samples, geometry, degrees))[:, : 2 * RATE])
    assert abs((array.direction_deg - degrees + 180) % 360 - 180) < 12.0


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((5, FRAME), np.float32),
        np.zeros((6, 480), np.float32),
        np.zeros((6, FRAME)),
        np.full((6, FRAME), np.nan, np.float32),
    ],
)
def test_frames_that_are_none_are_refused(frame):
    with pytest.raises(SignalError, match=r"want|NaN"):
        Array(XVF3000).process(frame)


def test_an_array_without_a_processed_channel_says_so():
    with pytest.raises(SignalError, match="no processed channel"):
        Array(LINEAR_4, Mode.PROCESSED)


@pytest.mark.parametrize(
    ("mics", "channels", "raw", "message"),
    [
        ((), 1, (), "want 1 to 4"),
        (((0.0, 0.0), (0.1, 0.0)), 2, (0,), "a channel each"),
        (((0.0, 0.0), (0.1, 0.0)), 2, (0, 0), "each raw one once"),
        (((0.0, 0.0), (0.1, 0.0)), 2, (0, 2), "channels 0 to 1"),
        (((0.0, 0.0), (0.5, 0.0)), 2, (0, 1), "within 0.125 m"),
        (((0.0, 0.0), (0.0, 0.0)), 2, (0, 1), "in one place"),
    ],
)
def test_a_geometry_that_cannot_be_is_refused(mics, channels, raw, message):
    with pytest.raises(SignalError, match=message):
        Geometry("odd", mics, channels, raw)
