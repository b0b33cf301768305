"""The sound chain: which stages there are, and in which order.

    channels ─► beam ─► high-pass ─► echo ─► denoise ─► gain and limiter ─► one channel
                                      ▲                   ▲
                                  reference             speech (voice activity, after denoise)

Echo before noise, because a noise suppressor's gain changes would look like a moving room; gain
last, because everything before it must see the levels that were captured.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import numpy as np
from numpy.typing import NDArray

from appliance.dsp.beam import Array, Mode
from appliance.dsp.denoise import Denoiser
from appliance.dsp.echo import EchoCanceller
from appliance.dsp.frame import FRAME
from appliance.dsp.gain import DELAY as GAIN_DELAY
from appliance.dsp.gain import Gain
from appliance.dsp.geometry import SINGLE, Geometry
from appliance.dsp.highpass import HighPass
from appliance.dsp.level import FLOOR_DBFS, rms_dbfs
from appliance.dsp.vad import VoiceActivity
from appliance.errors import SignalError

STAGES: Final = ("beam", "highpass", "echo", "denoise", "gain")
SILENCE: Final = np.zeros(FRAME, np.float32)

Samples = NDArray[np.float32]


class Chain:
    """Every stage that is wanted, in the one order.

    Attributes:
        delay_samples: of the output against the input, the stages' own delays added up.
        speech: probability that the last frame held speech, 0 to 1.
        level_dbfs: of the last frame, before the gain.
        echo: the canceller, for its convergence and figures; None if it is off.
    """

    def __init__(
        self,
        stages: Collection[str] = STAGES,
        *,
        geometry: Geometry = SINGLE,
        beam: Mode = Mode.SUPERDIRECTIVE,
        noise_level: str = "moderate",
        target_dbfs: float = -20.0,
    ) -> None:
        """Build the stages named.

        Raises:
            SignalError: no such stage, or a stage's own argument is out of range.
        """
        unknown = sorted(set(stages) - set(STAGES))
        if unknown:
            raise SignalError(f"no stage {', '.join(unknown)}: there are {', '.join(STAGES)}")
        self.geometry = geometry
        self._beam = Array(geometry, beam) if "beam" in stages else None
        self._highpass = HighPass() if "highpass" in stages else None
        self.echo = EchoCanceller() if "echo" in stages else None
        self._denoise = Denoiser(noise_level) if "denoise" in stages else None
        self._voice = VoiceActivity()
        self._gain = Gain(target_dbfs) if "gain" in stages else None
        self.speech = 0.0
        self.level_dbfs = FLOOR_DBFS
        self.delay_samples = (
            (self._beam.delay_samples if self._beam else 0)
            + (EchoCanceller.delay_samples if self.echo else 0)
            + (self._denoise.delay if self._denoise else 0)
            + (GAIN_DELAY if self._gain else 0)
        )

    @property
    def gain_db(self) -> float:
        """What the automatic gain does at present; 0 if it is off."""
        return self._gain.gain_db if self._gain else 0.0

    def process(self, mic: Samples, reference: Samples = SILENCE) -> Samples:
        """Return 10 ms of clean sound.

        Args:
            mic: shape (240,), or (channels, 240) for an array; float32, 24 kHz, full scale ±1.0.
            reference: shape (240,); what the loudspeaker was given meanwhile, silence included.

        Raises:
            SignalError: wrong shape or dtype, NaN or infinity.
        """
        if self._beam is not None:
            frame = self._beam.process(mic if mic.ndim == 2 else mic[np.newaxis])
        else:
            frame = mic if mic.ndim == 1 else mic[self.geometry.raw[0]]
        if self._highpass is not None:
            frame = self._highpass.process(frame)
        if self.echo is not None:
            frame = self.echo.process(frame, reference)
        if self._denoise is not None:
            frame = self._denoise.process(frame)
        self.speech = self._voice.process(frame)
        self.level_dbfs = rms_dbfs(frame)
        if self._gain is not None:
            frame = self._gain.process(frame, self.speech)
        return frame

    def reset(self) -> None:
        """Forget everything heard so far."""
        for stage in (
            self._beam,
            self._highpass,
            self.echo,
            self._denoise,
            self._voice,
            self._gain,
        ):
            if stage is not None:
                stage.reset()
