"""The text for Prometheus, read by its official parser; and what is made to go with it."""

import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from appliance.metrics.prometheus import down_text, prometheus_text

DOCS = Path(__file__).parents[2] / "docs"
ALERTS = DOCS / "monitoring" / "alerts.yml"
DASHBOARD = DOCS / "monitoring" / "grafana-dashboard.json"
NAME = re.compile(r"\bappliance_[a-z_]+\b")


@pytest.fixture
def busy(book):
    """A device of which everything is known."""
    book.at(0.0, "link", state="connecting")
    book.at(0.0, "link", state="ready")
    for ms in (80.0, 90.0, 100.0, 400.0):
        book.at(1.0, "span", span="capture_to_sent", ms=ms)
    book.at(1.0, "span", span="received_to_output", ms=70.0)
    book.at(1.0, "cost", today_usd=0.25, stopped=False)
    book.at(
        1.0, "board", temperature_c=51.5, resident_mb=60.0, disk_free_mb=900.0, undervolted=False
    )
    book.at(1.0, "echo", converged=True, loss_db=24.0, delay_ms=60.0)
    book.at(1.0, "fault", fault="too_hot", stands=True)
    for outcome in ("answered", "answered", "interrupted", "too_short", "no_answer", "stopped"):
        book.at(2.0, "turn", turn=1, outcome=outcome)
    book.at(2.0, "streams", overflows=3, underflows=1, lost_samples=240)
    return book.told()


def samples_of(text):
    """Return every sample by name and labels, as the official parser reads the text."""
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, *sorted(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def test_values_are_in_base_units(busy):
    found = samples_of(prometheus_text(busy))
    assert found[("appliance_up",)] == 1
    assert found[("appliance_well",)] == 0  # it is too hot
    assert found[("appliance_audio_latency_seconds",)] == pytest.approx(0.47, rel=0.02)
    assert found[("appliance_connection_uptime_ratio",)] == 1.0
    assert found[("appliance_error_ratio",)] == pytest.approx(1 / 6, abs=1e-5)
    assert found[("appliance_memory_bytes",)] == 60e6
    assert found[("appliance_disk_free_bytes",)] == 900e6
    assert found[("appliance_temperature_celsius",)] == 51.5
    assert found[("appliance_overflows_total",)] == 3
    assert found[("appliance_fault", ("fault", "too_hot"), ("severity", "standing"))] == 1
    limit = ("appliance_indicator_limit", ("indicator", "memory_usage"), ("limit", "target"))
    assert found[limit] == 50e6


def test_turns_are_counted_by_what_became_of_them(busy):
    found = samples_of(prometheus_text(busy))
    turns = {key[1][1]: value for key, value in found.items() if key[0] == "appliance_turns_total"}
    assert turns == {"answered": 2, "failed": 1, "too_short": 1, "interrupted": 1, "other": 1}


def test_a_state_set_has_one_that_is_so(busy):
    found = samples_of(prometheus_text(busy))
    for name in ("appliance_state", "appliance_link_state"):
        assert sum(value for key, value in found.items() if key[0] == name) == 1
    for indicator in busy["indicators"]:
        levels = [
            value
            for key, value in found.items()
            if key[0] == "appliance_indicator_level" and ("indicator", indicator) in key
        ]
        assert sorted(levels) == [0, 0, 0, 0, 1]


def test_histograms_are_cumulative_and_end_with_all(busy):
    families = {f.name: f for f in text_string_to_metric_families(prometheus_text(busy))}
    samples = [
        sample
        for sample in families["appliance_span_seconds"].samples
        if sample.labels["span"] == "capture_to_sent"
    ]
    buckets = [(s.labels["le"], s.value) for s in samples if s.name.endswith("_bucket")]
    edges = [float(le) for le, _ in buckets]
    counts = [count for _, count in buckets]
    assert edges == sorted(edges)
    assert counts == sorted(counts)
    assert edges[-1] == float("inf")
    assert counts[-1] == 4
    assert dict(buckets)["0.1024"] == 3  # 80, 90 and 100 ms
    (total_s,) = [s.value for s in samples if s.name.endswith("_sum")]
    assert total_s == pytest.approx(0.67)


@given(text=st.text(st.characters() | st.sampled_from('"\\\n{},\r'), max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_label_holds_is_read_again(busy, text):
    told = {**busy, "faults": [{"fault": text, "severity": "final"}]}
    found = samples_of(prometheus_text(told))
    (key,) = [key for key in found if key[0] == "appliance_fault"]
    known = "".join(each if each.isprintable() or each == "\n" else "?" for each in text)
    assert dict(key[1:]) == {"fault": known, "severity": "final"}


def test_a_device_that_is_gone_is_down(book):
    assert samples_of(down_text()) == {("appliance_up",): 0}
    quiet = samples_of(prometheus_text(book.told()))  # nothing is known of it yet
    assert ("appliance_memory_bytes",) not in quiet
    assert quiet[("appliance_well",)] == 0


def test_every_metric_of_the_alert_rules_is_exported(busy):
    text = prometheus_text(busy)
    exported = {key[0] for key in samples_of(text)}
    labels = {(key[0], *pair) for key in samples_of(text) for pair in key[1:]}
    rules = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
    for rule in rules:
        assert {*NAME.findall(rule["expr"])} <= exported, rule["alert"]
        assert rule["annotations"]["cure"]
        for name, matchers in re.findall(r"(appliance_\w+)\{([^}]*)\}", rule["expr"]):
            for label, operator, value in re.findall(r'(\w+)(=~?)"([^"]*)"', matchers):
                known = {got for of, key, got in labels if (of, key) == (name, label)}
                assert known, f"{rule['alert']}: {name} has no label {label}"
                assert operator == "=~" or value in known | {"final"}, rule["alert"]
    watched = {
        (indicator, level)
        for rule in rules
        for indicator, level in re.findall(r'indicator="(\w+)",level="(\w+)"', rule["expr"])
    }
    assert watched == {
        (indicator, level) for indicator in busy["indicators"] for level in ("warning", "critical")
    }


def test_every_metric_of_the_grafana_dashboard_is_exported(busy):
    exported = {key[0] for key in samples_of(prometheus_text(busy))}
    panels = json.loads(DASHBOARD.read_text())["panels"]
    asked = {
        name
        for panel in panels
        for target in panel["targets"]
        for name in NAME.findall(target["expr"])
    }
    assert asked <= exported
    assert len(asked) >= 15
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_the_table_of_metrics_names_all_of_them(busy):
    families = re.findall(r"^# TYPE (\S+) ", prometheus_text(busy), re.MULTILINE)
    table = re.findall(r"^\| `(appliance_\w+)` \|", (DOCS / "status.md").read_text(), re.MULTILINE)
    assert sorted(table) == sorted(families)
