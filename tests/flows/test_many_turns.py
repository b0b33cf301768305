"""Thousands of turns in simulated time: whatever grows with their number is a leak.

    python tests/flows/test_many_turns.py 10000            # two days of talk, in half a minute
    python tests/flows/test_many_turns.py 2000 --leak task   # … that must be found

Good turns, turns cut short, talked over, or answered with a tool; connections that end; sessions
that are renewed; a microphone that is unplugged. The device is the real runner; see `paper.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
from leaks import alone, held_now, simulated
from paper import PaperService, paper_device

WARM_UP = 0.2  # of all turns, as the first 2,000 of 10,000
GROWTH_KB = 1000
GROWTH_OBJECTS = 40  # of one type: a few are always on their way
GROWTH_BLOCKS = 2000
SWEPT_AT = 300  # asyncio throws cancelled timers out when they are more than 100 and the half


async def one_turn(device, dice):
    """Have a turn of some kind, and let the device come to rest."""
    kind = dice.choices(
        ("answered", "talked over", "too short", "link lost", "unplugged"), (75, 12, 8, 4, 1)
    )[0]
    if kind == "too short":
        device.panel.press()
        await asyncio.sleep(0.05)
        device.panel.release()
    else:
        await device.ask(dice.choice((0.3, 0.5, 1.0)))
    if kind == "talked over":
        await device.until(lambda: device.state in ("Speaking", "Idle"))
        await device.ask()
    elif kind == "link lost":
        await asyncio.sleep(dice.uniform(0.0, 2.0))
        device.service.drop()
    elif kind == "unplugged":
        device.microphone.unplug()
        await asyncio.sleep(3.0)
        device.microphone.missing = False
    await asyncio.sleep(dice.uniform(1.5, 30.0))
    await device.until(lambda: device.rests)
    return kind


LEAKS = {
    "memory": lambda kept: kept.append(bytes(20_000)),
    "object": lambda kept: kept.append([kept]),
    "task": lambda kept: kept.append(asyncio.create_task(asyncio.Event().wait())),
    "timer": lambda kept: asyncio.get_running_loop().call_later(1e9, kept.clear),
    "file": lambda kept: kept.append(Path("/dev/null").open()),  # noqa: SIM115  that is the leak
    "thread": lambda kept: threading.Thread(target=threading.Event().wait, daemon=True).start(),
}


async def live(turns, seed, leak=""):
    """Have all turns; return what is held after the warm-up, and at the end."""
    dice, kinds, kept = random.Random(seed), Counter(), []
    random.seed(seed)  # the jitter of retries
    loop, began_s = asyncio.get_running_loop(), time.monotonic()
    async with paper_device(PaperService(dice), cap_usd=50.0) as device:
        for number in range(turns):
            kinds[await one_turn(device, dice)] += 1
            if leak and number % 10 == 0:
                LEAKS[leak](kept)
            if number == round(turns * WARM_UP):
                warm = held_now(loop)
            assert len(loop.timers) <= SWEPT_AT, f"{len(loop.timers)} timers"
            assert len(device.service.open) <= 1, "a connection was left open"
        end = held_now(loop)
        figures = {
            "seed": seed,
            "turns": turns,
            "kinds": dict(kinds),
            "answered": device.trace.answered,
            "dials": device.service.dials,
            "simulated_h": round(loop.time() / 3600, 1),
            "took_s": round(time.monotonic() - began_s, 1),
            "rss_growth_kb": end.use.rss_kb - warm.use.rss_kb,
            "blocks_growth": end.blocks - warm.blocks,
        }
    leaks = leaks_of(warm, end)
    assert leaks == {}, f"{leaks}, {figures}"
    return figures


def leaks_of(warm, end):
    """Return what has grown with the number of turns, by name."""
    counts = {
        "memory": (end.use.rss_kb - warm.use.rss_kb, GROWTH_KB),
        "blocks": (end.blocks - warm.blocks, GROWTH_BLOCKS),
        "tasks": (end.tasks - warm.tasks, 0),
        "timers": (end.due - warm.due, 2),  # a turn less or more may just be remembered
        "threads": (end.use.threads - warm.use.threads, 0),
        "fds": (end.use.fds - warm.use.fds, 0),
        "sockets": (end.use.sockets - warm.use.sockets, 0),
        **{name: (n, GROWTH_OBJECTS) for name, n in (end.types - warm.types).items()},
    }
    return {name: grown for name, (grown, most) in counts.items() if grown > most}


def test_thousands_of_turns_leave_nothing_behind():
    figures = alone(__file__, 5_000, within_s=110)
    assert figures["answered"] >= 4000
    assert figures["simulated_h"] >= 12
    assert figures["dials"] >= 50  # some were cut, some renewed


@pytest.mark.parametrize(
    ("leak", "told"),
    [
        ("memory", "memory"),
        ("object", "list"),
        ("task", "tasks"),
        ("timer", "timers"),
        ("file", "fds"),
        ("thread", "threads"),
    ],
)
def test_a_leak_in_every_tenth_turn_is_found(leak, told):
    with pytest.raises(AssertionError, match=f"'{told}': \\d+"):
        alone(__file__, 800, "--leak", leak, within_s=100)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("turns", type=int)
    parser.add_argument("--seed", type=int, default=20261125)
    parser.add_argument("--leak", choices=LEAKS, default="")
    given = parser.parse_args()
    print(json.dumps(simulated(live(given.turns, given.seed, given.leak))))  # noqa: T201  for `alone`
