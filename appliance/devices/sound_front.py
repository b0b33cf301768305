"""The sound chain between the microphone's stream and what is delivered of it.

It runs on PortAudio's thread: a frame costs less than a millisecond, most of it in machine code
that lets go of the interpreter's lock.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.devices.echo_reference import EchoReference
from appliance.dsp.chain import Chain
from appliance.dsp.frame import FRAME, RATE
from appliance.dsp.level import rms_dbfs
from appliance.dsp.nearvoice import NearVoice
from appliance.dsp.pcm import float_to_pcm16
from appliance.ports import Echo

Samples = NDArray[np.float32]
FRAME_S = FRAME / RATE


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Some frames after the chain."""

    pcm: bytes  # s16le mono, 24 kHz
    first_sample_s: float  # when what is its first sample met the converter
    voice_since_s: float | None  # somebody surely speaks, and did so from then on
    echo: Echo | None


class SoundFront:
    """A chain, its reference, and the frame that is not full yet. One stream's; not shared."""

    def __init__(
        self, chain: Chain, reference: EchoReference | None, input_gain_db: float = 0.0
    ) -> None:
        """Put the two together; without a reference there must be no echo stage.

        Args:
            input_gain_db: put on what comes in, before all else (`devices.calibration`).
        """
        self.channels = chain.geometry.channels
        self._chain = chain
        self._reference = reference if chain.echo is not None else None
        self._voice = NearVoice()
        self._rest = np.zeros((self.channels, 0), np.float32)
        self._delay_s = chain.delay_samples / RATE
        self._input_gain = np.float32(10.0 ** (input_gain_db / 20.0))

    def process(self, samples: Samples, first_sample_s: float) -> Cleaned | None:
        """Take what came in; return what came out, None if that is not a frame yet.

        Args:
            samples: shape (channels, n), float32, 24 kHz.
            first_sample_s: when the first of them met the converter.
        """
        if self._input_gain != 1.0:
            samples = samples * self._input_gain
        begin_s = first_sample_s - self._rest.shape[1] / RATE
        waiting = np.concatenate((self._rest, samples), axis=1) if self._rest.size else samples
        count = waiting.shape[1] // FRAME
        self._rest = waiting[:, count * FRAME :]
        if not count:
            return None
        pieces: list[bytes] = []
        voice_since_s: float | None = None
        for i in range(count):
            frame = np.ascontiguousarray(waiting[:, i * FRAME : (i + 1) * FRAME])
            spoken = self._frame(frame, pieces)
            if spoken is not None:
                voice_since_s = begin_s - self._delay_s + (i + 1 - spoken) * FRAME_S
        return Cleaned(b"".join(pieces), begin_s - self._delay_s, voice_since_s, self._echo())

    def _frame(self, frame: Samples, pieces: list[bytes]) -> int | None:
        """Run one frame; return for how many frames somebody has been speaking."""
        chain, reference_dbfs, trusted = self._chain, -96.0, False
        if self._reference is not None and chain.echo is not None:
            reference = self._reference.take()
            if reference.moved:
                chain.echo.moved(reference.moved)
            out = chain.process(frame, reference.samples)
            reference_dbfs, trusted = rms_dbfs(reference.samples), chain.echo.converged
        else:
            out = chain.process(frame)
        pieces.append(float_to_pcm16(out))
        return self._voice.process(chain.speech, chain.level_dbfs, reference_dbfs, trusted=trusted)

    def _echo(self) -> Echo | None:
        echo = self._chain.echo
        if echo is None:
            return None
        return Echo(echo.converged, echo.echo_loss_db, echo.delay_ms)
