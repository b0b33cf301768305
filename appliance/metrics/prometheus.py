"""A status snapshot in Prometheus' text format, version 0.0.4. Pure: snapshot in, text out.

Names and units follow its conventions: base units (seconds, bytes, ratios from 0 to 1), `_total`
for what only grows. Source: "Metric and label naming" and "Exposition formats", prometheus.io.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STATES = ("idle", "listening", "closing", "waiting", "speaking", "muted")
LEVELS = ("good", "fair", "warning", "critical", "unknown")
LINK_STATES = (
    "disconnected",
    "connecting",
    "ready",
    "renewing",
    "waiting_to_retry",
    "open_circuit",
    "refused",
)
_MB = 1_000_000

# What each indicator is called, its help, and how its unit becomes a base unit.
_INDICATORS = {
    "audio_latency": (
        "appliance_audio_latency_seconds",
        "Sound that the device adds: 95th percentiles of captured to sent and received to heard.",
        0.001,
    ),
    "connection_uptime": (
        "appliance_connection_uptime_ratio",
        "Share of the last day in which the link could be used.",
        0.01,
    ),
    "error_rate": (
        "appliance_error_ratio",
        "Share of the turns of the last day that failed.",
        0.01,
    ),
    "memory_usage": ("appliance_memory_bytes", "Resident memory of the device's process.", _MB),
}
# What only grows since the start. Turns are told by what became of them, in one family.
_COUNTERS = {
    "reconnects": ("appliance_reconnects", "Times that the link was lost and found again."),
    "overflows": ("appliance_overflows", "Times that the sound card dropped what it captured."),
    "underflows": ("appliance_underflows", "Times that the loudspeaker ran dry."),
    "lost_samples": ("appliance_lost_samples", "Samples of speech that could not be kept."),
    "barge_ins": ("appliance_barge_ins", "Answers that were ended by a voice over them."),
    "prompts": ("appliance_prompts", "Sentences that the device has said by itself."),
}
_OUTCOMES = ("answered", "failed", "too_short", "interrupted")

Labels = Mapping[str, str]
Sample = tuple[str, Labels, float]  # what follows the family's name, labels, value


def prometheus_text(told: Mapping[str, Any]) -> str:
    """Return the text for a snapshot; what is not known is left out."""
    return "".join(line + "\n" for line in _lines(told))


def down_text() -> str:
    """Return the text for a device that does not answer."""
    return "".join(line + "\n" for line in _up(0.0))


def _up(value: float) -> Iterator[str]:
    return _family(
        "appliance_up", "gauge", "Whether the device runs and answers.", [("", {}, value)]
    )


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    yield from _up(1.0)
    yield from _about(told)
    yield from _indicators(told)
    yield from _troubles(told)
    yield from _counters(told)
    yield from _spans(told)
    yield from _board(told)


def _about(told: Mapping[str, Any]) -> Iterator[str]:
    info = {"version": told["appliance"], **told["settings"]}
    yield from _family("appliance_info", "gauge", "What runs, and how.", [("", info, 1)])
    yield from _gauge("appliance_uptime_seconds", "Time since the start.", told["uptime_s"])
    yield from _gauge("appliance_well", "Whether somebody who presses is answered.", told["well"])
    yield from _one_of("appliance_state", "What the turn is at.", "state", STATES, told["state"])
    yield from _one_of(
        "appliance_link_state", "What the link is at.", "state", LINK_STATES, told["link"]["state"]
    )


def _indicators(told: Mapping[str, Any]) -> Iterator[str]:
    levels: list[Sample] = []
    limits: list[Sample] = []
    for name, (family, words, factor) in _INDICATORS.items():
        one = told["indicators"][name]
        value = one["value"]
        yield from _gauge(family, words, None if value is None else value * factor)
        for level in LEVELS:
            levels.append(("", {"indicator": name, "level": level}, float(level == one["level"])))
        for limit in ("target", "warning", "critical"):
            limits.append(("", {"indicator": name, "limit": limit}, one[limit] * factor))
    yield from _family("appliance_indicator_level", "gauge", "1 for the level it is at.", levels)
    yield from _family("appliance_indicator_limit", "gauge", "Limits, in base units.", limits)


def _troubles(told: Mapping[str, Any]) -> Iterator[str]:
    standing: list[Sample] = [
        ("", {"fault": one["fault"], "severity": one["severity"]}, 1) for one in told["faults"]
    ]
    yield from _family("appliance_fault", "gauge", "1 for each fault that stands.", standing)
    cost = told["cost"]
    yield from _gauge("appliance_cost_today_usd", "Cost of today.", cost["today_usd"])
    yield from _gauge(
        "appliance_cost_cap_usd", "Most that a day may cost; 0: no cap.", cost["cap_usd"]
    )
    yield from _gauge("appliance_cost_stopped", "Whether the cap ends the day.", cost["stopped"])


def _counters(told: Mapping[str, Any]) -> Iterator[str]:
    counts = told["counters"]
    known: list[Sample] = [("_total", {"outcome": name}, counts[name]) for name in _OUTCOMES]
    other = counts["turns"] - sum(counts[name] for name in _OUTCOMES)
    known.append(("_total", {"outcome": "other"}, other))
    yield from _family("appliance_turns", "counter", "Turns, by what became of them.", known)
    for name, (family, words) in _COUNTERS.items():
        yield from _family(family, "counter", words, [("_total", {}, counts[name])])


def _spans(told: Mapping[str, Any]) -> Iterator[str]:
    histograms = told.get("histograms_ms", {"up_to": (), "spans": {}})  # not in every version 1
    edges: Sequence[float] = histograms["up_to"]
    samples: list[Sample] = []
    for name, one in histograms["spans"].items():
        for edge_ms, count in zip(edges, one["cumulative"], strict=True):
            samples.append(("_bucket", {"span": name, "le": f"{edge_ms / 1000:g}"}, count))
        samples.append(("_bucket", {"span": name, "le": "+Inf"}, one["count"]))
        samples.append(("_sum", {"span": name}, one["sum"] / 1000))
        samples.append(("_count", {"span": name}, one["count"]))
    words = "How long things took since the start, by what."
    yield from _family("appliance_span_seconds", "histogram", words, samples)


def _board(told: Mapping[str, Any]) -> Iterator[str]:
    board, echo = told["board"], told["echo"]
    free_mb = board["disk_free_mb"]
    yield from _gauge(
        "appliance_temperature_celsius", "Temperature of the processor.", board["temperature_c"]
    )
    yield from _gauge(
        "appliance_disk_free_bytes",
        "Room left on the card.",
        None if free_mb is None else free_mb * _MB,
    )
    yield from _gauge(
        "appliance_undervolted", "Whether the supply is too weak now.", board["undervolted"]
    )
    if echo is not None:
        loss = "By how much the canceller lowers the echo."
        yield from _gauge("appliance_echo_converged", "Whether it is learnt.", echo["converged"])
        yield from _gauge("appliance_echo_loss_decibels", loss, echo["loss_db"])


# The format


def _gauge(name: str, words: str, value: float | None) -> Iterator[str]:
    return _family(name, "gauge", words, [] if value is None else [("", {}, value)])


def _one_of(
    name: str, words: str, label: str, all_of_them: Sequence[str], this: str
) -> Iterator[str]:
    """Yield a state set: 1 for the one that it is, 0 for all others."""
    names = dict.fromkeys((*all_of_them, this))
    samples: list[Sample] = [("", {label: each}, float(each == this)) for each in names]
    return _family(name, "gauge", words, samples)


def _family(name: str, kind: str, words: str, samples: Sequence[Sample]) -> Iterator[str]:
    if not samples:
        return
    # In this version of the format a counter's family has the name of its samples.
    full = f"{name}_total" if kind == "counter" else name
    yield f"# HELP {full} {words}"
    yield f"# TYPE {full} {kind}"
    for ending, labels, value in samples:
        pairs = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield (
            f"{name}{ending}{{{pairs}}} {_figure(value)}"
            if pairs
            else f"{name}{ending} {_figure(value)}"
        )


def _escaped(text: str) -> str:
    """Return a label's value; some of it comes from the service, and may hold anything."""
    text = "".join(each if each.isprintable() or each == "\n" else "?" for each in text)
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _figure(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else f"{value:.9g}"
