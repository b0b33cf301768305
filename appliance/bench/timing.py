"""CPU time of ours against that of the peers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

OURS = "ours"


def ratios(rtfs: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Return ours over each peer: the median over the items of the ratio on one item.

    Args:
        rtfs: by system, one figure for each item, in one order. Without ours, nothing is returned.
    """
    if OURS not in rtfs:
        return {}
    ours = np.array(rtfs[OURS])
    return {
        name: float(np.median(ours / np.array(each))) for name, each in rtfs.items() if name != OURS
    }
