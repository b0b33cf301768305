"""When a watchdog is fed: what must have moved since the last time. Pure; nothing here knows time.

Rules
- Whoever asks is the event loop, so that asking shows that it turns.
- Samples must have come in since the last time, unless none can: the microphone is known to be
  lost, and being looked for, or was never there.
- Nothing is fed while the sound system hangs: its thread will not come back, and what waits for it
  can only be had by a new process.
"""

from __future__ import annotations

BEAT_S = 1.0  # how often to ask
HANGS_AFTER_S = 1.0  # a call of the sound system; a card that opens more slowly misses a beat


class Pulse:
    """What moved since the last beat."""

    def __init__(self) -> None:
        self._heard = False
        self._is_listening = False

    def opened(self) -> None:
        """The microphone is open: samples are to come."""
        self._is_listening = True

    def heard(self) -> None:
        """Samples came."""
        self._heard = True

    def closed(self) -> None:
        """The microphone is lost, or was closed: nothing will come."""
        self._is_listening = False

    def beat(self, sound_busy_s: float) -> bool:
        """Return whether the watchdog is to be fed now.

        Args:
            sound_busy_s: for how long the sound system has been in one call, 0.0 if it is in none.
        """
        moved = self._heard or not self._is_listening
        self._heard = False
        return moved and sound_busy_s <= HANGS_AFTER_S
