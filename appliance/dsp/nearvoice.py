"""Whether a person speaks, even while the loudspeaker does: what a barge-in by voice rests on.

Works on figures of each frame alone, after echo cancellation and noise suppression. A voice is
believed when it stands out for 200 of 300 ms:

- while the loudspeaker is silent, by the voice activity and a least level;
- while it speaks, only if the echo canceller is trusted, and only over what that usually leaves of
  the loudspeaker: a residue that is learnt, in dB below the reference, and stands still while
  something stands out of it;
- while it speaks and the canceller is not trusted, never.

Source: the residue as a slowly learnt ratio follows the double-talk detectors of Hänsler and
Schmidt 2004, chapter 13; several frames of evidence, as usual for voice interruption.
"""

from __future__ import annotations

from collections import deque
from typing import Final

LIKELY: Final = 0.6  # probability of speech that counts as evidence
LEAST_DBFS: Final = -52.0  # softer is nobody who talks to us
ABOVE_RESIDUE_DB: Final = 12.0
WINDOW: Final = 30  # frames
ENOUGH: Final = 20  # of them
FAR_DBFS: Final = -60.0  # reference level from which the loudspeaker speaks
TAIL: Final = 50  # frames that its echo may last
FIRST_RESIDUE_DB: Final = -18.0  # below the reference, until it is known better
RISE: Final = 0.02  # a frame: half a second
FALL: Final = 0.004
LEARNT: Final = 100  # frames of residue before it is believed


class NearVoice:
    """Finds the moment at which somebody begins to speak.

    Attributes:
        residue_db: what is left of the loudspeaker, against the reference.
        far: whether the loudspeaker spoke within the last half second.
    """

    def __init__(self) -> None:
        self._seen: deque[bool] = deque(maxlen=WINDOW)
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._seen.clear()
        self._count = 0
        self._quiet = TAIL
        self._far_dbfs = -96.0
        self._learnt = 0
        self.residue_db = FIRST_RESIDUE_DB
        self.far = False

    def process(
        self, speech: float, level_dbfs: float, reference_dbfs: float, *, trusted: bool
    ) -> int | None:
        """Take one frame's figures.

        Args:
            speech: probability that it holds speech, 0 to 1.
            level_dbfs: its level after echo cancellation and noise suppression.
            reference_dbfs: level of the loudspeaker's frame; at most -96 for silence.
            trusted: whether the echo canceller has converged.

        Returns:
            None while nobody is sure to speak; else for how many frames, this one included,
            somebody has.
        """
        self._quiet = 0 if reference_dbfs > FAR_DBFS else min(self._quiet + 1, TAIL)
        # An echo is as loud as the loudest of the last moments, not as what is played now.
        self._far_dbfs = max(reference_dbfs, self._far_dbfs - 0.5)
        self.far = self._quiet < TAIL
        evident = speech >= LIKELY and level_dbfs >= LEAST_DBFS
        if self.far:
            if not trusted:
                self._seen.clear()
            # What is left while the canceller learns says nothing of what is left afterwards.
            evident = trusted and self._stands_out(level_dbfs) and evident
        self._seen.append(evident)
        if sum(self._seen) < ENOUGH:
            return None
        return len(self._seen) - self._seen.index(True)

    def _stands_out(self, level_dbfs: float) -> bool:
        """Compare with the residue, and learn it from what does not stand out."""
        above_db = level_dbfs - self._far_dbfs - self.residue_db
        if self._learnt < LEARNT:
            self._learnt += 1
        elif above_db > ABOVE_RESIDUE_DB:
            return True
        self.residue_db += (RISE if above_db > 0 else FALL) * above_db
        return False
