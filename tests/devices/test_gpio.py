import asyncio
import inspect
import random
import sys
import time
import types
from inspect import Parameter

import pytest

from appliance.devices.fake_gpio import FakeGpio, FakePwm
from appliance.devices.gpio import POLL_S, GpioPanel, GpioPins, load_gpio
from appliance.errors import ConfigError, HardwareError
from appliance.panel.button import ButtonState, Edge, Tick, step
from appliance.ports import Flash, Light

BUTTON, RED, GREEN, BLUE = 17, 22, 27, 24
RGB = GpioPins(BUTTON, (RED, GREEN, BLUE))
ONE = GpioPins(BUTTON, (GREEN,))

# Parameters as rpi-lgpio 0.6 has them, those with a default marked so.
SIGNATURES = {
    "setmode": "new_mode",
    "setwarnings": "value",
    "setup": "chanlist direction pull_up_down= initial=",
    "input": "channel",
    "output": "channel value",
    "add_event_detect": "channel edge callback= bouncetime=",
    "remove_event_detect": "channel",
    "cleanup": "chanlist=",
    "PWM": "channel frequency",
    "PWM.start": "dc",
    "PWM.stop": "",
    "PWM.ChangeDutyCycle": "dc",
}


@pytest.fixture
def gpio():
    """A fake whose callbacks run in their own thread."""
    fake = FakeGpio(BUTTON)
    yield fake
    fake.close()


class Edges(list):
    """What a panel reported; `of(n)` waits for the n-th."""

    def __call__(self, pressed, at_s):
        self.append((pressed, at_s))

    async def of(self, count):
        async with asyncio.timeout(5):
            while len(self) < count:  # noqa: ASYNC110 - a list has no event
                await asyncio.sleep(0.002)
        return [pressed for pressed, _ in self]


@pytest.fixture
async def started(gpio):
    """Start a panel on `gpio`; gives it and its edges."""
    panels = []

    def start(pins=RGB):
        panel, edges = GpioPanel(gpio, pins), Edges()
        panels.append(panel)
        panel.start(edges)
        return panel, edges

    yield start
    for panel in panels:
        panel.stop()


def presses(edges):
    """Debounce; gives how often the button was pressed, and it must be up at the end."""
    state, told = ButtonState(), []
    for seen_edge in (*(Edge(*edge) for edge in edges), Tick(time.monotonic() + 1)):
        state, events = step(state, seen_edge)
        told += events
    assert state.pressed is False
    return len(told) / 2


def names(gpio):
    return [call.name for call in gpio.calls]


def duties(gpio):
    return [gpio.duty(pin) for pin in (RED, GREEN, BLUE)]


async def seen(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - nor has a fake's pin
            await asyncio.sleep(0.002)


# The button


async def test_an_edge_crosses_to_the_loop_with_the_time_of_its_callback(gpio, started):
    _, edges = started()
    before_s = time.monotonic()
    gpio.press()
    gpio.settle()
    after_s = time.monotonic()
    assert edges == []  # nothing is called outside of the loop
    time.sleep(0.02)  # noqa: ASYNC251 - the loop is held up on purpose
    await edges.of(1)
    ((pressed, at_s),) = edges
    assert pressed
    assert before_s <= at_s <= after_s
    gpio.release()
    assert await edges.of(2) == [True, False]


async def test_bounces_are_passed_on_and_leave_debouncing_to_the_core(gpio, started):
    _, edges = started()
    gpio.press()
    gpio.bounce(3)
    gpio.settle()
    await edges.of(2)
    await asyncio.sleep(0.01)
    assert edges[-1][0] is True
    add = next(call for call in gpio.calls if call.name == "add_event_detect")
    assert "bouncetime" not in add.kwargs


async def test_an_edge_that_is_lost_is_found_by_looking(gpio, started):
    panel, edges = started()
    gpio.is_deaf = True
    gpio.press()
    began_s = time.monotonic()
    assert await edges.of(1) == [True]
    assert time.monotonic() - began_s < POLL_S + 0.2
    gpio.release()
    assert await edges.of(2) == [True, False]
    await seen(lambda: panel.lost_edges >= 1)


async def test_a_deaf_edge_detection_is_set_up_anew(gpio, started):
    panel, edges = started()
    gpio.is_deaf = True
    gpio.press()
    await edges.of(1)
    gpio.is_deaf = False
    await seen(lambda: names(gpio).count("add_event_detect") == 2)
    assert gpio.calls[-2].kwargs == {"pull_up_down": gpio.PUD_UP}
    lost = panel.lost_edges
    gpio.release()
    await edges.of(2)
    await asyncio.sleep(3 * POLL_S)
    assert panel.lost_edges == lost


async def test_edges_that_come_count_none_as_lost(gpio, started):
    panel, edges = started()
    for _ in range(5):
        for move in (gpio.press, gpio.release):
            move()
            gpio.settle()
            await asyncio.sleep(0.03)
    await asyncio.sleep(2 * POLL_S)
    assert panel.lost_edges == 0
    assert presses(edges) == 5


async def test_a_button_that_is_down_at_start_is_told_before_start_returns(gpio, started):
    gpio.press()
    before_s = time.monotonic()
    _, edges = started()
    ((pressed, at_s),) = edges
    assert pressed
    assert before_s <= at_s <= time.monotonic()
    await asyncio.sleep(2 * POLL_S)
    assert len(edges) == 1  # and not again
    gpio.release()
    assert await edges.of(2) == [True, False]
    gpio.press()
    assert await edges.of(3) == [True, False, True]


async def test_a_tap_between_two_turns_of_the_loop_is_kept_though_the_poll_came_first(
    gpio, started
):
    panel, edges = started()
    gpio.press()
    gpio.settle()
    gpio.release()
    gpio.settle()
    panel._poll()  # sees an open contact before the callbacks are heard
    await edges.of(2)
    assert presses(edges) == 1


async def test_a_reading_that_came_late_is_put_right_at_once(gpio, started):
    panel, edges = started()
    gpio.press()
    await edges.of(1)
    panel._poll()
    panel._heard(False, edges[0][1])  # read before the poll, heard after it
    assert await edges.of(3) == [True, False, True]


async def test_a_pin_that_was_taken_away_is_claimed_again(gpio, started):
    _, edges = started(GpioPins(BUTTON))
    gpio.cleanup([BUTTON])
    await seen(lambda: BUTTON in gpio.in_use)
    gpio.press()
    assert await edges.of(1) == [True]


async def test_fifty_presses_with_bounces_and_lost_edges_end_as_the_finger_did(gpio, started):
    chance = random.Random(2)
    panel, edges = started()
    for n in range(50):
        gpio.is_deaf = n % 7 == 3
        gpio.press()
        gpio.bounce(chance.randrange(3))
        await asyncio.sleep(chance.uniform(0.0, 0.02) + (0.07 if gpio.is_deaf else 0))
        gpio.release()
        gpio.bounce(chance.randrange(3))
        await asyncio.sleep(0.035 + (0.06 if gpio.is_deaf else 0))
    gpio.settle()
    await asyncio.sleep(2 * POLL_S)
    # A press that is over before anything can read the pin leaves no trace.
    assert 40 <= presses(edges) <= 50
    assert panel.lost_edges > 0


# The LEDs


async def test_a_light_is_shown_in_its_colour(gpio, started):
    panel, _ = started()
    panel.show(Light.LISTENING)
    assert duties(gpio) == [0, 100, 0]
    panel.show(Light.FAULT)
    assert duties(gpio) == [100, 0, 0]
    panel.show(Light.THINKING)
    assert duties(gpio) == [pytest.approx(60), 0, 100]


async def test_it_breathes_until_it_is_told_what_to_show(gpio, started):
    started()
    await seen(lambda: gpio.duty(RED) > 0.5)
    early = gpio.duty(RED)
    await seen(lambda: gpio.duty(RED) > early + 1)


async def test_one_led_shows_the_rhythm(gpio, started):
    panel, _ = started(ONE)
    panel.show(Light.THINKING)
    shown = [gpio.duty(GREEN)]
    for _ in range(3):
        last = shown[-1]
        await seen(lambda last=last: gpio.duty(GREEN) != last)
        shown.append(gpio.duty(GREEN))
    assert shown == [100, 0, 100, 0]


async def test_steady_light_has_neither_pwm_nor_timer(gpio, started):
    panel, _ = started()
    await seen(lambda: gpio.pulses(RED))  # it has been breathing
    panel.show(Light.LISTENING)
    assert not any(gpio.pulses(pin) for pin in (RED, GREEN, BLUE))
    await asyncio.sleep(0.05)
    calls = len(gpio.calls)
    await asyncio.sleep(0.3)
    assert len(gpio.calls) == calls
    assert duties(gpio) == [0, 100, 0]


async def test_a_full_light_outlives_the_last_word_of_a_pwm_thread(gpio, started):
    panel, _ = started(ONE)
    await seen(lambda: gpio.pulses(GREEN))
    panel.show(Light.LISTENING)
    gpio.output(GREEN, 0)  # as RPi.GPIO's thread does when it ends
    panel.show(Light.LISTENING)
    gpio.output(GREEN, 0)
    await seen(lambda: gpio.duty(GREEN) == 100)


async def test_a_flash_is_laid_over_and_goes(gpio, started):
    panel, _ = started()
    panel.show(Light.LISTENING)
    panel.flash(Flash.ERROR)
    assert duties(gpio) == [0, 0, 0]
    await seen(lambda: duties(gpio) == [100, 0, 0])
    await seen(lambda: duties(gpio) == [0, 100, 0])


async def test_active_low_leds_are_the_other_way_round(gpio, started):
    panel, _ = started(GpioPins(BUTTON, (RED, GREEN, BLUE), leds_active_low=True))
    panel.show(Light.LISTENING)
    assert duties(gpio) == [100, 0, 100]
    panel.show(Light.THINKING)
    assert duties(gpio) == [pytest.approx(40), 100, 0]
    panel.stop()
    outputs = [call.args for call in gpio.calls if call.name == "output"][-3:]
    assert sorted(outputs) == [(RED, 1), (BLUE, 1), (GREEN, 1)]


async def test_no_leds_are_fine(gpio, started):
    panel, edges = started(GpioPins(BUTTON))
    panel.show(Light.FAULT)
    panel.flash(Flash.ERROR)
    gpio.press()
    assert await edges.of(1) == [True]


# Start and stop


async def test_the_order_of_calls_from_start_to_stop(gpio, started):
    panel, _ = started(ONE)
    await seen(lambda: gpio.pulses(GREEN))
    panel.stop()
    panel.stop()
    order = [name for name in names(gpio) if name != "PWM.ChangeDutyCycle"]
    assert order == [
        *("setwarnings", "setmode", "setup", "setup", "add_event_detect"),
        *("PWM", "PWM.start"),
        *("remove_event_detect", "PWM.stop", "output", "cleanup"),
    ]
    assert gpio.calls[-1].args == ([GREEN, BUTTON],)
    assert gpio.in_use == ()


async def test_only_our_pins_are_given_back(gpio, started):
    gpio.setmode(gpio.BCM)
    gpio.setup(5, gpio.OUT)
    panel, _ = started()
    panel.stop()
    assert gpio.in_use == (5,)


async def test_after_stop_nothing_is_told_and_nothing_is_drawn(gpio, started):
    panel, edges = started()
    gpio.press()
    gpio.settle()
    panel.stop()
    calls = len(gpio.calls)
    panel.show(Light.FAULT)
    panel.flash(Flash.ERROR)
    gpio.release()
    await asyncio.sleep(2 * POLL_S)
    assert edges == []
    assert len(gpio.calls) == calls


async def test_it_can_start_again(gpio, started):
    panel, _ = started()
    panel.stop()
    edges = Edges()
    panel.start(edges)
    gpio.press()
    assert await edges.of(1) == [True]


async def test_a_callback_that_comes_after_the_loop_has_closed_is_quiet(gpio):
    loop = asyncio.new_event_loop()
    panel = GpioPanel(gpio, ONE, loop)
    panel.start(Edges())
    loop.close()
    gpio.press()
    assert gpio.settle()  # a callback that raised would have ended the fake's thread
    gpio.release()
    assert gpio.settle()


class BareError(Exception):
    """Like lgpio.error: no RuntimeError."""


@pytest.mark.parametrize(
    ("method", "error"),
    [
        ("setmode", BareError("can not open gpiochip")),
        ("setup", BareError("GPIO busy")),
        ("add_event_detect", RuntimeError("Failed to add\nedge detection")),
        ("setup", PermissionError(13, "Permission denied")),
    ],
)
async def test_pins_that_cannot_be_had_are_one_line_with_a_cure(monkeypatch, gpio, method, error):
    def refuse(*_, **__):
        raise error

    gpio.lgpio = types.SimpleNamespace(error=BareError)
    monkeypatch.setattr(gpio, method, refuse)
    panel = GpioPanel(gpio, RGB)
    with pytest.raises(HardwareError) as told:
        panel.start(Edges())
    text = str(told.value)
    assert "\n" not in text
    assert "join the group gpio" in text
    assert 'panel = "terminal"' in text
    assert gpio.in_use == ()
    panel.stop()


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (ImportError("No module named 'RPi'"), "pip install rpi-lgpio"),
        (RuntimeError("This module can only be run on a Raspberry Pi!"), "on a Raspberry Pi"),
        (FileNotFoundError(2, "No such file", ".lgd-nfy-3"), "LG_WD"),
    ],
)
def test_a_machine_without_gpio_is_one_line_with_a_cure(monkeypatch, error, cure):
    def refuse(name):
        raise error

    monkeypatch.setattr("appliance.devices.gpio_api.importlib.import_module", refuse)
    with pytest.raises(HardwareError, match=cure) as told:
        load_gpio()
    assert "\n" not in str(told.value)
    assert 'panel = "terminal"' in str(told.value)


def test_the_library_is_taken_as_it_is(monkeypatch):
    module = types.ModuleType("RPi.GPIO")
    monkeypatch.setitem(sys.modules, "RPi", types.ModuleType("RPi"))
    monkeypatch.setitem(sys.modules, "RPi.GPIO", module)
    assert load_gpio() is module


@pytest.mark.parametrize(
    ("pins", "problem"),
    [
        ({"button": 28}, "pin 28 is not on the header"),
        ({"button": 17, "leds": (17,)}, "share a pin"),
        ({"leds": (22, 27)}, "2 LED pins"),
    ],
)
def test_wrong_pins_are_refused(pins, problem):
    with pytest.raises(ConfigError, match=problem):
        GpioPins(**pins)


# The real library's form


def form(text):
    kind = Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature(
        [
            Parameter(name.rstrip("="), kind, default=None if "=" in name else Parameter.empty)
            for name in text.split()
        ]
    )


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_fake_has_the_form_of_the_real_library(name):
    owner = FakePwm if name.startswith("PWM.") else FakeGpio
    ours = inspect.signature(getattr(owner, name.removeprefix("PWM.")))
    parameters = list(ours.parameters.values())[1:]  # without self
    wanted = form(SIGNATURES[name]).parameters.values()
    assert [(one.name, one.default is Parameter.empty) for one in parameters] == [
        (one.name, one.default is Parameter.empty) for one in wanted
    ]


async def test_every_call_that_the_panel_makes_fits_the_real_library(gpio, started):
    panel, edges = started()
    gpio.is_deaf = True
    gpio.press()
    await edges.of(1)
    await seen(lambda: "PWM.ChangeDutyCycle" in names(gpio))
    panel.show(Light.LISTENING)
    await seen(lambda: names(gpio).count("add_event_detect") == 2)
    panel.stop()
    for call in gpio.calls:
        form(SIGNATURES[call.name]).bind(*call.args, **call.kwargs)
    assert set(names(gpio)) == set(SIGNATURES) - {"input"}
