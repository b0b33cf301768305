"""How long to wait before a retry. Pure: chance is given by the caller.

Rules
- A round is one try and at most `max_retries` retries.
- The wait before retry n (from 0) is base · multiplierⁿ, at most `max_delay_s`; up to a tenth of
  it is added by chance, so that devices that lost the service together do not come back together.
- Who says how long to wait (Retry-After) is obeyed, up to `MAX_ASKED_S`.
"""

from __future__ import annotations

from dataclasses import dataclass

JITTER = 0.1  # of a wait
MAX_ASKED_S = 600.0  # nobody may send the device away for longer


@dataclass(frozen=True, slots=True)
class BackoffRules:
    """Defaults are the seed's recovery block."""

    max_retries: int = 5
    base_delay_s: float = 1.0
    max_delay_s: float = 10.0
    multiplier: float = 2.0
    jitter: bool = True


def backoff_s(retry: int, chance: float, rules: BackoffRules) -> float:
    """Return the wait before retry number `retry` (from 0), in seconds.

    Args:
        chance: 0.0 to 1.0, how much of the jitter to add.
    """
    try:
        delay_s = min(rules.base_delay_s * rules.multiplier**retry, rules.max_delay_s)
    except OverflowError:
        delay_s = rules.max_delay_s
    return delay_s * (1.0 + JITTER * chance) if rules.jitter else delay_s


def asked_s(retry_after_s: float | None) -> float:
    """Return for how long a service may send us away; 0.0 if it does not, or talks nonsense."""
    if retry_after_s is None or not retry_after_s > 0.0:  # not a number is not above 0 either
        return 0.0
    return min(retry_after_s, MAX_ASKED_S)
