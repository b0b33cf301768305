"""What the device hears by itself: a voice over its answer, how well its echo is cancelled, and
whether its microphone is muted or driven too hard.
"""

from __future__ import annotations

from appliance.metrics.meter import Meter
from appliance.ports import Captured, Echo, Trace
from appliance.runner.reporter import Reporter
from appliance.session.hearing import Heard, HearingRules, HearingState, hearing_step
from appliance.session.troubles import Begins
from appliance.units import WIRE_RATE_HZ, pcm_samples


class Ears:
    """Watches the microphone's chunks for what the turn machine and people should know."""

    def __init__(self, rules: HearingRules, reporter: Reporter, trace: Trace) -> None:
        self._rules = rules
        self._reporter = reporter
        self._trace = trace
        self._converged: bool | None = None
        self._hearing = HearingState()
        self.meter = Meter()  # of the microphone
        self.echo: Echo | None = None  # what its canceller said last

    def take(self, chunk: Captured, *, turn_open: bool) -> None:
        """Take the stream's next chunk; `turn_open` while somebody is expected to talk."""
        self._listen(chunk, turn_open)
        echo = self.echo = chunk.echo
        if echo is None or echo.converged is self._converged:
            return
        self._converged = echo.converged
        self._trace.record(
            "echo",
            converged=echo.converged,
            loss_db=round(echo.loss_db, 1),
            delay_ms=None if echo.delay_ms is None else round(echo.delay_ms, 1),
        )

    def interrupts(self, chunk: Captured, turn: int) -> None:
        """Note that the voice in this chunk has ended a turn."""
        self._trace.record("barge_in", turn=turn, voice_since_s=chunk.voice_since_s)

    def _listen(self, chunk: Captured, turn_open: bool) -> None:
        """Tell what is wrong with the sound itself; the turn goes on all the same."""
        level = chunk.level
        if level is None:
            return
        self.meter.take(level.rms_dbfs, level.peak_dbfs)
        duration_s = pcm_samples(chunk.pcm) / WIRE_RATE_HZ
        heard = Heard(
            chunk.first_sample_s, duration_s, level.rms_dbfs, level.clipped_share, turn_open
        )
        self._hearing, told = hearing_step(self._hearing, heard, self._rules)
        for each in told:
            if isinstance(each, Begins):
                self._reporter.begins(each.fault, each.figure)
            else:
                self._reporter.ends(each.fault)
