"""One LED on a pin: PWM while it is dimmed, a plain level while it rests fully on or off."""

from __future__ import annotations

import asyncio

from appliance.devices.gpio_api import GpioModule, Pwm

PWM_HZ = 200.0  # no flicker to be seen, and cheap for a PWM made in software
_LAST_WORD_S = 4 / PWM_HZ


class Led:
    """Methods are for the event loop's thread.

    Raises:
        RuntimeError or lgpio's own error: the pin cannot be had (see `failures_of`).
    """

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
        """Give `power` (0.0 to 1.0); `rests`: it will stay so for a while."""
        is_full = power in (0.0, 1.0)
        if self._pulses and is_full and rests:
            self._end_pulses()
            self._gpio.output(self._pin, self._level(power))
            # RPi.GPIO's PWM thread writes one more 0 as it ends, within a period.
            self._settling = self._loop.call_later(_LAST_WORD_S, self._settle)
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
        """Put it out. The PWM is stopped and gone before anyone can free its pin."""
        if self._settling is not None:
            self._settling.cancel()
        if self._pulses:
            self._end_pulses()
        self._pwm = None  # rpi-lgpio's stops once more when it is collected
        self._gpio.output(self._pin, self._level(0.0))

    def _end_pulses(self) -> None:
        if self._pwm is not None:
            self._pwm.stop()
        self._pulses = False

    def _settle(self) -> None:
        self._settling = None
        if not self._pulses:
            self._gpio.output(self._pin, self._level(self._power))

    def _level(self, power: float) -> int:
        return self._gpio.HIGH if (power > 0.5) is not self._active_low else self._gpio.LOW

    def _duty(self, power: float) -> float:
        return 100 * (1 - power if self._active_low else power)
