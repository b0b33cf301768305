"""`appliance calibrate`: five seconds of your voice, and the device's microphone is set."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict, replace
from pathlib import Path

from appliance.config.settings import Settings
from appliance.devices.calibration import (
    FILE,
    Calibration,
    calibration_file,
    name_of,
    read_calibration,
)
from appliance.devices.portaudio_system import SoundSystem
from appliance.devices.soundcards import AudioDevice, Direction, SoundCard
from appliance.doctor import mixer
from appliance.doctor.calibrate import input_gain_db, plan
from appliance.doctor.examine import service_stopped
from appliance.doctor.patient import UNIT, Allowed, Patient, meet
from appliance.doctor.speech import LEAST_S, Speech, measure, refuse_unfit
from appliance.doctor.teller import Teller
from appliance.doctor.voice import LONGEST_S, at_wire_rate, read_voice, record_voice
from appliance.errors import ApplianceError, UsageError

SECONDS = 5.0
EPILOG = """examples:
  sudo appliance calibrate                   talk for 5 seconds, from where you will stand
  sudo appliance calibrate --stop-service    … while the device runs: it is started again
  sudo appliance calibrate --file talk.wav   judge a recording that this microphone made
  sudo appliance calibrate --reset           forget it all

What is found goes to calibration.json in /var/lib/appliance, and the device reads it when it
starts. It is for the microphone that it was made with; another one is left as it is. A recording
that nothing can be learnt from (silence, noise alone, clipping, too short) changes nothing.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description = "Set how loud the device takes its microphone to be, from your voice."
    parser.epilog = EPILOG
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file (TOML)")
    parser.add_argument(
        "--seconds",
        type=float,
        default=SECONDS,
        metavar="S",
        help=f"how long to listen, {LEAST_S:.0f} to {LONGEST_S:.0f} (%(default)g)",
    )
    parser.add_argument("--file", type=Path, metavar="WAV", help="judge this instead of recording")
    parser.add_argument("--reset", action="store_true", help="forget what was set")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument(
        "--stop-service", action="store_true", help="stop the running device, and start it again"
    )


def run(args: argparse.Namespace) -> int:
    """Calibrate, or forget.

    Raises:
        ConfigError, UsageError: settings or options are wrong, or nothing can be kept.
        HardwareError: there is no microphone.
        ApplianceError: nothing can be learnt from the recording; nothing was changed.
    """
    if not LEAST_S <= args.seconds <= LONGEST_S:
        raise UsageError(f"--seconds {args.seconds:g}: from {LEAST_S:.0f} to {LONGEST_S:.0f}")
    teller = Teller(sys.stderr if args.json else sys.stdout)
    patient = meet(args.config, teller, Allowed())
    settings = patient.settings
    _check_writable(patient.state)
    with ExitStack() as closing:
        if patient.runs and args.stop_service and patient.unit:
            closing.enter_context(service_stopped())
            patient = replace(patient, stopped=True)
        told = _reset(patient) if args.reset else _calibrate(args, patient, settings)
    if args.json:
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    return 0


def _check_writable(directory: Path) -> None:
    """Find out before anybody talks for nothing.

    Raises:
        UsageError: nothing can be kept there.
    """
    if not directory.is_dir():
        raise UsageError(f"{directory}: no such directory; the service makes it, or mkdir -p does")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise UsageError(f"{directory}: you may not write there; use sudo")


def _calibrate(args: argparse.Namespace, patient: Patient, settings: Settings) -> dict[str, object]:
    teller = patient.teller
    if args.file is None and patient.runs:
        raise ApplianceError("the device runs and has the microphone: use --stop-service")
    with SoundSystem() as system:
        device = system.find(settings.hardware.microphone, Direction.CAPTURE)
        cards = system.cards
        if args.file is None:
            raw, rate_hz = record_voice(system, settings.hardware, args.seconds, teller)
        else:
            raw, rate_hz = read_voice(args.file)
    speech = measure(raw, at_wire_rate(raw, rate_hz))
    refuse_unfit(speech)
    kept = _set(patient, settings, device, cards, speech)
    teller.say(
        f"your voice: {speech.active_dbfs:.0f} dBFS, {speech.active_dbfs - speech.noise_dbfs:.0f}"
        f" dB over the room, peaks at {speech.peak_dbfs:.0f}"
    )
    if kept.mixer_control:
        teller.say(f"the card's own {kept.mixer_control}: {kept.mixer_db:+.1f} dB")
    teller.say(f"{kept.microphone}: {kept.input_gain_db:+.1f} dB, from the device's next start on")
    if patient.runs:
        teller.say(f"restart it: systemctl restart {UNIT}")
    return {"calibration": asdict(kept), "speech": asdict(speech)}


def _set(
    patient: Patient,
    settings: Settings,
    device: AudioDevice,
    cards: tuple[SoundCard, ...],
    speech: Speech,
) -> Calibration:
    """Set the card's own gain if that is of use, and keep the rest."""
    limited = settings.session.auto_gain_control
    control = mixer.find_control(device.card_number)
    planned = plan(speech, control, limited=limited)
    gain_db, moved = planned.input_gain_db, None
    if control is not None and planned.mixer_value is not None:
        moved = mixer.set_value(control, planned.mixer_value)
        gain_db = input_gain_db(speech, moved.now_db - control.now_db, limited=limited)
        if not mixer.store(control.card):
            patient.teller.say("the card will forget its own gain: `alsactl store` failed")
    kept = Calibration(
        microphone=name_of(device, cards),
        input_gain_db=gain_db,
        speech_dbfs=round(speech.active_dbfs, 1),
        noise_dbfs=round(speech.noise_dbfs, 1),
        at_s=round(time.time(), 1),
        mixer_control=moved.name if moved else "",
        mixer_db=round(moved.now_db, 2) if moved else 0.0,
        mixer_was_db=round(control.now_db, 2) if moved and control else 0.0,
    )
    _keep(patient.state, kept)
    return kept


def _keep(directory: Path, kept: Calibration) -> None:
    """Write it, for the device's own user to read.

    Raises:
        UsageError: it cannot be written.
    """
    file = calibration_file(directory)
    file.read()  # a good one becomes the backup
    try:
        file.write(kept.as_state())
        if os.geteuid() == 0:
            owner = directory.stat()
            for name in (FILE, f"{FILE}.bak"):
                # The directory is the service's: a link that it has put there is not to be followed
                # by root, or the service gets any file of this machine.
                with suppress(FileNotFoundError):
                    os.chown(directory / name, owner.st_uid, owner.st_gid, follow_symlinks=False)
    except OSError as error:
        raise UsageError(f"{directory / FILE}: {error.strerror}") from error


def _reset(patient: Patient) -> dict[str, object]:
    """Forget what was set, and put the card's own gain back if it is there."""
    kept, _ = read_calibration(patient.state)
    if kept is not None and kept.mixer_control:
        _put_mixer_back(patient, kept)
    try:
        for name in (FILE, f"{FILE}.bak"):
            (patient.state / name).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{patient.state / FILE}: {error.strerror}") from error
    said = "forgotten; from its next start on, the device takes the microphone as it is"
    patient.teller.say(said if kept is not None else "there was nothing to forget")
    return {"calibration": None}


def _put_mixer_back(patient: Patient, kept: Calibration) -> None:
    with SoundSystem() as system:
        cards = system.cards
        known = {name_of(device, cards): device.card_number for device in system.devices}
    control = mixer.find_control(known.get(kept.microphone))
    if control is None or control.name != kept.mixer_control:
        patient.teller.say(f"{kept.mixer_control} is not there now: it stays as it is")
        return
    back = mixer.set_value(control, control.value_at(kept.mixer_was_db))
    mixer.store(control.card)
    patient.teller.say(f"the card's own {back.name}: back at {back.now_db:+.1f} dB")
