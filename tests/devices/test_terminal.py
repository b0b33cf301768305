import asyncio
import contextlib
import io
import os
import pty
import signal
import subprocess
import sys
import termios
import time

import pytest

from appliance.devices.terminal import (
    CLICK_S,
    FIRST_REPEAT_S,
    NEXT_REPEAT_S,
    TerminalPanel,
)
from appliance.errors import HardwareError
from appliance.ports import Flash, Light


class Terminal:
    """A pseudo-terminal with a panel on it."""

    def __init__(self):
        self.master, slave = pty.openpty()
        os.set_blocking(self.master, False)
        self.stream = os.fdopen(slave, "r+b", buffering=0)
        self.text = io.TextIOWrapper(self.stream, write_through=True)
        self.edges = []
        self.quits = 0
        self.panels = []
        self.screen = ""

    def start(self, **options):
        panel = TerminalPanel(self.text, self.text, self.quit, **options)
        self.panels.append(panel)
        panel.start(lambda pressed, at_s: self.edges.append((pressed, at_s)))
        return panel

    def quit(self):
        self.quits += 1

    def type(self, data):
        os.write(self.master, data)

    def read(self):
        """Give everything that has been shown so far."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.master, 65536):
                self.screen += data.decode()
        return self.screen

    async def shows(self, text):
        await self.seen(lambda t: text in t.read())

    @property
    def pressed(self):
        return [pressed for pressed, _ in self.edges]

    async def seen(self, condition):
        async with asyncio.timeout(5):
            while not condition(self):  # noqa: ASYNC110 - a screen has no event
                await asyncio.sleep(0.005)

    def close(self):
        for panel in self.panels:
            panel.stop()
        self.text.close()
        if self.master >= 0:
            os.close(self.master)


@pytest.fixture
async def terminal(monkeypatch):
    """A terminal without the kitty protocol, unless the test answers."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    opened = Terminal()
    yield opened
    opened.close()


# Keys


async def test_space_is_held_for_as_long_as_it_repeats(terminal):
    terminal.start()
    terminal.type(b" ")
    await terminal.seen(lambda t: t.pressed == [True])
    await asyncio.sleep(FIRST_REPEAT_S - 0.15)
    for _ in range(8):
        terminal.type(b" ")
        await asyncio.sleep(0.05)
    last_s = time.monotonic()
    assert terminal.pressed == [True]
    await terminal.seen(lambda t: t.pressed == [True, False])
    assert terminal.edges[1][1] - last_s == pytest.approx(NEXT_REPEAT_S - 0.05, abs=0.1)


async def test_a_space_that_never_repeats_is_let_go_after_the_longest_wait(terminal):
    terminal.start()
    terminal.type(b" ")
    await terminal.seen(lambda t: t.pressed == [True, False])
    held_s = terminal.edges[1][1] - terminal.edges[0][1]
    assert held_s == pytest.approx(FIRST_REPEAT_S, abs=0.1)


@pytest.mark.parametrize("key", [b"t", b"\r"])
async def test_t_and_enter_press_and_let_go_in_turn(terminal, key):
    terminal.start()
    terminal.type(key)
    await terminal.seen(lambda t: t.pressed == [True])
    terminal.type(b" ")  # does not disturb
    await asyncio.sleep(FIRST_REPEAT_S + 0.1)
    assert terminal.pressed == [True]
    terminal.type(key)
    await terminal.seen(lambda t: t.pressed == [True, False])


@pytest.mark.parametrize("key", [b"t", b"\r", b" "])
async def test_without_latches_every_key_is_a_click(terminal, key):
    terminal.start(latches=False)
    terminal.type(key)
    await terminal.seen(lambda t: t.pressed == [True, False])
    held_s = terminal.edges[1][1] - terminal.edges[0][1]
    assert held_s == pytest.approx(CLICK_S, abs=0.05)


@pytest.mark.parametrize("key", [b"q", b"\x03", b"\x1b[99;5u", b"\x1b[113u"])
async def test_q_and_ctrl_c_quit(terminal, key):
    terminal.start()
    terminal.type(key)
    await terminal.seen(lambda t: t.quits == 1)
    assert terminal.edges == []


async def test_a_terminal_that_goes_away_lets_go_and_quits(terminal):
    terminal.start()
    terminal.type(b"t")
    await terminal.seen(lambda t: t.pressed == [True])
    os.close(terminal.master)
    terminal.master = -1
    await terminal.seen(lambda t: t.quits == 1)
    assert terminal.pressed == [True, False]
    terminal.panels[0].show(Light.FAULT)
    terminal.panels[0].stop()


# The kitty protocol


async def test_a_terminal_that_knows_key_releases_is_asked_for_them(terminal):
    panel = terminal.start()
    await terminal.shows("\x1b[?u")
    terminal.type(b"\x1b[?0u")
    await terminal.shows("\x1b[>11u")
    terminal.type(b"\x1b[32u")
    await terminal.seen(lambda t: t.pressed == [True])
    terminal.type(b"\x1b[32;1:2u")
    await asyncio.sleep(FIRST_REPEAT_S + 0.1)
    assert terminal.pressed == [True]
    terminal.type(b"\x1b[32;1:")  # a sequence may come in parts
    await asyncio.sleep(0.02)
    terminal.type(b"3u")
    await terminal.seen(lambda t: t.pressed == [True, False])
    panel.stop()
    await terminal.shows("\x1b[<u")


async def test_a_key_that_went_down_before_the_answer_is_held_until_its_release(terminal):
    terminal.start()
    terminal.type(b" ")
    await terminal.seen(lambda t: t.pressed == [True])
    terminal.type(b"\x1b[?0u\x1b[32;1:2u")
    await asyncio.sleep(FIRST_REPEAT_S + 0.1)
    assert terminal.pressed == [True]
    terminal.type(b"\x1b[32;1:3u")
    await terminal.seen(lambda t: t.pressed == [True, False])


# The light


async def test_the_light_is_one_coloured_line_that_is_rewritten(terminal):
    panel = terminal.start()
    panel.show(Light.LISTENING)
    panel.show(Light.THINKING)
    await terminal.shows(
        "\r\x1b[2K\x1b[38;2;0;255;0m●\x1b[0m listening"
        "\r\x1b[2K\x1b[38;2;153;0;255m●\x1b[0m thinking"
    )


async def test_a_flash_comes_and_goes(terminal):
    panel = terminal.start()
    panel.show(Light.IDLE)
    panel.flash(Flash.TOO_SHORT)
    await terminal.shows("idle (too short)")
    await terminal.seen(lambda t: t.read().endswith(" idle"))


async def test_no_color_means_plain_lines(terminal, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    panel = terminal.start()
    panel.show(Light.LISTENING)
    panel.show(Light.LISTENING)
    panel.show(Light.IDLE)
    await terminal.shows("● starting\r\n● listening\r\n○ idle\r\n")


async def test_what_is_no_terminal_gets_a_line_for_each_change():
    out = io.StringIO()
    panel = TerminalPanel(None, out)
    panel.start(lambda pressed, at_s: None)
    for light in (Light.STARTING, Light.IDLE, Light.IDLE, Light.LISTENING):
        panel.show(light)
    panel.stop()
    panel.show(Light.FAULT)
    panel.flash(Flash.ERROR)
    assert out.getvalue() == "● starting\n○ idle\n● listening\n"


async def test_a_reader_that_has_gone_away_does_no_harm():
    out = io.StringIO()
    panel = TerminalPanel(None, out)
    panel.start(lambda pressed, at_s: None)
    out.close()
    panel.show(Light.IDLE)
    panel.stop()


# The terminal's settings


async def test_the_terminal_is_given_back_as_it_was(terminal):
    before = termios.tcgetattr(terminal.stream)
    panel = terminal.start()
    during = termios.tcgetattr(terminal.stream)
    assert during != before
    assert not during[3] & (termios.ICANON | termios.ECHO)
    assert during[3] & termios.ISIG  # Ctrl-\ still ends a hung program
    terminal.type(b"left over")
    panel.stop()
    panel.stop()
    assert termios.tcgetattr(terminal.stream) == before


async def test_an_input_that_is_no_terminal_is_one_line_with_a_cure():
    read, write = os.pipe()
    with os.fdopen(read) as stream, pytest.raises(HardwareError, match="not a terminal") as told:
        TerminalPanel(stream, io.StringIO()).start(lambda pressed, at_s: None)
    os.close(write)
    assert "\n" not in str(told.value)
    with pytest.raises(HardwareError):
        TerminalPanel(io.StringIO(), io.StringIO()).start(lambda pressed, at_s: None)


PROGRAM = """
import asyncio, signal, sys
from appliance.devices.terminal import TerminalPanel

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it

async def main():
    panel = TerminalPanel(sys.stdin, sys.stdout)
    panel.start(lambda pressed, at_s: None)
    {end}

try:
    asyncio.run(main())
except KeyboardInterrupt:
    sys.exit(7)
"""


@pytest.mark.parametrize(
    ("end", "typed", "status"),
    [
        ("await asyncio.Event().wait()", b"\x03", 7),
        ("await asyncio.Event().wait()", b"q", 7),
        ("raise ZeroDivisionError", b"", 1),
    ],
)
def test_a_program_that_dies_leaves_the_terminal_as_it_was(end, typed, status):
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    command = [sys.executable, "-c", PROGRAM.format(end=end)]
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=subprocess.DEVNULL) as child:
        while b"starting" not in os.read(master, 4096):
            pass
        if typed:
            assert termios.tcgetattr(slave) != before
            os.write(master, typed)
        try:
            assert child.wait(20) == status
        finally:
            child.send_signal(signal.SIGKILL)
    assert termios.tcgetattr(slave) == before
    os.close(slave)
    os.close(master)
