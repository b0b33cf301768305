"""How loud somebody speaks, how loud the room is, and whether a recording is fit to judge by. Pure.

Source: ITU-T P.56 (12/2011), method B: the active level is that of the speech without its pauses,
found where the level and the threshold that tells speech from pauses are 15.9 dB apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.doctor.levels import Samples, clipped_share, noise_floor_dbfs, peak_dbfs
from appliance.dsp.frame import FRAME, RATE
from appliance.dsp.highpass import HighPass
from appliance.dsp.vad import VoiceActivity
from appliance.errors import ApplianceError
from appliance.session.hearing import HearingRules

MARGIN_DB = 15.9
_ENVELOPE_S = 0.03
_HANGOVER_S = 0.2
_STEPS = 15  # thresholds, each half of the one before
LEAST_SPEECH_S = 1.0
LEAST_S = 3.0
_SILENT_DBFS = -75.0
_STANDS_OUT_DB = 10.0
_SURE = 0.5
_CLIPPED_SHARE = HearingRules().clipped_share


@dataclass(frozen=True, slots=True)
class Speech:
    """What a recording shows, after the device's own high-pass but for what clips."""

    active_dbfs: float  # ITU-T P.56
    activity: float  # share of the time with speech, 0 to 1
    peak_dbfs: float
    noise_dbfs: float
    clipped_share: float
    speech_s: float  # with speech, as the device's voice activity has it
    seconds: float


def active_level(samples: Samples, rate_hz: int) -> tuple[float, float]:
    """Return the active speech level in dBFS, and the activity, 0 to 1.

    Args:
        samples: shape (n,), full scale ±1.0.

    Returns:
        (-100.0, 0.0) if nothing in it is active.
    """
    envelope = _envelope(np.abs(samples.astype(np.float64)), rate_hz)
    energy = float(np.dot(samples.astype(np.float64), samples))
    hangover = math.ceil(_HANGOVER_S * rate_hz)
    places = np.arange(len(samples))
    before = None
    for step in range(_STEPS):
        threshold = 2.0 ** (step - _STEPS)
        latest = np.maximum.accumulate(np.where(envelope >= threshold, places, -1))
        active = int(np.count_nonzero((latest >= 0) & (places - latest <= hangover)))
        if not active:
            break
        level = 10 * math.log10(energy / active + 1e-20)
        apart = level - 20 * math.log10(threshold)
        if apart <= MARGIN_DB:
            if before is None:
                return level, active / len(samples)
            share = (before[1] - MARGIN_DB) / (before[1] - apart)
            level = before[0] + share * (level - before[0])
            return level, min(1.0, energy / len(samples) / 10 ** (level / 10))
        before = (level, apart)
    return -100.0, 0.0


def _envelope(magnitude: NDArray[np.float64], rate_hz: int) -> NDArray[np.float64]:
    """Smooth twice with a time constant of 30 ms."""
    keep = math.exp(-1.0 / (_ENVELOPE_S * rate_hz))
    once = twice = 0.0
    smooth = []
    for value in magnitude.tolist():
        once = keep * once + (1.0 - keep) * value
        twice = keep * twice + (1.0 - keep) * once
        smooth.append(twice)
    return np.array(smooth)


def measure(raw: Samples, samples: Samples) -> Speech:
    """Measure a recording.

    Args:
        raw: shape (m,), as the card gave it, at any rate: what clips shows there alone.
        samples: shape (n,), the same at 24 kHz.
    """
    highpass, voice = HighPass(), VoiceActivity()
    frames = [
        highpass.process(np.ascontiguousarray(samples[at : at + FRAME]))
        for at in range(0, len(samples) - FRAME + 1, FRAME)
    ]
    clean = np.concatenate(frames) if frames else np.zeros(0, np.float32)
    if not clean.any():
        return Speech(-100.0, 0.0, -100.0, -100.0, clipped_share(raw), 0.0, len(samples) / RATE)
    active_dbfs, activity = active_level(clean, RATE)
    speaks = sum(voice.process(frame) >= _SURE for frame in frames)
    return Speech(
        active_dbfs=active_dbfs,
        activity=activity,
        peak_dbfs=peak_dbfs(raw),
        noise_dbfs=noise_floor_dbfs(clean, RATE),
        clipped_share=clipped_share(raw),
        speech_s=speaks * FRAME / RATE,
        seconds=len(samples) / RATE,
    )


def refuse_unfit(speech: Speech) -> None:
    """Raise if nothing can be learnt from the recording.

    Raises:
        ApplianceError: what is wrong with it, and what to do, in one line.
    """
    if speech.seconds < LEAST_S:
        raise ApplianceError(
            f"{speech.seconds:.1f} s are too short: record {LEAST_S:.0f} s or more"
        )
    if speech.peak_dbfs < _SILENT_DBFS:
        raise ApplianceError(
            "the microphone gave silence: is it muted, or is another one chosen? "
            "`appliance devices` lists them"
        )
    if speech.clipped_share > _CLIPPED_SHARE:
        raise ApplianceError(
            f"{100 * speech.clipped_share:.1f} % of the samples are at full scale: it clips; "
            "turn the microphone's own gain down (`alsamixer`), or speak from further away"
        )
    above_db = speech.active_dbfs - speech.noise_dbfs
    if speech.speech_s < LEAST_SPEECH_S or above_db < _STANDS_OUT_DB:
        raise ApplianceError(
            f"no speech stands out: {speech.speech_s:.1f} s of it were found, {above_db:.0f} dB "
            "over the noise; speak all the time, closer, or in a quieter room"
        )
