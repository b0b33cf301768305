"""What the loudspeaker was given, kept for the echo canceller that hears it come back.

    speaker's thread ─put─► [ring] ─take─► microphone's thread

Each end moves at the pace of its own sound card. The canceller finds the delay between them by
itself and follows the slow drift of two clocks, so all that matters is that frames pair off: a
frame of reference for each frame of microphone, silence included. What drift adds up to over
minutes is put right in a moment of silence, in whole frames, and the canceller is told.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from appliance.dsp.frame import FRAME
from appliance.dsp.pcm import pcm16_to_float

RING: Final = 1 << 15  # samples: 1.4 s
LEAST: Final = FRAME // 4  # in hand at the worst moment; with less, the next jitter makes a gap
MOST: Final = 8 * FRAME  # more at the worst moment is delay for nothing
WINDOW: Final = 300  # frames over which the worst moment is looked for
STILL: Final = 50  # frames of silence after which the ring may be put right
AWAY: Final = 50  # frames without a sample of reference: the loudspeaker has stopped

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Reference:
    """One frame, and by how many frames the pairing changed just before it.

    `moved` is positive where frames of silence were left out, so that the echo seems to come that
    much later, and negative where some were put in.
    """

    samples: Samples  # (240,), float32, 24 kHz
    moved: int = 0


class EchoReference:
    """A ring between two threads.

    Attributes:
        gaps: frames that were wanted before the loudspeaker had taken them, over all starts.
    """

    def __init__(self, keep_samples: int) -> None:
        """Make an empty one.

        Args:
            keep_samples: what is in hand when the first frame is taken, at 24 kHz: a chunk of the
                microphone, all of whose frames are taken at once, a buffer of the loudspeaker,
                and a little. Less than what both sound cards queue, or the reference would come
                after its echo.
        """
        self.gaps = 0
        self._keep = keep_samples
        self._lock = threading.Lock()
        self._ring = np.zeros(RING, np.float32)
        self._written = 0
        self._read = 0
        self._silent = 0  # samples of silence up to the newest
        self._missing = AWAY  # frames in a row that were not there
        self._least = RING  # in hand at the worst moment since it was last looked for
        self._looked = 0

    def put(self, pcm: bytes) -> None:
        """Keep what is handed to the sound card now (s16le mono, 24 kHz)."""
        samples = pcm16_to_float(pcm)
        loud = np.flatnonzero(samples)
        with self._lock:
            at = self._written % RING
            first = min(samples.size, RING - at)
            self._ring[at : at + first] = samples[:first]
            self._ring[: samples.size - first] = samples[first:]
            self._written += samples.size
            kept = self._silent + samples.size
            self._silent = samples.size - 1 - int(loud[-1]) if loud.size else kept
            if self._in_hand > RING:  # nobody takes: the microphone is away
                self._missing = AWAY

    def take(self) -> Reference:
        """Return the reference for the next frame of the microphone."""
        with self._lock:
            if self._missing >= AWAY:
                if self._written < self._keep or self._in_hand < self._keep:
                    return Reference(np.zeros(FRAME, np.float32))
                self._read = self._written - self._keep
                self._missing = 0
                self._look_again()
            if self._in_hand < FRAME:
                self.gaps += 1
                self._missing += 1
                return Reference(np.zeros(FRAME, np.float32), -1)
            moved = self._put_right()
            at = self._read % RING
            frame = np.empty(FRAME, np.float32)
            first = min(FRAME, RING - at)
            frame[:first] = self._ring[at : at + first]
            frame[first:] = self._ring[: FRAME - first]
            self._read += FRAME
            self._missing = 0
            self._least = min(self._least, self._in_hand)
            self._looked += 1
            return Reference(frame, moved)

    @property
    def _in_hand(self) -> int:
        return self._written - self._read

    def _put_right(self) -> int:
        """Skip or repeat silence if too much or too little was in hand at the worst moment."""
        if self._looked < WINDOW:
            return 0
        if LEAST <= self._least <= MOST:
            self._look_again()
            return 0
        if self._silent < STILL * FRAME + self._in_hand:
            return 0  # somebody speaks: not now
        frames = round((self._least - FRAME) / FRAME)
        self._read += frames * FRAME
        self._look_again()
        return frames

    def _look_again(self) -> None:
        self._least, self._looked = RING, 0
