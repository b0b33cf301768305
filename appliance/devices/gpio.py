"""The button and the LEDs on a Raspberry Pi's pins, through the `RPi.GPIO` API.

On current kernels and on the Pi 5 `rpi-lgpio` gives that API; on old boards RPi.GPIO itself does.
Where the two differ this keeps to what both can do. Its fake is `fake_gpio.FakeGpio`.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from appliance.errors import ConfigError, HardwareError
from appliance.panel.lights import colour_at, flash_s, mono_at, next_change_s
from appliance.ports import Flash, Light

PWM_HZ = 200.0  # no flicker to be seen, and cheap for a PWM made in software
POLL_S = 0.05  # the 300 ms that the microphone keeps from before a press cover this
WARY_POLL_S = 0.01  # once an edge was lost
REARM_S = 5.0  # at most so often is a deaf edge detection set up anew
REST_S = 0.5  # an LED that stays fully on or off for this long needs no PWM
LAST_PIN = 27  # of those on the header, in BCM numbers

_ELSE = 'or set [hardware] panel = "terminal"'


class Pwm(Protocol):
    def start(self, dc: float, /) -> None: ...
    def stop(self) -> None: ...
    def ChangeDutyCycle(self, dc: float, /) -> None: ...  # noqa: N802 - RPi.GPIO's name


class GpioModule(Protocol):
    """The part of `RPi.GPIO` that we use."""

    BCM: int
    IN: int
    OUT: int
    LOW: int
    HIGH: int
    PUD_UP: int
    BOTH: int

    def setwarnings(self, value: bool, /) -> None: ...
    def setmode(self, mode: int, /) -> None: ...
    def setup(
        self, channel: int, direction: int, /, pull_up_down: int = ..., initial: int = ...
    ) -> None: ...
    def input(self, channel: int, /) -> int: ...
    def output(self, channel: int, value: int, /) -> None: ...
    def add_event_detect(
        self, channel: int, edge: int, /, callback: Callable[[int], None] = ...
    ) -> None: ...
    def remove_event_detect(self, channel: int, /) -> None: ...
    def cleanup(self, channels: Sequence[int], /) -> None: ...
    def PWM(self, channel: int, frequency: float, /) -> Pwm: ...  # noqa: N802 - RPi.GPIO's name


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


def load_gpio() -> GpioModule:
    """Import `RPi.GPIO`.

    Raises:
        HardwareError: it is not installed, or this machine has no pins that it can use.
    """
    try:
        return cast(GpioModule, importlib.import_module("RPi.GPIO"))
    except ImportError as missing:
        cure = "on a Raspberry Pi: pip install rpi-lgpio"
        raise _unusable(missing, cure) from missing
    except OSError as unwritable:
        # lgpio makes a named pipe in its working directory while it is imported.
        cure = "point LG_WD to a directory that can be written to"
        raise _unusable(unwritable, cure) from unwritable
    except RuntimeError as refused:
        raise _unusable(refused, "attach a Raspberry Pi's GPIO") from refused


class GpioPanel:
    """`ports.Panel` on pins. All methods are for the event loop's thread.

    A button that is down at `start` has not been pressed: its release must come first.
    """

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
        self._failures = _failures_of(gpio)
        self._leds: tuple[_Led, ...] = ()
        self._is_on = False
        self._light, self._light_s = Light.STARTING, 0.0
        self._flash: tuple[Flash, float] | None = None
        self._drawing: asyncio.TimerHandle | None = None
        self._polling: asyncio.TimerHandle | None = None
        self._is_pressed = False
        self._read_s = 0.0  # when the poll last looked
        self._unheard = False  # the poll saw a change and waits for its edge
        self._rearm_s = 0.0  # not before this

    def start(self, edge: Callable[[bool, float], None]) -> None:
        """Take the pins and begin. See `ports.Panel.start`.

        Raises:
            HardwareError: the pins cannot be had.
        """
        self._edge = edge
        self._loop = self._loop or asyncio.get_running_loop()
        try:
            self._gpio.setwarnings(False)  # they are about pins that another program left set
            self._gpio.setmode(self._gpio.BCM)
            low = self._pins.leds_active_low
            self._leds = tuple(_Led(self._gpio, pin, low, self._loop) for pin in self._pins.leds)
            self._is_on = True  # from here on there is something to give back
            self._watch()
            self._is_pressed = self._gpio.input(self._pins.button) == self._gpio.LOW
        except self._failures as refused:
            self.stop()
            cure = "join the group gpio, end other programs that use the pins"
            raise _unusable(refused, cure) from refused
        self._read_s = time.monotonic()
        self._light_s = self._read_s
        self._draw()
        self._polling = self._loop.call_later(POLL_S, self._poll)

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
        for timer in (self._drawing, self._polling):
            if timer is not None:
                timer.cancel()
        if not self._is_on:
            return
        self._is_on = False
        try:
            self._gpio.remove_event_detect(self._pins.button)
            for led in self._leds:
                led.close()
        finally:
            self._leds = ()
            self._gpio.cleanup([self._pins.button, *self._pins.leds])

    # The button

    def _watch(self) -> None:
        button = self._pins.button
        self._gpio.setup(button, self._gpio.IN, pull_up_down=self._gpio.PUD_UP)
        # No bouncetime: rpi-lgpio would hold each edge back until the contact is quiet, and
        # RPi.GPIO would drop the edges that follow one, of which the last tells the truth.
        # `panel.button` takes the first edge at once and all others into account.
        self._gpio.add_event_detect(button, self._gpio.BOTH, callback=self._interrupt)

    def _interrupt(self, channel: int) -> None:
        """Runs in a thread of the GPIO library."""
        at_s = time.monotonic()
        loop = self._loop
        if not self._is_on or loop is None:
            return
        try:
            pressed = self._gpio.input(channel) == self._gpio.LOW
            loop.call_soon_threadsafe(self._heard, pressed, at_s)
        except self._failures:
            # `stop` freed the pin, or the loop was closed, while we were on our way.
            return

    def _heard(self, pressed: bool, at_s: float) -> None:
        self._unheard = False
        if not self._is_on or at_s < self._read_s:
            return  # the poll has read the pin since, and knows better
        self._is_pressed = pressed
        self._edge(pressed, at_s)

    def _poll(self) -> None:
        """Look at the pin, so that an edge that is lost can never strand a press or a release.

        rpi-lgpio can lose all of them: lgpio's alert thread starts to wait without a check
        whether it has been signalled in between, and then sleeps until the next claim of a pin.
        """
        assert self._loop is not None  # set by start, which armed this
        period_s = WARY_POLL_S if self.lost_edges else POLL_S
        self._polling = self._loop.call_later(period_s, self._poll)
        if self._unheard:
            self._unheard = False
            self.lost_edges += 1
            self._rearm()
        at_s = time.monotonic()
        pressed = self._gpio.input(self._pins.button) == self._gpio.LOW
        self._read_s = at_s
        if pressed is not self._is_pressed:
            self._is_pressed = pressed
            self._unheard = True
            self._edge(pressed, at_s)

    def _rearm(self) -> None:
        """Claim the pin anew, which wakes lgpio's alert thread."""
        now_s = time.monotonic()
        if now_s < self._rearm_s:
            return
        self._rearm_s = now_s + REARM_S
        self._gpio.remove_event_detect(self._pins.button)
        self._watch()

    # The LEDs

    def _draw(self) -> None:
        if self._drawing is not None:
            self._drawing.cancel()
            self._drawing = None
        if not self._is_on or not self._leds or self._loop is None:
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
            self._drawing = self._loop.call_later(due_s - now_s, self._draw)


class _Led:
    """One LED: PWM while it is dimmed, a plain level while it rests fully on or off."""

    def __init__(
        self, gpio: GpioModule, pin: int, active_low: bool, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._gpio = gpio
        self._pin = pin
        self._active_low = active_low
        self._loop = loop
        self._power = 0.0
        self._pwm: Pwm | None = None  # kept: a PWM that is collected stops
        self._pulses = False
        self._settling: asyncio.TimerHandle | None = None
        gpio.setup(pin, gpio.OUT, initial=self._level(0.0))

    def set(self, power: float, rests: bool) -> None:
        """Give `power` (0.0 to 1.0); `rests`: for a while."""
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None
        is_full = power in (0.0, 1.0)
        if is_full and rests and self._pulses:
            self._end_pulses()
            self._gpio.output(self._pin, self._level(power))
            # RPi.GPIO's PWM thread writes one more 0 when it ends, within a period.
            self._settling = self._loop.call_later(4 / PWM_HZ, self._settle, power)
        elif self._pulses:
            if self._pwm is not None and power != self._power:
                self._pwm.ChangeDutyCycle(self._duty(power))
        elif is_full:
            self._gpio.output(self._pin, self._level(power))
        else:
            if self._pwm is None:
                self._pwm = self._gpio.PWM(self._pin, PWM_HZ)
            self._pwm.start(self._duty(power))
            self._pulses = True
        self._power = power

    def close(self) -> None:
        """Put it out. The PWM must be stopped and gone before its pin is freed."""
        if self._settling is not None:
            self._settling.cancel()
        if self._pulses:
            self._end_pulses()
        self._pwm = None
        self._gpio.output(self._pin, self._level(0.0))

    def _end_pulses(self) -> None:
        if self._pwm is not None:
            self._pwm.stop()
        self._pulses = False

    def _settle(self, power: float) -> None:
        self._settling = None
        self._gpio.output(self._pin, self._level(power))

    def _level(self, power: float) -> int:
        return self._gpio.HIGH if (power > 0.5) is not self._active_low else self._gpio.LOW

    def _duty(self, power: float) -> float:
        return 100 * (1 - power if self._active_low else power)


def _failures_of(gpio: GpioModule) -> tuple[type[Exception], ...]:
    """Return what the library raises. rpi-lgpio lets errors of lgpio through, which are bare."""
    error = getattr(getattr(gpio, "lgpio", None), "error", None)
    usual: tuple[type[Exception], ...] = (RuntimeError, OSError, ValueError)
    if isinstance(error, type) and issubclass(error, Exception):
        return (*usual, error)
    return usual


def _unusable(why: Exception, cure: str) -> HardwareError:
    return HardwareError(f"no GPIO ({' '.join(str(why).split())}): {cure}, {_ELSE}")
