"""The machine, from files of the kernel's own making; and the service, by its own word."""

import os
from pathlib import Path

import pytest

from appliance.doctor import check_board, check_setup
from appliance.doctor.findings import Outcome
from appliance.doctor.patient import as_the_service

MEMINFO = "MemTotal:  {all} kB\nMemFree:  1000 kB\nMemAvailable:   {free} kB\n"


@pytest.fixture
def machine(tmp_path):
    """Return a maker of the kernel's files: `machine("proc/meminfo", text)`."""
    root = tmp_path / "root"
    root.mkdir()

    def put(path, text):
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return root

    return put


# Disk


def test_room_on_the_disk_is_told(patient):
    found = check_board.disk(patient())
    assert found.outcome is Outcome.OK
    assert found.figures["free_mb"] > 64


def test_a_full_disk_fails(patient, monkeypatch):
    full = os.statvfs_result((4096, 4096, 1000, 10, 10, 1000, 900, 900, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    found = check_board.disk(patient())
    assert found.outcome is Outcome.FAIL
    assert found.cure


def test_a_state_directory_that_is_not_there_is_worth_a_word(patient, tmp_path):
    device = patient()
    device.state = tmp_path / "not" / "there"
    found = check_board.disk(device)
    assert found.outcome is Outcome.WARN
    assert str(device.state) in found.said


# Memory, heat, supply


@pytest.mark.parametrize(
    ("free_kb", "outcome"), [(50_000, "fail"), (120_000, "warn"), (400_000, "ok")]
)
def test_memory(patient, machine, free_kb, outcome):
    root = machine("proc/meminfo", MEMINFO.format(all=500_000, free=free_kb))
    found = check_board.memory(patient(root=root))
    assert found.outcome.value == outcome
    assert found.figures["available_mb"] == pytest.approx(free_kb * 1.024 / 1000, abs=0.1)


def test_memory_beside_a_device_that_runs(patient, machine, running):
    root = machine("proc/meminfo", MEMINFO.format(all=500_000, free=60_000))
    found = check_board.memory(patient(root=root, snapshot=running))
    assert (found.outcome, found.figures["device_mb"]) == (Outcome.OK, 48.0)
    running["board"]["resident_mb"] = 104.0
    assert check_board.memory(patient(root=root, snapshot=running)).outcome is Outcome.WARN


def test_a_kernel_that_says_nothing_is_no_fault(patient):
    device = patient()
    looks = (check_board.memory, check_board.temperature, check_board.supply)
    assert [look(device).outcome for look in looks] == [Outcome.SKIPPED] * 3


@pytest.mark.parametrize(("degrees", "outcome"), [(55, "ok"), (77, "warn"), (84, "fail")])
def test_temperature(patient, machine, degrees, outcome):
    machine("sys/class/thermal/thermal_zone0/type", "cpu-thermal")
    root = machine("sys/class/thermal/thermal_zone0/temp", f"{degrees}000")
    assert check_board.temperature(patient(root=root)).outcome.value == outcome


@pytest.mark.parametrize(("bits", "outcome"), [("0", "ok"), ("50005", "fail")])
def test_supply(patient, machine, bits, outcome):
    root = machine("sys/devices/platform/soc/soc:firmware/get_throttled", bits)
    assert check_board.supply(patient(root=root)).outcome.value == outcome


# The service


def test_a_device_that_runs_and_is_well(patient, running):
    found = check_board.service(patient(snapshot=running, unit="active"))
    assert found.outcome is Outcome.OK
    assert "2.0 h" in found.said


def test_the_faults_of_a_running_device_are_told_with_their_cures(patient, running):
    running |= {"well": False, "faults": [{"fault": "no_wifi"}, {"fault": "new_in_the_future"}]}
    found = check_board.service(patient(snapshot=running))
    assert found.outcome is Outcome.FAIL
    assert found.figures["faults"] == ["no_wifi", "new_in_the_future"]
    assert "router" in found.cure


@pytest.mark.parametrize(
    ("unit", "outcome"),
    [("active", "fail"), ("failed", "fail"), ("inactive", "warn"), ("", "skipped")],
)
def test_a_device_that_does_not_answer(patient, unit, outcome):
    assert check_board.service(patient(unit=unit)).outcome.value == outcome


# What the unit reads is what counts


def test_the_units_environment_and_credential_are_ours_unless_set_already(tmp_path):
    (tmp_path / "etc/default").mkdir(parents=True)
    (tmp_path / "etc/credstore").mkdir()
    (tmp_path / "etc/default/appliance").write_text(
        '# words\nAPPLIANCE_VOICE__NAME="marin"\nOPENAI_API_KEY=sk-1\nnot a line\n'
    )
    (tmp_path / "etc/credstore/openai_api_key").write_text("sk-2\n")
    environ, unread = as_the_service({"OPENAI_API_KEY": "sk-mine"}, tmp_path)
    assert environ["APPLIANCE_VOICE__NAME"] == "marin"
    assert environ["OPENAI_API_KEY"] == "sk-mine"
    assert environ["CREDENTIALS_DIRECTORY"] == str(tmp_path / "etc/credstore")
    assert unread == ()
    assert as_the_service({"A": "b"}, tmp_path / "nowhere") == ({"A": "b"}, ())


def test_the_credential_that_the_running_unit_was_given_goes_first(tmp_path):
    for folder in ("etc/credstore", "run/credentials/appliance.service"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "openai_api_key").write_text("sk-1\n")
    environ, _ = as_the_service({}, tmp_path)
    assert environ["CREDENTIALS_DIRECTORY"].endswith("run/credentials/appliance.service")


def test_an_encrypted_credential_that_nobody_has_opened_is_not_read(tmp_path):
    (tmp_path / "etc/credstore.encrypted").mkdir(parents=True)
    (tmp_path / "etc/credstore.encrypted/openai_api_key").write_text("k6iUCUh0RJCQ")
    environ, unread = as_the_service({}, tmp_path)
    assert environ == {}
    assert [Path(name).parent.name for name in unread] == ["credstore.encrypted"]


# Set-up


def test_the_settings_are_counted_and_their_notices_told(patient):
    found = check_setup.settings(patient(voice__name="nobody", endpoint__url="ws://localhost/v1"))
    assert found.outcome is Outcome.WARN
    assert found.figures["set"] == 2
    assert any("nobody" in line for line in found.figures["notices"])


def test_wrong_settings_fail_with_each_problem(patient):
    device = patient()
    device.loaded, device.problems = None, ["audio.channels: 7", "voice.speed: 9"]
    found = check_setup.settings(device)
    assert found.outcome is Outcome.FAIL
    assert found.figures["problems"] == device.problems


def test_the_kernels_of_this_machine_serve(patient):
    found = check_setup.kernels(patient())
    assert found.outcome is Outcome.OK
    assert found.figures["kernels"] > 5


def test_kernels_that_are_not_there_are_worth_a_word_where_numba_is(patient, tmp_path):
    device = patient()
    device.environ = {"APPLIANCE_KERNELS": str(tmp_path)}
    assert check_setup.kernels(device).outcome is Outcome.WARN


def test_prompts_that_are_missing_are_worth_a_word(patient, tmp_path):
    device = patient(language__fallback_language="german")
    assert check_setup.prompts(device).outcome is Outcome.OK
    device.environ = {"APPLIANCE_PROMPTS": str(tmp_path)}
    found = check_setup.prompts(device)
    assert (found.outcome, found.figures["own"]) == (Outcome.WARN, 0)
    assert "tones" in found.said
