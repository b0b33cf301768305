"""What is known of the running device: made of the trace's records, and of nothing else.

Classes here are plain: a dataclass costs the daemon up to 13 kB for its generated methods.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from appliance.metrics.histogram import Histogram
from appliance.metrics.indicators import INDICATORS, Alarm, Limits
from appliance.metrics.windows import History, Recent, Share

REMEMBERED = 20  # turns and faults, the newest
MOST_STANDING = 32  # faults that stand at once: more than can
MOST_SPANS = 16  # kinds of spans: more than there are

BOARD = ("temperature_c", "resident_mb", "disk_free_mb", "undervolted")
SETTINGS = ("voice", "language", "talk_mode", "model")  # that are shown
COUNTERS = (
    "turns",
    "answered",
    "failed",
    "too_short",
    "interrupted",
    "reconnects",
    "overflows",
    "underflows",
    "lost_samples",
    "barge_ins",
    "prompts",
)


class TurnEntry:
    """One turn that has ended."""

    __slots__ = ("at_s", "cost_usd", "outcome", "said_ms", "turn", "waited_ms")

    def __init__(
        self,
        turn: int,
        at_s: float,
        outcome: str,
        said_ms: int | None,
        waited_ms: float | None,
        cost_usd: float | None,
    ) -> None:
        self.turn = turn
        self.at_s = at_s
        self.outcome = outcome
        self.said_ms = said_ms
        self.waited_ms = waited_ms
        self.cost_usd = cost_usd


class LinkView:
    """The connection, as the link machine's records tell it."""

    __slots__ = ("faults", "seen_s", "since_s", "state", "troubled")

    def __init__(self) -> None:
        self.state = ""  # not begun
        self.since_s = 0.0
        self.troubled = False  # it has failed or ended, and has not stood since
        self.seen_s = 0.0  # up to here it is counted as up or down
        self.faults: set[str] = set()  # of its own that stand

    @property
    def usable(self) -> bool:
        """Whether somebody who presses now is served: it is up, or closed only to save money."""
        return self.state in ("ready", "renewing") or (
            self.state == "disconnected" and not self.troubled
        )

    @property
    def is_down(self) -> bool:
        """Whether it counts as down; a dial that has not failed yet counts as neither."""
        return not self.usable and (self.troubled or self.state not in ("", "connecting"))


class Metrics:
    """Changed in place by `metrics_step`: a copy for each of forty records a second is waste.

    Times are seconds of the monotonic clock. Everything in it is bounded.
    """

    def __init__(self, started_s: float, limits: Mapping[str, Limits]) -> None:
        """`limits`: of each indicator, by its name."""
        self.started_s = started_s
        self.limits = limits
        self.revision = 0  # grows with each record that changes anything but meters
        self.state = "idle"
        self.light = "starting"
        self.link = LinkView()
        self.standing: dict[str, float] = {}  # faults, and since when
        self.recent: deque[tuple[str, float]] = deque(maxlen=REMEMBERED)
        self.turns: deque[TurnEntry] = deque(maxlen=REMEMBERED)
        self.counters = dict.fromkeys(COUNTERS, 0)
        self.spans: dict[str, Histogram] = {}  # since the start
        self.sent = Recent()  # captured to sent
        self.heard = Recent()  # received to heard
        self.uptime = Share()  # seconds
        self.served = Share()  # turns
        self.board: dict[str, float | bool | None] = dict.fromkeys(BOARD)
        self.today_usd = 0.0
        self.stopped = False  # for its cost
        self.echo: dict[str, float | bool | None] | None = None
        self.meters: dict[str, float] | None = None
        self.settings = dict.fromkeys(SETTINGS, "")
        self.histories = {each.name: History() for each in INDICATORS}
        self.alarms = {each.name: Alarm() for each in INDICATORS}
        self.minutes = 0  # that have ended
        self.fresh: set[str] = set()  # indicators that had news in this minute
