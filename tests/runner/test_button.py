"""A button on pins that is held for too long, or was down before the device started."""

from __future__ import annotations

import asyncio

import pytest

from appliance.devices.fake_gpio import FakeGpio
from appliance.devices.gpio import GpioPanel, GpioPins
from appliance.ports import Light

DEBOUNCED_S = 0.02  # longer than the bench's contacts bounce
MODES = ["hold", "tap", "hands_free"]
SOON = {"stuck_s": 0.4, "max_turn_s": 0.2, "long_press_ms": 100.0}


class Pins(GpioPanel):
    """The real panel on a fake of its library, with a memory for what it was told to show."""

    def __init__(self):
        self.gpio = FakeGpio()
        self.lights, self.flashes = [], []
        super().__init__(self.gpio, GpioPins(leds=(22, 27, 24)))

    def show(self, light):
        self.lights.append(light)
        super().show(light)

    def flash(self, flash):
        self.flashes.append(flash)
        super().flash(flash)


@pytest.fixture
def pins():
    pins = Pins()
    yield pins
    pins.gpio.close()


def names(b):
    return [name for name, _ in b.journal.lines]


def states(b):
    return [record["state"] for record in b.trace.records if record["kind"] == "state"]


async def test_a_button_that_is_held_for_too_long_is_reported_and_not_obeyed(bench, pins):
    async with bench(panel=pins, prompts=True, gestures=SOON, max_turn_s=0.2) as b:
        await b.online()
        pins.gpio.press()
        await b.until(lambda: "button_stuck" in names(b))
        assert b.state != "Listening", "the microphone stays open for a stuck button"
        await b.until(lambda: b.state == "Idle")
        assert pins.lights[-1] is Light.FAULT
        await b.until(lambda: b.prompts == ["button_stuck"])
        begun = states(b).count("listening")
        pins.gpio.bounce(5)
        pins.gpio.settle()
        assert states(b).count("listening") == begun, "a bounce of a stuck button began a turn"
        pins.gpio.release()
        await b.until(lambda: "button_stuck_over" in names(b))
        await b.until(lambda: pins.lights[-1] is Light.IDLE)
        pins.gpio.press()
        await b.until(lambda: b.state == "Listening")


@pytest.mark.parametrize("mode", MODES)
async def test_a_button_that_is_down_at_start_is_reported_and_not_obeyed(bench, pins, mode):
    pins.gpio.press()
    async with bench(mode=mode, panel=pins, prompts=True, gestures=SOON) as b:
        await b.online()
        rest = "Listening" if mode == "hands_free" else "Idle"
        before = states(b)
        await b.until(lambda: "button_stuck" in names(b))
        assert b.state == rest
        assert states(b) == before, "something was made of a press that nobody has seen"
        assert pins.lights[-1] is Light.FAULT
        await b.until(lambda: b.prompts == ["button_stuck"])
        pins.gpio.release()
        await b.until(lambda: "button_stuck_over" in names(b))
        b.speaker.hear_all()
        await asyncio.sleep(DEBOUNCED_S)
        pins.gpio.press()
        await b.until(lambda: b.state == ("Listening" if mode == "hold" else "Muted"))


async def test_a_button_that_is_let_go_of_soon_after_the_start_is_no_fault(bench, pins):
    pins.gpio.press()
    async with bench(panel=pins, gestures={"stuck_s": 60.0}) as b:
        await b.online()
        pins.gpio.release()
        await asyncio.sleep(DEBOUNCED_S)
        pins.gpio.press()
        await b.until(lambda: b.state == "Listening")
        assert "button_stuck" not in names(b)
