"""What is heard where a prompt has no sound: a few tones, one pattern for each severity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from appliance.faults import Severity
from appliance.units import WIRE_RATE_HZ, ms_to_samples

LEVEL_DBFS = -20.0  # RMS of a tone, as loud as speech
_EDGE_MS = 10.0  # a tone that begins at once clicks
_GAP_MS = 80.0

# Frequency and duration of each tone. Count and direction tell them apart, not pitch alone.
PATTERNS: dict[Severity, tuple[tuple[float, float], ...]] = {
    Severity.HARMLESS: ((660.0, 120.0),),
    Severity.NOTICE: ((660.0, 120.0), (880.0, 180.0)),  # up: good to know
    Severity.TURN: ((523.0, 150.0), (523.0, 150.0)),  # twice the same: again, please
    Severity.STANDING: ((659.0, 180.0), (494.0, 320.0)),  # down: something is gone
    Severity.FINAL: ((523.0, 180.0), (415.0, 180.0), (311.0, 450.0)),  # down, down: come and look
}


def tone(severity: Severity) -> NDArray[np.float32]:
    """Return the pattern of a severity: shape (n,), float32, 24 kHz, full scale ±1.0."""
    gap = np.zeros(ms_to_samples(_GAP_MS), np.float32)
    pieces: list[NDArray[np.float32]] = []
    for frequency_hz, duration_ms in PATTERNS[severity]:
        pieces += [_beep(frequency_hz, duration_ms), gap]
    return np.concatenate(pieces[:-1])


def _beep(frequency_hz: float, duration_ms: float) -> NDArray[np.float32]:
    samples = np.arange(ms_to_samples(duration_ms))
    peak = np.sqrt(2.0) * 10.0 ** (LEVEL_DBFS / 20.0)
    wave = peak * np.sin(2.0 * np.pi * frequency_hz * samples / WIRE_RATE_HZ)
    edge = ms_to_samples(_EDGE_MS)
    rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)
    wave[:edge] *= rise
    wave[-edge:] *= rise[::-1]
    return np.asarray(wave, np.float32)
