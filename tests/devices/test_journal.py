"""What a line in the journal carries, and what it never does."""

import ast
import re
from pathlib import Path

import pytest

from appliance import devices
from appliance.devices.journal import LineJournal, SystemdJournal, journal_for
from appliance.faults import FAULTS
from appliance.faults.events import EVENTS, fields_of

KEY = "a-key-of-no-known-make-0123"


class Sent:
    def __init__(self):
        self.lines = []

    def __call__(self, message, **fields):
        self.lines.append({"MESSAGE": message, **fields})


@pytest.fixture
def journal(monkeypatch):
    sent = Sent()
    made = journal_for(KEY, environ={"JOURNAL_STREAM": "8:1"})
    monkeypatch.setattr(made, "_send", sent)
    made.sent = sent.lines
    return made


def test_a_fault_carries_the_id_by_which_the_catalogue_explains_it(journal):
    journal.event("no_wifi", "No network.", level="warning")
    (line,) = journal.sent
    assert line["MESSAGE_ID"] == FAULTS["no_wifi"].message_id
    assert line["APPLIANCE_FAULT"] == "no_wifi"
    assert line["APPLIANCE_SEVERITY"] == "standing"
    assert (line["APPLIANCE_EVENT"], line["PRIORITY"]) == ("no_wifi", 4)
    assert line["SYSLOG_IDENTIFIER"] == "appliance"


def test_the_end_of_a_fault_names_it_under_an_id_of_its_own(journal):
    journal.event("too_hot_over", "No longer.")
    (line,) = journal.sent
    assert line["APPLIANCE_FAULT"] == "too_hot"
    assert line["MESSAGE_ID"] not in {each.message_id for each in FAULTS.values()}


def test_a_turn_carries_its_figures(journal):
    journal.event("turn", "turn 7", TURN=7, SAID_MS=2100, COST_USD=0.0031, REPLY_MS=None)
    (line,) = journal.sent
    assert line["MESSAGE_ID"] == EVENTS["turn"]
    assert (line["APPLIANCE_TURN"], line["APPLIANCE_SAID_MS"]) == ("7", "2100")
    assert line["APPLIANCE_COST_USD"] == "0.0031"
    assert "APPLIANCE_REPLY_MS" not in line


@pytest.mark.parametrize("secret", [KEY, "sk-proj-abcdefghijkl", "ek_0123456789abcdef"])
def test_no_line_shows_a_key_whoever_quotes_it(journal, secret):
    journal.event("service_refused", f"Incorrect API key: {secret}.", WHY=f"<{secret}>")
    (line,) = journal.sent
    assert secret not in repr(line)
    told = []
    lines = journal_for(KEY, told.append, {"JOURNAL_STREAM": "8:1"})
    lines.event("service_refused", f"Incorrect API key: {secret}.")
    assert told == ["Incorrect API key: ***."]


def test_a_code_of_the_service_that_is_in_no_table_has_no_id(journal):
    journal.event("brand_new_code", "The service refused: brand_new_code.")
    assert "MESSAGE_ID" not in journal.sent[0]


def test_every_line_that_the_code_names_has_an_id():
    package = Path(devices.__file__).parent.parent
    named = {
        call.args[0].value
        for path in package.rglob("*.py")
        if "simulator" not in path.parts
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "event"
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }
    assert {"turn", "ready", "link_up"} <= named
    assert not {name for name in named if "MESSAGE_ID" not in fields_of(name)}


def test_every_id_is_one_line_s_alone():
    ids = [each.message_id for each in FAULTS.values()]
    ids += [*EVENTS.values(), fields_of("no_wifi_over")["MESSAGE_ID"]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)


def test_without_systemd_lines_go_to_standard_error(capsys):
    journal = journal_for(KEY, environ={})
    assert isinstance(journal, LineJournal)
    journal.event("ready", "ready")
    journal.event("unknown_event", "not shown", level="debug")
    journal.event("no_wifi", "No network.", level="warning")
    assert capsys.readouterr().err == "ready\nwarning: No network.\n"


def test_with_systemd_they_go_to_the_journal():
    assert isinstance(journal_for(environ={"JOURNAL_STREAM": "8:1"}), SystemdJournal)
