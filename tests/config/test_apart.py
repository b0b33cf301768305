"""Settings from a process of their own: the same values, none of the models."""

from __future__ import annotations

import subprocess
import sys

import pytest

from appliance.config import Settings
from appliance.config.apart import Secret, SettingsApart
from appliance.config.resolve import plain
from appliance.errors import ConfigError


def names_and_values(model, tree, path=""):
    """Yield every field and property of the models with its value there and in the tree."""
    for name in vars(tree):
        there, here = getattr(model, name), getattr(tree, name)
        if hasattr(here, "__dict__"):
            yield from names_and_values(there, here, f"{path}{name}.")
        else:
            yield f"{path}{name}", there, here


@pytest.fixture
def environment(monkeypatch):
    monkeypatch.setenv("APPLIANCE_VOICE__NAME", "marin")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    monkeypatch.setenv("APPLIANCE_CONFIG", "")


def test_every_value_and_every_property_comes_over(environment):
    tree = SettingsApart(None).wait()
    assert tree.voice.name == "marin"
    assert tree.websocket.heartbeat_interval_s == 30.0
    assert tree.session.output_modalities == ("audio",)
    assert tree.language.supported["german"].code == "de"
    settings = Settings()
    found = {
        name: (there, here) for name, there, here in names_and_values(settings, plain(settings))
    }
    assert len(found) > 100
    assert all(
        there == here for there, here in found.values() if not isinstance(here, dict | Secret)
    )
    for section in Settings.model_fields:
        assert set(type(getattr(settings, section)).model_fields) <= set(
            vars(getattr(tree, section))
        )


def test_the_key_comes_over_and_does_not_show(environment):
    key = SettingsApart(None).wait().endpoint.api_key
    assert key.get_secret_value() == "sk-planted"
    assert "planted" not in repr(key)


def test_what_is_wrong_is_told_as_if_it_had_been_read_here(environment, tmp_path):
    file = tmp_path / "wrong.toml"
    file.write_text("[voice]\nspeed = 9.0\n[audio]\nchannels = 7\n")
    with pytest.raises(ConfigError) as error:
        SettingsApart(file).wait()
    lines = str(error.value).splitlines()
    assert len(lines) == 2
    assert any("voice.speed" in line and "wrong.toml" in line for line in lines)


def test_the_daemon_holds_no_pydantic_and_no_compiler():
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, appliance.daemon, appliance.app\n"
            "from appliance.config.apart import SettingsApart\n"
            "settings = SettingsApart(None).wait()\n"
            "appliance.app.rules_from(settings), appliance.app.opening_from(settings)\n"
            "print(*sorted({name.split('.')[0] for name in sys.modules}))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(told.stdout.split())
    assert "appliance" in loaded
    tools = {"numba", "llvmlite", "scipy", "matplotlib", "aiohttp", "soundfile", "openai"}
    assert not loaded & {"pydantic", "pydantic_core", "pydantic_settings", *tools}
