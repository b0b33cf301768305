"""The button and the LEDs in a terminal: the space bar, and a line of text.

A terminal tells when a key goes down and that it repeats, but not when it comes up. Where it
speaks the kitty keyboard protocol we ask it to; elsewhere the key is up when it stops repeating.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import signal
import termios
import time
from collections.abc import Callable
from typing import TextIO

from appliance.errors import HardwareError
from appliance.panel.face import draw
from appliance.panel.keys import (
    ASK_KITTY,
    BEGIN_KITTY,
    END_KITTY,
    Did,
    Key,
    KittyAnswer,
    decode,
)
from appliance.panel.lights import flash_s
from appliance.ports import Flash, Light

FIRST_REPEAT_S = 0.7  # X11 waits 660 ms before it repeats a key, others less
NEXT_REPEAT_S = 0.15  # then every 30 to 90 ms, and a slow line adds to that
CLICK_S = 0.06  # how long a press is that a single key stands for

_HINT = "space bar: hold to talk · t or Enter: press, and again to let go · q: quit"
_CLICK_HINT = "space bar, t or Enter: press · q: quit"
_DISABLED = b"\0"  # _POSIX_VDISABLE on Linux


def _interrupt() -> None:
    """Do what Ctrl-C does elsewhere: KeyboardInterrupt, or the loop's handler of SIGINT."""
    signal.raise_signal(signal.SIGINT)


class TerminalPanel:
    """`ports.Panel` in a terminal. All methods are for the event loop's thread.

    Args:
        input_stream: a terminal; None for lights alone.
        output_stream: a terminal gets one line that is rewritten in place. Anything else, or a
            terminal with NO_COLOR set, gets a plain line for each change.
        quit: called for q and Ctrl-C (Ctrl-\\ remains as it is, against a hung program).
        latches: t and Enter press the button and, the next time, let go of it: for holding it
            where keys do not repeat. Otherwise they click it.
    """

    def __init__(
        self,
        input_stream: TextIO | None,
        output_stream: TextIO,
        quit: Callable[[], None] = _interrupt,
        *,
        latches: bool = True,
    ) -> None:
        self._input = input_stream
        self._output = output_stream
        self._quit = quit
        self._latches = latches
        self._in_place = output_stream.isatty() and not os.environ.get("NO_COLOR")
        self._is_on = False
        self._fd = -1
        self._was: list[int | list[bytes | int]] | None = None  # the terminal's settings
        self._unread = b""
        self._is_kitty = False
        self._pressed_by: str | None = None  # the key that holds the button
        self._light = Light.STARTING
        self._flash: Flash | None = None
        self._drawn = ""
        self._release: asyncio.TimerHandle | None = None
        self._flash_end: asyncio.TimerHandle | None = None

    def start(self, edge: Callable[[bool, float], None]) -> None:
        """Begin to read keys. See `ports.Panel.start`.

        Raises:
            HardwareError: the input is not a terminal.
        """
        self._edge = edge
        self._loop = asyncio.get_running_loop()
        if self._input is not None:
            self._take(self._input)
        self._is_on = True
        self._draw()

    def show(self, light: Light) -> None:
        """Show `light` from now on."""
        self._light = light
        self._draw()

    def say(self, line: str) -> None:
        """Write a line for people above the light."""
        self._write(f"\r\x1b[2K{line}\n" if self._in_place else f"{line}\n")
        if self._in_place:
            self._draw()

    def flash(self, flash: Flash) -> None:
        """Show `flash` beside the light for as long as LEDs would."""
        if not self._is_on:
            return
        self._flash = flash
        self._draw()
        if self._flash_end is not None:
            self._flash_end.cancel()
        self._flash_end = self._loop.call_later(flash_s(flash), self._end_flash)

    def stop(self) -> None:
        """Give the terminal back as it was. May be called twice."""
        for timer in (self._release, self._flash_end):
            if timer is not None:
                timer.cancel()
        if self._is_on and self._in_place:
            self._write("\n")
        self._is_on = False
        if self._was is None:
            return
        was, self._was = self._was, None
        atexit.unregister(self.stop)
        if not self._loop.is_closed():
            self._loop.remove_reader(self._fd)
        if self._is_kitty:
            self._write(END_KITTY)
        # A terminal that has gone away needs nothing back. What was typed for us is not for
        # the shell: it goes with the flush.
        with contextlib.suppress(termios.error):
            termios.tcsetattr(self._fd, termios.TCSAFLUSH, was)

    # Keys

    def _take(self, stream: TextIO) -> None:
        """Have keys as they are pressed, without echo."""
        try:
            self._fd = stream.fileno()
            self._was = termios.tcgetattr(self._fd)
        except (OSError, ValueError, termios.error) as not_one:
            raise HardwareError(
                "the terminal panel reads keys, and its input is not a terminal: "
                'run it in one, or set [hardware] panel = "gpio"'
            ) from not_one
        # Whatever happens to the program, the shell must get its terminal back.
        atexit.register(self.stop)
        raw = termios.tcgetattr(self._fd)
        raw[3] &= ~(termios.ICANON | termios.ECHO)
        # Ctrl-C comes as a key; Ctrl-Z would leave the shell with our settings.
        for special in (termios.VINTR, termios.VSUSP):
            raw[6][special] = _DISABLED
        raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self._fd, termios.TCSADRAIN, raw)
        self._loop.add_reader(self._fd, self._read)
        self._write((_HINT if self._latches else _CLICK_HINT) + "\n")
        if self._output.isatty():
            self._write(ASK_KITTY)

    def _read(self) -> None:
        at_s = time.monotonic()
        try:
            data = os.read(self._fd, 1024)
        except OSError:
            data = b""  # Linux says EIO once the other end of a terminal is closed
        if not data:
            self._loop.remove_reader(self._fd)
            self._let_go(at_s)
            self._quit()
            return
        keys, self._unread = decode(self._unread + data)
        for key in keys:
            if isinstance(key, KittyAnswer):
                self._is_kitty = True
                self._write(BEGIN_KITTY)
            else:
                self._typed(key, at_s)

    def _typed(self, key: Key, at_s: float) -> None:
        if (key.name == "c" and key.ctrl) or key.name == "q":
            if key.did is Did.PRESS:
                self._quit()
        elif key.name == " " and self._latches:
            self._space(key.did, at_s)
        elif key.name in (" ", "t", "\r") and key.did is Did.PRESS:
            self._tap(key.name, at_s)

    def _space(self, did: Did, at_s: float) -> None:
        if self._pressed_by not in (None, " "):
            return
        if did is Did.RELEASE:
            self._let_go(at_s)
            return
        repeats = self._pressed_by == " "
        if not repeats and did is Did.PRESS:
            self._press(" ", at_s)
        if self._is_kitty:
            self._cancel_release()  # of a key that went down before the terminal answered
        else:
            # Let go as late as it may have been: an earlier guess could cut off a word.
            self._let_go_in(NEXT_REPEAT_S if repeats else FIRST_REPEAT_S)

    def _tap(self, name: str, at_s: float) -> None:
        if self._pressed_by is None:
            self._press(name, at_s)
            if not self._latches:
                self._let_go_in(CLICK_S)
        elif self._latches and self._pressed_by != " ":
            self._let_go(at_s)

    def _press(self, name: str, at_s: float) -> None:
        self._pressed_by = name
        self._edge(True, at_s)

    def _let_go(self, at_s: float) -> None:
        self._cancel_release()
        if self._pressed_by is not None:
            self._pressed_by = None
            self._edge(False, at_s)

    def _let_go_in(self, for_s: float) -> None:
        self._cancel_release()
        self._release = self._loop.call_later(for_s, lambda: self._let_go(time.monotonic()))

    def _cancel_release(self) -> None:
        if self._release is not None:
            self._release.cancel()
            self._release = None

    # The light

    def _end_flash(self) -> None:
        self._flash = None
        self._draw()

    def _draw(self) -> None:
        if not self._is_on:
            return
        line = draw(self._light, self._flash, colour=self._in_place)
        if self._in_place:
            self._write(f"\r\x1b[2K{line}")
        elif line != self._drawn:
            self._write(f"{line}\n")
        self._drawn = line

    def _write(self, text: str) -> None:
        # A reader that has gone away must not take the device with it.
        with contextlib.suppress(OSError, ValueError):
            self._output.write(text)
            self._output.flush()
