"""Every kind of trouble at 20 random moments of a conversation: how long until it works again?

The rules are the settings' defaults, the seed's, but for what `link_world` and `chaos` make
quicker: pings, the time for a dial, the watch over an answer. `pytest -s` shows the tables.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
from chaos import HEAD, MOMENTS, lived_through
from troubles import CONVERSATION, DEVICE, LINK, OUTAGE, PATIENCE, SECURE, TROUBLES

RECOVERY_S = 3.0  # the seed's
THIRD_RETRY_S = 5.0  # 4.4 s is the longest wait for it, with the jitter; and the dial
PARTS = {"link": LINK, "rest": {**OUTAGE, **SECURE, **CONVERSATION, **DEVICE}}


def test_there_are_troubles_enough():
    assert len(TROUBLES) >= 32
    assert len(TROUBLES) == sum(len(part) for part in PARTS.values())


def p99_s(seconds):
    return sorted(seconds)[int(len(seconds) * 0.99)]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", PARTS)
async def test_every_trouble_at_random_moments_leaves_a_working_device(part):
    names = list(PARTS[part])
    async with asyncio.TaskGroup() as group:
        halves = [group.create_task(lived_through(half)) for half in (names[::2], names[1::2])]
    seen = halves[0].result() | halves[1].result()
    every = [each for name in names if name != PATIENCE for each in seen[name].recoveries]
    raw_s = p99_s([each.took_s for each in every])
    own_s = p99_s([each.took_s - each.kept_s for each in every])
    lines = [
        HEAD,
        *(seen[name].row(name) for name in names),
        f"{len(every)} recoveries, 99th percentile {raw_s:.2f} s; less what was kept {own_s:.2f} s",
        f"{sum(each.starved for each in seen.values())} moments with too little processor",
    ]
    print("", *lines, sep="\n")  # noqa: T201  the table is what this test is run for
    assert all(len(figures.outcomes) == MOMENTS for figures in seen.values())
    assert own_s <= RECOVERY_S
    if PATIENCE in seen:
        assert max(r.took_s - r.kept_s for r in seen[PATIENCE].recoveries) <= THIRD_RETRY_S
