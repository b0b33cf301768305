"""`appliance doctor` and `appliance calibrate` where they belong: beside the installed service."""

from __future__ import annotations

import io
import json
import shlex
import shutil
import tarfile
from pathlib import Path

import pytest
from station import KEY, UNIT

APPLIANCE = "/opt/appliance/current/bin/appliance"
PYTHON = "/opt/appliance/current/bin/python"
READER = Path(
    "/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0870.wav"
)
UNATTENDED = "--no-sound --no-questions --json"
READ_IT = (
    "from pathlib import Path; from appliance.devices.calibration import read_calibration; "
    "print(read_calibration(Path('/var/lib/appliance'))[0].input_gain_db)"
)


@pytest.fixture
def runs(station):
    station.start()
    return station


def examined(station, words=UNATTENDED):
    """Run the doctor as root; return its findings by name."""
    told = station.machine.sh(f"{APPLIANCE} doctor {words} 2>/dev/null || test $? = 1")
    assert KEY not in told
    return {line["check"]: line for line in json.loads(told)["checks"]}


def outcomes(found, *names):
    return [found[name]["outcome"] for name in names]


def test_beside_the_running_service(runs):
    found = examined(runs)
    assert outcomes(found, "service", "kernels", "prompts", "disk") == ["ok"] * 4
    # The key stands in the unit's own environment; the service is asked as the device asks it.
    assert outcomes(found, "dns", "route", "key", "model") == ["ok"] * 4
    assert "OPENAI_API_KEY" in found["key"]["said"]
    assert outcomes(found, "microphone", "loudspeaker", "button", "leds") == ["skipped"] * 4
    assert found["microphone"]["figures"]["microphone_rms_dbfs"] < 0
    assert found["service"]["figures"]["unit"] == "active"
    assert runs.state == "active"


def test_who_may_not_read_the_key_is_told_so(runs):
    runs.machine.sh("chmod 600 /etc/default/appliance")
    try:
        words = f"runuser -u nobody -- {APPLIANCE} doctor --only key --json || test $? = 1"
        (key,) = json.loads(runs.machine.sh(f"cd /; {words}"))["checks"]
    finally:
        runs.machine.sh("chmod 644 /etc/default/appliance")
    assert key["outcome"] == "skipped"
    assert "sudo" in key["said"]


def test_a_key_in_a_credential_is_the_one_that_is_asked_with(runs):
    runs.machine.write("/etc/credstore/openai_api_key", f"{KEY}\n", 0o600)
    runs.environment(OPENAI_API_KEY="")
    try:
        for command in (f"systemctl restart {UNIT}", f"systemctl stop {UNIT}"):
            runs.machine.sh(command)
            found = examined(runs, "--only key,model --json")
            assert outcomes(found, "key", "model") == ["ok", "ok"]
            assert "credential openai_api_key" in found["key"]["said"]
    finally:
        runs.machine.sh("rm /etc/credstore/openai_api_key")
        runs.environment()


def test_the_card_is_had_by_stopping_the_service_which_is_back_afterwards(runs):
    before = runs.pid
    found = examined(runs, "--only mic --no-questions --stop-service --json")
    assert found["microphone"]["figures"]["rate_hz"] == 24_000
    assert runs.state == "active"
    assert runs.pid != before


def test_a_service_that_has_failed(runs):
    runs.stop()
    runs.environment(APPLIANCE_AUDIO__CHANNELS="7")
    try:
        runs.machine.sh(f"systemctl start {UNIT} || true")
        found = examined(runs, "--only settings,service,dns --json")
    finally:
        runs.environment()
    assert outcomes(found, "settings", "service", "dns") == ["fail", "fail", "skipped"]
    assert "audio.channels" in found["settings"]["said"]


def test_a_bundle_with_the_journal_and_without_the_key(runs):
    runs.machine.sh(f"{APPLIANCE} doctor {UNATTENDED} --bundle /help.tar.gz || test $? = 1")
    data = (runs.machine.files / "help.tar.gz").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members = {entry.name: tar.extractfile(entry).read() for entry in tar}
    journal = members["appliance-support/journal.txt"].decode()
    assert " ready " in journal
    assert "Started" in journal  # systemd's own words about the unit
    assert json.loads(members["appliance-support/snapshot.json"])["version"] == 1
    assert all(KEY.encode() not in member for member in members.values())
    assert runs.machine.sh("stat -c %a /help.tar.gz") == "600"


def test_a_calibration_by_root_is_read_by_the_devices_own_user(runs):
    shutil.copy(READER, runs.machine.files / "talk.wav")
    told = runs.machine.sh(
        f"{APPLIANCE} calibrate --file /talk.wav --stop-service --json 2>/dev/null"
    )
    gain_db = json.loads(told)["calibration"]["input_gain_db"]
    assert runs.machine.sh("stat -c %U:%a /var/lib/appliance/calibration.json") == "appliance:600"
    as_it = f"cd /; runuser -u appliance -- {PYTHON} -c {shlex.quote(READ_IT)}"
    assert float(runs.machine.sh(as_it)) == gain_db
    assert runs.state == "active"
    assert not runs.events("state_damaged")
    runs.machine.sh(f"{APPLIANCE} calibrate --reset")
    assert runs.machine.sh("ls /var/lib/appliance | grep -c calibration || true") == "0"
