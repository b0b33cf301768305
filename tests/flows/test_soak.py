"""A short soak of the real device, and what the soak would say of one that leaks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
from leaks import Use
from soak import Soaked, leaks_of, soak

TALKS_S = 180.0


@pytest.mark.timeout(300)
async def test_a_device_that_talks_leaks_nothing(sound_room, tmp_path):
    soaked = await soak(TALKS_S, tmp_path)
    figures = soaked.figures()
    assert leaks_of(soaked) == [], figures
    assert figures["outcomes"]["answered"] >= 30, figures
    assert figures["outcomes"]["interrupted"] >= 5, figures


def soaked_with(opens=2, **grows):
    """What is seen of a device in which these grow by so much a turn."""
    start = {"rss_kb": 80_000, "fds": 30, "sockets": 5, "threads": 6}
    uses = [
        Use(**{name: n + round(grows.get(name, 0) * turn) for name, n in start.items()})
        for turn in range(30)
    ]
    return Soaked(uses, ["answered"] * 30, {"opens": opens}, 100.0)


def test_a_device_that_only_warms_up_is_let_pass():
    soaked = soaked_with()
    for turn in range(10):
        soaked.uses[turn] = Use(60_000, 20, 3, 4)
    assert leaks_of(soaked) == []


@pytest.mark.parametrize(
    ("grows", "told"),
    [
        ({"rss_kb": 70}, "memory"),
        ({"fds": 0.1}, "fds"),
        ({"sockets": 0.1}, "sockets"),
        ({"threads": 0.1}, "threads"),
        ({"opens": 3}, "opened 3 times"),
    ],
)
def test_what_grows_is_named(grows, told):
    (found,) = leaks_of(soaked_with(**grows))
    assert told in found


def test_too_few_turns_prove_nothing():
    soaked = soaked_with()
    del soaked.uses[19:]
    assert "too few" in leaks_of(soaked)[0]
