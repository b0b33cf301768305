"""What the device hears by itself: a voice over its answer, and how well its echo is cancelled."""

from __future__ import annotations

from appliance.ports import Captured, Trace


class Ears:
    """Watches the microphone's chunks for what the turn machine and the trace should know."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._converged: bool | None = None

    def take(self, chunk: Captured) -> None:
        """Note that the echo canceller has converged, or no longer is."""
        echo = chunk.echo
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
