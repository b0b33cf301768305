"""Which faults stand, which have been, and how the link is: from the records that tell of them."""

from __future__ import annotations

from appliance.faults import Severity
from appliance.faults import fault as fault_named
from appliance.metrics.fields import Fields, text_in, truth_in
from appliance.metrics.state import MOST_STANDING, Metrics

ONE_EVENT_S = 1.0  # two records of one fault so close together are about the same thing
LONGEST_NAME = 64  # the service's own codes are names, too
OFFLINE = "circuit_open"  # in the table of faults
_LINK_NAMES = {"waitingtoretry": "waiting_to_retry", "opencircuit": "open_circuit"}


def link(metrics: Metrics, fields: Fields, now_s: float) -> None:
    """Take the link machine's new state; one that stands ends the link's faults."""
    name = text_in(fields, "state")
    if name is None:
        return
    view = metrics.link
    view.state, view.since_s = _LINK_NAMES.get(name, name), now_s
    if view.state == "ready":
        metrics.counters["reconnects"] += view.troubled
        view.troubled = False
        for mine in view.faults:
            metrics.standing.pop(mine, None)
        view.faults.clear()


def link_trouble(metrics: Metrics, fields: Fields, now_s: float) -> None:
    """Take a dial that failed, or a connection that ended. The newest reason is what stands."""
    name = (text_in(fields, "fault") or "")[:LONGEST_NAME]
    metrics.link.troubled = True
    if not name:
        return
    for other in metrics.link.faults - {name, OFFLINE}:
        metrics.standing.pop(other, None)
        metrics.link.faults.discard(other)
    _begins(metrics, name, now_s)
    metrics.link.faults.add(name)


def announce(metrics: Metrics, fields: Fields, now_s: float) -> None:
    """Take what people are told of the link."""
    if text_in(fields, "news") == "offline":
        _begins(metrics, OFFLINE, now_s)
        metrics.link.faults.add(OFFLINE)


def fault(metrics: Metrics, fields: Fields, now_s: float) -> None:
    """Take a fault that lasts (`stands`), or one that was."""
    name = (text_in(fields, "fault") or "")[:LONGEST_NAME]
    if not name:
        return
    if truth_in(fields, "stands"):
        _begins(metrics, name, now_s)
    else:
        _remember(metrics, name, now_s)


def hardware(metrics: Metrics, fields: Fields, now_s: float) -> None:
    """Take it that microphone or loudspeaker has gone, or is back."""
    lost, back = text_in(fields, "lost"), text_in(fields, "back")
    if lost is not None:
        _begins(metrics, text_in(fields, "fault") or f"{lost}_lost", now_s)
    if back is not None:
        for how in ("lost", "missing"):
            metrics.standing.pop(f"{back}_{how}", None)


def is_well(metrics: Metrics) -> bool:
    """Return whether somebody who presses now is answered, as far as the device can know."""
    worst = max((fault_named(name).severity.rank for name in metrics.standing), default=0)
    return metrics.link.usable and worst < Severity.TURN.rank


def _begins(metrics: Metrics, name: str, now_s: float) -> None:
    if name in metrics.standing or len(metrics.standing) >= MOST_STANDING:
        return
    metrics.standing[name] = now_s
    _remember(metrics, name, now_s)


def _remember(metrics: Metrics, name: str, now_s: float) -> None:
    if fault_named(name).severity is Severity.HARMLESS:
        return
    if metrics.recent:
        newest, at_s = metrics.recent[-1]
        if newest == name and now_s - at_s < ONE_EVENT_S:
            return
    metrics.recent.append((name, now_s))
