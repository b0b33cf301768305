"""A stand-in for the `RPi.GPIO` module, with a finger.

It refuses what the real library refuses, in its words, and also what only does harm there without
a word: a PWM that is used before its start, that still runs when its pin is freed, or that is
used after. `calls` holds every call in its order.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

Callback = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the API."""

    name: str
    args: tuple[object, ...]
    kwargs: dict[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class _Pin:
    direction: int
    pull: int
    level: int  # of an output
    callback: Callback | None = None
    detects: bool = False
    pwm: FakePwm | None = None


class FakeGpio:
    """`RPi.GPIO`'s API and a button from pin `button` to ground.

    `deliver`: callbacks run in another thread, one after the other, as they do in reality; or in
    the caller's, which makes a test simple. While `is_deaf`, edges are lost.
    """

    BOARD, BCM = 10, 11
    OUT, IN = 0, 1
    LOW, HIGH = 0, 1
    PUD_OFF, PUD_DOWN, PUD_UP = 20, 21, 22
    RISING, FALLING, BOTH = 31, 32, 33

    def __init__(self, button: int = 17, deliver: Literal["thread", "same"] = "thread") -> None:
        self.calls: list[Call] = []
        self.is_deaf = False
        self._button = button
        self._mode: int | None = None
        self._pins: dict[int, _Pin] = {}
        self._driven: dict[int, int] = {}  # levels that the world puts on pins
        self._edges: queue.SimpleQueue[tuple[Callback, int] | None] = queue.SimpleQueue()
        self._idle = threading.Condition()
        self._undelivered = 0
        self._in_thread = deliver == "thread"
        self._thread: threading.Thread | None = None

    # The finger

    def press(self) -> None:
        """Close the button's contact."""
        self.drive(self._button, self.LOW)

    def release(self) -> None:
        """Open the button's contact; the pull-up takes its pin."""
        self.drive(self._button, None)

    def bounce(self, times: int) -> None:
        """Open and close the contact, or the reverse, `times` times; it ends as it was."""
        for _ in range(times):
            was = self._driven.get(self._button)
            self.drive(self._button, None if was == self.LOW else self.LOW)
            self.drive(self._button, was)

    def drive(self, pin: int, level: int | None) -> None:
        """Put a level on `pin` from outside; None lets go of it."""
        before = self.level(pin)
        if level is None:
            self._driven.pop(pin, None)
        else:
            self._driven[pin] = level
        after = self.level(pin)
        state = self._pins.get(pin)
        if after != before and state is not None and state.detects and not self.is_deaf:
            self._deliver(state.callback, pin)

    def settle(self, timeout_s: float = 5.0) -> bool:
        """Wait until every callback has run; False if one still runs after `timeout_s`."""
        with self._idle:
            return self._idle.wait_for(lambda: self._undelivered == 0, timeout_s)

    def close(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self._edges.put(None)
            self._thread.join()
            self._thread = None

    # The eye

    def level(self, pin: int) -> int:
        """Return the level on `pin`: driven, given out, or pulled."""
        state = self._pins.get(pin)
        if state is not None and state.direction == self.OUT:
            if state.pwm is not None and state.pwm.is_running:
                return self.HIGH if state.pwm.duty >= 50 else self.LOW
            return state.level
        if pin in self._driven:
            return self._driven[pin]
        return self.HIGH if state is None or state.pull == self.PUD_UP else self.LOW

    def duty(self, pin: int) -> float:
        """Return for which part of the time `pin` is high, in percent."""
        pwm = self._pins[pin].pwm if pin in self._pins else None
        return pwm.duty if pwm is not None and pwm.is_running else 100.0 * self.level(pin)

    def pulses(self, pin: int) -> bool:
        """Return whether a PWM runs on `pin`."""
        pwm = self._pins[pin].pwm if pin in self._pins else None
        return pwm is not None and pwm.is_running

    @property
    def in_use(self) -> tuple[int, ...]:
        """Pins that are set up."""
        return tuple(self._pins)

    # The API

    def setwarnings(self, value: bool) -> None:
        self._record("setwarnings", value)

    def setmode(self, new_mode: int) -> None:
        self._record("setmode", new_mode)
        if self._mode is not None and new_mode != self._mode:
            raise ValueError("A different mode has already been set!")
        if new_mode not in (self.BOARD, self.BCM):
            raise ValueError("An invalid mode was passed to setmode()")
        self._mode = new_mode

    def setup(
        self,
        chanlist: int | Iterable[int],
        direction: int,
        pull_up_down: int = PUD_OFF,
        initial: int | None = None,
    ) -> None:
        self._record(
            "setup", chanlist, direction, **_given(pull_up_down=pull_up_down, initial=initial)
        )
        if direction not in (self.IN, self.OUT):
            raise ValueError("An invalid direction was passed to setup()")
        if direction == self.OUT and pull_up_down != self.PUD_OFF:
            raise ValueError("pull_up_down parameter is not valid for outputs")
        if direction == self.IN and initial is not None:
            raise ValueError("initial parameter is not valid for inputs")
        for pin in self._numbers(chanlist):
            self._pins[pin] = _Pin(direction, pull_up_down, int(bool(initial)))

    def input(self, channel: int) -> int:
        # Not recorded: the poll would fill the list.
        (pin,) = self._numbers(channel)
        if pin not in self._pins:
            raise RuntimeError("You must setup() the GPIO channel first")
        return self.level(pin)

    def output(self, channel: int, value: int) -> None:
        self._record("output", channel, value)
        self._as_output(channel, "The GPIO channel has not been set up as an OUTPUT").level = int(
            bool(value)
        )

    def add_event_detect(
        self,
        channel: int,
        edge: int,
        callback: Callback | None = None,
        bouncetime: int | None = None,
    ) -> None:
        self._record(
            "add_event_detect", channel, edge, **_given(callback=callback, bouncetime=bouncetime)
        )
        (pin,) = self._numbers(channel)
        state = self._pins.get(pin)
        if state is None or state.direction != self.IN:
            raise RuntimeError("You must setup() the GPIO channel as an input first")
        if edge not in (self.RISING, self.FALLING, self.BOTH):
            raise ValueError("The edge must be set to RISING, FALLING or BOTH")
        if edge != self.BOTH or bouncetime is not None:
            # The panel asks for nothing else; a caller that does must not believe it was heard.
            raise RuntimeError("this fake knows BOTH edges without bouncetime only")
        if state.detects:
            raise RuntimeError("Conflicting edge detection already enabled for this GPIO channel")
        state.detects, state.callback = True, callback

    def remove_event_detect(self, channel: int) -> None:
        self._record("remove_event_detect", channel)
        (pin,) = self._numbers(channel)
        if pin in self._pins:
            self._pins[pin].detects, self._pins[pin].callback = False, None

    def cleanup(self, chanlist: int | Sequence[int] | None = None) -> None:
        self._record("cleanup", *(() if chanlist is None else (chanlist,)))
        pins = tuple(self._pins) if chanlist is None else self._numbers(chanlist)
        for pin in pins:
            state = self._pins.pop(pin, None)
            if state is not None and state.pwm is not None:
                if state.pwm.is_running:
                    raise RuntimeError(f"PWM on pin {pin} must be stopped before cleanup()")
                state.pwm.is_freed = True
        if chanlist is None:
            self._mode = None

    def PWM(self, channel: int, frequency: float) -> FakePwm:  # noqa: N802 - RPi.GPIO's name
        self._record("PWM", channel, frequency)
        state = self._as_output(channel, "You must setup() the GPIO channel as an output first")
        if state.pwm is not None:
            raise RuntimeError("A PWM object already exists for this GPIO channel")
        if frequency <= 0:
            raise ValueError("frequency must be greater than 0.0")
        state.pwm = FakePwm(state, self.calls)
        return state.pwm

    # Within

    def _record(self, name: str, *args: object, **kwargs: object) -> None:
        self.calls.append(Call(name, args, kwargs))

    def _numbers(self, chanlist: int | Iterable[int]) -> tuple[int, ...]:
        if self._mode is None:
            raise RuntimeError(
                "Please set pin numbering mode using GPIO.setmode(GPIO.BOARD) or "
                "GPIO.setmode(GPIO.BCM)"
            )
        pins = (chanlist,) if isinstance(chanlist, int) else tuple(chanlist)
        if not all(0 <= pin < 54 for pin in pins):
            raise ValueError("The channel sent is invalid on a Raspberry Pi")
        return pins

    def _as_output(self, channel: int, refusal: str) -> _Pin:
        (pin,) = self._numbers(channel)
        state = self._pins.get(pin)
        if state is None or state.direction != self.OUT:
            raise RuntimeError(refusal)
        return state

    def _deliver(self, callback: Callback | None, pin: int) -> None:
        if callback is None:
            return
        if not self._in_thread:
            callback(pin)
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="fake-gpio", daemon=True)
            self._thread.start()
        with self._idle:
            self._undelivered += 1
        self._edges.put((callback, pin))

    def _run(self) -> None:
        while (edge := self._edges.get()) is not None:
            callback, pin = edge
            try:
                callback(pin)
            finally:
                with self._idle:
                    self._undelivered -= 1
                    self._idle.notify_all()


class FakePwm:
    """What `FakeGpio.PWM` gives."""

    def __init__(self, pin: _Pin, calls: list[Call]) -> None:
        self.duty = 0.0
        self.is_running = False
        self.is_freed = False
        self._pin = pin
        self._calls = calls

    def start(self, dc: float) -> None:
        self._record("PWM.start", dc)
        self._check(dc)
        self.is_running = True

    def stop(self) -> None:
        self._record("PWM.stop")
        if self.is_freed:
            raise RuntimeError("PWM used after cleanup()")
        self.is_running = False
        self._pin.level = 0  # as in both libraries, whatever the LED's wiring

    def ChangeDutyCycle(self, dc: float) -> None:  # noqa: N802 - RPi.GPIO's name
        self._record("PWM.ChangeDutyCycle", dc)
        if not self.is_running:
            raise RuntimeError("ChangeDutyCycle() before start(): nothing would be seen")
        self._check(dc)

    def _check(self, dc: float) -> None:
        if self.is_freed:
            raise RuntimeError("PWM used after cleanup()")
        if not 0 <= dc <= 100:
            raise ValueError("dutycycle must have a value from 0.0 to 100.0")
        self.duty = float(dc)

    def _record(self, name: str, *args: object) -> None:
        self._calls.append(Call(name, args))


def _given(**options: object) -> dict[str, object]:
    """Keep the options that were given."""
    return {name: value for name, value in options.items() if value not in (None, FakeGpio.PUD_OFF)}
