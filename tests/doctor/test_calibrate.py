"""`appliance calibrate`, from a voice to what the device sends; and what it refuses."""

import argparse
import asyncio
import io
import json
import os
import wave
from pathlib import Path

import numpy as np
import pytest

from appliance.app import build_sound
from appliance.config.load import load_settings
from appliance.demo.device import DeviceProcess
from appliance.demo.soundroom import SoundRoom
from appliance.devices.calibration import Calibration, calibration_file, name_of, read_calibration
from appliance.devices.portaudio_system import SoundSystem
from appliance.devices.soundcards import AudioDevice, SoundCard
from appliance.doctor import calibrate_command, mixer
from appliance.doctor.examine import examine
from appliance.doctor.findings import Outcome
from appliance.doctor.patient import Allowed, meet
from appliance.doctor.speech import active_level
from appliance.doctor.teller import Teller
from appliance.errors import ApplianceError, UsageError
from appliance.recordings import read_channels
from appliance.simulator.server import Options, RealtimeServer
from tests.doctor.conftest import Deaf

RATE = 24_000
READER = Path(
    "/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0870.wav"
)
UNTOUCHED = {
    "APPLIANCE_SESSION__AUTO_GAIN_CONTROL": "false",
    "APPLIANCE_SESSION__ECHO_CANCELLATION": "false",
    "APPLIANCE_SESSION__NOISE_REDUCTION__ENABLED": "false",
}


@pytest.fixture(scope="module")
def reader():
    """Return a maker of 7 s of a person reading: `reader(active_dbfs)`, float32, 24 kHz."""
    samples = read_channels(READER)[0]
    level_dbfs, _ = active_level(samples, RATE)
    return lambda dbfs: (samples * 10 ** ((dbfs - level_dbfs) / 20)).astype(np.float32)


@pytest.fixture
def wav(tmp_path):
    """Return a maker of WAV files."""

    def make(samples, rate=RATE):
        path = tmp_path / "talk.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, rate, 0, "NONE", ""))
            full = np.clip(np.rint(np.asarray(samples) * 32768), -32768, 32767)
            file.writeframes(full.astype("<i2").tobytes())
        return path

    return make


@pytest.fixture
def state(tmp_path, monkeypatch, sound_room):
    """The directory of the device's state; the microphone is the room's."""
    directory = tmp_path / "state"
    directory.mkdir()
    monkeypatch.setenv("STATE_DIRECTORY", str(directory))
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("APPLIANCE_HARDWARE__MICROPHONE", "pcm:mic")
    return directory


def run(*words):
    parser = argparse.ArgumentParser()
    calibrate_command.configure(parser)
    return calibrate_command.run(parser.parse_args([str(word) for word in words]))


# From a recording


@pytest.mark.parametrize(("active_dbfs", "gain_db"), [(-50, 24), (-34, 8), (-16, -10)])
def test_a_voice_becomes_a_gain_that_is_kept(state, wav, reader, capsys, active_dbfs, gain_db):
    assert run("--file", wav(reader(active_dbfs)), "--json") == 0
    told = json.loads(capsys.readouterr().out)["calibration"]
    kept, lines = read_calibration(state)
    assert lines == ()
    assert kept.input_gain_db == told["input_gain_db"] == pytest.approx(gain_db, abs=0.7)
    assert kept.microphone == "pcm:mic"
    assert kept.gain_db_for("pcm:mic") == kept.input_gain_db
    assert kept.gain_db_for("usb:2886:0018") == 0.0


def test_a_recording_at_another_rate_is_the_same_voice(state, wav, reader):
    run("--file", wav(reader(-50)[::3], 8000))  # with what folds over: the level is the same
    assert read_calibration(state)[0].input_gain_db == pytest.approx(24, abs=1.0)


def test_what_is_unfit_changes_nothing(state, wav, reader):
    run("--file", wav(reader(-40)))
    before = (state / "calibration.json").read_bytes()
    for samples in (np.zeros(5 * RATE), reader(-40)[:RATE], reader(-3) * 20):
        with pytest.raises(ApplianceError) as refused:
            run("--file", wav(samples))
        assert not isinstance(refused.value, UsageError)  # exit code 1: try again
        assert "\n" not in str(refused.value)
    assert (state / "calibration.json").read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\0\0\0\0WAVEfmt ", os.urandom(999)])
def test_a_file_that_is_no_recording_is_refused(state, tmp_path, content):
    path = tmp_path / "no.wav"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"no\.wav"):
        run("--file", path)
    with pytest.raises(UsageError, match="No such file"):
        run("--file", tmp_path / "none.wav")


@pytest.mark.parametrize("count", [1, 240, 290, 360, 480])  # samples; a piece of noise has 480
def test_a_recording_of_a_moment_is_too_short(state, wav, count):
    with pytest.raises(ApplianceError, match="too short"):
        run("--file", wav(np.full(count, 0.25) * np.resize([1, -1], count)))


def test_root_follows_no_link_that_the_service_has_left(state, wav, reader, tmp_path, monkeypatch):
    victim = tmp_path / "shadow"
    victim.write_text("root's")
    (state / "calibration.json.bak").symlink_to(victim)
    given = []

    def chown(path, _uid, _gid, *, follow_symlinks=True):
        given.append(Path(path).resolve() if follow_symlinks else Path(path))

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", chown)
    run("--file", wav(reader(-40)))
    assert state / "calibration.json" in given
    assert victim not in given


@pytest.mark.parametrize("seconds", ["0", "-1", "2.9", "nan", "inf", "61"])
def test_a_length_that_makes_no_sense_is_refused(state, seconds):
    with pytest.raises(UsageError, match="--seconds"):
        run("--seconds", seconds)


def test_nobody_talks_for_nothing(state, monkeypatch):
    monkeypatch.setenv("STATE_DIRECTORY", str(state / "none"))
    with pytest.raises(UsageError, match="no such directory"):
        run()


# From the microphone


async def say(samples):
    pcm = np.rint(samples * 32767).astype("<i2").tobytes()
    words = ["-D", "mouth", "-q", "-t", "raw", "-f", "S16_LE", "-r", str(RATE), "-c", "1"]
    mouth = await asyncio.create_subprocess_exec(
        "aplay", *words, stdin=asyncio.subprocess.PIPE, env=dict(os.environ)
    )
    await mouth.communicate(pcm)


async def test_a_voice_in_the_room_is_heard(state, reader, capsys):
    said = reader(-46)[: 4 * RATE]
    talking = asyncio.create_task(say(said))
    assert await asyncio.to_thread(run, "--seconds", "3.2") == 0
    await talking
    wanted_db = -26 - active_level(said[: 3 * RATE], RATE)[0]
    assert read_calibration(state)[0].input_gain_db == pytest.approx(wanted_db, abs=1.5)
    assert "talk for 3.2 s" in capsys.readouterr().out


def test_while_the_device_runs_it_has_the_microphone(state, monkeypatch):
    monkeypatch.setattr(calibrate_command, "meet", meet_running(calibrate_command.meet))
    with pytest.raises(ApplianceError, match="--stop-service"):
        run()


def meet_running(meet):
    def met(*args, **kwargs):
        patient = meet(*args, **kwargs)
        patient.snapshot = {"version": 1}
        return patient

    return met


# The card's own gain, and forgetting


def test_the_cards_gain_is_set_and_put_back(state, wav, reader, monkeypatch):
    steps = []

    def set_value(control, value):
        steps.append(value)
        return mixer.Control(2, 8, "Mic Capture Volume", value, 0, 35, -12.0, 1.0)

    monkeypatch.setattr(
        mixer,
        "find_control",
        lambda card: mixer.Control(2, 8, "Mic Capture Volume", 16, 0, 35, -12, 1),
    )
    monkeypatch.setattr(mixer, "set_value", set_value)
    monkeypatch.setattr(mixer, "store", lambda card: True)
    assert run("--file", wav(reader(-50))) == 0
    kept, _ = read_calibration(state)
    assert (kept.mixer_control, kept.mixer_was_db) == ("Mic Capture Volume", 4.0)
    assert kept.mixer_db == pytest.approx(18.0, abs=1.0)
    assert kept.input_gain_db == pytest.approx(24.0 - (kept.mixer_db - 4.0), abs=0.7)
    assert run("--reset") == 0
    assert steps[-1] == 16
    assert read_calibration(state) == (None, ())


def test_reset_forgets_and_may_be_done_twice(state, wav, reader, capsys):
    for level in (-40, -44):  # the second leaves a backup, which would come back by itself
        run("--file", wav(reader(level)))
    assert run("--reset") == 0
    assert list(state.iterdir()) == []
    assert run("--reset") == 0
    assert "nothing to forget" in capsys.readouterr().out


# What the device makes of it

KEPT = Calibration("pcm:mic", 24.0, -50.0, -80.0, 1.0)


def test_what_is_kept_is_read_again(tmp_path):
    calibration_file(tmp_path).write(KEPT.as_state())
    assert read_calibration(tmp_path) == (KEPT, ())
    assert read_calibration(None) == (None, ())


@pytest.mark.parametrize(
    "wrong",
    [
        {"input_gain_db": 99.0},
        {"input_gain_db": "24"},
        {"input_gain_db": None},
        {"microphone": 7},
        {"at_s": True},
    ],
)
def test_what_makes_no_sense_is_not_believed(tmp_path, wrong):
    calibration_file(tmp_path).write(KEPT.as_state() | wrong)
    kept, (line,) = read_calibration(tmp_path)
    assert kept is None
    assert "calibrate anew" in line


def test_a_microphone_is_known_by_what_stays():
    array = SoundCard(3, "ArrayUAC10", "2886:0018", "1-1.2", captures=True, plays=True)
    codec = SoundCard(0, "seeed2micvoicec", "", "", captures=True, plays=True)

    def device(name):
        return AudioDevice(0, name, 2, 0, 16_000)

    assert name_of(device("ReSpeaker (hw:3,0)"), (codec, array)) == "usb:2886:0018"
    assert name_of(device("seeed (hw:0,0)"), (codec, array)) == "card:seeed2micvoicec"
    assert name_of(device("mic"), (codec, array)) == "pcm:mic"


@pytest.mark.parametrize(("microphone", "louder_db"), [("pcm:mic", 24.0), ("usb:2886:0018", 0.0)])
async def test_the_devices_microphone_is_louder_by_the_gain(
    state, reader, monkeypatch, microphone, louder_db
):
    for name, value in UNTOUCHED.items():
        monkeypatch.setenv(name, value)
    kept = Calibration(microphone, 24.0, -50.0, -80.0, 1.0)
    with SoundSystem() as system:
        ear, _ = build_sound(load_settings(), system, kept)
        chunks = []
        started = ear.start(chunks.append, lambda why: None)
        if asyncio.iscoroutine(started):
            await started
        try:
            await say(reader(-50)[:RATE])
        finally:
            ear.stop()
    heard = np.frombuffer(b"".join(chunk.pcm for chunk in chunks), "<i2") / 32768
    said = reader(-50)[:RATE]
    ratio = np.sqrt(float(np.dot(heard, heard)) / float(np.dot(said, said)))
    assert 20 * np.log10(ratio) == pytest.approx(louder_db, abs=0.3)


def doctor():
    patient = meet(None, Teller(io.StringIO()), Allowed(questions=False))
    return examine(patient, ["service", "microphone", "loudspeaker"])


def has_sent(device):
    return any(told["state"] in ("waiting", "speaking") for told in device.story.of("state"))


async def test_the_running_device_sends_a_calibrated_voice(state, tmp_path, wav, reader):
    """The command, then the daemon's own process: what it sends is 24 dB louder than what came."""
    await asyncio.to_thread(run, "--file", wav(reader(-50)))
    said = reader(-50)[: 2 * RATE]
    sent = tmp_path / "sent.pcm"
    async with RealtimeServer(Options(), ears=Deaf()) as server:
        with SoundRoom() as room:
            device = DeviceProcess(lambda _: None)
            environ = {
                **room.env,
                **UNTOUCHED,
                "APPLIANCE_ENDPOINT__URL": server.url,
                "APPLIANCE_ENDPOINT__API_KEY": "local",
                "APPLIANCE_HARDWARE__MICROPHONE": "pcm:mic",
                "APPLIANCE_HARDWARE__SPEAKER": "pcm:spk",
            }
            try:
                await device.start(environ, None, sent)
                device.press()
                with pytest.MonkeyPatch.context() as patch:
                    for name, value in room.env.items():
                        patch.setenv(name, value)
                    await say(said)
                device.release()
                await device.wait_for(lambda: has_sent(device), 30, "it did not send")
                report = await asyncio.to_thread(doctor)
            finally:
                await device.stop()
    heard = np.frombuffer(sent.read_bytes(), "<i2") / 32768
    ratio = np.sqrt(float(np.dot(heard, heard)) / float(np.dot(said, said)))
    kept, _ = read_calibration(state)
    assert 20 * np.log10(ratio) == pytest.approx(kept.input_gain_db, abs=0.5)
    assert kept.input_gain_db > 20.0
    # The doctor has asked it how it is, and left its sound card alone.
    service, microphone, loudspeaker = (line.finding for line in report.lines)
    assert service.outcome is Outcome.OK
    assert "by hand" in service.said
    assert microphone.outcome is loudspeaker.outcome is Outcome.SKIPPED
    assert microphone.figures["microphone_peak_dbfs"] < 0.0
