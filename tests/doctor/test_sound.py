"""The microphone and the loudspeaker: in the room of null sinks, and on sound of our own making."""

import contextlib
import subprocess
import threading
import time

import numpy as np
import pytest

from appliance.devices.soundcards import AudioDevice, Direction
from appliance.doctor import check_sound, chirp, takes
from appliance.doctor.findings import Outcome
from appliance.doctor.patient import Allowed
from appliance.doctor.takes import Player, Take, record
from appliance.errors import HardwareError
from tests.doctor.conftest import Person, said

CARD = AudioDevice(0, "Array: USB Audio (hw:1,0)", 6, 2, 16_000)
ROOM = {"hardware__microphone": "pcm:mic", "hardware__speaker": "pcm:spk"}


@pytest.fixture
def noise():
    """Return a maker of noise: `noise(level_dbfs, seconds, rate)`."""
    rng = np.random.default_rng(5)

    def make(level_dbfs, seconds=2.0, rate=16_000):
        count = round(seconds * rate)
        return (10 ** (level_dbfs / 20) * rng.standard_normal(count)).astype(np.float32)

    return make


@pytest.fixture
def air(sound_room):
    """Return a context in which sound goes from the room's loudspeaker to its microphone."""
    pactl = ["pactl", f"--server={sound_room.socket}"]

    @contextlib.contextmanager
    def carry(delay_ms):
        load = ["load-module", "module-loopback", "source=spk.monitor", "sink=mic"]
        told = subprocess.check_output([*pactl, *load, f"latency_msec={delay_ms}"], text=True)
        try:
            yield
        finally:
            subprocess.run([*pactl, "unload-module", told.strip()], check=True)

    return carry


def take(*channels, overflows=0):
    return Take(np.stack(channels), 16_000, CARD, overflows, 0.0)


# In the room


def test_a_null_sink_is_silence_and_the_card_is_named(sound_room, patient, monkeypatch):
    monkeypatch.setattr(check_sound, "LISTEN_S", 0.5)
    found = check_sound.microphone(patient(**ROOM))
    assert found.outcome is Outcome.FAIL
    assert found.figures["card"] == "pcm:mic"
    assert found.figures["rate_hz"] == 24_000
    assert found.figures["peak_dbfs"] < -90


def test_a_person_is_asked_to_talk_and_sees_a_meter(sound_room, patient, monkeypatch):
    monkeypatch.setattr(check_sound, "TALK_S", 0.5)
    device = patient(person=Person(), **ROOM)
    check_sound.microphone(device)
    assert "say something" in said(device)
    assert "dBFS  listening" in said(device)


def test_no_such_card(sound_room, patient):
    device = patient(hardware__microphone="card:None", hardware__speaker="card:None")
    assert check_sound.microphone(device).figures["fault"] == "microphone_missing"
    assert check_sound.loudspeaker(device).figures["fault"] == "speaker_missing"


def test_a_loudspeaker_that_nobody_can_hear_is_not_judged(sound_room, patient):
    device = patient(hardware__microphone="card:None", hardware__speaker="pcm:spk")
    assert check_sound.loudspeaker(device).outcome is Outcome.SKIPPED


def test_the_delay_of_the_way_is_measured(sound_room, patient, air, monkeypatch):
    monkeypatch.setattr(check_sound, "_TAIL_S", 0.5)
    found = {}
    for delay_ms in (60, 210):
        with air(delay_ms):
            found[delay_ms] = check_sound.loudspeaker(patient(**ROOM))
    near, far = (each.figures for each in found.values())
    assert {each.outcome for each in found.values()} == {Outcome.OK}
    # The queues of two streams are in both figures. A busy machine moves them by some 20 ms.
    assert far["delay_ms"] - near["delay_ms"] == pytest.approx(150, abs=50)
    assert 60 <= near["delay_ms"] < 190
    assert far["likeness"] > 0.9
    # The chirp at 80 % of its peak of 0.35, faded at both ends: -14.3 dBFS.
    assert far["level_dbfs"] == pytest.approx(-14.3, abs=0.5)


class Cards:
    """Two cards with one clock, and a way of so many samples from one to the other."""

    FRAMES, RATE = 240, 24_000

    def __init__(self, way):
        self._callbacks = {}
        self._air = np.zeros(way + self.FRAMES, "<i2")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def find(self, selector, direction):
        return AudioDevice(0, selector, 1, 1, self.RATE)

    def rate_for(self, device, direction, channels):
        return self.RATE

    def open(self, device, direction, *, callback, **_):
        self._callbacks[direction] = callback
        if direction is Direction.CAPTURE:
            self._thread.start()

    def release(self, stream):
        self._ended.set()

    def _run(self):
        begins_s, count = time.monotonic(), 0
        while not self._ended.is_set():
            now_s = begins_s + count * self.FRAMES / self.RATE
            self._ended.wait(max(0.0, now_s - time.monotonic()))
            clock = {"current_time": now_s}
            played = bytes(2 * self.FRAMES)
            if Direction.PLAYBACK in self._callbacks:
                played, _ = self._callbacks[Direction.PLAYBACK](None, self.FRAMES, clock, 0)
            self._air = np.concatenate((self._air, np.frombuffer(played, "<i2")))
            heard, self._air = self._air[: self.FRAMES], self._air[self.FRAMES :]
            self._callbacks[Direction.CAPTURE](heard.tobytes(), self.FRAMES, clock, 0)
            count += 1

    def join(self):
        self._thread.join(5)


@pytest.mark.parametrize("way", [0, 2952])
def test_a_way_is_measured_to_the_millisecond(way):
    cards = Cards(way)
    player = Player("spk", chirp.chirp, 0.2)
    taken = record(cards, "mic", 1.2, player=player)
    cards.join()
    heard = chirp.find(taken.samples[0], cards.RATE)
    found = check_sound.judge_loudspeaker(taken, heard, 0.0)
    assert found.figures["delay_ms"] == pytest.approx(1000 * way / cards.RATE, abs=1.0)
    assert heard.likeness > 0.99


def test_a_card_that_takes_no_sound_is_told(monkeypatch):
    cards = Cards(0)
    monkeypatch.setattr(cards, "open", deaf_after(cards.open))
    monkeypatch.setattr(takes, "_PATIENCE_S", 0.3)
    with pytest.raises(HardwareError, match="takes no sound"):
        record(cards, "mic", 0.2, player=Player("spk", chirp.chirp, 0.1))
    cards.join()


def deaf_after(opens):
    """Open the microphone as it is, and a loudspeaker that never asks for sound."""

    def open_(device, direction, **how):
        if direction is Direction.CAPTURE:
            opens(device, direction, **how)

    return open_


def test_a_chirp_that_is_not_heard_fails(sound_room, patient):
    found = check_sound.loudspeaker(patient(**ROOM))
    assert found.outcome is Outcome.FAIL
    assert found.figures["delay_ms"] is None


def test_no_sound_is_made_if_none_may_be(patient):
    device = patient(allowed=Allowed(sound=False, questions=False), **ROOM)
    assert check_sound.loudspeaker(device).outcome is Outcome.SKIPPED


# While the device runs


def test_the_running_device_tells_what_it_knows(patient, running):
    device = patient(snapshot=running)
    microphone, loudspeaker = check_sound.microphone(device), check_sound.loudspeaker(device)
    assert microphone.outcome is loudspeaker.outcome is Outcome.SKIPPED
    assert microphone.figures["microphone_rms_dbfs"] == -51.0
    assert loudspeaker.figures["delay_ms"] == 80.0
    assert "--stop-service" in microphone.said


@pytest.mark.parametrize(
    ("fault", "outcome"), [("microphone_lost", "fail"), ("microphone_clipping", "warn")]
)
def test_the_running_device_reports_its_faults(patient, running, fault, outcome):
    running["faults"] = [{"fault": fault}]
    assert check_sound.microphone(patient(snapshot=running)).outcome.value == outcome
    assert check_sound.loudspeaker(patient(snapshot=running)).outcome is Outcome.SKIPPED


def test_a_service_that_says_nothing_has_the_card_all_the_same(patient):
    assert check_sound.microphone(patient(unit="active")).outcome is Outcome.SKIPPED


# What a take shows


def test_a_good_microphone(noise):
    found = check_sound.judge_microphone(take(noise(-60)), [0], "card:A", spoken=False)
    assert found.outcome is Outcome.OK
    assert found.figures["floor_dbfs"] == pytest.approx(-60.3, abs=0.5)
    assert found.figures["channels"] == 6


def test_a_channel_of_the_array_that_is_dead(noise):
    dead = np.zeros(32_000, np.float32)
    found = check_sound.judge_microphone(
        take(noise(-60), dead, noise(-60)), [0, 1, 2], "card:A", spoken=False
    )
    assert found.outcome is Outcome.FAIL
    assert "channel 1" in found.said


def test_clipping_noise_and_losses_are_worth_a_word(noise):
    def outcome(one, **how):
        return check_sound.judge_microphone(take(one, **how), [0], "card:A", spoken=False).outcome

    assert outcome(np.clip(noise(-3), -1, 32767 / 32768).astype(np.float32)) is Outcome.WARN
    assert outcome(noise(-30)) is Outcome.WARN
    assert outcome(noise(-60), overflows=2) is Outcome.WARN


def test_speech_that_hardly_stands_out_is_worth_a_word(noise):
    found = check_sound.judge_microphone(take(noise(-60)), [0], "card:A", spoken=True)
    assert found.outcome is Outcome.WARN
    assert "calibrate" in found.cure


def reverberant(rate, delay_s, seconds=2.5, seed=3):
    """Return the chirp after a room: the direct way, and a tail that is 6 dB louder in all."""
    rng = np.random.default_rng(seed)
    played = np.zeros(round(seconds * rate), np.float32)
    sound = chirp.chirp(rate)
    begin = round(0.7 * rate)
    played[begin : begin + len(sound)] = sound
    tail = round(0.25 * rate)
    response = np.zeros(round(delay_s * rate) + tail)
    response[-tail:] = 0.06 * rng.standard_normal(tail) * 10 ** (-3 * np.arange(tail) / tail)
    response[-tail] = 1.0
    size = 1 << (len(played) + len(response)).bit_length()
    heard = np.fft.irfft(np.fft.rfft(played, size) * np.fft.rfft(response, size))
    return heard[: len(played)].astype(np.float32), begin


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
@pytest.mark.parametrize("noise_dbfs", [-70, -40, -25])
def test_the_chirp_is_found_in_noise_and_reverberation(rate, noise_dbfs, noise):
    heard, begin = reverberant(rate, 0.123)
    found = chirp.find(heard + noise(noise_dbfs, 2.5, rate), rate)
    assert found.is_certain
    assert (found.at - begin) / rate == pytest.approx(0.123, abs=0.001)


@pytest.mark.parametrize("seed", range(5))
def test_noise_alone_is_no_chirp(seed):
    rng = np.random.default_rng(seed)
    hum = 0.1 * np.sin(2 * np.pi * 100 * np.arange(60_000) / 24_000)
    for sound in (0.1 * rng.standard_normal(60_000), hum, np.zeros(60_000), hum * 0 + 0.5):
        found = chirp.find(sound.astype(np.float32), 24_000)
        assert not found.is_certain
    click = np.zeros(60_000, np.float32)
    click[30_000] = 1.0
    assert not chirp.find(click, 24_000).is_certain


def test_a_quiet_chirp_a_late_one_and_one_that_clips_are_worth_a_word():
    def outcome(level_dbfs=-30.0, at=2400, clipped=0.0):
        heard = chirp.Heard(at, 0.8, level_dbfs, -60.0)
        one = Take(np.zeros((1, 9), np.float32), 24_000, CARD, 0, 10.0, 10.0)
        return check_sound.judge_loudspeaker(one, heard, clipped)

    assert outcome().outcome is Outcome.OK
    assert outcome().figures["delay_ms"] == 100.0
    assert outcome(level_dbfs=-55.0).outcome is Outcome.WARN
    assert outcome(at=24_000 // 2).outcome is Outcome.WARN
    assert outcome(clipped=0.01).outcome is Outcome.WARN
