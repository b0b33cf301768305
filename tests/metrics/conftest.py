"""Records for the metrics, as the runner would write them."""

import pytest

from appliance.metrics.fold import metrics_step
from appliance.metrics.indicators import INDICATORS
from appliance.metrics.snapshot import About, snapshot
from appliance.metrics.state import Metrics

ABOUT = About(
    "0.1.0",
    812,
    1.0,
    ("press_to_mic", "capture_to_sent"),
)
NOON = 1_795_600_000.0  # what the wall clock shows when the monotonic one shows 0


class Book:
    """Takes records at times, and keeps the lines that came of them."""

    def __init__(self):
        self.limits = {each.name: each.defaults for each in INDICATORS}
        self.metrics = Metrics(0.0, self.limits)
        self.now_s = 0.0
        self.lines = []
        self.at(0.0, "settings", voice="alloy", language="en", talk_mode="hold", model="mini")

    def at(self, now_s, kind="tick", **fields):
        self.now_s = max(self.now_s, now_s)
        self.lines += metrics_step(self.metrics, kind, fields, self.now_s)

    def told(self):
        return snapshot(self.metrics, ABOUT, self.now_s, NOON + self.now_s)


@pytest.fixture
def book():
    return Book()
