"""`appliance bench sound`, with what every developer has installed and with planted systems."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from appliance.bench import systems
from appliance.bench.corpus import Recordings
from appliance.bench.progress import Progress
from appliance.cli import run_command


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def no_peers(monkeypatch):
    monkeypatch.setattr(systems.System, "installed", property(lambda self: self.ours))


def test_the_quick_run_measures_ours_and_names_the_peers_that_are_missing(no_peers, capsys):
    assert run_command(["bench", "sound", "--quick", "--json"]) == 0
    out, err = capsys.readouterr()
    result = json.loads(out)  # nothing but JSON
    assert err == ""
    assert {"livekit", "pyaec", "pyrnnoise", "webrtcvad-wheels"} <= set(result["not_installed"])

    noisy, ours = result["noise"]["rows"]
    assert (noisy["system"], ours["system"]) == ("noisy", "ours")
    assert ours["pesq"] > noisy["pesq"] + 0.1
    assert ours["delay_ms"] == pytest.approx(20, abs=1)
    assert 0 < ours["rtf"] < 1

    untouched, ours = result["echo"]["rows"]
    assert untouched["loss_late_db"] == 0
    assert ours["loss_late_db"] > 15
    assert ours["stoi"] > untouched["stoi"] + 0.1
    assert ours["delay_ms"] == pytest.approx(10, abs=1)
    assert {each["scene"] for each in result["echo"]["by_scene"]} == {0, 1}

    assert result["vad"]["rows"] == []  # its peer is hidden
    assert result["vad"]["ours"]["area"] > 0.7
    assert all(result[part]["cpu_ratio"] == {} for part in ("noise", "echo", "vad"))


def test_a_table_has_the_ratios_of_cpu_time_and_the_lines_for_what_is_missing(capsys, monkeypatch):
    has_vad = property(lambda self: self.ours or self.name.startswith("webrtcvad"))
    monkeypatch.setattr(systems.System, "installed", has_vad)
    assert run_command(["bench", "sound", "--quick", "--only", "vad"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("## Voice activity")
    row = next(line for line in lines if "webrtcvad 3" in line)
    assert row.rstrip(" |").endswith("×")
    assert len({len(line) for line in lines if line.startswith("|")}) == 1

    monkeypatch.setattr(systems.System, "installed", property(lambda self: self.ours))
    run_command(["bench", "sound", "--quick", "--only", "vad"])
    assert capsys.readouterr().out.splitlines()[-1] == "not installed: pip install webrtcvad-wheels"


def test_what_was_heard_is_kept_to_listen_to(no_peers, tmp_path, capsys):
    out = tmp_path / "heard"
    assert run_command(["bench", "sound", "--quick", "--only", "noise", "--out", str(out)]) == 0
    names = {each.name for each in (out / "noise").iterdir()}
    assert {f"01-pink-5dB-librivox-{kind}.wav" for kind in ("clean", "noisy", "ours")} <= names
    heard, rate_hz = soundfile.read(out / "noise/01-pink-5dB-librivox-ours.wav")
    assert rate_hz == 24_000
    assert len(heard) > 7 * rate_hz
    assert np.abs(heard).max() > 0.01


def test_missing_recordings_are_named_by_their_packages(monkeypatch, capsys):
    monkeypatch.setattr(Recordings, "files", lambda self: [])
    assert run_command(["bench", "sound"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    wanted = "apt-get install asterisk-core-sounds-en-g722 asterisk-core-sounds-fr-g722"
    assert wanted in err
    assert "redeclipse-data" in err
    assert "pocketsphinx" not in err  # that is for --quick


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--only", "noise,smell"), "no part smell"),
        (("--only", "noise", "--out", "/dev/null/heard"), "--out /dev/null/heard"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(no_peers, capsys, arguments, told):
    assert run_command(["bench", "sound", "--quick", *arguments]) == 2
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1


def test_one_bench_does_not_import_the_other():
    program = (
        "import sys\n"
        "from appliance.cli import run_command\n"
        "try:\n"
        "    run_command(['bench', 'sound', '--help'])\n"
        "except SystemExit:\n"
        "    print([m for m in sys.modules if m.startswith('appliance.bench.frame')])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "--quick" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
    assert done.stderr == ""


def test_progress_is_for_a_terminal_only():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    shown, hidden = Terminal(), io.StringIO()
    for stream in (shown, hidden):
        progress = Progress(stream)
        progress.begin(2)
        progress.step("rain")
        progress.end()
    assert "1/2 rain" in shown.getvalue()
    assert shown.getvalue().endswith("\r\033[K")
    assert hidden.getvalue() == ""
