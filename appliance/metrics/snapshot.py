"""The status snapshot, version 1: what is known of the device, as JSON knows it.

Its fields are described in docs/status.md.
"""

from __future__ import annotations

from typing import NamedTuple

from appliance.faults import fault
from appliance.metrics.fields import rounded
from appliance.metrics.histogram import EXPORTED_MS, Histogram
from appliance.metrics.indicators import INDICATORS
from appliance.metrics.readings import readings
from appliance.metrics.state import Metrics
from appliance.metrics.troubles import is_well

VERSION = 1


class About(NamedTuple):
    """What does not change while the device runs."""

    version: str  # of the appliance
    pid: int
    cap_usd: float  # a day; 0: no cap
    spans: tuple[str, ...]  # that are there even if they have no value yet


def snapshot(metrics: Metrics, about: About, now_s: float, at: float) -> dict[str, object]:
    """Return the snapshot.

    Args:
        now_s: seconds of the clock that the records were timed with.
        at: the same moment in seconds since 1970.
    """
    link = metrics.link
    return {
        "version": VERSION,
        "at": round(at, 3),
        "appliance": about.version,
        "pid": about.pid,
        "uptime_s": round(now_s - metrics.started_s, 1),
        "well": is_well(metrics),
        "state": metrics.state,
        "light": metrics.light,
        "link": {
            "state": link.state or "disconnected",
            "since_s": round(now_s - link.since_s, 1),
            "reconnects": metrics.counters["reconnects"],
        },
        "faults": [
            {
                "fault": name,
                "since_s": round(now_s - since_s, 1),
                "severity": fault(name).severity.value,
                "cause": fault(name).cause,
                "cure": fault(name).cure,
            }
            for name, since_s in metrics.standing.items()
        ],
        "recent_faults": [
            {
                "fault": name,
                "at": round(at - (now_s - at_s), 3),
                "cause": fault(name).cause,
                "cure": fault(name).cure,
            }
            for name, at_s in reversed(metrics.recent)
        ],
        "indicators": _indicators(metrics, now_s),
        "spans_ms": {
            name: _percentiles(metrics.spans.get(name))
            for name in dict.fromkeys((*about.spans, *metrics.spans))
        },
        "counters": dict(metrics.counters),
        "turns": _turns(metrics, now_s, at),
        "cost": {
            "today_usd": round(metrics.today_usd, 6),
            "cap_usd": about.cap_usd,
            "stopped": metrics.stopped,
        },
        "echo": metrics.echo,
        "board": {
            name: value if isinstance(value, bool) else rounded(value)
            for name, value in metrics.board.items()
        },
        "meters": metrics.meters,
        "settings": dict(metrics.settings),
        "histograms_ms": {
            "up_to": EXPORTED_MS,
            "spans": {name: _buckets(each) for name, each in metrics.spans.items()},
        },
    }


def _indicators(metrics: Metrics, now_s: float) -> dict[str, object]:
    found = readings(metrics, now_s)
    told: dict[str, object] = {}
    for each in INDICATORS:
        value, limits = found[each.name][0], metrics.limits[each.name]
        told[each.name] = {
            "value": None if value is None else round(value, 3),
            "unit": each.unit,
            "level": each.level(value, limits).value,
            "target": limits.target,
            "warning": limits.warning,
            "critical": limits.critical,
            "history": metrics.histories[each.name].values(),
        }
    return told


def _percentiles(histogram: Histogram | None) -> dict[str, float | int | None]:
    found = histogram or Histogram()
    return {
        "n": found.count,
        **{f"p{p}": rounded(found.percentile(p)) for p in (50, 95, 99)},
    }


def _buckets(histogram: Histogram) -> dict[str, object]:
    return {
        "cumulative": histogram.cumulative(),
        "count": histogram.count,
        "sum": round(histogram.sum_ms, 3),
    }


def _turns(metrics: Metrics, now_s: float, at: float) -> list[dict[str, object]]:
    return [
        {
            "turn": each.turn,
            "at": round(at - (now_s - each.at_s), 3),
            "outcome": each.outcome,
            "said_ms": each.said_ms,
            "release_to_first_sound_ms": each.waited_ms,
            "cost_usd": None if each.cost_usd is None else round(each.cost_usd, 6),
        }
        for each in reversed(metrics.turns)
    ]
