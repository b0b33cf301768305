"""From some seconds of speech to the gain of the microphone. Pure.

What is set, and why. The automatic gain evens out any voice in the end, but begins at 0 dB each
time the device starts, and the stages before it see the level that the card gives. Measured with
15 s of a person reading, noise 25 dB below: of speech at -50 dBFS the first half second came out
at -43 dBFS, and 13 % of its frames were not taken for speech; with the gain that is set here it
was -21 dBFS, and 8 %, as with loud speech. Below -52 dBFS no voice interrupts the device at all.
An echo 30 dB below its reference was cancelled by 11 dB, after 5.3 s; one at the reference's level
by 38 dB, after 1.6 s, and one 20 dB above it by 44 dB, after 3.4 s (20 s of speech, a random tail).

- One gain in front of the chain brings the active level (ITU-T P.56) to -26 dBFS, the level that
  telephony is planned for: 26 dB of room for whoever shouts.
- Where the card has a gain of its own, that is moved only if it is far off: up to -36 dBFS, and no
  further, since the loudspeaker beside the microphone is louder than the person and must not clip;
  down if speech comes close to clipping.
"""

from __future__ import annotations

from dataclasses import dataclass

from appliance.devices.calibration import HIGHEST_DB, LOWEST_DB
from appliance.doctor.mixer import Control
from appliance.doctor.speech import Speech

TARGET_DBFS = -26.0
TOO_SOFT_DBFS, RAISE_TO_DBFS = -42.0, -36.0  # at the card, where it has a gain of its own
TOO_LOUD_DBFS = -20.0
HEADROOM_DBFS = -3.0  # highest peak, where no limiter follows


@dataclass(frozen=True, slots=True)
class Plan:
    """What to set. `mixer_value`: None to leave the card's own gain alone."""

    input_gain_db: float
    mixer_value: int | None


def plan(speech: Speech, control: Control | None, *, limited: bool) -> Plan:
    """Return what to set.

    Args:
        control: the card's own gain, if it has one.
        limited: whether a limiter follows (`session.auto_gain_control`).
    """
    value = None if control is None else _mixer_value(speech, control)
    moved_db = 0.0
    if control is not None and value is not None:
        moved_db = control.db_at(value) - control.now_db
    return Plan(input_gain_db(speech, moved_db, limited=limited), value)


def input_gain_db(speech: Speech, moved_db: float, *, limited: bool) -> float:
    """Return the gain in front of the chain, after the card's own was moved by `moved_db`."""
    gain_db = TARGET_DBFS - (speech.active_dbfs + moved_db)
    if not limited:
        gain_db = min(gain_db, HEADROOM_DBFS - (speech.peak_dbfs + moved_db))
    return round(min(HIGHEST_DB, max(LOWEST_DB, gain_db)), 1)


def _mixer_value(speech: Speech, control: Control) -> int | None:
    if speech.active_dbfs < TOO_SOFT_DBFS:
        wanted_db = RAISE_TO_DBFS - speech.active_dbfs
    elif speech.active_dbfs > TOO_LOUD_DBFS:
        wanted_db = TARGET_DBFS - speech.active_dbfs
    else:
        return None
    value = control.value_at(control.now_db + wanted_db)
    return None if value == control.value else value
