import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.dsp.pcm import float_to_pcm16, pcm16_to_float
from appliance.errors import SignalError


@given(st.lists(st.integers(-32768, 32767)).map(lambda x: np.array(x, "<i2").tobytes()))
def test_there_and_back_changes_nothing(pcm):
    samples = pcm16_to_float(pcm)
    assert samples.dtype == np.float32
    assert float_to_pcm16(samples) == pcm


def test_full_scale_is_clipped_and_halves_are_rounded():
    samples = np.array([1.0, 2.0, -1.0, -3.0, 0.6 / 32768, 0.4 / 32768], np.float32)
    assert np.frombuffer(float_to_pcm16(samples), "<i2").tolist() == [
        32767, 32767, -32768, -32768, 1, 0,
    ]  # fmt: skip


def test_half_a_sample_is_refused():
    with pytest.raises(SignalError, match="3 bytes"):
        pcm16_to_float(b"abc")


@pytest.mark.parametrize(
    "bad", [np.zeros((2, 2), np.float32), np.zeros(4), np.array([np.nan], np.float32)]
)
def test_refuses_wrong_signals(bad):
    with pytest.raises(SignalError):
        float_to_pcm16(bad)
