import argparse
import json

import pytest

from appliance.devices import command
from appliance.devices.command import Choice, format_table, list_devices
from appliance.devices.soundcards import AudioDevice, SoundCard
from appliance.errors import ConfigError

ARRAY = SoundCard(1, "ArrayUAC10", "2886:0018", "1-1.2", captures=True, plays=True)
BUSY = SoundCard(2, "Device", "0d8c:0014", "1-1.3", captures=False, plays=True)
HW = "ReSpeaker: USB Audio (hw:1,0)"
DEVICES = (
    AudioDevice(0, HW, 6, 2, 16000),
    AudioDevice(1, "dmix", 0, 0, 48000),
    AudioDevice(2, "default", 2, 2, 44100),
)
CHOICES = {
    "microphone": Choice("auto", HW, None),
    "speaker": Choice("pcm:default", "default", None),
}


def run(*words):
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return command.run(parser.parse_args(list(words)))


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    monkeypatch.delenv("APPLIANCE_CONFIG", raising=False)


def test_each_device_is_listed_with_a_selector_that_stays():
    lines = list_devices((ARRAY, BUSY), DEVICES, CHOICES)
    assert [(line.selector, line.usb, line.taken_as) for line in lines] == [
        ("card:ArrayUAC10", "2886:0018", ("microphone",)),
        ("pcm:default", "", ("speaker",)),
        ("card:Device", "0d8c:0014", ()),
    ]
    assert "in use" in lines[2].name


def test_the_table_is_aligned_and_ends_without_blanks():
    table = format_table(list_devices((ARRAY, BUSY), DEVICES, CHOICES))
    assert table[0].split()[:3] == ["selector", "name", "card"]
    assert table[1].index(HW) == table[0].index("name")
    assert all(line == line.rstrip() for line in table)


def test_nothing_to_list_is_said():
    assert format_table([]) == [
        "no sound card, and no PCM in ALSA's configuration: nothing to list"
    ]


def test_the_rooms_pcms_are_listed_and_what_the_settings_take(sound_room, capsys, monkeypatch):
    monkeypatch.setenv("APPLIANCE_HARDWARE__MICROPHONE", "pcm:mic")
    monkeypatch.setenv("APPLIANCE_HARDWARE__SPEAKER", "card:Nowhere")
    assert run("--json") == 0
    shown = json.loads(capsys.readouterr().out)
    by_selector = {line["selector"]: line for line in shown["devices"]}
    assert {"pcm:mic", "pcm:mouth", "pcm:spk", "pcm:ear"} <= set(by_selector)
    assert by_selector["pcm:mic"]["taken_as"] == ["microphone"]
    assert shown["speaker"]["device"] is None
    assert "card:Nowhere" in shown["speaker"]["problem"]


def test_the_problem_stands_under_the_table(sound_room, capsys, monkeypatch):
    monkeypatch.setenv("APPLIANCE_HARDWARE__SPEAKER", "usb:dead:beef")
    assert run() == 0
    assert "speaker (usb:dead:beef): no sound card" in capsys.readouterr().out.splitlines()[-1]


def test_a_machine_without_sound_is_no_error(sound_room, capsys, monkeypatch, tmp_path):
    (tmp_path / "asound.conf").write_text("pcm.nothing { type hw card 99 }\n")
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(tmp_path / "asound.conf"))
    assert run() == 0
    said = capsys.readouterr().out
    assert "pcm:mic" not in said
    assert "no sound card" in said or "card:" in said  # a developer's machine may have one


def test_wrong_settings_are_wrong_here_too(monkeypatch):
    monkeypatch.setenv("APPLIANCE_AUDIO__CHANNELS", "7")
    with pytest.raises(ConfigError):
        run()
