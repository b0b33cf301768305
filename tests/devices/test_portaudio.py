"""Sound through PortAudio, on null sinks: what goes in comes out, and when."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time

import numpy as np
import pytest

from appliance.demo.soundroom import SoundRoom
from appliance.devices import portaudio_system
from appliance.devices.portaudio import PortAudioMicrophone, PortAudioSpeaker, SoundSystem
from appliance.devices.portaudio_speaker import buffer_samples
from appliance.devices.soundcards import Direction
from appliance.errors import HardwareError, SignalError

SIZES = [(1024, 2048, 4096), (480, 480, 1440), (240, 240, 720)]
ROOM_STEP_S = 0.012  # the room's sinks work in steps of 10 ms


class OneRateSystem(SoundSystem):
    """A sound system whose every card runs at one rate."""

    only_hz = 48_000

    def rate_for(self, device, direction, channels):
        super().rate_for(device, direction, channels)
        return self.only_hz


# The microphone


@pytest.mark.parametrize("chunk", [1024, 480, 240])
async def test_speech_reaches_the_microphone_bit_for_bit(tape, say, speech, chunk):
    mic = tape("pcm:mic", chunk_samples=chunk)
    await say(speech)
    await mic.hears(speech)
    assert {len(one.pcm) for one in mic.chunks} == {2 * chunk}
    assert mic.lost == []
    assert (mic.device.overflows, mic.device.opens) == (0, 1)


async def test_an_independent_witness_heard_the_same(sound_room, tape, say, speech):
    mic = tape("pcm:mic")
    witness = await asyncio.create_subprocess_exec(
        "parec",
        f"--server={sound_room.socket}",
        *["-d", "mic.monitor", "--raw", "--format=s16le", "--rate=24000", "--channels=1"],
        "--latency-msec=50",
        stdout=subprocess.PIPE,
    )
    heard = await witness.stdout.readexactly(2)  # it has begun
    await say(speech + bytes(4800))
    at = await mic.hears(speech)
    async with asyncio.timeout(5):
        while speech not in heard:
            heard += await witness.stdout.read(4800)
    witness.terminate()
    await witness.communicate()
    theirs = heard.find(speech)
    before = min(theirs, 2 * at)  # and in the silence around it, too
    assert (
        mic.pcm[2 * at - before : 2 * at + len(speech)]
        == heard[theirs - before :][: before + len(speech)]
    )


async def test_a_sample_carries_the_time_at_which_it_was_captured(tape, say, speech):
    mic = tape("pcm:mic", chunk_samples=480)
    await asyncio.sleep(2.0)
    first = [chunk.first_sample_s for chunk in mic.chunks]
    drift = np.array(first) - first[0] - np.arange(len(first)) * 480 / 24_000
    assert np.ptp(drift[10:]) < 0.05
    assert -0.02 < time.monotonic() - first[-1] < 0.25


async def test_another_rate_is_resampled_into_chunks_of_the_same_size(sound_room, say):
    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(24_000) / 24_000)).astype("<i2").tobytes()
    heard = []
    with OneRateSystem() as system:
        system.only_hz = 44_100
        mic = PortAudioMicrophone(system, "pcm:mic", chunk_samples=480)
        mic.start(heard.append, pytest.fail)
        await say(tone)
        await asyncio.sleep(0.3)
        mic.stop()
    assert mic.native_rate_hz == 44_100
    assert {len(one.pcm) for one in heard} == {960}
    gaps = np.diff([one.first_sample_s for one in heard][10:])
    assert np.mean(gaps) == pytest.approx(0.02, abs=0.001)
    samples = np.frombuffer(b"".join(one.pcm for one in heard), "<i2").astype(float)
    loud = np.flatnonzero(np.abs(samples) > 4000)
    middle = samples[loud[0] + 2400 : loud[-1] - 2400]
    assert len(middle) > 12_000
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) * 24_000 / len(middle) == pytest.approx(440, abs=3)
    assert np.max(np.abs(middle)) == pytest.approx(8000, rel=0.02)


async def test_one_channel_of_several_is_delivered(tape, say, speech):
    # The room's mono goes to each channel of a PCM opened with several.
    mic = tape("pcm:mic", chunk_samples=480, channel=2)
    await say(speech)
    await mic.hears(speech)


async def test_a_channel_that_is_not_there_is_refused(system):
    mic = PortAudioMicrophone(system, "pcm:mic", channel=99)
    with pytest.raises(HardwareError, match="there is no channel 99"):
        mic.start(print, print)
    assert mic.opens == 0


async def test_nothing_is_delivered_after_stop_and_it_starts_again(tape, say, speech):
    mic = tape("pcm:mic", chunk_samples=480)
    mic.device.stop()
    mic.device.stop()
    count = len(mic.chunks)
    await asyncio.sleep(0.1)
    assert len(mic.chunks) == count
    mic.start()
    await say(speech)
    await mic.hears(speech)
    assert mic.device.opens == 2


# The loudspeaker


@pytest.mark.parametrize(("_", "chunk", "total"), SIZES)
def test_never_more_is_queued_than_the_settings_allow(_, chunk, total):
    assert 3 * buffer_samples(chunk, total) <= total
    assert buffer_samples(chunk, total) <= chunk


def test_a_buffer_is_never_empty():
    assert buffer_samples(240, 240) == 80
    assert buffer_samples(1, 2) == 1


@pytest.mark.parametrize(("_", "chunk", "total"), SIZES)
async def test_a_reply_reaches_the_ear_bit_for_bit(tape, loud, speech, _, chunk, total):
    ear = tape("pcm:ear", chunk_samples=480)
    spk = loud(chunk_samples=chunk, total_samples=total)
    for at in range(0, len(speech), 9600):  # in deltas of 200 ms
        spk.device.play("item", speech[at : at + 9600])
    await ear.hears(speech)
    await asyncio.wait_for(spk.drained.wait(), 5)
    assert spk.device.heard_ms("item") == len(speech) // 48
    assert (spk.drains, spk.lost, spk.device.underflows) == (1, [], 0)
    assert spk.device.opens == 1


@pytest.mark.parametrize(("_", "chunk", "total"), SIZES)
async def test_sounded_and_drained_agree_with_the_ear(tape, loud, speech, _, chunk, total):
    ear = tape("pcm:ear", chunk_samples=480)
    spk = loud(chunk_samples=chunk, total_samples=total)
    beep = (20_000 * np.sin(np.arange(4800) / 4) + 1).astype("<i2").tobytes()
    late = []
    for number in range(5):
        spk.drained.clear()
        spk.device.play(f"item{number}", beep)
        await asyncio.wait_for(spk.drained.wait(), 5)
        drained_s = time.monotonic()
        await asyncio.sleep(0.037)
        report = spk.sounded[number]
        assert report.item_id == f"item{number}"
        late.append((report.sounded_s - report.received_s, drained_s - report.sounded_s))
    assert len(spk.sounded) == 5
    starts, at = [], 0
    while (at := ear.pcm.find(beep, at)) >= 0:
        starts.append(ear.time_of(at // 2))
        at += 2
    errors = [start - report.sounded_s for start, report in zip(starts, spk.sounded, strict=True)]
    assert np.median(np.abs(errors)) < 2 * ROOM_STEP_S
    queue_s = 3 * buffer_samples(chunk, total) / 24_000
    assert np.median([wait for wait, _ in late]) < queue_s + 2 * ROOM_STEP_S
    assert np.median([length for _, length in late]) == pytest.approx(0.2, abs=0.015)


async def test_a_cut_fades_in_time_and_counts_what_was_heard(tape, loud, speech):
    ear = tape("pcm:ear", chunk_samples=480)
    spk = loud()
    spk.device.play("item", speech)
    await asyncio.sleep(0.8)
    cut_s = time.monotonic()
    silenced = spk.device.cut()
    spk.device.play("item", speech)  # late audio of the same item
    assert silenced.item_id == "item"
    assert silenced.silent_s - cut_s < 0.2
    await asyncio.wait_for(spk.drained.wait(), 5)
    await asyncio.sleep(0.3)
    assert spk.device.heard_ms("item") == silenced.heard_ms
    begin = await ear.hears(speech[:4800])
    heard = ear.samples[begin:]
    length = np.flatnonzero(heard)[-1] + 1
    assert length / 24 == pytest.approx(silenced.heard_ms, abs=2)
    assert not heard[length:].any()
    assert ear.time_of(begin + length - 1) == pytest.approx(silenced.silent_s, abs=0.05)
    said = np.frombuffer(speech, "<i2").astype(int)[:length]
    whole = length - 288
    assert np.array_equal(heard[: whole - 24], said[: whole - 24])
    assert np.all(np.abs(heard[whole:length]) <= np.abs(said[whole:]) + 1)
    assert spk.device.cut() is None


async def test_heard_grows_with_the_clock_and_stops_at_what_was_received(loud):
    spk = loud()
    spk.device.play("item", bytes(2) + b"\1\1" * 7199)
    assert spk.device.heard_ms("item") == 0
    seen = []
    while not spk.drained.is_set():
        seen.append(spk.device.heard_ms("item"))
        await asyncio.sleep(0.01)
    assert seen == sorted(seen)
    assert len(set(seen)) > 10
    assert spk.device.heard_ms("item") == 300
    spk.device.stop()
    assert spk.device.heard_ms("item") == 300


async def test_the_volume_scales_what_follows_without_a_step(tape, loud):
    ear = tape("pcm:ear", chunk_samples=480)
    spk = loud(chunk_samples=480, total_samples=1440)
    spk.device.play("item", (10_000).to_bytes(2, "little") * 14_400)
    await asyncio.sleep(0.3)
    spk.device.set_volume(0.25)
    await asyncio.wait_for(spk.drained.wait(), 5)
    await asyncio.sleep(0.2)
    heard = ear.samples[np.flatnonzero(ear.samples)]
    assert len(heard) == 14_400
    assert set(heard[:4800]) == {10_000}
    assert set(heard[-1200:]) == {2500}
    assert np.max(np.abs(np.diff(heard))) < 100


async def test_another_rate_is_resampled_and_timed(sound_room, tape):
    ear = tape("pcm:ear", chunk_samples=480)
    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(12_000) / 24_000)).astype("<i2").tobytes()
    reports, drained = [], asyncio.Event()
    with OneRateSystem() as system:
        spk = PortAudioSpeaker(system, "pcm:spk", chunk_samples=480, total_samples=1440)
        spk.start(reports.append, drained.set, pytest.fail)
        spk.play("item", tone)
        await asyncio.wait_for(drained.wait(), 5)
        assert spk.heard_ms("item") == 500
        await asyncio.sleep(0.2)
        spk.stop()
    assert spk.native_rate_hz == 48_000
    loud = np.flatnonzero(np.abs(ear.samples) > 400)
    assert loud[-1] - loud[0] == pytest.approx(12_000, abs=60)
    assert ear.time_of(loud[0]) == pytest.approx(reports[0].sounded_s, abs=3 * ROOM_STEP_S)
    assert np.max(np.abs(ear.samples)) == pytest.approx(8000, rel=0.02)


async def test_a_card_that_comes_back_with_another_rate_is_used_at_that(sound_room):
    with OneRateSystem() as system:
        mic, spk = PortAudioMicrophone(system, "pcm:mic"), PortAudioSpeaker(system, "pcm:spk")
        for rate_hz in (48_000, 16_000, 24_000):
            system.only_hz = rate_hz
            heard, played = asyncio.Event(), asyncio.Event()
            await mic.open()
            mic.start(lambda _, heard=heard: heard.set(), pytest.fail)
            await spk.open()
            spk.start(lambda _, played=played: played.set(), print, pytest.fail)
            spk.play(f"at {rate_hz}", bytes(4800))
            await asyncio.wait_for(asyncio.gather(heard.wait(), played.wait()), 5)
            assert (mic.native_rate_hz, spk.native_rate_hz) == (rate_hz, rate_hz)
            mic.stop()
            spk.stop()
        assert (mic.opens, spk.opens) == (3, 3)


async def test_half_a_sample_is_refused(loud):
    with pytest.raises(SignalError):
        loud().device.play("item", b"abc")


async def test_a_stopped_loudspeaker_is_quiet_and_starts_again(loud, tape, speech):
    spk = loud()
    spk.device.play("item", speech)
    spk.device.stop()
    spk.device.stop()
    assert spk.device.cut() is None
    spk.device.play("item", speech)  # into nothing
    await asyncio.sleep(0.1)
    assert (spk.sounded, spk.drains) == ([], 0)
    ear = tape("pcm:ear", chunk_samples=480)
    spk.start()
    spk.device.play("item", speech[:48_000])
    await ear.hears(speech[:48_000])
    assert spk.device.opens == 2


# What can go wrong


@pytest.mark.parametrize("make", [PortAudioMicrophone, PortAudioSpeaker])
async def test_no_such_device_is_one_line_and_nothing_on_stderr(system, make, capfd):
    device = make(system, "card:Nowhere")
    with pytest.raises(HardwareError, match=r"no sound card card:Nowhere.*pcm:mic"):
        device.start(*[print] * (2 if make is PortAudioMicrophone else 3))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("make", [PortAudioMicrophone, PortAudioSpeaker])
async def test_starting_twice_is_refused(system, make):
    device = make(system, "auto")
    callbacks = [print] * (2 if make is PortAudioMicrophone else 3)
    device.start(*callbacks)
    with pytest.raises(HardwareError, match="open already"):
        device.start(*callbacks)
    device.stop()


def test_starting_portaudio_says_nothing(sound_room, capfd):
    with SoundSystem() as system:
        assert system.find("auto", Direction.CAPTURE).name == "default"
    assert capfd.readouterr().err == ""


def test_a_closed_system_says_so(sound_room):
    system = SoundSystem()
    system.close()
    system.close()
    with pytest.raises(HardwareError, match="has been closed"):
        system.find("auto", Direction.CAPTURE)


async def streams_in(room, monkeypatch, system):
    """Open both in a room of its own; return them and what they reported."""
    mic, spk = PortAudioMicrophone(system, "pcm:mic"), PortAudioSpeaker(system, "pcm:spk")
    reasons, both = [], asyncio.Event()

    def lost(reason):
        reasons.append(reason)
        if len(reasons) == 2:
            both.set()

    got = asyncio.Event()
    mic.start(lambda _: got.set(), lost)
    spk.start(print, print, lost)
    await asyncio.wait_for(got.wait(), 5)
    return mic, spk, reasons, both


async def test_a_sound_server_that_dies_is_reported_once_by_each(monkeypatch, sound_room):
    with SoundRoom() as room:
        monkeypatch.setenv("ALSA_CONFIG_PATH", room.env["ALSA_CONFIG_PATH"])
        with SoundSystem() as system:
            mic, spk, reasons, both = await streams_in(room, monkeypatch, system)
            room.close()
            await asyncio.wait_for(both.wait(), 5)
            await asyncio.sleep(1.0)  # and not again
            assert sorted(reasons) == [
                "the loudspeaker's stream has ended",
                "the microphone's stream has ended",
            ]
            mic.stop()
            spk.stop()
            with pytest.raises(HardwareError):
                mic.start(print, print)


async def test_a_sound_server_that_hangs_is_reported_and_outlived(monkeypatch, sound_room):
    monkeypatch.setattr(portaudio_system, "_CLOSE_WITHIN_S", 0.2)
    with SoundRoom() as room:
        monkeypatch.setenv("ALSA_CONFIG_PATH", room.env["ALSA_CONFIG_PATH"])
        with SoundSystem() as system:
            mic, spk, reasons, both = await streams_in(room, monkeypatch, system)
            os.kill(room._server.pid, signal.SIGSTOP)
            await asyncio.wait_for(both.wait(), 10)
            assert all("nothing for 2." in reason for reason in reasons)
            began_s = time.monotonic()
            mic.stop()
            spk.stop()
            assert time.monotonic() - began_s < 0.2, "it waits for what hangs"
            with pytest.raises(HardwareError, match="the sound system hangs"):
                mic.start(print, print)
            with pytest.raises(HardwareError, match="the sound system hangs"):
                await mic.open()
            os.kill(room._server.pid, signal.SIGCONT)
            async with asyncio.timeout(10):
                while mic.opens == 1:  # until what hung has closed
                    with contextlib.suppress(HardwareError):
                        mic.start(print, print)
                    await asyncio.sleep(0.1)


async def test_a_card_that_was_not_there_at_first_is_found_later(monkeypatch, sound_room, tmp_path):
    (tmp_path / "asound.conf").write_text("pcm.nothing { type hw card 99 }\n")
    here = os.environ["ALSA_CONFIG_PATH"]
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(tmp_path / "asound.conf"))
    with SoundSystem() as system:
        mic = PortAudioMicrophone(system, "pcm:mic")
        with pytest.raises(HardwareError, match="no sound card pcm:mic"):
            mic.start(print, print)
        monkeypatch.setenv("ALSA_CONFIG_PATH", here)
        got = asyncio.Event()
        mic.start(lambda _: got.set(), print)
        await asyncio.wait_for(got.wait(), 5)
        mic.stop()
