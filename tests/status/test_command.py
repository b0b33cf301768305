"""The command, as a person calls it: on a pipe, and on a terminal of its own."""

import json
import os
import pty
import subprocess
import sys

import pytest

from appliance.cli import run_command


def lines(*told):
    return [json.dumps(each).encode() + b"\n" for each in told]


def test_one_screen_without_colour_on_a_pipe(fake_device, well, capsys):
    fake_device.answers = lines(well)
    assert run_command(["status", "--socket", str(fake_device.path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Appliance 0.1.0: well")
    assert "\x1b" not in out


def test_json_is_the_snapshot(fake_device, well, capsys):
    fake_device.answers = lines(well)
    assert run_command(["status", "--json", "--socket", str(fake_device.path)]) == 0
    assert json.loads(capsys.readouterr().out) == well


@pytest.mark.parametrize("told", [{"link": None}, {"indicators": {}}, {"turns": 7}])
def test_a_device_that_tells_something_else_is_one_line_and_exit_1(fake_device, well, capsys, told):
    fake_device.answers = lines({**well, **told})
    assert run_command(["status", "--socket", str(fake_device.path)]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_device_that_does_not_run_is_one_line_and_exit_1(directory, capsys):
    assert run_command(["status", "--socket", str(directory / "status.sock")]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("appliance: appliance is not running: systemctl start appliance")
    assert len(told.err.splitlines()) == 1


def test_the_place_may_come_from_the_environment(fake_device, well, capsys, monkeypatch):
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(fake_device.path.parent))
    fake_device.answers = lines(well)
    assert run_command(["status"]) == 0


def test_watching_as_json_is_a_line_each_and_the_end_says_so(fake_device, well, capsys):
    fake_device.answers = lines(well, {**well, "state": "listening"})
    assert run_command(["status", "--watch", "--json", "--socket", str(fake_device.path)]) == 1
    told = capsys.readouterr()
    assert [json.loads(line)["state"] for line in told.out.splitlines()] == ["idle", "listening"]
    assert "the appliance has ended" in told.err


@pytest.mark.parametrize("no_color", ["", "1"])
def test_watching_on_a_terminal_draws_in_place(fake_device, well, no_color):
    fake_device.answers = lines(well, {**well, "state": "speaking"})
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "appliance", "status", "--watch"]
    process = subprocess.Popen(
        [*command, "--socket", str(fake_device.path)],
        stdout=theirs,
        stderr=subprocess.PIPE,
        env={**os.environ, "NO_COLOR": no_color},
    )
    os.close(theirs)
    drawn = b""
    try:
        while piece := os.read(ours, 65536):
            drawn += piece
    except OSError:  # how a terminal says that nobody writes any more
        pass
    os.close(ours)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert b"has ended" in said
    text = drawn.decode()
    first, second = text.split("\x1b[H")[1:]
    assert "state       idle" in first
    assert "state       speaking" in second
    assert "\x1b[J" in second  # nothing of a longer screen is left
    assert text.startswith("\x1b[2J\x1b[?25l")
    assert text.rstrip().endswith("\x1b[?25h")  # the cursor is back
    assert ("\x1b[33mwarning" in text) == (no_color == "")
