"""The button and the LEDs on a Raspberry Pi's pins. Its fake is `fake_gpio.FakeGpio`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from appliance.devices.gpio_api import GpioModule, failures_of, load_gpio, unusable
from appliance.devices.gpio_led import Led
from appliance.errors import ConfigError
from appliance.panel.lights import colour_at, flash_s, mono_at, next_change_s
from appliance.ports import Flash, Light

__all__ = ["GpioPanel", "GpioPins", "load_gpio"]

POLL_S = 0.05  # the 300 ms that the microphone keeps from before a press cover this
WARY_POLL_S = 0.01  # for WARY_S after an edge was lost, as more may be
WARY_S = 60.0
REARM_S = 5.0  # at most so often is a deaf edge detection set up anew
REST_S = 0.5  # an LED that stays fully on or off for this long needs no PWM
LAST_PIN = 27  # of those on the header, in BCM numbers


@dataclass(frozen=True, slots=True)
class GpioPins:
    """Where things are, in BCM numbers.

    The button connects its pin to ground. `leds`: none, one, or red, green and blue.

    Raises:
        ConfigError: a pin that is not on the header or is given twice, or two LEDs.
    """

    button: int = 17
    leds: tuple[int, ...] = ()
    leds_active_low: bool = False  # the LEDs hang between 3.3 V and the pins

    def __post_init__(self) -> None:
        pins = (self.button, *self.leds)
        problems = [
            f"[hardware] pin {pin} is not on the header: use a BCM number from 0 to {LAST_PIN}"
            for pin in pins
            if not 0 <= pin <= LAST_PIN
        ]
        if len(set(pins)) < len(pins):
            problems.append(f"[hardware] the button and the LEDs share a pin: {pins}")
        if len(self.leds) not in (0, 1, 3):
            problems.append(
                f"[hardware] {len(self.leds)} LED pins: give none, one, or red, green and blue"
            )
        if problems:
            raise ConfigError(problems)


class GpioPanel:
    """`ports.Panel` on pins. All methods are for the event loop's thread."""

    def __init__(
        self,
        gpio: GpioModule,
        pins: GpioPins,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.lost_edges = 0  # that only the poll has seen
        self._gpio = gpio
        self._pins = pins
        self._loop = loop
        self._failures = failures_of(gpio)
        self._claimed: list[int] = []
        self._leds: list[Led] = []
        self._is_on = False
        self._light, self._light_s = Light.STARTING, 0.0
        self._flash: tuple[Flash, float] | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._is_pressed = False
        self._read_s = 0.0  # when `start` or the poll last read the pin
        self._is_unheard = False  # the poll saw a change and waits for its edge
        self._rearm_s = 0.0  # not before this
        self._wary_until_s = 0.0

    def start(self, edge: Callable[[bool, float], None]) -> None:
        """Take the pins and begin. See `ports.Panel.start`.

        Raises:
            HardwareError: the pins cannot be had.
        """
        self._edge = edge
        self._running = self._loop or asyncio.get_running_loop()
        try:
            self._gpio.setwarnings(False)  # they are about pins that another program left set
            self._gpio.setmode(self._gpio.BCM)
            self._is_on = True
            for pin in self._pins.leds:
                self._leds.append(Led(self._gpio, pin, self._pins.leds_active_low, self._running))
                self._claimed.append(pin)
            self._claim_button()
            self._claimed.append(self._pins.button)
            self._listen()
            self._read_s = time.monotonic()
            self._is_pressed = self._gpio.input(self._pins.button) == self._gpio.LOW
        except self._failures as refused:
            self.stop()
            cure = "join the group gpio and end other programs that use these pins"
            raise unusable(refused, cure) from refused
        self._light_s = self._read_s
        self._draw()
        self._timers["poll"] = self._running.call_later(POLL_S, self._poll)
        if self._is_pressed:
            self._tell(True, self._read_s)

    def show(self, light: Light) -> None:
        """Show `light` from now on."""
        self._light, self._light_s = light, time.monotonic()
        self._draw()

    def flash(self, flash: Flash) -> None:
        """Lay `flash` over the light, once."""
        self._flash = (flash, time.monotonic())
        self._draw()

    def stop(self) -> None:
        """Put the LEDs out and free the pins. May be called twice."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if not self._is_on:
            return
        self._is_on = False
        # One that cannot be given back must not keep the others; the kernel takes it at our end.
        with contextlib.suppress(*self._failures):
            self._gpio.remove_event_detect(self._pins.button)
        while self._leds:
            with contextlib.suppress(*self._failures):
                self._leds.pop().close()
        if self._claimed:
            with contextlib.suppress(*self._failures):
                self._gpio.cleanup(self._claimed)
            self._claimed = []

    # The button

    def _claim_button(self) -> None:
        self._gpio.setup(self._pins.button, self._gpio.IN, pull_up_down=self._gpio.PUD_UP)

    def _listen(self) -> None:
        # No bouncetime: rpi-lgpio would hold each edge back until the contact is quiet, and
        # RPi.GPIO would drop the edges that follow one, of which the last tells the truth.
        # `panel.button` takes the first edge at once and all others into account.
        self._gpio.add_event_detect(self._pins.button, self._gpio.BOTH, callback=self._interrupt)

    def _interrupt(self, channel: int) -> None:
        """Runs in a thread of the GPIO library."""
        at_s = time.monotonic()
        if not self._is_on:
            return
        try:
            pressed = self._gpio.input(channel) == self._gpio.LOW
            self._running.call_soon_threadsafe(self._heard, pressed, at_s)
        except self._failures:
            # `stop` freed the pin, or the loop was closed, while we were on our way.
            return

    def _heard(self, pressed: bool, at_s: float) -> None:
        if not self._is_on:
            return
        self._is_unheard = False
        self._tell(pressed, at_s)
        if at_s < self._read_s:
            self._look()  # what it read may be out of date

    def _tell(self, pressed: bool, at_s: float) -> None:
        self._is_pressed = pressed
        self._edge(pressed, at_s)

    def _look(self) -> bool:
        """Read the pin; return whether it is not as we thought."""
        self._read_s = time.monotonic()
        pressed = self._gpio.input(self._pins.button) == self._gpio.LOW
        if pressed is self._is_pressed:
            return False
        self._tell(pressed, self._read_s)
        return True

    def _poll(self) -> None:
        """Look at the pin, so that an edge that is lost can never strand a press or a release.

        rpi-lgpio can lose all of them: lgpio's alert thread starts to wait without a check
        whether it has been signalled in between, and then sleeps until the next claim of a pin.
        """
        now_s = time.monotonic()
        period_s = WARY_POLL_S if now_s < self._wary_until_s else POLL_S
        self._timers["poll"] = self._running.call_later(period_s, self._poll)
        if self._is_unheard:
            self._is_unheard = False
            self.lost_edges += 1
            self._wary_until_s = now_s + WARY_S
            self._rearm()
        try:
            self._is_unheard = self._look()
        except self._failures:
            self._rearm()  # the pin is no longer ours

    def _rearm(self) -> None:
        """Claim the pin anew, which wakes lgpio's alert thread."""
        now_s = time.monotonic()
        if now_s < self._rearm_s:
            return
        self._rearm_s = now_s + REARM_S
        with contextlib.suppress(*self._failures):  # the poll goes on alone, until the next try
            self._gpio.remove_event_detect(self._pins.button)
            self._claim_button()
            self._listen()

    # The LEDs

    def _draw(self) -> None:
        if "draw" in self._timers:
            self._timers.pop("draw").cancel()
        if not self._leds:
            return
        now_s = time.monotonic()
        if self._flash is not None and now_s >= self._flash[1] + flash_s(self._flash[0]):
            self._flash = None
        moment = (self._light, self._flash, self._light_s, now_s)
        due_s = next_change_s(*moment)
        rests = due_s is None or due_s - now_s >= REST_S
        if len(self._leds) == 1:
            self._leds[0].set(mono_at(*moment), rests)
        else:
            colour = colour_at(*moment)
            for led, power in zip(self._leds, (colour.red, colour.green, colour.blue), strict=True):
                led.set(power, rests)
        if due_s is not None:
            self._timers["draw"] = self._running.call_later(due_s - now_s, self._draw)
