"""A circuit breaker: after failures in a row, try rarely. Pure: states in, states out.

Rules
- Closed: every try is let through. `failure_threshold` failures in a row open it.
- Open: no try is let through for `reset_s`.
- Half open: exactly one try, the probe, is let through, whoever asks first. Its success closes
  the breaker, its failure opens it again. A probe of which nothing is heard for `reset_s` is
  given up, so that the breaker cannot stay half open for ever.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Closed:
    failures: int = 0  # in a row


@dataclass(frozen=True, slots=True)
class Open:
    until_s: float  # from then on a probe is let through


@dataclass(frozen=True, slots=True)
class HalfOpen:
    until_s: float  # the probe must have ended by then


Breaker = Closed | Open | HalfOpen

WHOLE: Breaker = Closed()  # nothing has failed


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """Defaults are the seed's circuit breaker block."""

    failure_threshold: int = 5
    reset_s: float = 60.0


def admit(breaker: Breaker, now_s: float, rules: BreakerRules) -> tuple[Breaker, bool]:
    """Return the next state, and whether this caller may try."""
    match breaker:
        case Closed():
            return breaker, True
        case Open(until_s) | HalfOpen(until_s) if now_s >= until_s:
            return HalfOpen(now_s + rules.reset_s), True
        case _:
            return breaker, False


def succeeded() -> Breaker:
    """Return the state after a try that went well."""
    return WHOLE


def failed(breaker: Breaker, now_s: float, rules: BreakerRules) -> Breaker:
    """Return the state after a try that did not."""
    match breaker:
        case Closed(failures) if failures + 1 < rules.failure_threshold:
            return Closed(failures + 1)
        case Open():  # a straggler from before: the pause does not grow by it
            return breaker
        case _:
            return Open(now_s + rules.reset_s)
