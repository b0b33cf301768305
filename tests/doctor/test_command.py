"""The command as a person or a program calls it: choice, form, exit codes, who has the card."""

import json
import os
import subprocess
import sys
import time

import pytest

from appliance.cli import run_command
from appliance.doctor import check_sound, examine
from appliance.doctor.checks import CHECKS, Check
from appliance.doctor.findings import Line, Outcome, fail, ok
from appliance.doctor.teller import Teller
from tests.doctor.conftest import Person, Screen

QUICK = ["settings", "disk", "memory"]


@pytest.fixture
def doctor(tmp_path, monkeypatch, capsys):
    """Run the command line; gives the exit code, standard output and standard error."""
    for name in list(os.environ):
        if name.startswith(("APPLIANCE", "OPENAI")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def run(*words, **environ):
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        try:
            code = run_command(["doctor", *map(str, words)])
        except SystemExit as ended:  # argparse
            code = ended.code
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


# Unattended


def test_everything_unattended_with_the_local_server(sound_room, simulator, tmp_path):
    """As a timer would run it: a process of its own, without a terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "appliance", "doctor", "--no-sound", "--no-questions", "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        env={
            **os.environ,
            "STATE_DIRECTORY": str(tmp_path),
            "RUNTIME_DIRECTORY": str(tmp_path),
            "APPLIANCE_ENDPOINT__URL": simulator(),
            "OPENAI_API_KEY": "sk-local-123456",
            "APPLIANCE_HARDWARE__PANEL": "none",
            "APPLIANCE_HARDWARE__MICROPHONE": "pcm:mic",
        },
        check=False,
    )
    told = json.loads(done.stdout)
    outcomes = {line["check"]: line["outcome"] for line in told["checks"]}
    assert list(outcomes) == list(CHECKS)
    wanted = {
        "kernels": "ok", "prompts": "ok", "dns": "ok", "route": "ok", "tls": "skipped", "key": "ok",
        "model": "ok", "loudspeaker": "skipped", "button": "skipped", "leds": "skipped",
        "microphone": "fail",  # a null sink is silent
    }  # fmt: skip
    assert {name: outcomes[name] for name in wanted} == wanted
    assert (done.returncode, done.stderr) == (1, "")
    assert "sk-local-123456" not in done.stdout
    assert told["counts"]["fail"] == list(outcomes.values()).count("fail")


def test_all_is_well_with_part_of_it_and_no_escape_goes_into_a_pipe(doctor):
    code, out, err = doctor("--only", "disk,memory,prompts")
    assert (code, err) == (0, "")
    assert [line.split()[1] for line in out.splitlines()[:-1] if "→" not in line] == [
        "prompts", "disk", "memory",
    ]  # fmt: skip
    assert "\x1b" not in out


def test_wrong_settings_are_a_finding(doctor, tmp_path):
    (tmp_path / "my.toml").write_text("[audio]\nchannels = 7\n")
    code, out, _ = doctor("--config", tmp_path / "my.toml", "--only", "settings,dns,disk")
    assert code == 1
    lines = [line for line in out.splitlines() if "→" not in line]
    assert lines[0].startswith("fail     settings")
    assert "audio.channels" in lines[0]
    assert lines[2].startswith("skipped  dns")


@pytest.mark.parametrize("words", [["--only", "nothing"], ["--only", "m"], ["--what"]])
def test_wrong_usage_is_two(doctor, words):
    code, out, err = doctor(*words)
    assert (code, out) == (2, "")
    assert err.strip()


def test_the_list_has_a_line_for_each(doctor):
    code, out, _ = doctor("--list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(CHECKS)
    assert all(line.rstrip().endswith(("?", ")")) for line in out.splitlines())


def test_a_bundle_from_the_command_line(doctor, tmp_path):
    code, out, _ = doctor("--only", "disk", "--bundle", "b.tar.gz", OPENAI_API_KEY="sk-a-secret-1")
    assert code == 0
    assert (tmp_path / "b.tar.gz").stat().st_mode & 0o777 == 0o600
    assert "b.tar.gz" in out
    code, _, err = doctor("--only", "disk", "--bundle", "none/b.tar.gz")
    assert code == 2
    assert "--bundle" in err


# One check that breaks


def test_what_a_check_did_not_foresee_is_its_failure_alone(patient, monkeypatch):
    def breaks(_):
        raise OSError(5, "Input/output error")

    checks = {**CHECKS, "disk": Check(breaks, "?")}
    monkeypatch.setattr(examine, "CHECKS", checks)
    report = examine.examine(patient(), QUICK)
    assert [line.check for line in report.lines] == QUICK
    assert report.lines[1].finding.outcome is Outcome.FAIL
    assert "Input/output error" in report.lines[1].finding.said


# The service


SYSTEMCTL = """\
#!/bin/sh
shift  # --no-pager
echo "$*" >> {log}
case "$1" in
show) printf 'LoadState=loaded\\nActiveState=active\\n' ;;
stop) {stop} ;;
esac
"""


@pytest.fixture
def systemctl(tmp_path, monkeypatch):
    """Return a maker of a systemctl that says the unit is active; gives the file of its calls."""

    def install(stop=":"):
        (tmp_path / "bin").mkdir()
        program, log = tmp_path / "bin/systemctl", tmp_path / "calls"
        program.write_text(SYSTEMCTL.format(log=log, stop=stop))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
        return log

    return install


def test_the_service_is_stopped_and_started_again(systemctl, sound_room, doctor, monkeypatch):
    monkeypatch.setattr(check_sound, "LISTEN_S", 0.3)
    log = systemctl()
    words = ["--stop-service", "--only", "mic", "--no-questions", "--json"]
    _, out, _ = doctor(*words, APPLIANCE_HARDWARE__MICROPHONE="pcm:mic")
    (line,) = json.loads(out)["checks"]
    assert line["figures"]["rate_hz"] == 24_000  # it was opened, not asked about
    verbs = [call.split()[0] for call in log.read_text().splitlines()]
    assert verbs == ["show", "stop", "start"]


def test_without_that_the_card_is_left_to_the_service(systemctl, doctor):
    log = systemctl()
    code, out, _ = doctor("--only", "mic,loud,button", "--no-questions", "--json")
    assert code == 0
    assert {line["outcome"] for line in json.loads(out)["checks"]} == {"skipped"}
    assert "stop" not in log.read_text()


def test_a_service_that_may_not_be_stopped_is_wrong_usage(systemctl, doctor):
    log = systemctl(stop="echo Access denied >&2; exit 4")
    code, _, err = doctor("--stop-service", "--only", "mic", "--no-questions")
    assert code == 2
    assert "Access denied" in err
    assert "sudo" in err
    assert "start" not in log.read_text().split()


# A doctor that hangs in its one check until it is ended.
HANGING = """\
import sys, threading
from pathlib import Path
from appliance.cli import run_command
from appliance.doctor import check_panel
def hang(_):
    Path(sys.argv[1]).touch()
    threading.Event().wait()
check_panel.asyncio.run = hang
sys.exit(run_command(["doctor", "--stop-service", "--only", "button", "--no-questions"]))
"""


def test_it_is_started_again_though_we_are_ended(systemctl, tmp_path):
    log, hangs = systemctl(), tmp_path / "hangs"
    started = subprocess.Popen(
        [sys.executable, "-c", HANGING, str(hangs)],
        env={**os.environ, "APPLIANCE_HARDWARE__PANEL": "gpio"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline_s = time.monotonic() + 30
        while not hangs.exists():
            assert time.monotonic() < deadline_s
            time.sleep(0.02)  # another process: it leaves a file, and wakes nobody
        started.terminate()
        assert started.wait(10) == 143
    finally:
        started.kill()
    assert log.read_text().splitlines()[-1].startswith("start ")


# Telling


def test_colour_and_redrawn_lines_are_for_terminals_alone():
    line = Line("disk", fail("full", "make room"), 1.0)
    screen, paper = Screen(), Person(present=False)
    for out in (screen, paper):
        teller = Teller(out, Person(), {})
        teller.progress("… disk")
        teller.meter(-20.0, -6.0, "talk")
        teller.line(line)
    assert "\x1b[31mfail" in screen.getvalue()
    assert "… disk" in screen.getvalue()
    assert paper.getvalue() == "fail     disk         full\n                      → make room\n"


def test_who_wants_no_colour_gets_none():
    screen = Screen()
    Teller(screen, Person(), {"NO_COLOR": "1"}).line(Line("disk", ok("room"), 1.0))
    assert "\x1b[3" not in screen.getvalue()
    Teller(screen, Person(), {"NO_COLOR": ""}).line(Line("disk", ok("room"), 1.0))  # set to nothing
    assert "\x1b[3" in screen.getvalue()


def test_a_meter_shows_level_and_peak():
    screen = Screen()
    Teller(screen, Person(), {"NO_COLOR": ""}).meter(-30.0, 0.0, "talk")
    bar = screen.getvalue().removeprefix("\r\x1b[K").split()[0]
    assert (bar.count("█"), len(bar), bar[-1]) == (20, 40, "|")


@pytest.mark.parametrize(("answer", "meant"), [("", True), ("Y", True), ("n", False), ("x", False)])
def test_an_empty_answer_is_a_yes(answer, meant):
    assert Teller(Screen(), Person(answer), {}).ask("well?") is meant


def test_somebody_is_there_if_there_is_a_terminal_at_both_ends():
    assert Teller(Screen(), Person(), {}).has_listener
    assert not Teller(Screen(), Person(present=False), {}).has_listener
    assert not Teller(Person(present=False), Person(), {}).has_listener
