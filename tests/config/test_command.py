import argparse
import json
import tomllib
from pathlib import Path

import pytest

from appliance.config import command
from appliance.config.catalogue import plain
from appliance.config.settings import Settings
from appliance.errors import ConfigError, UsageError

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"
SECRET = "sk-proj-Planted0123456789"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch, tmp_path):
    """No settings but the test's own: an empty file instead of the machine's."""
    (tmp_path / "none.toml").write_text("")
    monkeypatch.setenv("APPLIANCE_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


@pytest.fixture
def write(tmp_path):
    def writer(text):
        file = tmp_path / "appliance.toml"
        file.write_text(text)
        return str(file)

    return writer


def run(*argv):
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return command.run(parser.parse_args([str(word) for word in argv]))


def test_show_gives_toml_with_every_setting_and_its_source(write, capsys, monkeypatch):
    monkeypatch.setenv("APPLIANCE_VOICE__SPEED", "1.25")
    file = write('[voice]\nname = "echo"\n[language.supported]\nenglish = {}\n')
    assert run("show", "--config", file) == 0
    text = capsys.readouterr().out
    shown = tomllib.loads(text)
    expected = plain(
        Settings(voice={"name": "echo", "speed": 1.25}, language={"supported": {"english": {}}})
    )
    del expected["turn_detection"]["idle_timeout_ms"]
    assert shown == expected
    lines = text.splitlines()
    assert f'name     = "echo"      # file {file}' in lines
    assert "speed    = 1.25        # environment APPLIANCE_VOICE__SPEED" in lines
    assert "volume   = 0.8         # default" in lines
    assert any(line.startswith("# idle_timeout_ms is unset") for line in lines)


def test_show_one_section(capsys):
    assert run("show", "--section", "circuit_breaker") == 0
    assert capsys.readouterr().out == (
        "[circuit_breaker]\nfailure_threshold = 5      # default\n"
        "reset_timeout     = 60000  # default\n"
    )


def test_show_an_unknown_section():
    with pytest.raises(UsageError, match="no section vioce; did you mean voice"):
        run("show", "--section", "vioce")
    with pytest.raises(UsageError, match="there are audio, websocket"):
        run("show", "--section", "zzz")


def test_show_as_json(write, capsys):
    file = write("[audio]\ninput_chunk_size = 480")
    assert run("show", "--json", "--section", "audio", "--config", file) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["audio.input_chunk_size"] == {"value": 480, "source": f"file {file}"}
    assert shown["audio.channels"] == {"value": 1, "source": "default"}
    assert {name.split(".")[0] for name in shown} == {"audio"}


@pytest.mark.parametrize("more", [[], ["--json"]])
@pytest.mark.parametrize("action", ["show", "check"])
def test_no_command_prints_a_key(write, capsys, monkeypatch, action, more):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    file = write(
        f'[session]\ninstructions = "The key is {SECRET}"\n'
        f'[voice]\nname = "{SECRET}"\n[endpoint]\nurl = "ws://lan/?api-key={SECRET}"\n'
    )
    assert run(action, "--config", file, *more) == 0
    printed = capsys.readouterr()
    assert "Planted" not in printed.out + printed.err
    if action == "show":
        assert "environment OPENAI_API_KEY" in printed.out


def test_a_key_that_is_set_is_said_to_be(monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    run("show", "--section", "endpoint")
    assert "# api_key is set, and not shown" in capsys.readouterr().out


def test_show_refuses_wrong_settings(write):
    with pytest.raises(ConfigError, match=r"audio\.channels: 2 is not allowed"):
        run("show", "--config", write("[audio]\nchannels = 2"))


def test_check_of_good_settings(capsys, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("APPLIANCE_SESSION__INPUT_AUDIO_TRANSCRIPTION__MODEL", "gpt-transcribe")
    assert run("check") == 0
    assert capsys.readouterr().out == "settings are good\n"


def test_check_lists_warnings(write, capsys):
    file = write('[session]\nmodel = "gpt-realtime-mini"\ntemperature = 0.7\n')
    assert run("check", "--config", file) == 0
    *warnings, last = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[:2] for line in warnings] == [
        ["warning", "session.model"],
        ["warning", "session.input_audio_transcription.model"],
        ["warning", "session.temperature"],
        ["warning", "endpoint.api_key"],
    ]
    assert last == "settings are good (4 warnings)"


def test_check_lists_all_errors(write, capsys):
    file = write('[audio]\nchannels = 2\n[voice]\nvolum = 1\nemphasis = "strog"\n')
    assert run("check", "--config", file) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        f"error: voice.volum: no such setting; did you mean voice.volume? (in {file})",
        f"error: audio.channels: 2 is not allowed: the Realtime API takes mono only (in {file})",
        'error: voice.emphasis: "strog" is not allowed: did you mean "strong"? '
        f'Use "none", "moderate" or "strong" (in {file})',
        "3 errors",
    ]


def test_check_as_json(write, capsys):
    assert run("check", "--json") == 0
    good = json.loads(capsys.readouterr().out)
    assert (good["ok"], good["errors"], len(good["warnings"])) == (True, [], 2)
    assert run("check", "--json", "--config", write("[audio]\nchannels = 2")) == 2
    bad = json.loads(capsys.readouterr().out)
    assert (bad["ok"], len(bad["errors"]), bad["warnings"]) == (False, 1, [])


def test_schema_describes_the_file(capsys):
    assert run("schema") == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["$schema"].endswith("2020-12/schema")
    assert set(schema["properties"]) == set(Settings.model_fields)
    audio = schema["$defs"]["Audio"]
    assert audio["additionalProperties"] is False
    chunk = audio["properties"]["input_chunk_size"]
    assert (chunk["minimum"], chunk["maximum"], chunk["default"]) == (240, 8192, 1024)
    assert (chunk["x-unit"], chunk["type"]) == ("samples", "integer")
    assert schema["$defs"]["Endpoint"]["properties"]["api_key"]["format"] == "password"


def test_the_documentation_is_the_generators(capsys):
    assert run("docs") == 0
    assert capsys.readouterr().out == DOCS.read_text(), (
        "write it anew: appliance config docs > docs/settings.md"
    )


def test_the_readmes_table_is_the_generators(capsys):
    assert run("docs", "--brief") == 0
    readme = (DOCS.parents[1] / "README.md").read_text()
    table = readme.split("<!-- settings -->\n")[1].split("<!-- end of settings -->")[0]
    assert table == capsys.readouterr().out, "write it anew: appliance config docs --brief"


def test_the_documentation_has_every_setting():
    text = DOCS.read_text()
    for section in Settings.model_fields:
        assert f"## `[{section}]`" in text
    assert '| `noise_reduction.level` | `"moderate"` | "off", "low"' in text
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert all(row.replace("\\|", "").count("|") == 6 for row in rows)


def test_an_action_is_needed(capsys):
    with pytest.raises(SystemExit) as stopped:
        run()
    assert stopped.value.code == 2
    assert "ACTION" in capsys.readouterr().err
