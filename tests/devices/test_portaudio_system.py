"""PortAudio's own start and end, what it is asked beside the event loop, and cards that come."""

from __future__ import annotations

import asyncio
import ctypes
import itertools
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from appliance.devices import portaudio_microphone, portaudio_system
from appliance.devices.portaudio import PortAudioMicrophone, PortAudioSpeaker, SoundSystem
from appliance.devices.portaudio_format import code_and_words, refused
from appliance.devices.portaudio_quiet import StandardError
from appliance.devices.portaudio_system import aside
from appliance.devices.soundcards import AudioDevice, Direction, read_cards
from appliance.errors import CardsChangedError, HardwareError

# Beside the event loop


async def test_the_loop_goes_on_while_something_takes_long():
    turns, gate = [], threading.Event()
    asyncio.get_running_loop().call_later(0.05, turns.append, 1)
    asyncio.get_running_loop().call_later(0.1, gate.set)
    assert await aside(lambda: gate.wait(5), print) is True
    assert turns == [1]


async def test_what_it_raises_is_raised():
    def refuse():
        raise HardwareError("busy")

    with pytest.raises(HardwareError, match="busy"):
        await aside(refuse, print)


async def test_what_nobody_waits_for_any_more_is_given_back():
    gate, unwanted = threading.Event(), asyncio.Queue()

    def work():
        gate.wait(5)
        return "a stream"

    waiting = asyncio.create_task(aside(work, unwanted.put_nowait))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.set()
    assert await asyncio.wait_for(unwanted.get(), 5) == "a stream"


@pytest.mark.parametrize("make", [PortAudioMicrophone, PortAudioSpeaker])
async def test_one_that_was_opened_beforehand_has_only_to_begin(system, make, monkeypatch):
    device = make(system, "auto")
    callbacks = [print] * (2 if make is PortAudioMicrophone else 3)
    await device.open()
    monkeypatch.setattr(system, "find", pytest.fail)
    device.start(*callbacks)
    assert device.opens == 1
    with pytest.raises(HardwareError, match="open already"):
        await device.open()
    device.stop()


@pytest.mark.parametrize("make", [PortAudioMicrophone, PortAudioSpeaker])
async def test_one_that_was_opened_and_not_wanted_is_closed(system, make):
    device = make(system, "auto")
    await device.open()
    device.stop()
    assert system.devices  # which waits for that
    assert system._open == 0


# Cards that come and go


def plug(root, number, card_id="Mic"):
    """Show a card in sysfs, as the kernel does."""
    folder = root / "sys/class/sound"
    (folder / f"card{number}").mkdir(parents=True)
    (folder / f"card{number}/id").write_text(card_id + "\n")
    (folder / f"pcmC{number}D0c").mkdir()


class CountedSystem(SoundSystem):
    starts = 0

    def _start(self):
        self.starts += 1
        return super()._start()


@pytest.fixture
def counted(sound_room, tmp_path):
    with CountedSystem(tmp_path) as system:
        yield system


async def test_a_card_that_came_is_looked_for_once_nothing_is_open(counted, tmp_path):
    mic = PortAudioMicrophone(counted, "card:New")
    spk = PortAudioSpeaker(counted, "pcm:spk")
    spk.start(print, print, print)
    starts = counted.starts
    for _ in range(3):
        with pytest.raises(HardwareError, match="no sound card card:New") as refusal:
            await mic.open()
        assert not isinstance(refusal.value, CardsChangedError), "nothing would come of it"
    plug(tmp_path, 1, "New")
    with pytest.raises(CardsChangedError):
        await mic.open()
    assert counted.starts == starts
    spk.stop()
    with pytest.raises(HardwareError, match=r"plugged in but cannot be opened") as refusal:
        await mic.open()  # the room has no card behind it
    assert not isinstance(refusal.value, CardsChangedError)
    assert counted.starts == starts + 1
    await spk.open()
    spk.start(print, print, print)
    with pytest.raises(HardwareError) as refusal:
        await mic.open()
    assert not isinstance(refusal.value, CardsChangedError), "it has just been looked for"
    spk.stop()


async def test_one_that_is_plugged_in_but_was_busy_is_looked_for_ever_more_rarely(
    counted, tmp_path, monkeypatch
):
    plug(tmp_path, 1, "Busy")
    spk = PortAudioSpeaker(counted, "pcm:spk")
    now_s, wanted = time.monotonic(), []
    for second in range(70):
        clock = SimpleNamespace(monotonic=lambda second=second: now_s + second)
        monkeypatch.setattr(portaudio_system, "time", clock)
        if not spk.opens or spk._stream is None:
            await spk.open()
            spk.start(print, print, print)
        try:
            counted.find("card:Busy", Direction.CAPTURE)
        except CardsChangedError:
            wanted.append(second)
            with pytest.raises(CardsChangedError):  # until it is done
                counted.find("card:Busy", Direction.CAPTURE)
            spk.stop()
            with pytest.raises(HardwareError, match="another program"):
                counted.find("card:Busy", Direction.CAPTURE)
        except HardwareError:
            continue
    spk.stop()
    gaps = [later - sooner for sooner, later in itertools.pairwise([0, *wanted])]
    assert gaps == [2, 4, 8, 16, 32]


async def test_one_that_another_program_had_is_looked_for_as_soon_as_it_is_free(counted, tmp_path):
    plug(tmp_path, 1, "Busy")
    (tmp_path / "dev/snd").mkdir(parents=True)
    node = tmp_path / "dev/snd/pcmC1D0c"
    node.symlink_to("nothing")  # cannot be opened
    spk = PortAudioSpeaker(counted, "pcm:spk")
    await spk.open()  # which starts PortAudio anew: a card came
    spk.start(print, print, print)
    for _ in range(3):
        with pytest.raises(HardwareError, match="another program") as refusal:
            counted.find("card:Busy", Direction.CAPTURE)
        assert not isinstance(refusal.value, CardsChangedError)
    node.unlink()
    node.touch()
    for _ in range(2):  # until it is done
        with pytest.raises(CardsChangedError):
            counted.find("card:Busy", Direction.CAPTURE)
    spk.stop()
    with pytest.raises(HardwareError, match="another program"):
        counted.find("card:Busy", Direction.CAPTURE)
    await spk.open()
    spk.start(print, print, print)
    with pytest.raises(HardwareError) as refusal:
        counted.find("card:Busy", Direction.CAPTURE)
    assert not isinstance(refusal.value, CardsChangedError), "it would interrupt for nothing"
    spk.stop()


async def test_one_that_is_closed_while_another_is_looked_for_holds_nothing_up(
    counted, monkeypatch
):
    spk = PortAudioSpeaker(counted, "pcm:spk")
    spk.start(print, print, print)
    monkeypatch.setattr(
        portaudio_system,
        "read_cards",
        lambda root: (spk.stop(), read_cards(root))[1],  # lost, just when it is looked
    )
    began_s = time.monotonic()
    assert counted.find("pcm:spk", Direction.PLAYBACK).name == "spk"
    assert time.monotonic() - began_s < 1.0


def test_while_it_looks_it_is_busy(counted, monkeypatch):
    busy_s = []
    monkeypatch.setattr(
        portaudio_system,
        "read_cards",
        lambda root: (busy_s.append(counted.busy_s), read_cards(root))[1],
    )
    counted.find("pcm:spk", Direction.PLAYBACK)
    assert busy_s
    assert all(each > 0.0 for each in busy_s)
    assert counted.busy_s == 0.0


async def test_the_thread_that_captures_hurries_once_for_each_stream(counted, monkeypatch):
    hurried, chunks, came = [], [], asyncio.Event()
    monkeypatch.setattr(
        portaudio_microphone, "hurry", lambda: hurried.append(threading.get_ident())
    )

    def deliver(chunk):
        chunks.append(chunk)
        if len(chunks) == 3:
            came.set()

    mic = PortAudioMicrophone(counted, "pcm:mic")
    mic.start(deliver, print)
    await asyncio.wait_for(came.wait(), 5)
    mic.stop()
    (thread,) = hurried
    assert thread != threading.get_ident()


async def test_a_new_card_does_not_disturb_those_that_can_be_found(counted, tmp_path):
    spk, mic = PortAudioSpeaker(counted, "pcm:spk"), PortAudioMicrophone(counted, "pcm:mic")
    spk.start(print, print, print)
    plug(tmp_path, 7)
    await mic.open()
    assert counted.starts == 1
    mic.stop()
    spk.stop()


# What is said, and what is not


def device(name="USB Mic: Audio (hw:1,0)"):
    return AudioDevice(3, name, 2, 0, 48_000)


def test_busy_and_gone_are_told_apart():
    busy = refused(device(), Direction.CAPTURE, -9985, "Device unavailable")
    assert busy == "sound card USB Mic: Audio (hw:1,0) is in use by another program (capture)"
    gone = refused(device(), Direction.CAPTURE, -9993, "Illegal combination of I/O devices")
    assert "cannot be opened for capture: illegal combination of i/o devices" in gone
    assert "unplugged?" in gone


@pytest.mark.parametrize(
    ("args", "meant"),
    [
        ((-9985, "Device unavailable"), (-9985, "device unavailable")),
        (("Device unavailable", -9985), (-9985, "device unavailable")),
        ((), (0, "unknown error")),
    ],
)
def test_an_error_is_read_in_either_order(args, meant):
    assert code_and_words(OSError(*args)) == meant


def test_a_format_is_refused_in_one_line(system):
    with pytest.raises(HardwareError, match=r"cannot be opened for capture: invalid .*device"):
        system.rate_for(AudioDevice(999, "none", 1, 0, 1), Direction.CAPTURE, 1)


def test_while_libraries_are_silenced_the_program_is_not(capfd, monkeypatch):
    monkeypatch.setattr(sys, "stderr", sys.__stderr__)  # as outside of a test
    error = StandardError()
    library = ctypes.CDLL(None)
    with error.closed():
        library.dprintf(2, b"noise\n")
        sys.stderr.write("news\n")
    library.dprintf(2, b"after\n")
    error.close()
    assert capfd.readouterr().err == "news\nafter\n"
    assert sys.stderr is sys.__stderr__
