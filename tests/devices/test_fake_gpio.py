"""The fake refuses what the real libraries refuse."""

import threading

import pytest

from appliance.devices.fake_gpio import Call, FakeGpio

BUTTON, LED = 17, 27


@pytest.fixture
def gpio():
    """A fake whose numbering mode is set."""
    fake = FakeGpio(BUTTON, deliver="same")
    fake.setmode(fake.BCM)
    return fake


def with_button(gpio, callback=None):
    gpio.setup(BUTTON, gpio.IN, pull_up_down=gpio.PUD_UP)
    gpio.add_event_detect(BUTTON, gpio.BOTH, callback=callback)
    return gpio


def with_led(gpio):
    gpio.setup(LED, gpio.OUT, initial=gpio.LOW)
    return gpio


@pytest.mark.parametrize(
    "use",
    [
        lambda gpio: gpio.setup(LED, gpio.OUT),
        lambda gpio: gpio.input(BUTTON),
        lambda gpio: gpio.output(LED, 1),
        lambda gpio: gpio.cleanup([LED]),
    ],
)
def test_nothing_goes_before_setmode(use):
    with pytest.raises(RuntimeError, match="set pin numbering mode"):
        use(FakeGpio())


@pytest.mark.parametrize(
    ("use", "refusal"),
    [
        (lambda gpio: gpio.input(BUTTON), "setup\\(\\) the GPIO channel first"),
        (lambda gpio: gpio.output(LED, 1), "not been set up as an OUTPUT"),
        (lambda gpio: with_button(gpio).output(BUTTON, 1), "not been set up as an OUTPUT"),
        (lambda gpio: gpio.PWM(LED, 200), "as an output first"),
        (lambda gpio: gpio.add_event_detect(BUTTON, gpio.BOTH), "as an input first"),
        (
            lambda gpio: with_led(gpio).add_event_detect(LED, gpio.BOTH),
            "as an input first",
        ),
        (
            lambda gpio: with_button(gpio).add_event_detect(BUTTON, gpio.BOTH),
            "Conflicting edge detection",
        ),
        (
            lambda gpio: (with_led(gpio).PWM(LED, 200), gpio.PWM(LED, 200)),
            "A PWM object already exists",
        ),
        (lambda gpio: with_led(gpio).PWM(LED, 200).ChangeDutyCycle(50), "before start"),
        (
            lambda gpio: (with_led(gpio).PWM(LED, 200).start(50), gpio.cleanup([LED])),
            "must be stopped before cleanup",
        ),
    ],
)
def test_wrong_order_is_refused(gpio, use, refusal):
    with pytest.raises(RuntimeError, match=refusal):
        use(gpio)


@pytest.mark.parametrize(
    "use",
    [
        lambda gpio: gpio.setmode(gpio.BOARD),
        lambda gpio: gpio.setup(99, gpio.OUT),
        lambda gpio: gpio.setup(LED, 7),
        lambda gpio: gpio.setup(LED, gpio.OUT, pull_up_down=gpio.PUD_UP),
        lambda gpio: gpio.setup(BUTTON, gpio.IN, initial=1),
        lambda gpio: with_led(gpio).PWM(LED, 0),
        lambda gpio: with_led(gpio).PWM(LED, 200).start(101),
    ],
)
def test_wrong_values_are_refused(gpio, use):
    with pytest.raises(ValueError, match=r"."):
        use(gpio)


def test_nothing_is_used_after_cleanup(gpio):
    pwm = with_led(gpio).PWM(LED, 200)
    pwm.start(50)
    pwm.stop()
    gpio.cleanup([LED])
    assert gpio.in_use == ()
    with pytest.raises(RuntimeError, match="OUTPUT"):
        gpio.output(LED, 1)
    with pytest.raises(RuntimeError, match="after cleanup"):
        pwm.start(50)
    with pytest.raises(RuntimeError, match="after cleanup"):
        pwm.stop()


def test_cleanup_of_everything_forgets_the_mode(gpio):
    with_led(gpio).cleanup()
    with pytest.raises(RuntimeError, match="numbering mode"):
        gpio.input(LED)


def test_the_finger_moves_the_level_and_each_change_calls_back(gpio):
    levels = []
    with_button(gpio, lambda pin: levels.append(gpio.input(pin)))
    gpio.press()
    gpio.press()  # no change
    gpio.bounce(2)
    gpio.release()
    assert levels == [0, 1, 0, 1, 0, 1]
    gpio.is_deaf = True
    gpio.press()
    assert (gpio.level(BUTTON), len(levels)) == (0, 6)


def test_callbacks_run_in_another_thread_in_their_order():
    gpio = FakeGpio(BUTTON)
    gpio.setmode(gpio.BCM)
    threads = []
    with_button(gpio, lambda pin: threads.append(threading.current_thread()))
    gpio.bounce(5)
    assert gpio.settle()
    gpio.close()
    assert len(threads) == 10
    assert len(set(threads)) == 1
    assert threads[0] is not threading.current_thread()
    assert not threads[0].is_alive()


def test_the_eye_sees_levels_and_duty(gpio):
    pwm = with_led(gpio).PWM(LED, 200)
    assert (gpio.duty(LED), gpio.pulses(LED)) == (0.0, False)
    gpio.output(LED, 1)
    assert (gpio.duty(LED), gpio.level(LED)) == (100.0, 1)
    pwm.start(30)
    assert (gpio.duty(LED), gpio.pulses(LED), gpio.level(LED)) == (30.0, True, 0)
    pwm.stop()
    assert (gpio.duty(LED), gpio.pulses(LED)) == (0.0, False)


def test_calls_are_kept_in_order(gpio):
    with_button(gpio).remove_event_detect(BUTTON)
    gpio.cleanup([BUTTON])
    assert gpio.calls == [
        Call("setmode", (gpio.BCM,)),
        Call("setup", (BUTTON, gpio.IN), {"pull_up_down": gpio.PUD_UP}),
        Call("add_event_detect", (BUTTON, gpio.BOTH)),
        Call("remove_event_detect", (BUTTON,)),
        Call("cleanup", ([BUTTON],)),
    ]
