"""Acoustic echo canceller: what the loudspeaker plays is taken out of what the microphone hears.

In this order, on blocks of 10 ms: the reference is read at the microphone's clock (`echo_drift`),
delayed by whole blocks (`echo_delay`), and put through a Kalman filter that knows the room
(`echo_filter`); what that leaves is suppressed (`echo_suppress`). The delay moves the filter's
partitions along with it, so that it is never compensated here and learnt again there.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from appliance.dsp.echo_delay import DELAYS
from appliance.dsp.echo_drift import FIRST_LAG, sinc_table
from appliance.dsp.echo_filter import BLOCK, SPAN
from appliance.dsp.echo_frame import (
    CONVERGED,
    DELAY,
    FOUND,
    LOSS,
    LOUDEST_INPUT,
    PEAK,
    REACH,
    REFUSED,
    TWIDDLES,
    run,
)
from appliance.dsp.echo_suppress import EDGES
from appliance.dsp.kernel import I32, Array
from appliance.errors import SignalError

FRAME: Final = BLOCK

_MAX_DELAY_MS: Final = 10 * (DELAYS - 1)


class EchoCanceller:
    """Takes the loudspeaker out of one microphone channel, frame by frame.

    Feed it every frame of both, silence included: the clocks of loudspeaker and microphone are
    compared through them. Until an echo is found (no loudspeaker, or headphones) the microphone
    passes untouched. It holds for delays of 0 to `max_delay_ms`, 250 ms of echo path after that,
    and clocks that differ by up to 300 ppm; a delay that jumps or a loudspeaker that is moved is
    noticed and learnt anew, with `converged` false meanwhile.

    Attributes:
        delay_samples: of the output against the microphone, 240 (10 ms).
        state: every array that changes from frame to frame, by name, for inspection.

    Source: Enzner and Vary 2006, Kuech et al. 2014 (filter); the modules of the parts name theirs.
    """

    delay_samples: Final = BLOCK

    def __init__(self, max_delay_ms: int = _MAX_DELAY_MS) -> None:
        """Make a canceller that knows nothing yet.

        Args:
            max_delay_ms: 10 to 500; delays of the echo beyond it are not looked for.

        Raises:
            SignalError: max_delay_ms is out of range.
        """
        if not 10 <= max_delay_ms <= _MAX_DELAY_MS:
            raise SignalError(f"want a delay of 10 to {_MAX_DELAY_MS} ms, got {max_delay_ms}")
        self._reach = max_delay_ms // 10
        self._mic, self._ref, self._out = (np.zeros(FRAME, np.float32) for _ in range(3))
        self.state: dict[str, NDArray[Any]] = {}
        self._constants: list[NDArray[Any]] = [
            np.sin(np.pi * (np.arange(SPAN) + 0.5) / SPAN).astype(np.float32),
            sinc_table(),
            np.array(EDGES, np.int32),
            TWIDDLES,
        ]
        outside = {"mic", "ref", "out", "window", "sinc", "edges", "twiddles"}
        for name, want in run.parameters.items():
            if name not in outside and isinstance(want, Array):
                kind = np.int32 if want.kind is I32 else np.float32
                self.state[name] = np.zeros(want.shape, kind)
        self.reset()
        self._run = run.bind(
            self._mic, self._ref, self._out, *self.state.values(), *self._constants
        )

    def reset(self) -> None:
        """Forget room, delay, drift and the 10 ms on their way out."""
        for array in self.state.values():
            array.fill(0)
        self.state["noise"].fill(1e-3)
        self.state["bands"][2] = 1.0
        self.state["bands"][3] = 1e-3
        self.state["clock"][0] = FIRST_LAG
        self.state["slots"][REACH] = self._reach

    def process(
        self, mic: NDArray[np.float32], reference: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the microphone without the echo, 240 samples late.

        Args:
            mic: shape (240,), float32, 24 kHz, full scale ±1.0.
            reference: as `mic`; what was sent to the loudspeaker while `mic` was recorded, or up
                to 500 ms before.

        Returns:
            A new array of the same kind. It is finite and at most a little louder than `mic`.

        Raises:
            SignalError: wrong shape or dtype, or NaN, infinity or a level beyond LOUDEST_INPUT;
                such a frame leaves the state as it was.
        """
        for name, frame in (("mic", mic), ("reference", reference)):
            if frame.shape != (FRAME,) or frame.dtype != np.float32:
                raise SignalError(
                    f"want {name} float32 ({FRAME},), got {frame.dtype} {frame.shape}"
                )
        self._mic[:] = mic
        self._ref[:] = reference
        self._run()
        if self.state["slots"][REFUSED]:
            raise SignalError(f"mic or reference holds NaN, infinity or more than {LOUDEST_INPUT}")
        return self._out.copy()

    def moved(self, frames: int) -> None:
        """Note that the reference, silent now, is paired with other frames of the microphone.

        Args:
            frames: by how many the echo comes later from now on; negative for earlier.
        """
        slots = self.state["slots"]
        for slot in (DELAY, PEAK):
            slots[slot] = min(max(int(slots[slot]) + frames, 0), DELAYS - 1)
        for name in ("cross_re", "cross_im"):  # what was averaged for one delay is now another's
            cross = self.state[name]
            shifted = np.zeros_like(cross)
            if 0 <= frames < DELAYS:
                shifted[frames:] = cross[: DELAYS - frames]
            elif -DELAYS < frames < 0:
                shifted[:frames] = cross[-frames:]
            cross[:] = shifted

    @property
    def converged(self) -> bool:
        """Whether so little echo is left that a voice over the loudspeaker may be believed."""
        return bool(self.state["slots"][CONVERGED])

    @property
    def echo_loss_db(self) -> float:
        """What the filter takes off the echo, 350 Hz to 5.6 kHz, before the suppressor; 0 at first.

        Learnt while only the far end speaks and held through double talk and silence.
        """
        return max(0.0, float(self.state["powers"][LOSS]))

    @property
    def delay_ms(self) -> float | None:
        """Delay of the echo against the reference, within 10 ms; None until it is known."""
        slots = self.state["slots"]
        if not slots[FOUND]:
            return None
        return float(10 * slots[PEAK] + self.state["clock"][0] / 24.0)

    @property
    def drift_ppm(self) -> float:
        """How fast the echo falls behind the reference: positive if the loudspeaker is slow."""
        return float(self.state["clock"][2])
