"""A voice to judge: from the microphone, or from a file that it has made."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from appliance.config.hardware import Hardware
from appliance.devices.portaudio_system import SoundSystem
from appliance.doctor.levels import Samples, level_dbfs, peak_dbfs
from appliance.doctor.takes import record
from appliance.doctor.teller import Teller
from appliance.dsp.geometry import GEOMETRIES
from appliance.dsp.pcm import pcm16_to_float
from appliance.dsp.resample import Resampler
from appliance.errors import SignalError, UsageError
from appliance.units import WIRE_RATE_HZ

LONGEST_S = 60.0


def record_voice(
    system: SoundSystem, hardware: Hardware, seconds: float, teller: Teller
) -> tuple[Samples, int]:
    """Return what the loudest of the device's channels heard, shape (n,), and its rate.

    Raises:
        HardwareError: the microphone is missing, busy, or gives nothing.
    """
    geometry = GEOMETRIES[hardware.array]
    single = geometry.channels == 1
    teller.say(f"talk for {seconds:g} s, as loud and from as far away as you will")
    take = record(
        system,
        hardware.microphone,
        seconds,
        channels=max(geometry.channels, hardware.microphone_channel + 1),
        watch=lambda piece: teller.meter(level_dbfs(piece), peak_dbfs(piece), "talk"),
    )
    heard = take.samples[[hardware.microphone_channel] if single else list(geometry.raw)]
    loudest = int(np.argmax([level_dbfs(channel) for channel in heard]))
    return np.ascontiguousarray(heard[loudest]), take.rate_hz


def read_voice(path: Path) -> tuple[Samples, int]:
    """Return the first channel of a WAV file of 16 bits, its first minute, and its rate.

    Raises:
        UsageError: it is none.
    """
    try:
        with wave.open(str(path)) as file:
            if file.getsampwidth() != 2:
                raise UsageError(f"{path}: want 16 bits a sample, not {8 * file.getsampwidth()}")
            data = file.readframes(round(LONGEST_S * file.getframerate()))
            samples = pcm16_to_float(data).reshape(-1, file.getnchannels())
            return np.ascontiguousarray(samples[:, 0]), file.getframerate()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or 'cannot be read'}") from error
    except (wave.Error, EOFError, ValueError) as error:
        why = str(error) or "it ends too early"  # EOFError has no words
        raise UsageError(f"{path}: not a WAV file that can be read ({why})") from error


def at_wire_rate(raw: Samples, rate_hz: int) -> Samples:
    """Return the sound at 24 kHz, shape (n,).

    Raises:
        UsageError: that rate cannot be converted.
    """
    try:
        resampler = Resampler(rate_hz, WIRE_RATE_HZ)
    except SignalError as error:
        raise UsageError(str(error)) from error
    whole = np.concatenate((resampler.process(raw), resampler.flush()))
    return whole[: round(len(raw) * WIRE_RATE_HZ / rate_hz)].astype(np.float32)
