"""Units of time and sound that cross a room's door.

PCM on every internal path is s16le, mono, WIRE_RATE_HZ, unless a name says otherwise.
Times ending in `_s` are seconds of the monotonic clock.
"""

from __future__ import annotations

WIRE_RATE_HZ = 24_000  # the Realtime API takes and gives PCM at this rate only
BYTES_PER_SAMPLE = 2  # s16le mono


def samples_to_ms(samples: int, rate_hz: int = WIRE_RATE_HZ) -> int:
    """Return whole milliseconds that have fully gone by; 24 samples at 24 kHz make 1 ms."""
    return samples * 1000 // rate_hz


def ms_to_samples(ms: float, rate_hz: int = WIRE_RATE_HZ) -> int:
    """Return the number of samples in `ms` milliseconds, rounded to the nearest."""
    return round(ms * rate_hz / 1000)


def pcm_samples(pcm: bytes) -> int:
    """Return how many samples `pcm` (s16le mono) holds."""
    return len(pcm) // BYTES_PER_SAMPLE
