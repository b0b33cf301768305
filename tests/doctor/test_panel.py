"""The button and the LEDs, on the fake pins, with a finger and an eye."""

import threading
import time

import pytest

from appliance.devices.fake_gpio import FakeGpio
from appliance.doctor import check_panel
from appliance.doctor.findings import Outcome
from appliance.doctor.patient import Allowed
from appliance.doctor.presses import bounces_of
from appliance.ports import Light
from tests.doctor.conftest import Person, said

BUTTON = 17
QUICK = Allowed(for_a_press_s=3.0, light_s=0.05)


@pytest.fixture
def gpio():
    fake = FakeGpio(BUTTON)
    yield fake
    assert fake.in_use == ()  # whatever came of it, the pins were given back
    fake.close()


@pytest.fixture
def wired(patient, gpio):
    """Return a maker of patients with these pins."""

    def make(allowed=QUICK, person=None, **others):
        device = patient(allowed=allowed, person=person or Person(), **others)
        device.load_gpio = lambda: gpio
        return device

    return make


class Finger(threading.Thread):
    """Presses as soon as it is asked to, in its own time."""

    def __init__(self, gpio, device, *moves):
        super().__init__()
        self._gpio, self._device, self._moves = gpio, device, moves
        self.start()

    def run(self):
        deadline_s = time.monotonic() + 5
        while "press the button" not in said(self._device) and time.monotonic() < deadline_s:
            time.sleep(0.005)  # a printed question wakes nobody
        for move in self._moves:
            move()
            self._gpio.settle()
            time.sleep(0.08)  # a finger is no faster


# The button


def test_a_clean_press_is_seen(wired, gpio):
    device = wired()
    finger = Finger(gpio, device, gpio.press, gpio.release)
    found = check_panel.button(device)
    finger.join()
    assert found.outcome is Outcome.OK
    assert (found.figures["edges"], found.figures["bounces"]) == (2, 0)


def test_bounces_are_counted(wired, gpio):
    device = wired()

    def press():
        gpio.press()
        gpio.bounce(2)

    finger = Finger(gpio, device, press, gpio.release)
    found = check_panel.button(device)
    finger.join()
    assert found.outcome is Outcome.OK
    assert found.figures["bounces"] == 4


def test_nobody_presses(wired):
    found = check_panel.button(wired(Allowed(for_a_press_s=0.1)))
    assert found.outcome is Outcome.FAIL
    assert "hardware.button_pin" in found.cure


def test_a_button_that_stays_down(wired, gpio, monkeypatch):
    monkeypatch.setattr(check_panel, "_LET_GO_S", 0.3)
    device = wired()
    finger = Finger(gpio, device, gpio.press)
    found = check_panel.button(device)
    finger.join()
    assert found.outcome is Outcome.FAIL
    assert "did not come back" in found.said


def test_a_button_that_is_down_before_is_stuck_or_shorted(wired, gpio):
    gpio.press()
    found = check_panel.button(wired())
    assert found.outcome is Outcome.FAIL
    assert "held down" in found.said


def test_unattended_the_pin_is_tried_and_nobody_waited_for(wired):
    began_s = time.monotonic()
    found = check_panel.button(wired(Allowed(questions=False)))
    assert found.outcome is Outcome.OK
    assert "nobody was asked" in found.said
    assert time.monotonic() - began_s < 1.0


def test_a_contact_that_bounces_for_long_wants_another_setting():
    edges = [(True, 0.0), (False, 0.02), (True, 0.045), (False, 0.5)]
    press = bounces_of(edges)
    assert (press.edges, press.bounces, press.settles_ms) == (4, 2, pytest.approx(45.0))
    found = check_panel.judge_press(press, BUTTON, 30.0, 0)
    assert found.outcome is Outcome.WARN
    assert "debounce_ms to 50" in found.cure
    assert check_panel.judge_press(press, BUTTON, 60.0, 0).outcome is Outcome.OK


def test_edges_that_only_the_poll_saw_are_worth_a_word():
    press = bounces_of([(True, 0.0), (False, 0.5)])
    assert check_panel.judge_press(press, BUTTON, 30.0, 1).outcome is Outcome.WARN


def test_a_machine_without_pins(patient):
    found = check_panel.button(patient())  # with the real library, which is not here
    assert found.outcome is Outcome.FAIL
    assert "rpi-lgpio" in found.said


def test_while_the_device_runs_the_pins_are_its_own(wired, running):
    assert check_panel.button(wired(snapshot=running)).outcome is Outcome.SKIPPED
    assert check_panel.leds(wired(snapshot=running)).outcome is Outcome.SKIPPED
    running["faults"] = [{"fault": "button_stuck"}]
    assert check_panel.button(wired(snapshot=running)).outcome is Outcome.FAIL


def test_without_pins_in_the_settings_there_is_nothing_to_try(wired):
    device = wired(hardware__panel="terminal")
    assert check_panel.button(device).outcome is Outcome.SKIPPED
    assert check_panel.leds(device).outcome is Outcome.SKIPPED
    assert check_panel.leds(wired(hardware__led="none")).outcome is Outcome.SKIPPED


# The LEDs


@pytest.mark.parametrize(("answer", "outcome"), [("", "ok"), ("y", "ok"), ("n", "fail")])
def test_every_light_is_shown_by_name_and_asked_for(wired, gpio, answer, outcome):
    device = wired(person=Person(answer))
    found = check_panel.leds(device)
    assert found.outcome.value == outcome
    shown = said(device)
    places = [shown.index(light.value.replace("_", " ")) for light in Light]
    assert places == sorted(places)
    lit = {call.args[0] for call in gpio.calls if call.name in ("output", "PWM")}
    assert lit >= {22, 23, 24}  # red, green and blue each had their turn


def test_unattended_the_pins_of_the_leds_are_tried_and_nothing_is_claimed(wired):
    found = check_panel.leds(wired(Allowed(questions=False)))
    assert found.outcome is Outcome.SKIPPED
    assert found.figures["pins"] == [22, 23, 24]


def test_an_answer_that_does_not_come_is_a_no(wired):
    assert check_panel.leds(wired(person=Person())).outcome is Outcome.FAIL
