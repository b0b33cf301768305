"""Watch the board: card, memory, heat, supply, updates. Pure: readings in, faults in and out.

Rules
- A fault begins with the first reading beyond its limit, and is told once.
- It is over with a reading on the good side of its second limit, and is told once; what lies
  between the two limits changes nothing. The supply must have been good for `CALM_S`, because
  it fails for moments at a time.
- What cannot be read changes nothing either; a fault of which nothing is known for `CALM_S` is
  over, so that a sensor that goes away leaves no light behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType

from appliance.session.troubles import Begins, Ends

LOOK_EVERY_S = 10.0  # heat and memory change in minutes
CALM_S = 60.0
MB = 1_000_000

DISK, MEMORY, HEAT = "disk_full", "memory_high", "too_hot"  # in the table of faults
SUPPLY, UPDATE = "undervoltage", "update_pending"


@dataclass(frozen=True, slots=True)
class Readings:
    """What the board says of itself; None where it does not."""

    disk_free_bytes: int | None = None  # where the state is, for those who are not root
    files_free: int | None = None  # names that the file system still has room for
    resident_bytes: int | None = None  # of this process
    group_used_bytes: int | None = None  # of its control group, without what can be given back
    group_limit_bytes: int | None = None  # None: no limit
    temperature_c: float | None = None
    undervolted: bool | None = None  # now
    throttled: bool | None = None  # now: the firmware slows the processor down
    update_pending: bool | None = None
    clock_set: bool | None = None  # no fault by itself: see `session.budget`


@dataclass(frozen=True, slots=True)
class Wrote:
    """A write of state has failed for want of room, or has worked again."""

    full: bool


@dataclass(frozen=True, slots=True)
class HealthRules:
    """Limits: where a fault begins, and from where on it is over.

    The memory of the process: `[metrics] memory_usage`. The others are constants of the board.
    - Card: the state takes a few kilobytes, but the system needs room for its updates and its
      journal, which stops by itself long before.
    - Control group: the kernel begins to throttle at the limit itself.
    - Heat: the firmware slows all boards down from 80 °C on; 5 °C less is cool enough that a
      fan, or a moment's rest, does not make it flicker.
    """

    memory_target_mb: float = 50.0
    memory_warning_mb: float = 80.0
    memory_critical_mb: float = 100.0
    disk_low_bytes: int = 32 * MB
    disk_fine_bytes: int = 64 * MB
    files_low: int = 200
    files_fine: int = 1000
    group_high_share: float = 0.9
    group_fine_share: float = 0.8
    hot_c: float = 80.0
    cool_c: float = 75.0

    @property
    def memory_fine_mb(self) -> float:
        """Halfway back to the target: what the process gave back once, it gives back again."""
        return (self.memory_target_mb + self.memory_warning_mb) / 2


class _View(Enum):
    BAD = "bad"
    BETWEEN = "between"
    GOOD = "good"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class HealthState:
    """`since_bad_s`: each fault that stands, and when it was last known not to be over."""

    since_bad_s: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    unwritten: bool = False  # the last write of state found no room
    readings: Readings = field(default_factory=Readings)

    @property
    def faults(self) -> frozenset[str]:
        return frozenset(self.since_bad_s)

    def is_critical(self, rules: HealthRules) -> bool:
        """Whether the process has grown so far that a restart, when nobody talks, is better."""
        resident = self.readings.resident_bytes
        return resident is not None and resident >= rules.memory_critical_mb * MB


def health_step(
    state: HealthState, event: Readings | Wrote, now_s: float, rules: HealthRules
) -> tuple[HealthState, tuple[Begins | Ends, ...]]:
    """Return the next state and what to tell, in the table's order. Total: never raises."""
    if isinstance(event, Wrote):
        state = replace(state, unwritten=event.full)
        if event.full:
            return _judge(state, DISK, _View.BAD, "a write found no room", now_s)
        # Room for one state is no room for more: only the card's own figures end the fault.
        known = state.readings.disk_free_bytes is not None
        view = _disk(state.readings, rules)[0] if known else _View.GOOD
        return _judge(state, DISK, view, "", now_s)
    state = replace(state, readings=event)
    told: tuple[Begins | Ends, ...] = ()
    for fault, view, figure in _views(event, state.unwritten, rules):
        state, more = _judge(state, fault, view, figure, now_s)
        told += more
    return state, told


def _judge(
    state: HealthState, fault: str, view: _View, figure: str, now_s: float
) -> tuple[HealthState, tuple[Begins | Ends, ...]]:
    stands = fault in state.since_bad_s
    if view is _View.BAD or (stands and view is _View.BETWEEN):
        noted = MappingProxyType({**state.since_bad_s, fault: now_s})
        told = () if stands else (Begins(fault, figure),)
        return replace(state, since_bad_s=noted), told
    if not stands:
        return state, ()
    waits = view is _View.UNKNOWN or fault == SUPPLY
    if waits and now_s - state.since_bad_s[fault] < CALM_S:
        return state, ()
    left = {key: at_s for key, at_s in state.since_bad_s.items() if key != fault}
    return replace(state, since_bad_s=MappingProxyType(left)), (Ends(fault),)


def _views(
    seen: Readings, unwritten: bool, rules: HealthRules
) -> tuple[tuple[str, _View, str], ...]:
    disk = (_View.BAD, "a write found no room") if unwritten else _disk(seen, rules)
    return (
        (DISK, *disk),
        (MEMORY, *_memory(seen, rules)),
        (HEAT, *_heat(seen, rules)),
        (SUPPLY, _when(seen.undervolted), "the firmware says so"),
        (UPDATE, _when(seen.update_pending), "its marker is there"),
    )


def _disk(seen: Readings, rules: HealthRules) -> tuple[_View, str]:
    room = _below(seen.disk_free_bytes, rules.disk_low_bytes, rules.disk_fine_bytes)
    names = _below(seen.files_free, rules.files_low, rules.files_fine)
    if names is _View.BAD:
        return names, f"room for {seen.files_free} files"
    free_mb = (seen.disk_free_bytes or 0) / MB
    return _worst(room, names), f"{free_mb:.0f} MB free"


def _memory(seen: Readings, rules: HealthRules) -> tuple[_View, str]:
    resident = seen.resident_bytes
    process = _below(
        None if resident is None else -resident,
        -rules.memory_warning_mb * MB,
        -rules.memory_fine_mb * MB,
    )
    used, limit = seen.group_used_bytes, seen.group_limit_bytes
    share = used / limit if used is not None and limit else None
    group = _below(
        None if share is None else -share, -rules.group_high_share, -rules.group_fine_share
    )
    if process is not _View.BAD and group is _View.BAD:
        return group, f"{share:.0%} of the service's memory"
    return _worst(process, group), f"{(resident or 0) / MB:.0f} MB"


def _heat(seen: Readings, rules: HealthRules) -> tuple[_View, str]:
    degrees = seen.temperature_c
    figure = "slowed down" if degrees is None else f"{degrees:.0f} °C"
    by_degrees = _below(None if degrees is None else -degrees, -rules.hot_c, -rules.cool_c)
    # A weak supply slows the processor down, too.
    by_heat = seen.throttled and not seen.undervolted
    if by_heat and by_degrees is not _View.GOOD:
        return _View.BAD, figure
    if degrees is None and seen.throttled is not None:
        return _View.GOOD, figure
    return by_degrees, figure


def _below(value: float | None, bad: float, good: float) -> _View:
    """Judge what is worse the smaller it is; the limits themselves count as bad and as good."""
    if value is None:
        return _View.UNKNOWN
    if value <= bad:
        return _View.BAD
    return _View.GOOD if value >= good else _View.BETWEEN


def _worst(*views: _View) -> _View:
    return next((each for each in _View if each in views), _View.UNKNOWN)


def _when(bad: bool | None) -> _View:
    if bad is None:
        return _View.UNKNOWN
    return _View.BAD if bad else _View.GOOD
