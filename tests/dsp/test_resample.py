import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.dsp.resample import MAX_TABLE, PASS_BAND, Resampler
from appliance.errors import SignalError

WIRE = 24_000
RATES = (8_000, 16_000, 22_050, 32_000, 44_100, 48_000)
PAIRS = [(rate, WIRE) for rate in RATES] + [(WIRE, rate) for rate in RATES]


def sine(frequency, rate, seconds=0.5):
    n = np.arange(round(rate * seconds))
    return (0.5 * np.sin(2 * np.pi * frequency * n / rate)).astype(np.float32)


def whole(resampler, samples):
    return np.concatenate([resampler.process(samples), resampler.flush()])


def db(samples):
    return 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-20)


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
@pytest.mark.parametrize("part", [0.02, 0.5, PASS_BAND - 0.02])
def test_a_tone_in_the_pass_band_comes_out_unchanged_and_as_late_as_stated(rate_in, rate_out, part):
    frequency = part * min(rate_in, rate_out) / 2
    resampler = Resampler(rate_in, rate_out)
    out = resampler.process(sine(frequency, rate_in))
    n = np.arange(len(out)) - resampler.delay_samples
    wanted = 0.5 * np.sin(2 * np.pi * frequency * n / rate_out)
    settled = slice(int(3 * resampler.delay_samples) + 1, None)
    # Gain, delay, images and aliases are all in this one difference.
    assert db((out - wanted)[settled]) - db(wanted[settled]) < -80


@pytest.mark.parametrize(("rate_in", "rate_out"), [p for p in PAIRS if p[0] > p[1]])
@pytest.mark.parametrize("part", [1.0, 1.03, 1.3])
def test_what_would_alias_is_80_db_down(rate_in, rate_out, part):
    frequency = min(part * rate_out / 2, 0.499 * rate_in)
    resampler = Resampler(rate_in, rate_out)
    tone = sine(frequency, rate_in)
    out = resampler.process(tone)[int(3 * resampler.delay_samples) :]
    assert db(out) - db(tone) < -80


@given(
    rates=st.sampled_from(PAIRS),
    cuts=st.lists(st.integers(0, 700), max_size=12),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_chunks_do_not_show_in_a_single_bit(rates, cuts, seed):
    signal = np.random.default_rng(seed).uniform(-1, 1, 900).astype(np.float32)
    parts = np.split(signal, sorted(cuts))
    pieces = Resampler(*rates)
    got = np.concatenate([*(pieces.process(part) for part in parts), pieces.flush()])
    assert np.array_equal(got, whole(Resampler(*rates), signal))


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
def test_single_samples_come_out_like_one_chunk(rate_in, rate_out):
    signal = np.random.default_rng(1).uniform(-1, 1, 200).astype(np.float32)
    single = Resampler(rate_in, rate_out)
    got = np.concatenate([single.process(signal[i : i + 1]) for i in range(200)])
    assert np.array_equal(got, Resampler(rate_in, rate_out).process(signal))


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
def test_the_count_follows_the_rates_exactly(rate_in, rate_out):
    resampler = Resampler(rate_in, rate_out)
    total = sum(len(resampler.process(np.zeros(441, np.float32))) for _ in range(1000))
    assert abs(total - 441_000 * rate_out / rate_in) < 1


def test_flush_gives_the_end_and_begins_anew():
    resampler = Resampler(48_000, WIRE)
    click = np.zeros(100, np.float32)
    click[99] = 1.0
    first = whole(resampler, click)
    assert np.argmax(np.abs(first)) == round(99 / 2 + resampler.delay_samples)
    assert np.array_equal(whole(resampler, click), first)


def test_reset_forgets():
    resampler = Resampler(WIRE, 16_000)
    resampler.process(np.ones(500, np.float32))
    resampler.reset()
    assert not resampler.process(np.zeros(500, np.float32)).any()


def test_equal_rates_pass_through():
    resampler = Resampler(WIRE, WIRE)
    samples = np.random.default_rng(0).uniform(-1, 1, 7).astype(np.float32)
    assert resampler.process(samples) is samples
    assert resampler.delay_samples == 0
    assert len(resampler.flush()) == 0


def test_nothing_in_gives_nothing_out():
    assert Resampler(44_100, WIRE).process(np.empty(0, np.float32)).shape == (0,)


@pytest.mark.parametrize("rates", [(0, WIRE), (WIRE, -1)])
def test_refuses_rates_that_are_none(rates):
    with pytest.raises(SignalError, match="above 0 Hz"):
        Resampler(*rates)


def test_refuses_a_pair_whose_table_has_no_end():
    with pytest.raises(SignalError, match=str(MAX_TABLE)):
        Resampler(191_999, 191_998)


@pytest.mark.parametrize("bad", [np.zeros((2, 2), np.float32), np.zeros(4), np.zeros(4, np.int16)])
def test_refuses_wrong_signals(bad):
    with pytest.raises(SignalError, match="float32"):
        Resampler(48_000, WIRE).process(bad)
