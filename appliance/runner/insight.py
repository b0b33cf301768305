"""What the device knows of itself: the trace's records folded into metrics, told as one line.

`MetricsTrace` is the trace that the runner writes to; `Insight` reads now and then what no record
tells, and makes the status line of it all.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Mapping

from appliance.metrics.fold import metrics_step
from appliance.metrics.indicators import Limits
from appliance.metrics.snapshot import About, snapshot
from appliance.metrics.state import Metrics
from appliance.ports import Journal, Microphone, Speaker, Trace
from appliance.runner.bargein import Ears
from appliance.session.health import MB

LOOK_EVERY_S = 10.0
GLANCE_S = 1.0  # whoever looks less often wants to know of now, not of all the time between
# Too many to be passed on: a trace that people read gets their sums at the end.
_MANY = frozenset({"span", "streams", "meters"})


class MetricsTrace:
    """A trace that keeps count, and passes on what it gets to the one `beside` it."""

    def __init__(
        self,
        limits: Mapping[str, Limits],
        clock: Callable[[], float],
        journal: Journal,
        beside: Trace,
    ) -> None:
        self.metrics = Metrics(clock(), limits)
        self._clock = clock
        self._journal = journal
        self._beside = beside

    def record(self, kind: str, **fields: object) -> None:
        if kind not in _MANY:
            self._beside.record(kind, **fields)
        self.note(kind, **fields)

    def note(self, kind: str, **fields: object) -> None:
        """Count a record without passing it on."""
        for told in metrics_step(self.metrics, kind, fields, self._clock()):
            self._journal.event(
                told.event,
                told.text,
                level=told.severity,
                INDICATOR=told.indicator,
                LEVEL=told.level,
                VALUE=round(told.value, 3),
            )

    def sent_audio(self, pcm: bytes) -> None:
        self._beside.sent_audio(pcm)


class Insight:
    """The status of a running device, as one line of JSON."""

    def __init__(
        self,
        trace: MetricsTrace,
        about: About,
        microphone: Microphone,
        speaker: Speaker,
        ears: Ears,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        resident_bytes: Callable[[], int | None],
    ) -> None:
        """`wall_clock()` is the time since 1970, in seconds, which may jump."""
        self._trace = trace
        self._about = about
        self._microphone = microphone
        self._speaker = speaker
        self._ears = ears
        self._clock = clock
        self._wall_clock = wall_clock
        self._resident_bytes = resident_bytes
        self._timer: asyncio.TimerHandle | None = None
        self._seen_s = -math.inf

    async def __aenter__(self) -> Insight:
        self._look_again()
        return self

    async def __aexit__(self, *ended: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look_again(self) -> None:
        """Look every few seconds, so that time passes even if nothing happens."""
        self.look()
        self._timer = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._look_again)

    def look(self) -> None:
        """Note what no record tells: xruns, how well the echo is cancelled, and our memory."""
        note = self._trace.note
        note("streams", overflows=self._microphone.overflows, underflows=self._speaker.underflows)
        echo = self._ears.echo
        if echo is not None:
            note("echo", converged=echo.converged, loss_db=echo.loss_db, delay_ms=echo.delay_ms)
        board = self._trace.metrics.board
        if board["temperature_c"] is None and board["disk_free_mb"] is None:
            self._weigh()  # nobody looks after the machine

    def _weigh(self) -> None:
        resident = self._resident_bytes()
        if resident is not None:
            self._trace.note("board", resident_mb=resident / MB)

    def line(self) -> bytes:
        """Return the snapshot of now, with the meters of the time since the last one."""
        self.look()
        now_s = self._clock()
        seen_s, self._seen_s = self._seen_s, now_s
        level = self._ears.meter.read(newest=now_s - seen_s > GLANCE_S) or (None, None)
        self._trace.note("meters", rms_dbfs=level[0], peak_dbfs=level[1])
        told = snapshot(self._trace.metrics, self._about, now_s, self._wall_clock())
        return json.dumps(told, separators=(",", ":")).encode() + b"\n"
