"""The report's form, which programs read, and what the exit code tells."""

import json

import pytest

from appliance.doctor.checks import CHECKS, chosen
from appliance.doctor.findings import Line, Outcome, Report, fail, first_of, ok, skipped, tidy, warn
from appliance.errors import UsageError


def report(*findings):
    lines = tuple(Line(f"check{n}", found, 1.26) for n, found in enumerate(findings))
    return Report(lines, "0.1.0", 1_700_000_000.1234)


def test_the_form_of_the_report_is_held():
    told = report(
        ok("fine", rate_hz=48000), fail("broken", "mend it", levels_dbfs=[-1.0])
    ).as_json()
    assert json.loads(json.dumps(told)) == {
        "version": 1,
        "appliance": "0.1.0",
        "at": 1_700_000_000.123,
        "well": False,
        "counts": {"ok": 1, "warn": 0, "fail": 1, "skipped": 0},
        "checks": [
            {
                "check": "check0",
                "outcome": "ok",
                "said": "fine",
                "cure": "",
                "figures": {"rate_hz": 48000},
                "took_ms": 1.3,
            },
            {
                "check": "check1",
                "outcome": "fail",
                "said": "broken",
                "cure": "mend it",
                "figures": {"levels_dbfs": [-1.0]},
                "took_ms": 1.3,
            },
        ],
    }


def test_the_names_of_the_checks_are_held():
    assert list(CHECKS) == [
        "settings", "kernels", "prompts", "disk", "memory", "temperature", "supply", "service",
        "dns", "route", "tls", "clock", "key", "model", "microphone", "loudspeaker", "button",
        "leds",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([], 0),
        ([ok("a"), warn("b", "c"), skipped("d")], 0),
        ([ok("a"), fail("b", "c"), warn("d", "e")], 1),
    ],
)
def test_only_a_failure_is_an_exit_code(findings, code):
    assert report(*findings).exit_code == code


def test_the_summary_counts_what_occurred():
    assert report(ok("a"), ok("b"), warn("c", "d")).summary() == "2 ok, 1 warn"
    assert report().summary() == "nothing was looked at"


def test_a_finding_is_one_line_and_cannot_play_with_the_terminal():
    found = tidy(fail("a\nb \x1b[31mred", "c\td"))
    assert (found.said, found.cure) == ("a b  [31mred", "c d")


def test_more_than_a_few_are_counted():
    assert first_of(["a", "b", "c", "d", "e"], 2) == "a; b (and 3 more)"


# Which checks are meant


def test_names_may_be_cut_short_and_come_in_our_order():
    assert chosen("mic, tls") == ("tls", "microphone")
    assert chosen(None) == tuple(CHECKS)
    assert chosen("LED") == ("leds",)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("m", "memory or model or microphone"),
        ("microfone", "microphone"),
        ("zzz", "--list"),
        (" , ", "--list"),
    ],
)
def test_a_word_that_means_no_one_check_is_refused(words, hint):
    with pytest.raises(UsageError, match=hint):
        chosen(words)


def test_outcomes_are_words_for_programs():
    assert [outcome.value for outcome in Outcome] == ["ok", "warn", "fail", "skipped"]
