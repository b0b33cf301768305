"""10,000 simulated hours of a world that fails as it likes: when does the device dial?"""

from __future__ import annotations

import random
from collections import deque

import pytest

from appliance.session.link import (
    Dial,
    Disconnected,
    HangUp,
    LinkRules,
    LinkTick,
    Lost,
    OpenCircuit,
    Opened,
    Ready,
    RefusedForGood,
    Start,
    Wanted,
    link_step,
)

RULES = LinkRules(session_age_s=1e12, session_cap_s=1e13)  # renewal is another test's
SEED_WAITS_S = [1.0, 2.0, 4.0, 8.0, 10.0]


class World:
    """Plays the service, the network and a person; notes every dial and every failure."""

    def __init__(self, seed, up, presses, refusals):
        self.dice = random.Random(seed)
        self.up, self.presses, self.refusals = up, presses, refusals
        self.now_s = 0.0
        self.state, effects = link_step(Disconnected(), Start(), 0.0, RULES)
        self.ends_s = None  # when the present connection does what it is going to do
        self.outcome = None
        self.dials = 0
        self.failed_in_a_row = 0
        self.failed_s = 0.0
        self.pressed = False  # since the newest failure
        self.asked_s = 0.0
        self.recent = deque(maxlen=7)  # times of the newest dials that followed a failure
        self.longest_wait_s = 0.0
        self.perform(effects)

    def run(self, hours):
        while self.now_s < hours * 3600.0:
            due_s = min(self.state.deadline_s, self.ends_s or float("inf"))
            press_s = self.now_s + self.dice.expovariate(self.presses)
            if press_s < due_s:
                self.now_s, self.pressed = press_s, True
                self.take(Wanted())
            elif self.ends_s is not None and self.ends_s <= self.state.deadline_s:
                self.now_s = self.ends_s
                self.happen()
            else:
                self.now_s = max(self.now_s, self.state.deadline_s)
                self.take(LinkTick(busy=False, chance=self.dice.random()))

    def happen(self):
        self.ends_s = None
        if isinstance(self.state, Ready):
            held_s = self.now_s - self.state.opened_s
            self.take(Lost(self.dice.random(), "link_lost"), fails=held_s < RULES.settled_s)
        elif self.outcome == "opens":
            self.take(Opened())
            holds_s = self.dice.choice([1.0, 600.0, 7200.0])
            self.ends_s = self.now_s + self.dice.expovariate(1 / holds_s)
        elif self.outcome == "refuses":
            self.take(RefusedForGood("insufficient_quota"))
        else:
            asked_s = self.dice.choice([None] * 9 + [120.0])
            self.take(Lost(self.dice.random(), "no_route", asked_s), fails=True)

    def take(self, event, fails=False):
        if fails:
            self.failed_in_a_row += 1
            self.failed_s, self.pressed = self.now_s, False
            self.asked_s = getattr(event, "retry_after_s", None) or 0.0
        state, effects = link_step(self.state, event, self.now_s, RULES)
        if HangUp() in effects and isinstance(event, LinkTick):  # a dial without an end
            self.failed_in_a_row += 1
            self.failed_s, self.asked_s, self.ends_s = self.now_s, 0.0, None
            self.pressed = False
        if isinstance(event, Lost) and not fails:
            self.failed_in_a_row = 0
        if isinstance(event, RefusedForGood):
            self.failed_in_a_row, self.ends_s = 0, None
        self.state = state
        if isinstance(state, OpenCircuit):
            self.longest_wait_s = max(self.longest_wait_s, state.deadline_s - self.now_s)
        self.perform(effects)

    def perform(self, effects):
        if Dial() not in effects:
            return
        self.dials += 1
        self.check_wait()
        self.outcome = self.dice.choices(
            ["opens", "fails", "refuses", "never"],
            [self.up, 1 - self.up, self.refusals, 0.05],
        )[0]
        takes_s = 1e9 if self.outcome == "never" else self.dice.uniform(0.01, 14.0)
        self.ends_s = self.now_s + takes_s

    def check_wait(self):
        """Against the seed's own numbers, written out above."""
        n = self.failed_in_a_row
        if n == 0:
            return  # after a link that had held, or by hand after a refusal
        waited_s = self.now_s - self.failed_s
        if n >= 5:
            assert waited_s >= 60.0 - 1e-6, "the breaker was open"
            assert waited_s <= max(60.0, self.asked_s) + 1e-6
        else:  # a press shortens a wait, never below the first of all
            least_s = SEED_WAITS_S[0] if self.pressed else SEED_WAITS_S[n - 1]
            assert max(least_s, self.asked_s) - 1e-6 <= waited_s
            assert waited_s <= max(SEED_WAITS_S[n - 1] * 1.1, self.asked_s) + 1e-6
        self.recent.append(self.now_s)
        if len(self.recent) == 7 and n >= 5:
            assert self.recent[-1] - self.recent[-6] >= 60.0 - 1e-6, "more than five in a minute"


WORLDS = {  # hours, chance that a dial succeeds, presses a second, refusals to failures
    "always down": (3000, 0.0, 1 / 3600, 0.0),
    "always down, and much pressed": (500, 0.0, 1 / 7, 0.0),
    "mostly down": (2000, 0.3, 1 / 60, 0.01),
    "mostly up": (4500, 0.9, 1 / 300, 0.05),
}


@pytest.mark.parametrize("name", WORLDS)
def test_the_schedule_never_exceeds_the_seeds_bounds(name):
    hours, up, presses, refusals = WORLDS[name]
    world = World(20261125, up, presses, refusals)
    world.run(hours)
    assert world.now_s >= hours * 3600.0
    assert world.dials > 1000
    assert 60.0 <= world.longest_wait_s <= 120.0 + 1e-6


def test_the_worlds_make_ten_thousand_hours():
    assert sum(hours for hours, *_ in WORLDS.values()) == 10_000
