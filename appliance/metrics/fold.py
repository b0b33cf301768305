"""The fold: records of the trace in, what is known of the device and lines for people out.

Pure: no clock and no I/O; the caller tells the time, which must not go back. Total: a record that
it does not know, or whose fields are of other types, changes nothing.
"""

from __future__ import annotations

from appliance.metrics import troubles
from appliance.metrics.fields import Fields, number_in, rounded, text_in, truth_in, whole_in
from appliance.metrics.histogram import Histogram
from appliance.metrics.indicators import INDICATORS, Told, judge
from appliance.metrics.readings import readings
from appliance.metrics.state import (
    BOARD,
    MOST_SPANS,
    SETTINGS,
    Metrics,
    TurnEntry,
)
from appliance.metrics.windows import MINUTE_S, MINUTES

# How a turn ends if nobody is to blame: the person's own doing, or the device's end.
NO_FAILURE = frozenset(
    {"answered", "interrupted", "stopped", "muted", "too_short", "nobody_spoke"},
)
_STATES = {"working": "waiting"}  # a function runs: to a person it is the same wait


def metrics_step(metrics: Metrics, kind: str, fields: Fields, now_s: float) -> tuple[Told, ...]:
    """Take one record into `metrics`; return the lines that people should read.

    Args:
        kind: of the trace's records, or "tick": time has passed.
        now_s: seconds of the monotonic clock.
    """
    told = _pass_time(metrics, now_s)
    if _take(metrics, kind, fields, now_s):
        metrics.revision += 1
    return told


def _take(metrics: Metrics, kind: str, fields: Fields, now_s: float) -> bool:
    """Return whether something may have changed that a reader waits for."""
    match kind:
        case "span":
            _span(metrics, fields, now_s)
        case "meters":
            metrics.meters = _meters(fields)
            return False
        case "state":
            name = text_in(fields, "state") or metrics.state
            metrics.state = _STATES.get(name, name)
        case "light":
            metrics.light = text_in(fields, "light") or metrics.light
        case "link":
            troubles.link(metrics, fields, now_s)
        case "link_trouble":
            troubles.link_trouble(metrics, fields, now_s)
        case "announce":
            troubles.announce(metrics, fields, now_s)
        case "fault":
            troubles.fault(metrics, fields, now_s)
        case "fault_over":
            metrics.standing.pop(text_in(fields, "fault") or "", None)
        case "hardware":
            troubles.hardware(metrics, fields, now_s)
        case "turn":
            _turn(metrics, fields, now_s)
        case "cost":
            _cost(metrics, fields)
        case "echo":
            return _echo(metrics, fields)
        case "board":
            _board(metrics, fields)
        case "streams":
            return _streams(metrics, fields)
        case "settings":
            for name in SETTINGS:
                metrics.settings[name] = text_in(fields, name) or metrics.settings[name]
        case "barge_in":
            metrics.counters["barge_ins"] += 1
        case "prompt":
            metrics.counters["prompts"] += 1
        case _:
            return False
    return True


# Time


def _pass_time(metrics: Metrics, now_s: float) -> tuple[Told, ...]:
    link = metrics.link
    if link.usable or link.is_down:
        metrics.uptime.passed(link.seen_s, now_s, good=link.usable)
        metrics.fresh.add("connection_uptime")
    link.seen_s = now_s
    ended = int((now_s - metrics.started_s) // MINUTE_S)
    if ended <= metrics.minutes:
        return ()
    # Of minutes without a record nothing is known; the time since them is in the last one.
    for _ in range(min(ended - metrics.minutes - 1, MINUTES)):
        for history in metrics.histories.values():
            history.add(None)
    metrics.minutes = ended
    metrics.revision += 1
    return tuple(_judged(metrics, now_s))


def _judged(metrics: Metrics, now_s: float) -> list[Told]:
    lines = []
    found = readings(metrics, now_s)
    for indicator in INDICATORS:
        name = indicator.name
        value, proven = found[name]
        metrics.histories[name].add(value if name in metrics.fresh else None)
        metrics.alarms[name], told = judge(
            metrics.alarms[name],
            indicator,
            metrics.limits[name],
            value,
            now_s,
            proven=proven,
        )
        if told is not None:
            lines.append(told)
    metrics.fresh.clear()
    return lines


# Figures


def _span(metrics: Metrics, fields: Fields, now_s: float) -> None:
    name, ms = text_in(fields, "span"), number_in(fields, "ms")
    if name is None or ms is None:
        return
    if name not in metrics.spans:
        if len(metrics.spans) >= MOST_SPANS:
            return
        metrics.spans[name] = Histogram()
    metrics.spans[name].add(ms)
    recent = {"capture_to_sent": metrics.sent, "received_to_output": metrics.heard}.get(name)
    if recent is not None:
        recent.add(now_s, ms)
        metrics.fresh.add("audio_latency")


def _turn(metrics: Metrics, fields: Fields, now_s: float) -> None:
    turn, outcome = whole_in(fields, "turn"), text_in(fields, "outcome")
    if turn is None or outcome is None:
        return
    failed = outcome not in NO_FAILURE
    metrics.counters["turns"] += 1
    metrics.counters["failed"] += failed
    if outcome in ("answered", "too_short", "interrupted"):
        metrics.counters[outcome] += 1
    metrics.served.add(now_s, good=float(not failed), bad=float(failed))
    metrics.fresh.add("error_rate")
    said_ms, waited_ms = whole_in(fields, "said_ms"), number_in(fields, "waited_ms")
    cost_usd = number_in(fields, "cost_usd")
    metrics.turns.append(
        TurnEntry(turn, now_s, outcome[: troubles.LONGEST_NAME], said_ms, waited_ms, cost_usd)
    )


def _cost(metrics: Metrics, fields: Fields) -> None:
    today_usd = number_in(fields, "today_usd")
    if today_usd is not None:
        if today_usd < metrics.today_usd:  # a new day: its warning is of yesterday
            metrics.standing.pop("cost_warning", None)
        metrics.today_usd = today_usd
        metrics.stopped = truth_in(fields, "stopped") is True
    turn, usd = whole_in(fields, "turn"), number_in(fields, "usd")
    if turn is None or usd is None:
        return
    for entry in metrics.turns:  # a bill that came after its turn had ended
        if entry.turn == turn:
            entry.cost_usd = (entry.cost_usd or 0.0) + usd


def _echo(metrics: Metrics, fields: Fields) -> bool:
    loss_db = number_in(fields, "loss_db")
    if loss_db is None:
        return False
    before = metrics.echo
    metrics.echo = {
        "converged": truth_in(fields, "converged") is True,
        "loss_db": rounded(loss_db),
        "delay_ms": rounded(number_in(fields, "delay_ms")),
    }
    return metrics.echo != before


def _board(metrics: Metrics, fields: Fields) -> None:
    for name in BOARD[:-1]:
        metrics.board[name] = number_in(fields, name)
    metrics.board["undervolted"] = truth_in(fields, "undervolted")
    if metrics.board["resident_mb"] is not None:
        metrics.fresh.add("memory_usage")


def _streams(metrics: Metrics, fields: Fields) -> bool:
    changed = False
    for name in ("overflows", "underflows", "lost_samples"):
        count = whole_in(fields, name)
        if count is not None and count != metrics.counters[name]:
            metrics.counters[name] = count
            changed = True
    return changed


def _meters(fields: Fields) -> dict[str, float] | None:
    rms_dbfs, peak_dbfs = number_in(fields, "rms_dbfs"), number_in(fields, "peak_dbfs")
    if rms_dbfs is None or peak_dbfs is None:
        return None
    return {
        "microphone_rms_dbfs": round(rms_dbfs, 1),
        "microphone_peak_dbfs": round(peak_dbfs, 1),
    }
