"""A level meter that is looked at less often than it is fed."""

from __future__ import annotations


class Meter:
    """Keeps the newest, and the loudest since it was last read: no look misses a peak."""

    def __init__(self) -> None:
        self._newest: tuple[float, float] | None = None  # RMS and peak
        self._rms_dbfs = self._peak_dbfs = 0.0

    def take(self, rms_dbfs: float, peak_dbfs: float) -> None:
        """Take the level of one chunk."""
        if self._newest is None:
            self._rms_dbfs, self._peak_dbfs = rms_dbfs, peak_dbfs
        else:
            self._rms_dbfs = max(self._rms_dbfs, rms_dbfs)
            self._peak_dbfs = max(self._peak_dbfs, peak_dbfs)
        self._newest = (rms_dbfs, peak_dbfs)

    def read(self, *, newest: bool = False) -> tuple[float, float] | None:
        """Return RMS and peak in dBFS, and begin anew; None if nothing has come in since.

        `newest`: of the newest chunk alone, for somebody who has not looked for long.
        """
        last, self._newest = self._newest, None
        return last if newest or last is None else (self._rms_dbfs, self._peak_dbfs)
