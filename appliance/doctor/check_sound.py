"""Does the microphone hear, does the loudspeaker sound, and do the two hear each other?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from appliance.devices.portaudio_system import SoundSystem
from appliance.devices.soundcards import AudioDevice, Direction, SoundCard
from appliance.doctor.chirp import LENGTH_S, Heard, chirp, find
from appliance.doctor.findings import Figure, Figures, Finding, cure_of, fail, ok, skipped, warn
from appliance.doctor.levels import clipped_share, level_dbfs, noise_floor_dbfs, peak_dbfs
from appliance.doctor.patient import Patient
from appliance.doctor.takes import Player, Take, record
from appliance.dsp.geometry import GEOMETRIES
from appliance.errors import HardwareError
from appliance.session.hearing import HearingRules

LISTEN_S = 2.0
TALK_S = 4.0
_RULES = HearingRules()
_NOISY_DBFS = -40.0  # a floor that speech across a room does not stand out of
_LEAD_S, _TAIL_S = 0.7, 1.0  # around the chirp: for the noise, and for the way
_ECHO_REACH_MS = 450.0  # the canceller looks for an echo up to 500 ms
_QUIET_CHIRP_DB = 10.0  # over the noise: less is no loudspeaker that people understand
_GONE = ("microphone_missing", "microphone_lost", "microphone_silent")
_MUTE = ("speaker_missing", "speaker_lost")


def microphone(patient: Patient) -> Finding:
    """Does the microphone hear anything, how loud is nothing, and does it clip?"""
    settings = patient.settings
    if patient.runs:
        return _by_the_device(patient, "microphone_", "meters", _GONE)
    hardware = settings.hardware
    geometry = GEOMETRIES[hardware.array]
    channels = max(geometry.channels, hardware.microphone_channel + 1)
    talks = patient.allowed.questions and patient.teller.has_listener
    if talks:
        patient.teller.say(f"say something, for {TALK_S:.0f} s")
    with SoundSystem() as system:
        try:
            take = record(
                system,
                hardware.microphone,
                TALK_S if talks else LISTEN_S,
                channels=channels,
                watch=lambda piece: patient.teller.meter(
                    level_dbfs(piece), peak_dbfs(piece), "listening"
                ),
            )
            card = _card_of(system.cards, take.device)
        except HardwareError as error:
            return fail(str(error), cure_of("microphone_missing"), fault="microphone_missing")
    wanted = [hardware.microphone_channel] if geometry.channels == 1 else range(geometry.channels)
    return judge_microphone(take, wanted, card, spoken=talks)


def _card_of(cards: Iterable[SoundCard], device: AudioDevice) -> str:
    """Return the card's selector that stays, or the PCM's."""
    card = next((each for each in cards if each.number == device.card_number), None)
    return str(card) if card is not None else f"pcm:{device.name}"


def judge_microphone(take: Take, wanted: Iterable[int], card: str, *, spoken: bool) -> Finding:
    """Say what a take shows. `wanted`: the channels that the device listens to."""
    listened = take.samples[list(wanted)]
    levels = [level_dbfs(channel) for channel in listened]
    floor = max(noise_floor_dbfs(channel, take.rate_hz) for channel in listened)
    peak = peak_dbfs(listened)
    clipped = max(clipped_share(channel) for channel in listened)
    figures: Figures = {
        "card": card,
        "rate_hz": take.rate_hz,
        "channels": take.device.inputs,
        "levels_dbfs": [round(level, 1) for level in levels],
        "floor_dbfs": round(floor, 1),
        "peak_dbfs": round(peak, 1),
        "clipped_share": round(clipped, 5),
        "overflows": take.overflows,
    }
    said = (
        f"{card}, {take.device.inputs} channel{'s' * (take.device.inputs != 1)},"
        f" {take.rate_hz} Hz: level {max(levels):.0f} dBFS, floor {floor:.0f}, peak {peak:.0f}"
    )
    dead = [str(n) for n, level in enumerate(levels) if level < _RULES.silent_dbfs]
    if len(dead) == len(levels):
        return fail(f"{said}: silence", cure_of("microphone_silent"), **figures)
    if dead:
        cure = "one of the array's microphones is broken, or `hardware.array` names another array"
        return fail(f"{said}; nothing on channel {', '.join(dead)}", cure, **figures)
    if clipped > _RULES.clipped_share:
        return warn(f"{said}; it clips", cure_of("microphone_clipping"), **figures)
    if floor > _NOISY_DBFS:
        cure = "move it away from fans and the loudspeaker, or turn its gain down"
        return warn(f"{said}; that is noisy", cure, **figures)
    if take.overflows:
        cure = "end other programs; use another USB socket or cable"
        return warn(f"{said}; the card lost sound {take.overflows} times", cure, **figures)
    if spoken and max(levels) - floor < _QUIET_CHIRP_DB:
        cure = "speak closer, or `appliance calibrate`"
        return warn(f"{said}; what was said hardly stands out", cure, **figures)
    return ok(said, **figures)


def loudspeaker(patient: Patient) -> Finding:
    """Is a chirp from the loudspeaker heard by the microphone, how loud, and how late?"""
    settings = patient.settings
    if patient.runs:
        return _by_the_device(patient, "speaker_", "echo", _MUTE)
    if not patient.allowed.sound:
        return skipped("no sound was to be made (--no-sound)")
    hardware = settings.hardware
    patient.teller.progress("playing a chirp")
    with SoundSystem() as system:
        try:
            system.find(hardware.speaker, Direction.PLAYBACK)
        except HardwareError as error:
            return fail(str(error), cure_of("speaker_missing"), fault="speaker_missing")
        try:
            system.find(hardware.microphone, Direction.CAPTURE)
        except HardwareError as error:
            return skipped(f"there is no microphone that could hear it: {error}")
        try:
            take = record(
                system,
                hardware.microphone,
                _LEAD_S + LENGTH_S + _TAIL_S,
                channels=hardware.microphone_channel + 1,
                player=Player(
                    hardware.speaker, lambda rate: chirp(rate, settings.voice.volume), _LEAD_S
                ),
            )
        except HardwareError as error:
            return fail(str(error), cure_of("speaker_lost"), fault="speaker_lost")
    heard_by = take.samples[hardware.microphone_channel]
    return judge_loudspeaker(take, find(heard_by, take.rate_hz), clipped_share(heard_by))


def judge_loudspeaker(take: Take, heard: Heard, clipped: float) -> Finding:
    """Say what the microphone heard of the chirp."""
    figures: Figures = {
        "likeness": round(heard.likeness, 3),
        "level_dbfs": round(heard.level_dbfs, 1),
        "noise_dbfs": round(heard.noise_dbfs, 1),
        "delay_ms": None,
    }
    if not heard.is_certain or take.played_s is None:
        cure = "is it plugged in, switched on and turned up? is the microphone near it, unmuted?"
        return fail("its chirp was not heard by the microphone", cure, **figures)
    delay_ms = 1000 * (take.begins_s + heard.at / take.rate_hz - take.played_s)
    figures["delay_ms"] = round(delay_ms, 1)
    said = (
        f"heard {heard.above_noise_db:.0f} dB over the noise, {delay_ms:.0f} ms after it was"
        " handed over"
    )
    if delay_ms > _ECHO_REACH_MS:
        cure = "use a card without a sound server or Bluetooth in between"
        return warn(f"{said}: more than the echo canceller reaches", cure, **figures)
    if clipped > _RULES.clipped_share:
        cure = "turn the loudspeaker or the microphone's gain down: what clips cannot be cancelled"
        return warn(f"{said}; it drives the microphone into clipping", cure, **figures)
    if heard.above_noise_db < _QUIET_CHIRP_DB:
        return warn(f"{said}: that is quiet", "turn it up; raise `voice.volume`", **figures)
    return ok(said, **figures)


def _by_the_device(patient: Patient, faults: str, what: str, bad: tuple[str, ...]) -> Finding:
    """Tell what the running device, which has the card, knows of it."""
    told = patient.snapshot
    if told is None:
        return skipped("the device runs and has the sound card, but tells nothing; --stop-service")
    for each in told.get("faults") or []:
        name = str(each.get("fault", ""))
        if name.startswith(faults):
            finding = fail if name in bad else warn
            return finding(f"the running device reports {name}", cure_of(name), fault=name)
    known: Mapping[str, Figure] = told.get(what) or {}
    words = ", ".join(f"{name} {value}" for name, value in known.items()) or "no fault of it"
    return skipped(
        f"the running device has the card, and tells: {words} (--stop-service for a test)", **known
    )
