import time

import pytest

from appliance.devices.portaudio_clock import callback_began_s, capture_age_s, playback_delay_s


@pytest.mark.parametrize("clock", [time.time, time.monotonic])
def test_the_wait_for_the_interpreter_is_taken_off_on_either_clock(clock):
    began = time.monotonic() - 0.015
    assert callback_began_s({"current_time": clock() - 0.015}) == pytest.approx(began, abs=0.01)


@pytest.mark.parametrize("read_s", [0.0, 1e12])
def test_a_clock_that_is_neither_is_left_alone(read_s):
    assert callback_began_s({"current_time": read_s}) == pytest.approx(time.monotonic(), abs=0.01)


@pytest.mark.parametrize(
    ("adc_time", "age"),
    [(99.9, 0.1), (100.0, 0.04), (99.99, 0.04), (0.0, 0.04), (101.0, 0.04)],
)
def test_an_age_that_cannot_be_is_replaced_by_the_buffers_length(adc_time, age):
    clock = {"current_time": 100.0, "input_buffer_adc_time": adc_time}
    assert capture_age_s(clock, 0.04) == pytest.approx(age)


@pytest.mark.parametrize(
    ("dac_time", "delay"), [(100.05, 0.05), (100.0, 0.06), (0.0, 0.06), (103.0, 0.06)]
)
def test_a_delay_that_cannot_be_is_replaced_by_the_usual(dac_time, delay):
    clock = {"current_time": 100.0, "output_buffer_dac_time": dac_time}
    assert playback_delay_s(clock, 0.06) == pytest.approx(delay)
