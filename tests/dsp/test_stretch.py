"""Speed and pitch on recorded speech: length, pitch, clicks, and what has been heard when."""

import wave
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from appliance.dsp.resample import Resampler
from appliance.dsp.stretch import Stretcher
from appliance.errors import SignalError

RATE = 24_000
SPEECH = Path("/usr/share/pocketsphinx/test/data/librivox")
STEPS = [quarter / 4 for quarter in range(1, 17)]
PITCHES = [-20, -12, -5, -1, 1, 5, 12, 20]


@cache
def recording(seconds=10):
    parts = []
    for path in sorted(SPEECH.glob("*.wav")):
        with wave.open(str(path)) as file:
            parts.append(np.frombuffer(file.readframes(file.getnframes()), "<i2"))
    resampler = Resampler(16_000, RATE)
    samples = resampler.process((np.concatenate(parts) / 32768.0).astype(np.float32))
    samples = samples[: seconds * RATE]
    return samples * np.float32(0.7 / np.abs(samples).max())


def glide(low, high, seconds):
    """A tone whose frequency says where in the recording one is."""
    at = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * (low * at + (high - low) * at**2 / (2 * seconds))
    return (0.5 * np.sin(phase)).astype(np.float32)


def stretched(samples, speed, semitones, chunk=4800):
    """Output, and where in `samples` every tenth millisecond of it comes from."""
    stretcher = Stretcher(speed, semitones)
    parts = [stretcher.process(samples[at : at + chunk]) for at in range(0, len(samples), chunk)]
    made = sum(map(len, parts))
    places = np.arange(0, made, 240)
    origins = np.array([stretcher.input_position(int(place)) for place in places])
    return np.concatenate([*parts, stretcher.flush()]), places, origins


def pitches(samples, centres, ratio=1.0):
    """YIN (de Cheveigné & Kawahara 2002), 90 to 500 Hz times `ratio`, NaN if unvoiced."""
    window = int(480 * max(1, 1 / ratio))
    longest, shortest = int(RATE / (90 * ratio)) + 2, int(RATE / (500 * ratio))
    found = np.full(len(centres), np.nan)
    for index, centre in enumerate(centres):
        start = int(centre) - (window + longest) // 2
        piece = samples[max(0, start) : start + window + longest].astype(float)
        if start < 0 or len(piece) < window + longest or np.mean(piece**2) < 1e-5:
            continue
        size = 1 << (window + longest).bit_length()
        spectrum, head = np.fft.rfft(piece, size), np.fft.rfft(piece[:window], size)
        same = np.fft.irfft(spectrum * np.conj(head))[:longest]
        energy = np.cumsum(np.concatenate([[0], piece**2]))
        moving = energy[window : window + longest] - energy[:longest]
        unlike = np.maximum(moving[0] + moving - 2 * same, 0)
        relative = unlike[1:] * np.arange(1, longest) / np.maximum(np.cumsum(unlike[1:]), 1e-12)
        relative = np.concatenate([[1.0], relative])
        good = np.flatnonzero(relative[shortest : longest - 1] < 0.15)
        if good.size == 0:
            continue
        lag = shortest + int(good[0])
        while lag + 1 < longest - 1 and relative[lag + 1] < relative[lag]:
            lag += 1
        left, here, right = relative[lag - 1 : lag + 2]
        bend = left - 2 * here + right
        found[index] = RATE / (lag + (0.5 * (left - right) / bend if bend > 0 else 0.0))
    return found


def cents_off(samples, out, places, origins, semitones=0.0):
    ratio = 2 ** (semitones / 12)
    some = slice(None, None, max(1, len(places) // 500))
    was, now = pitches(samples, origins[some]), pitches(out, places[some], ratio)
    voiced = np.isfinite(was) & np.isfinite(now)
    return 1200 * np.log2(now[voiced] / was[voiced] / ratio)


def edges(samples):
    """RMS of the second difference in each millisecond: where a jump would stand out."""
    bent = np.diff(samples.astype(float), 2, prepend=0, append=0)
    return np.sqrt(np.mean(bent[: len(bent) // 24 * 24].reshape(-1, 24) ** 2, axis=1))


def worst_edge_db(samples, out, places, origins, reach_ms=20):
    """How far any millisecond of `out` stands out over `reach_ms` around where it comes from."""
    was, now = edges(samples), edges(out)
    worst = -np.inf
    for index in range(len(places) - 1):
        first, last = sorted((origins[index] // 24, origins[index + 1] // 24))
        local = was[max(0, first - reach_ms) : last + reach_ms + 1].max(initial=0.0) + 1e-4
        made = now[places[index] // 24 : places[index] // 24 + 10].max(initial=0.0)
        worst = max(worst, 20 * np.log10((made + 1e-9) / local))
    return worst


def at_pitch(samples, semitones):
    """`samples` as a record player would pitch them: what the edges of the output compare to."""
    size = round(len(samples) / 2 ** (semitones / 12))
    spectrum = np.fft.rfft(samples)
    fitted = np.zeros(size // 2 + 1, complex)
    count = min(len(fitted), len(spectrum))
    fitted[:count] = spectrum[:count]
    return np.fft.irfft(fitted, size) * size / len(samples)


@pytest.mark.parametrize("speed", STEPS)
def test_ten_seconds_keep_length_and_pitch_and_gain_no_click_at_any_speed(speed):
    samples = recording()
    out, places, origins = stretched(samples, speed, 0.0)
    assert len(out) * speed / len(samples) == pytest.approx(1.0, abs=0.0005)
    off = cents_off(samples, out, places, origins)
    assert len(off) > 10
    assert abs(np.median(off)) < 5.0
    assert worst_edge_db(samples, out, places, origins) < 9.0
    loudness = np.sqrt(np.mean(out**2) / np.mean(samples**2))
    assert 20 * np.log10(loudness) == pytest.approx(0.0, abs=1.0)


@pytest.mark.parametrize("semitones", PITCHES)
def test_ten_seconds_move_by_the_asked_semitones_and_keep_their_length(semitones):
    samples = recording()
    out, places, origins = stretched(samples, 1.0, semitones)
    assert len(out) == pytest.approx(len(samples), rel=0.0005)
    off = cents_off(samples, out, places, origins, semitones)
    assert len(off) > 50
    assert abs(np.median(off)) < 8.0
    like = at_pitch(samples, semitones)
    moved = (origins / 2 ** (semitones / 12)).astype(int)
    reach_ms = round(20 * max(1.0, 2 ** (-semitones / 12)))
    assert worst_edge_db(like, out, places, moved, reach_ms) < 12.0


def test_the_click_measure_sees_a_click():
    samples = recording()
    out, places, origins = stretched(samples, 0.75, 0.0)
    broken = out.copy()
    loudest = 40_000 + int(np.argmax(np.abs(out[40_000:100_000])))
    broken[loudest:] *= -1.0  # in a vowel: a jump as a bad splice makes it
    assert worst_edge_db(samples, out, places, origins) < 9.0
    assert worst_edge_db(samples, broken, places, origins) > 12.0


@pytest.mark.parametrize(("speed", "semitones"), [(4.0, -20), (0.25, 20), (4.0, 20), (0.25, -20)])
def test_extremes_together_keep_the_length(speed, semitones):
    samples = recording()[:48_000]
    out, _, _ = stretched(samples, speed, semitones)
    assert len(out) * speed / len(samples) == pytest.approx(1.0, abs=0.001)
    assert np.isfinite(out).all()
    assert np.abs(out).max() < 1.2


def test_a_low_voice_keeps_its_period_too():
    pulses = np.zeros(2 * RATE)
    pulses[::300] = 0.5  # 80 Hz: longer than what is compared and mixed at a splice
    at = np.arange(600) / RATE
    ringing = np.exp(-at / 0.004) * np.cos(2 * np.pi * 600 * at)
    voice = np.convolve(pulses, ringing)[: 2 * RATE].astype(np.float32)
    for speed in (0.5, 1.5, 3.0):
        out, _, _ = stretched(voice, speed, 0.0)
        gaps = np.diff(np.flatnonzero((out[1:] > 0.35) & (out[:-1] <= 0.35)))
        assert np.median(gaps) == 300
        assert np.mean(gaps == 300) > 0.85  # the rest lands a formant off, at a splice


@pytest.mark.parametrize("chunk", [1, 239, 480, 100_000])
def test_speed_one_pitch_nought_is_the_input_to_the_bit_and_at_once(chunk):
    samples = recording()[:7_000]
    stretcher = Stretcher()
    for at in range(0, len(samples), chunk):
        piece = samples[at : at + chunk]
        assert stretcher.process(piece).tobytes() == piece.tobytes()
    assert stretcher.input_position(6_000) == 6_000
    assert stretcher.flush().size == 0


@pytest.mark.parametrize(("speed", "semitones"), [(0.6, 0.0), (1.7, 0.0), (1.0, 7.0), (2.2, -9.0)])
def test_the_chunking_does_not_show(speed, semitones):
    samples = recording()[:24_000]
    whole = stretched(samples, speed, semitones, chunk=len(samples))[0]
    for chunk in (77, 240, 5_000):
        assert stretched(samples, speed, semitones, chunk)[0].tobytes() == whole.tobytes()


@pytest.mark.parametrize(
    ("speed", "semitones"),
    [(0.25, 0), (0.5, 0), (1.0, 0), (1.5, 0), (2.5, 0), (4.0, 0), (1.0, -20), (1.0, 12), (2, 5)],
)
def test_what_has_been_heard_is_known_within_20_ms(speed, semitones):
    seconds, low, high = 6.0, 300.0, 1500.0
    samples = glide(low, high, seconds)
    out, places, origins = stretched(samples, speed, semitones)
    ratio = 2 ** (semitones / 12)
    crossings = np.flatnonzero((out[:-1] < 0) & (out[1:] >= 0))
    exact = crossings + out[crossings] / (out[crossings] - out[crossings + 1])
    # The frequency heard over the last 8 periods says which part of the glide that was.
    middle = (exact[8:] + exact[:-8]) / 2
    heard = RATE * 8 / (exact[8:] - exact[:-8]) / ratio
    truth = (heard - low) / (high - low) * seconds
    told = np.interp(middle, places, origins) / RATE
    inside = (truth > 0.3) & (truth < seconds - 0.3)
    assert inside.sum() > 200
    late = np.abs(told - truth)[inside]
    # In a cross-fade two places are heard, and eight low periods span more than one splice.
    assert np.quantile(late, 0.9) < 0.020
    assert np.median(late) < 0.005


def test_heard_positions_never_leave_the_stream():
    stretcher = Stretcher(2.0, 3.0)
    assert stretcher.input_position(0) == 0
    out = stretcher.process(recording()[:48_000])
    assert stretcher.input_position(-5) == 0
    assert 47_000 - 2_000 < stretcher.input_position(len(out)) <= 48_000
    assert stretcher.input_position(10**9) == stretcher.input_position(len(out))
    stretcher.reset()
    assert stretcher.input_position(1_000) == 0


def test_settings_change_as_it_runs_without_a_click_and_end_at_the_input_again():
    samples = recording()
    stretcher = Stretcher()
    plan = [(1.0, 0), (1.5, 0), (0.5, 4), (1.0, 0), (3.0, -7), (1.0, 12), (1.0, 0), (1.0, 0)]
    parts = []
    for index, (speed, semitones) in enumerate(plan):
        stretcher.set(speed, semitones)
        parts.append(stretcher.process(samples[index * 24_000 : (index + 1) * 24_000]))
    made = sum(map(len, parts))
    places = np.arange(0, made, 240)
    origins = np.array([stretcher.input_position(int(place)) for place in places])
    assert np.all(np.diff(origins) > -480)
    # Higher pitch sharpens every edge by itself; 12 semitones are 12 dB of second difference.
    assert worst_edge_db(samples, np.concatenate(parts), places, origins) < 12.0
    # One second after the last change nothing is held and nothing altered any more.
    piece = samples[-5_000:]
    assert stretcher.process(piece).tobytes() == piece.tobytes()
    assert stretcher.flush().size == 0


def test_a_change_of_speed_keeps_the_length_of_either_part():
    samples = recording()[:96_000]
    stretcher = Stretcher(2.0)
    first = stretcher.process(samples[:48_000])
    stretcher.set(0.5, 0.0)
    rest = np.concatenate([stretcher.process(samples[48_000:]), stretcher.flush()])
    # What was held at the change is said at the new speed: at most delay_samples of the first.
    held = Stretcher(2.0).delay_samples
    assert 24_000 - held / 2 <= len(first) <= 24_000
    assert 96_000 <= len(rest) <= 96_000 + held / 0.5


@pytest.mark.parametrize(
    ("speed", "semitones"), [(0.25, 0), (0.9, 0), (1.1, 0), (1.5, 0), (4.0, 0), (1, -20), (1, 20)]
)
def test_no_more_is_held_back_than_stated(speed, semitones):
    samples = recording()[:36_000]
    stretcher = Stretcher(speed, semitones)
    made, held = 0, []
    for at in range(0, len(samples), 48):
        made += stretcher.process(samples[at : at + 48]).size
        held.append(at + 48 - stretcher.input_position(made))
    assert max(held[50:]) <= stretcher.delay_samples
    assert Stretcher().delay_samples == 0


def test_flush_begins_anew_and_a_short_word_keeps_its_length():
    stretcher = Stretcher(1.5)
    word = recording()[24_000 : 24_000 + 1_200]
    first = np.concatenate([stretcher.process(word), stretcher.flush()])
    again = np.concatenate([stretcher.process(word), stretcher.flush()])
    assert len(first) == 800
    assert first.tobytes() == again.tobytes()
    assert stretcher.flush().size == 0


def test_any_finite_sound_stays_finite_and_is_forgotten():
    random = np.random.default_rng(3)
    quiet = np.zeros(4_800, np.float32)
    impulse = quiet.copy()
    impulse[2_400] = 1.0
    loud = (random.standard_normal(4_800) * 1e30).astype(np.float32)
    for speed, semitones in ((0.4, 0.0), (1.0, 6.0), (3.0, -6.0), (1.0, 0.0)):
        stretcher = Stretcher(speed, semitones)
        for samples in (quiet, impulse, quiet + 1, loud, np.sign(loud), quiet):
            out = stretcher.process(samples.astype(np.float32))
            assert np.isfinite(out).all()
            assert np.abs(out).max(initial=0.0) < 40.0  # ±8 and the overshoot of a band limit
        after = stretcher.process(np.zeros(24_000, np.float32))
        assert np.abs(after[len(after) // 2 :]).max(initial=0.0) == 0.0


@pytest.mark.parametrize(
    ("speed", "semitones"), [(0.2, 0), (4.1, 0), (float("nan"), 0), (1, 20.5), (1, float("nan"))]
)
def test_settings_out_of_range_are_refused_and_change_nothing(speed, semitones):
    with pytest.raises(SignalError, match="want"):
        Stretcher(speed, semitones)
    stretcher = Stretcher(2.0, 1.0)
    with pytest.raises(SignalError):
        stretcher.set(speed, semitones)
    assert (stretcher.speed, stretcher.pitch_semitones) == (2.0, 1.0)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros((2, 240), np.float32),
        np.zeros(240),
        np.full(240, np.nan, np.float32),
        np.full(240, np.inf, np.float32),
    ],
)
def test_samples_that_are_none_are_refused(samples):
    with pytest.raises(SignalError, match=r"samples|want"):
        Stretcher(1.5).process(samples)
