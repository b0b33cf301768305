"""Settings read again while the device runs: what is taken over, what waits, what is refused."""

import asyncio
import socket

import pytest

from appliance.app_systemd import CHANGEABLE, Reload, changed, value_of, with_values
from appliance.config.apart import SettingsApart
from appliance.devices.fakes import FakeJournal
from appliance.errors import ConfigError


def settings_of(tmp_path, text):
    path = tmp_path / "appliance.toml"
    path.write_text(text)
    return SettingsApart(path).wait()


def languages(second):
    return f"[language.supported]\nenglish = {{}}\n{second} = {{}}\n"


@pytest.fixture
def told(tmp_path, monkeypatch):
    """What systemd was told, in a function."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        end.settimeout(5)
        yield lambda: end.recv(4096).decode()


async def reload(settings, read):
    """Reload once; return the journal's lines and what was put in force."""
    journal, applied = Noticed(), []
    reloading = Reload(settings, read, applied.append, journal)
    reloading.begin()
    reloading.begin()  # while the first is under way
    await asyncio.wait_for(journal.written.wait(), 20)
    return journal.lines, applied


class Noticed(FakeJournal):
    def __init__(self):
        super().__init__()
        self.written = asyncio.Event()

    def event(self, name, message, **fields):
        super().event(name, message, **fields)
        self.written.set()


async def test_what_can_change_does_and_the_rest_is_named(tmp_path, told):
    old = settings_of(tmp_path, "[voice]\nvolume = 0.8\n")
    wanted = '[voice]\nvolume = 0.5\nname = "marin"\n[hardware]\nbutton_pin = 5\n'
    lines, (applied,) = await reload(old, lambda: settings_of(tmp_path, wanted))
    assert (applied.voice.volume, applied.voice.name) == (0.5, "marin")
    assert applied.hardware.button_pin == 17
    assert old.voice.volume == 0.8
    (line,) = lines
    assert line[1] == (
        "Settings read again: voice.volume now; voice.name from the next session on; "
        "hardware.button_pin only after a restart."
    )
    assert told().startswith("RELOADING=1")
    assert told() == f"READY=1\nSTATUS={line[1]}"


async def test_wrong_settings_change_nothing_and_are_told(tmp_path, told):
    old = settings_of(tmp_path, "")
    lines, applied = await reload(old, lambda: settings_of(tmp_path, "[voice]\nvolume = 7\n"))
    assert applied == []
    (line,) = lines
    assert line[0] == "reload_refused"
    assert "voice.volume" in line[1]
    assert told().startswith("RELOADING=1")
    assert told().startswith("READY=1\nSTATUS=The settings stay as they were")


def test_every_changeable_setting_exists_and_can_be_put_in_force(tmp_path):
    settings = settings_of(tmp_path, "")
    assert CHANGEABLE.keys() <= set(settings.setting_names)
    assert with_values(settings, settings, set(CHANGEABLE)).voice.name == settings.voice.name


def test_a_difference_is_seen_in_a_list_of_languages_and_in_a_secret(tmp_path, monkeypatch):
    old = settings_of(tmp_path, languages("german"))
    new = settings_of(tmp_path, languages("french"))
    assert {name.split(".")[2] for name in changed(old, new)} == {"german", "french"}
    monkeypatch.setenv("OPENAI_API_KEY", "sk-another-one")
    assert "endpoint.api_key" in changed(old, settings_of(tmp_path, ""))
    assert value_of(old, "no.such.name") != value_of(old, "no.such.name")


def test_settings_that_are_refused_are_refused_with_every_problem(tmp_path):
    with pytest.raises(ConfigError) as refused:
        settings_of(tmp_path, "[voice]\nvolume = 7\nspeed = 9\n")
    assert len(refused.value.problems) == 2
