"""The journal as people read it: every question of README has an answer."""

from __future__ import annotations

import json
import re
import shlex

import pytest
import rootfs
from station import KEY

from appliance.faults import FAULTS
from appliance.faults.texts_de import GERMAN

_ROW = re.compile(r"^\| (.+?) \| `(journalctl .+)` \|$", re.MULTILINE)
QUESTIONS = dict(_ROW.findall((rootfs.CHECKOUT / "README.md").read_text()))


@pytest.fixture(scope="module")
def lived(station):
    """A device with a life behind it: a turn, one too short, a lost card, a crash, a reboot."""
    station.start()
    station.stop()
    station.machine.reboot()
    with station.service(), station.with_button():  # the network is a new one
        station.start()
        station.press()
        station.say()
        station.release()
        station.wait_for_event("turn", 30)
        station.machine.sh("systemctl stop test-sound")
        station.wait_for_event("microphone_lost", 10)
        station.machine.sh("systemctl start test-sound")
        station.wait_for_event("microphone_back", 15)
        station.machine.sh("systemctl kill -s KILL appliance")
        station.machine.wait(
            lambda: (station.restarts, station.state) == (1, "active"), 30, "it is back"
        )
        yield station


def ask(station, question, *more):
    """Run one of the commands of the page, as it stands there."""
    return station.machine.sh(shlex.join([*shlex.split(QUESTIONS[question]), *more]))


def test_there_are_eight_questions():
    assert len(QUESTIONS) == 8


def test_what_is_wrong_and_what_helps(lived):
    told = ask(lived, "What is wrong, and what helps?", "--no-pager")
    fault = FAULTS["microphone_lost"]
    assert fault.cause in told
    assert f"░░ Subject: {fault.cause.rstrip('.')}" in told
    assert "░░ Defined-By: voice-appliance" in told
    assert "connected in" not in told


def test_what_happens_now_goes_on_by_itself(lived):
    command = QUESTIONS["What happens right now?"]
    told = lived.machine.sh(
        f"timeout 5 {command} & sleep 1; systemctl reload appliance; wait || true"
    )
    assert "Settings read again" in told


def test_the_last_turns_are_a_line_each(lived):
    (line,) = ask(
        lived, "The last turns: how long, how fast, what they cost", "-o", "cat"
    ).splitlines()
    assert re.fullmatch(
        r"turn 1 answered: \d\.\d s said, first sound after \d+ ms, \d\.\d s of answer, \$0\.\d{4}",
        line,
    )


def test_turns_that_went_wrong_in_one_way(lived):
    question = "Turns that went wrong in one way"
    assert ask(lived, question, "-q") == ""
    right = QUESTIONS[question].replace("no_answer", "answered")
    assert len(lived.machine.sh(f"{right} -q -o cat").splitlines()) == 1


def test_one_fault_from_its_beginning_to_its_end(lived):
    command = QUESTIONS["Since when, and how often, one fault"]
    told = lived.machine.sh(command.replace("no_wifi", "microphone_lost") + " -o cat")
    assert told.startswith(FAULTS["microphone_lost"].cause)


def test_why_it_was_started_anew(lived):
    told = ask(lived, "Why was it started anew?", "--no-pager")
    assert "code=killed, status=9/KILL" in told
    assert "Scheduled restart job" in told


def test_what_was_before_the_reboot(lived):
    assert "ready: press the button and talk" in ask(
        lived, "What was before the last reboot?", "--no-pager"
    )


def test_figures_for_a_program(lived):
    (line,) = ask(lived, "Figures, for a program").splitlines()
    figures = json.loads(line)
    assert figures["APPLIANCE_OUTCOME"] == "answered"
    assert int(figures["APPLIANCE_SAID_MS"]) > 1000
    assert int(figures["APPLIANCE_RELEASE_TO_FIRST_SOUND_MS"]) > 0
    assert float(figures["APPLIANCE_COST_USD"]) > 0


def test_no_word_and_no_key_is_in_it(lived):
    everything = lived.machine.sh("journalctl -o export --no-pager | cat").lower()
    assert KEY.lower() not in everything
    assert "transcript" not in everything


def test_every_fault_is_explained(station):
    known = station.machine.sh("journalctl --list-catalog --no-pager").splitlines()
    ids = {line.split()[0] for line in known}
    assert {each.message_id for each in FAULTS.values()} <= ids


@pytest.mark.parametrize("language", ["de", "fr", "es"])
def test_it_is_explained_in_other_languages(station, language):
    """systemd keeps every language in one file; which it shows is the machine's locale."""
    catalogue = station.machine.sh(f"cat /usr/lib/systemd/catalog/appliance.{language}.catalog")
    assert all(each.message_id in catalogue for each in FAULTS.values())
    if language == "de":
        assert GERMAN["no_wifi"][0].rstrip(".") in catalogue
    compiled = (station.machine.files / "var/lib/systemd/catalog/database").read_bytes()
    subject = re.search(r"^Subject: (.+)$", catalogue, re.MULTILINE)
    assert subject is not None
    assert subject[1].encode() in compiled


def test_the_journal_is_bounded_and_lasting(station):
    told = station.machine.sh("systemd-analyze cat-config systemd/journald.conf")
    assert "Storage=persistent" in told
    assert "SystemMaxUse=64M" in told
    assert station.machine.sh("ls /var/log/journal")
