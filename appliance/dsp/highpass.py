"""High-pass filter: takes rumble, mains hum and DC off before anything else listens."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from appliance.dsp.frame import FRAME, RATE, take
from appliance.dsp.kernel import F32, F64, Array, kernel
from appliance.errors import SignalError

_SECTIONS = 2


class HighPass:
    """Streaming Butterworth high-pass, 12 or 24 dB an octave, at 24 kHz.

    No delay in samples; like every filter of its kind it turns the phase near the cut-off (at four
    times the cut-off the group delay of the fourth order is under 0.6 ms for 80 Hz).

    Args:
        cutoff_hz: where it has lost 3 dB, 20 to 1000 Hz.
        order: 2 or 4.

    Attributes:
        state: shape (2, 2), float64: the two delays of each second-order section.

    Source: Butterworth 1930, by the bilinear transform with the cut-off pre-warped; sections in
    transposed direct form II, in float64 because the poles lie close to 1.
    """

    def __init__(self, cutoff_hz: float = 80.0, order: int = 4) -> None:
        if not 20.0 <= cutoff_hz <= 1000.0:
            raise SignalError(f"high-pass: want a cut-off of 20 to 1000 Hz, got {cutoff_hz}")
        if order not in (2, 4):
            raise SignalError(f"high-pass: want order 2 or 4, got {order}")
        self.cutoff_hz, self.order = cutoff_hz, order
        self.state = np.zeros((_SECTIONS, 2))
        self._sections = _butterworth(cutoff_hz, order)
        self._in = np.zeros(FRAME, np.float32)
        self._out = np.zeros(FRAME, np.float32)
        self._run = _frame.bind(self._in, self._out, self._sections, self.state)

    def process(self, frame: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return `frame` without what lies under the cut-off.

        Args:
            frame: shape (240,), float32, full scale ±1.0; samples beyond ±8 are taken as ±8.

        Returns:
            Shape (240,), float32, a new array, not delayed.

        Raises:
            SignalError: wrong shape or dtype, or NaN or infinity in it.
        """
        take(frame, self._in, "high-pass")
        self._run()
        return self._out.copy()

    def reset(self) -> None:
        """Forget what was heard."""
        self.state[:] = 0.0


def _butterworth(cutoff_hz: float, order: int) -> NDArray[np.float64]:
    """Return b0 b1 b2 a1 a2 of each section; a section that is not used passes all."""
    sections = np.zeros((_SECTIONS, 5))
    sections[:, 0] = 1.0
    warped = math.tan(math.pi * cutoff_hz / RATE)
    for section in range(order // 2):
        damping = 2.0 * math.sin(math.pi * (2 * section + 1) / (2 * order))
        scale = 1.0 / (1.0 + damping * warped + warped * warped)
        sections[section] = (
            scale,
            -2.0 * scale,
            scale,
            2.0 * (warped * warped - 1.0) * scale,
            (1.0 - damping * warped + warped * warped) * scale,
        )
    return sections


@kernel(x=Array(F32, FRAME), y=Array(F32, FRAME), c=Array(F64, 2, 5), state=Array(F64, 2, 2))
def _frame(x, y, c, state):
    """Run both sections over one frame; a state too small to matter is set to zero (denormals)."""
    for i in range(240):
        v = float(x[i])
        for s in range(2):
            w = c[s, 0] * v + state[s, 0]
            state[s, 0] = c[s, 1] * v - c[s, 3] * w + state[s, 1]
            state[s, 1] = c[s, 2] * v - c[s, 4] * w
            v = w
        y[i] = v
    for s in range(2):
        for k in range(2):
            if abs(state[s, k]) < 1e-30:
                state[s, k] = 0.0
