"""The four indicators: what they mean, their levels, and when people are told.

Rules
- A level is judged once a minute, so that nothing that passes within one is told.
- Worse than told before, warning or critical: one line. From critical back to warning: none, it
  is not over yet.
- Over, one line: the value lies on the good side of the middle between target and warning, so
  that one that trembles about its limit is not told again and again.
- Two lines about one indicator are a minute apart at least. What is not known changes nothing,
  and what rests on too little evidence is not told as bad.

What would be frozen dataclasses are named tuples, which cost the daemon half the memory.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from appliance.metrics.windows import MINUTE_S


class Level(Enum):
    """How good a value is, the best first."""

    GOOD = "good"  # at the target or better
    FAIR = "fair"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


class Limits(NamedTuple):
    target: float
    warning: float
    critical: float


class Indicator(NamedTuple):
    """What one of them is."""

    name: str  # as in the settings' `[metrics]`
    words: str
    unit: str
    defaults: Limits  # the seed's
    cure: str
    high_is_bad: bool = True

    def level(self, value: float | None, limits: Limits) -> Level:
        """Return the level of a value; one that is at a limit has passed it."""
        if value is None:
            return Level.UNKNOWN
        sign = 1.0 if self.high_is_bad else -1.0
        at = sign * value
        if at <= sign * limits.target:
            return Level.GOOD
        if at >= sign * limits.critical:
            return Level.CRITICAL
        return Level.WARNING if at >= sign * limits.warning else Level.FAIR

    def is_over(self, value: float, limits: Limits) -> bool:
        """Return whether a value is so good that what was bad is over."""
        sign = 1.0 if self.high_is_bad else -1.0
        return sign * value <= sign * (limits.target + limits.warning) / 2


AUDIO_LATENCY = Indicator(
    "audio_latency",
    "audio latency",
    "ms",
    Limits(200.0, 300.0, 500.0),
    "Stop other programs; `appliance status` shows which span takes so long.",
)
CONNECTION_UPTIME = Indicator(
    "connection_uptime",
    "share of the time with a connection",
    "%",
    Limits(99.9, 99.0, 95.0),
    "Check the network; the journal tells each loss and its reason.",
    high_is_bad=False,
)
ERROR_RATE = Indicator(
    "error_rate",
    "share of the turns that failed",
    "%",
    Limits(0.1, 1.0, 5.0),
    "`appliance status` lists what went wrong, and what helps.",
)
MEMORY_USAGE = Indicator(
    "memory_usage",
    "memory of the process",
    "MB",
    Limits(50.0, 80.0, 100.0),
    "Stop other programs; the device restarts by itself if it must.",
)
INDICATORS = (AUDIO_LATENCY, CONNECTION_UPTIME, ERROR_RATE, MEMORY_USAGE)


class Told(NamedTuple):
    """One line for the journal."""

    event: str
    text: str
    severity: str  # "info", "warning" or "error"
    indicator: str
    level: str
    value: float


class Alarm(NamedTuple):
    """What people were told last of one indicator."""

    worst: Level = Level.GOOD  # GOOD, WARNING or CRITICAL
    told_s: float | None = None


def judge(
    alarm: Alarm,
    indicator: Indicator,
    limits: Limits,
    value: float | None,
    now_s: float,
    *,
    proven: bool = True,
) -> tuple[Alarm, Told | None]:
    """Return the next alarm, and what to tell.

    Args:
        proven: whether there is evidence enough to call the value bad.
    """
    too_soon = alarm.told_s is not None and now_s - alarm.told_s < MINUTE_S
    if value is None or too_soon:
        return alarm, None
    level = indicator.level(value, limits)
    has_begun = level is Level.WARNING and alarm.worst is Level.GOOD
    is_worse = level is Level.CRITICAL and alarm.worst is not Level.CRITICAL
    if proven and (has_begun or is_worse):
        return Alarm(level, now_s), _bad(indicator, limits, level, value)
    bad = level in (Level.WARNING, Level.CRITICAL)
    if alarm.worst is not Level.GOOD and not bad and indicator.is_over(value, limits):
        return Alarm(Level.GOOD, now_s), _over(indicator, limits, value)
    return alarm, None


def _bad(indicator: Indicator, limits: Limits, level: Level, value: float) -> Told:
    limit = limits.warning if level is Level.WARNING else limits.critical
    told = (
        f"The {indicator.words} is {shown(value)} {indicator.unit}, {level.value} from "
        f"{limit:g} {indicator.unit} on. {indicator.cure}"
    )
    severity = "warning" if level is Level.WARNING else "error"
    return Told("indicator", told, severity, indicator.name, level.value, value)


def _over(indicator: Indicator, limits: Limits, value: float) -> Told:
    told = (
        f"The {indicator.words} is {shown(value)} {indicator.unit} again (target "
        f"{limits.target:g} {indicator.unit})."
    )
    level = indicator.level(value, limits)
    return Told("indicator_over", told, "info", indicator.name, level.value, value)


def shown(value: float) -> str:
    """Return a value with as many digits as a person reads."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.4g}"
