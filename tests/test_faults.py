"""The table of faults is whole, and what is made of it is what readers get."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
from pathlib import Path

import pytest

from appliance.errors import UsageError
from appliance.faults import FAULTS, Severity, fault, report, sentence
from appliance.faults import command as faults_command
from appliance.faults.texts_de import GERMAN
from appliance.faults.texts_es import SPANISH
from appliance.faults.texts_fr import FRENCH
from appliance.ports import Flash, Light
from appliance.realtime import severity
from appliance.realtime.server_structures import ErrorDetail

ROOT = Path(__file__).parents[1]
TRANSLATIONS = {"de": GERMAN, "fr": FRENCH, "es": SPANISH}

# Names that other rooms tell, and that the journal's readers may already look for.
TOLD = """
no_answer offline link_lost service_error empty_answer reply_cut_short reply_stalled tool_stuck
tools_without_end microphone_silent too_short button_stuck audio_dropped microphone_lost
speaker_lost missing_api_key protocol_error transcription_failed response_failed link_failed
stalled renewal_failed circuit_open connect_timeout proxy_failed service_unavailable
"""
ASKED_FOR = """
no_wifi no_route captive_portal dns_failed clock_wrong tls_failed connection_refused
missing_api_key invalid_api_key insufficient_quota rate_limit_exceeded model_not_found
service_error session_expired reply_stalled microphone_missing microphone_lost microphone_silent
microphone_clipping speaker_missing speaker_lost button_stuck disk_full memory_high too_hot
undervoltage settings_invalid update_pending cost_warning cost_cap_reached speech_dropped
"""


def run(*words):
    parser = argparse.ArgumentParser()
    faults_command.configure(parser)
    return faults_command.run(parser.parse_args(words))


@pytest.mark.parametrize("name", [*TOLD.split(), *ASKED_FOR.split(), *severity._BY_CODE])
def test_every_name_in_use_is_in_the_table(name):
    assert FAULTS[name].key == name


def test_a_fault_that_ends_tries_is_final_here_and_there():
    for code, kind in severity._BY_CODE.items():
        final = kind is severity.Severity.FINAL
        assert (FAULTS[code].severity is Severity.FINAL) == final, code
        harmless = kind is severity.Severity.HARMLESS
        assert (FAULTS[code].severity is Severity.HARMLESS) == harmless, code
        assert severity.classify(ErrorDetail(message="", type="", code=code)) is kind


def test_message_ids_are_fixed_and_unique():
    ids = [each.message_id for each in FAULTS.values()]
    assert all(re.fullmatch("[0-9a-f]{32}", message_id) for message_id in ids)
    assert len(set(ids)) == len(ids)
    # Journals out there have these; whoever changes one takes its entry away from them.
    assert FAULTS["microphone_lost"].message_id == "ce08184e13b5450f8cf26a29e336dced"
    assert FAULTS["invalid_api_key"].message_id == "325298c526ef4c6dbf1402cbb5fbcc3b"


@pytest.mark.parametrize("each", FAULTS.values(), ids=lambda each: each.key)
def test_a_fault_shows_unless_nobody_needs_to_know(each):
    quiet = each.severity in (Severity.HARMLESS, Severity.NOTICE)
    assert quiet or each.light or each.flash
    assert quiet or each.prompt or each.key.startswith("speaker_")
    lasts = each.severity in (Severity.STANDING, Severity.FINAL)
    assert not lasts or each.light, "it lasts, and so must its light"
    assert each.severity is not Severity.HARMLESS or not (each.light or each.flash or each.prompt)
    assert each.light in (None, Light.NO_NETWORK, Light.FAULT, Light.SETUP)
    assert each.flash in (None, Flash.ERROR, Flash.TOO_SHORT)


def test_texts_are_sentences_in_every_language():
    english = report.english()
    for texts in (english, *TRANSLATIONS.values()):
        assert list(texts) == list(FAULTS), "in the table's order"
        for key, pair in texts.items():
            for text in pair:
                assert re.fullmatch(r"[^|@\n\t]+\.", text), (key, text)
                assert text == " ".join(text.split()), (key, text)
                assert "  " not in text
    for language, texts in TRANSLATIONS.items():
        for key, (cause, cure) in texts.items():
            assert cause != english[key][0], (language, key)
            assert cure != english[key][1], (language, key)
            # What is to be typed is the same in every language.
            assert _typed(cause + cure) == _typed("".join(english[key])), (language, key)


def _typed(text):
    return sorted(re.findall(r"`[^`]+`|\b[A-Z]{3,}_[A-Z_]+\b|\b\d+ ms\b", text))


def test_a_code_that_nobody_knows_is_told_with_its_name():
    unknown = fault("organization_restricted")
    assert unknown.key == "organization_restricted"
    assert "organization_restricted" in sentence("organization_restricted")
    assert unknown.message_id == FAULTS["service_refused"].message_id
    assert unknown.light is Light.FAULT
    assert "service_refused" in FAULTS


def test_severities_are_in_order_of_urgency():
    ranks = [each.rank for each in Severity]
    assert ranks == sorted(ranks)
    assert Severity.FINAL.rank > Severity.TURN.rank > Severity.NOTICE.rank
    assert {each.level for each in Severity} <= {"debug", "info", "warning", "error"}


# What is made of it


def test_the_readme_has_the_table():
    readme = (ROOT / "README.md").read_text()
    if "<!-- faults -->" in readme:
        table = readme.split("<!-- faults -->\n")[1].split("<!-- /faults -->")[0]
        assert table == report.markdown(), "paste the output of `appliance faults --markdown`"


def test_markdown_has_a_row_for_each_fault_that_matters(capsys):
    assert run("--markdown") == 0
    rows = capsys.readouterr().out.splitlines()
    assert all(row.count("|") == rows[0].count("|") for row in rows)
    named = [re.match(r"\| `(\w+)` \|", row).group(1) for row in rows[2:]]
    assert named == [k for k, each in FAULTS.items() if each.severity is not Severity.HARMLESS]


def test_json_is_the_whole_table(capsys):
    assert run("--json") == 0
    table = json.loads(capsys.readouterr().out)
    assert list(table) == list(FAULTS)
    assert table["no_wifi"]["light"] == "no_network"
    assert run("--json", "no_wifi") == 0
    assert json.loads(capsys.readouterr().out) == {"no_wifi": table["no_wifi"]}


def test_one_fault_in_full_and_all_in_short(capsys):
    assert run("speaker_lost") == 0
    told = capsys.readouterr().out
    assert FAULTS["speaker_lost"].cure in told
    assert f"MESSAGE_ID={FAULTS['speaker_lost'].message_id}" in told
    assert run() == 0
    assert len(capsys.readouterr().out.splitlines()) == len(FAULTS)
    with pytest.raises(UsageError, match="no fault no_such"):
        run("no_such")


def test_journalctl_takes_the_catalogue_in_every_language(capsys, tmp_path):
    source = tmp_path / "usr/lib/systemd/catalog"
    source.mkdir(parents=True)
    (tmp_path / "var/lib/systemd/catalog").mkdir(parents=True)
    for language in ("en", *TRANSLATIONS):
        assert run("--catalogue", language) == 0
        suffix = "" if language == "en" else f".{language}"
        (source / f"appliance{suffix}.catalog").write_text(capsys.readouterr().out)
    journalctl = ["journalctl", f"--root={tmp_path}"]
    built = subprocess.run([*journalctl, "--update-catalog"], capture_output=True, text=True)
    assert (built.returncode, built.stderr) == (0, ""), "it warns about what it does not understand"
    listed = subprocess.run(
        [*journalctl, "--dump-catalog"], capture_output=True, text=True, env={"LC_ALL": "C"}
    ).stdout
    entries = dict(re.findall(r"^-- ([0-9a-f]{32})\nSubject: (.+)$", listed, re.MULTILINE))
    assert entries == {each.message_id: each.cause.rstrip(".") for each in FAULTS.values()}
    database = (tmp_path / "var/lib/systemd/catalog/database").read_bytes()
    for texts in (*TRANSLATIONS.values(), report.english()):
        for cause, _ in texts.values():
            assert cause.rstrip(".").encode() in database
