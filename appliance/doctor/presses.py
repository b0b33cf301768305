"""What the contact of a button did in one press. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_TOGETHER_S = 0.05  # edges with less between them are of one contact; no finger is so fast


@dataclass(frozen=True, slots=True)
class Press:
    """`settles_ms`: the longest time from the first edge of a change to the last one of it."""

    edges: int
    bounces: int  # edges beyond the two that a press has
    settles_ms: float


def bounces_of(edges: Sequence[tuple[bool, float]]) -> Press:
    """Return what the edges of one press show: (pressed, at in seconds), in their order."""
    groups: list[list[float]] = []
    for _, at_s in edges:
        if groups and at_s - groups[-1][-1] < _TOGETHER_S:
            groups[-1].append(at_s)
        else:
            groups.append([at_s])
    settles_s = max((group[-1] - group[0] for group in groups), default=0.0)
    return Press(len(edges), max(0, len(edges) - 2), 1000 * settles_s)
