"""The words of the link machine: its states, events and effects, and its rules' numbers.

Times are seconds of the monotonic clock, given by the caller. What happens is in `link.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from appliance.session.backoff import BackoffRules
from appliance.session.breaker import WHOLE, Breaker, BreakerRules

STALLED = "stalled"  # the fault of a link that stands and says nothing
TOO_SLOW = "connect_timeout"  # the fault of a dial that came to no end
# Faults that are over when the network comes up: no service was ever asked.
NETWORK_FAULTS = frozenset({"no_wifi", "no_route", "dns_failed"})


@dataclass(frozen=True, slots=True)
class Tries:
    """What has failed since the link last served."""

    failures: int = 0
    breaker: Breaker = WHOLE
    fault: str = ""  # of the last failure
    told: bool = False  # people know, and want to know when it is over
    by_hand: bool = False  # a press has tried again after a refusal


# States


@dataclass(frozen=True, slots=True)
class Disconnected:
    """Not started yet, or hung up because nobody talks."""

    deadline_s: float = math.inf


@dataclass(frozen=True, slots=True)
class Connecting:
    tries: Tries
    deadline_s: float


@dataclass(frozen=True, slots=True)
class Ready:
    tries: Tries
    opened_s: float
    used_s: float  # when somebody last pressed
    renew_s: float
    deadline_s: float


@dataclass(frozen=True, slots=True)
class Renewing:
    """`old` serves; the next one is being opened, or waits for a quiet moment."""

    old: Ready
    next_opened_s: float | None
    deadline_s: float


@dataclass(frozen=True, slots=True)
class WaitingToRetry:
    tries: Tries
    soonest_s: float  # not even a press dials before
    deadline_s: float


@dataclass(frozen=True, slots=True)
class OpenCircuit:
    """Offline: a probe is made at the deadline."""

    tries: Tries
    deadline_s: float


@dataclass(frozen=True, slots=True)
class Refused:
    tries: Tries
    code: str
    deadline_s: float  # of a press that came too early


LinkState = Disconnected | Connecting | Ready | Renewing | WaitingToRetry | OpenCircuit | Refused


# Events


@dataclass(frozen=True, slots=True)
class Start:
    pass


@dataclass(frozen=True, slots=True)
class Opened:
    """The session is set up."""


@dataclass(frozen=True, slots=True)
class Served:
    """An answer came whole."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection failed or ended."""

    chance: float  # 0.0 to 1.0, for the jitter
    fault: str = "link_failed"
    retry_after_s: float | None = None  # what the service asked for


@dataclass(frozen=True, slots=True)
class RefusedForGood:
    code: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class NextOpened:
    """The session that is to take over is set up."""


@dataclass(frozen=True, slots=True)
class NextLost:
    """The connection that was to take over has failed or ended."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Somebody pressed the button."""


@dataclass(frozen=True, slots=True)
class NetworkUp:
    """This machine has a way out, and had none before."""


@dataclass(frozen=True, slots=True)
class LinkTick:
    busy: bool  # a turn is going on
    chance: float = 1.0


LinkEvent = (
    Start
    | Opened
    | Served
    | Lost
    | RefusedForGood
    | NextOpened
    | NextLost
    | Wanted
    | NetworkUp
    | LinkTick
)


# Effects


@dataclass(frozen=True, slots=True)
class Dial:
    pass


@dataclass(frozen=True, slots=True)
class HangUp:
    pass


@dataclass(frozen=True, slots=True)
class DialNext:
    """Open a second connection beside the one that serves."""


@dataclass(frozen=True, slots=True)
class DropNext:
    pass


@dataclass(frozen=True, slots=True)
class Switch:
    """The second connection, set up or not, is the one from now on; the old one ends."""


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell people. `fault`: why it is offline or refused; with "back", what is over."""

    news: Literal["offline", "refused", "back"]
    fault: str


LinkEffect = Dial | HangUp | DialNext | DropNext | Switch | Announce


@dataclass(frozen=True, slots=True)
class LinkRules:
    """Defaults are the seed's recovery, circuit breaker and scaling blocks."""

    max_retries: int = 5
    base_delay_s: float = 1.0
    max_delay_s: float = 10.0
    multiplier: float = 2.0
    jitter: bool = True
    failure_threshold: int = 5
    reset_s: float = 60.0
    dial_timeout_s: float = 15.0
    session_age_s: float = 1800.0  # a session is renewed at this age, in a quiet moment
    session_cap_s: float = 3600.0  # the service ends it at this age
    cap_margin_s: float = 120.0  # so long before that, the next one is opened quiet or not
    busy_retry_s: float = 1.0  # between looks for a quiet moment
    settled_s: float = 5.0  # a link that has held for so long was a good one
    idle_close_s: float = math.inf  # hang up when nobody has pressed for so long
    stall_s: float = 10.0  # see session.watch

    @property
    def backoff(self) -> BackoffRules:
        return BackoffRules(
            self.max_retries, self.base_delay_s, self.max_delay_s, self.multiplier, self.jitter
        )

    @property
    def breaker(self) -> BreakerRules:
        return BreakerRules(self.failure_threshold, self.reset_s)
