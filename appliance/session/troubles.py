"""What the watching machines tell: a fault begins, a fault is over. Each is told once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Begins:
    """A fault of the table has begun; `figure` says in a few words what was measured."""

    fault: str
    figure: str


@dataclass(frozen=True, slots=True)
class Ends:
    """It is over."""

    fault: str
