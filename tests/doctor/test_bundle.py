"""The support bundle: what is in it, and what is in no byte of it."""

import base64
import gzip
import io
import json
import os
import stat
import tarfile
from urllib.parse import quote

import pytest

from appliance.config.load import load
from appliance.doctor import gather
from appliance.doctor.bundle import refuse_bad_place, write_bundle
from appliance.doctor.findings import Line, Report, fail
from appliance.doctor.secrets_here import secrets_of
from appliance.errors import UsageError

KEY = "sk-proj-Zq8vN3xT5yB7mK2w"
CREDENTIAL = "plain+credential/9f8e7d"
PROXY_PASSWORD = "pr0xy p@ss/wörd"
QUERY = "queried&value=1"
SSID = "Familie Birnbaum 5G"
PSK = "apfelkuchen-mit-sahne"
PERSON = "wilhelmine"
WORDS = "when does the last train to Lindau leave"
SAFETY = "user-hash-4711"
SECRETS = (KEY, CREDENTIAL, PROXY_PASSWORD, QUERY, SSID, PSK, SAFETY)

PROGRAM = """\
#!/bin/sh
cat {file}
"""


def spellings(secret):
    packed = [
        base64.b64encode(pad + secret.encode()).decode().rstrip("=") for pad in (b"", b"u:", b"x")
    ]
    return [
        secret,
        quote(secret, safe=""),
        json.dumps(secret)[1:-1],
        secret.encode().hex(),
        *(whole[4:-4] for whole in packed),
        *(whole[4:-4].translate(str.maketrans("+/", "-_")) for whole in packed),
    ]


@pytest.fixture
def planted(patient, tmp_path, monkeypatch, running):
    """A patient with secrets in its settings, environment, credentials, journal and snapshot."""
    proxy = f"http://{PERSON}:{quote(PROXY_PASSWORD, safe='')}@proxy.example:3128"
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials/openai_api_key").write_text(CREDENTIAL)
    environ = {
        "HOME": f"/home/{PERSON}",
        "USER": PERSON,
        "HTTPS_PROXY": proxy,
        "SOME_TOKEN": PSK,
        "OPENAI_API_KEY": KEY,
        "APPLIANCE_ENDPOINT__URL": f"wss://gate.example/v1/realtime?tag={quote(QUERY, safe='')}",
        "APPLIANCE_SESSION__INSTRUCTIONS": f"The user's name is {PERSON}; {WORDS}",
        "APPLIANCE_ENDPOINT__SAFETY_IDENTIFIER": SAFETY,
    }
    lines = [
        {"APPLIANCE_EVENT": "heard", "MESSAGE": f"heard: {WORDS}"},
        {"APPLIANCE_EVENT": "reply", "MESSAGE": f"reply: {WORDS}"},
        {"MESSAGE": f"heard: {WORDS}"},
        {"APPLIANCE_EVENT": "reply", "MESSAGE": WORDS},
        {"MESSAGE": list(f"bytes with {KEY}".encode())},
        {"APPLIANCE_EVENT": "ready", "MESSAGE": "ready: press the button and talk"},
        {"MESSAGE": f"File /home/{PERSON}/x.py ; Wi-Fi '{SSID}' by {PERSON}"},
    ]
    for secret in (KEY, CREDENTIAL, PROXY_PASSWORD, QUERY, SSID, PSK, SAFETY):
        lines += [{"MESSAGE": f"it said {spelt} there"} for spelt in spellings(secret)[:4]]
        basic = base64.b64encode(f"{PERSON}:{secret}".encode()).decode()
        lines.append({"MESSAGE": f"sent {basic} on"})
    programs = tmp_path / "bin"
    programs.mkdir()
    # The kernel never knows what was said.
    kernel = [line["MESSAGE"] for line in lines if WORDS not in line["MESSAGE"]]
    written = {"journalctl": lines, "dmesg": kernel}
    for name, each in written.items():
        file = tmp_path / f"{name}.out"
        file.write_text("\n".join(map(json.dumps, each)))
        (programs / name).write_text(PROGRAM.format(file=file))
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    wifi = tmp_path / "etc/NetworkManager/system-connections/home.nmconnection"
    wifi.parent.mkdir(parents=True)
    wifi.write_text(f"[wifi]\nssid={SSID}\n[wifi-security]\npsk={PSK}\n")
    (tmp_path / "boot/firmware").mkdir(parents=True)
    (tmp_path / "boot/firmware/config.txt").write_text(f"dtparam=audio=on\n# {KEY}\n")
    running["turns"] = [{"turn": 1, "outcome": "answered", "text": WORDS, "cost_usd": 0.1}]
    running["heard"] = WORDS
    device = patient(snapshot=running, root=tmp_path)
    device.environ = {**environ, "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    # The credential is stronger than the environment, so both keys are known by different ways.
    device.loaded = load(None, device.environ, system_file=tmp_path / "none.toml")
    return device


def report():
    said = f"https://{PERSON}:{KEY}@host refused '{SSID}'"
    return Report((Line("key", fail(said, "mend it", found=[KEY]), 1.0),), "0.1.0", 1.0)


def members(path):
    with tarfile.open(path) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar.getmembers()}


def test_no_planted_secret_is_in_any_byte(planted, tmp_path):
    path = tmp_path / f"{PERSON}.tar.gz"
    write_bundle(path, planted, report())
    data = path.read_bytes()
    whole = gzip.decompress(data)
    for part in (data, whole, *members(path).values()):
        for secret in SECRETS:
            for spelt in spellings(secret):
                assert spelt.encode() not in part, spelt
                assert spelt.encode().upper() not in part.upper(), spelt
        assert PERSON.encode() not in part
        assert WORDS.encode() not in part


def test_what_helps_is_in_it(planted, tmp_path):
    path = tmp_path / "b.tar.gz"
    write_bundle(path, planted, report())
    found = {name.removeprefix("appliance-support/"): data for name, data in members(path).items()}
    assert sorted(found) == [
        "boot-config.txt", "journal.txt", "kernel.txt", "report.json", "settings.json",
        "snapshot.json", "sound.txt", "usb.txt", "versions.json",
    ]  # fmt: skip
    assert b"ready: press the button and talk" in found["journal.txt"]
    assert b"dtparam=audio=on" in found["boot-config.txt"]
    settings = json.loads(found["settings.json"])
    assert settings["endpoint.api_key"]["source"] == "credential openai_api_key"
    assert settings["voice.name"] == {"value": "alloy", "source": "default"}
    assert json.loads(found["snapshot.json"])["turns"] == [
        {"turn": 1, "outcome": "answered", "cost_usd": 0.1}
    ]
    assert json.loads(found["report.json"])["checks"][0]["check"] == "key"
    versions = json.loads(found["versions.json"])
    assert versions["packages"]["numpy"]
    assert os.uname().nodename not in versions["uname"]


def test_it_is_its_owners_alone_and_replaces_what_was_there(planted, tmp_path):
    path = tmp_path / "b.tar.gz"
    path.write_bytes(b"old")
    path.chmod(0o644)
    write_bundle(path, planted, report())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not list(tmp_path.glob(".b.tar.gz.*"))
    with tarfile.open(path) as tar:
        assert {(entry.uid, entry.uname, entry.mode) for entry in tar} == {(0, "", 0o600)}


def test_a_write_that_fails_leaves_the_old_one_and_nothing_else(planted, tmp_path, monkeypatch):
    path = tmp_path / "b.tar.gz"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(UsageError, match="No space left"):
        write_bundle(path, planted, report())
    assert path.read_bytes() == b"old"
    assert not list(tmp_path.glob(".b.tar.gz.*"))


@pytest.mark.parametrize("name", ["none/b.tar.gz", "a\0b"])
def test_a_place_that_cannot_be_written_to_is_wrong_usage(planted, tmp_path, name):
    with pytest.raises(UsageError, match="--bundle"):
        write_bundle(tmp_path / name, planted, report())


@pytest.mark.parametrize(
    ("name", "words"), [("none/b.tar.gz", "there is no directory"), (".", "is a directory")]
)
def test_a_bad_place_is_known_before_anything_is_looked_at(tmp_path, name, words):
    with pytest.raises(UsageError, match=words):
        refuse_bad_place(tmp_path / name)
    refuse_bad_place(tmp_path / "b.tar.gz")
    assert not list(tmp_path.iterdir())  # it has tried nothing out


@pytest.mark.parametrize("beginning", ["{", "null"])
def test_a_text_that_begins_like_json_is_cleaned_all_the_same(planted, tmp_path, beginning):
    mail = "somebody@mail.example"  # nothing that is known: only its look tells
    (tmp_path / "boot/firmware/config.txt").write_text(f"{beginning}\n# {mail}\n")
    write_bundle(tmp_path / "b.tar.gz", planted, report())
    boot = members(tmp_path / "b.tar.gz")["appliance-support/boot-config.txt"]
    assert mail.encode() not in boot
    assert b"***" in boot


def test_the_password_of_a_proxy_without_a_scheme_is_known(patient):
    device = patient()
    device.environ = {"https_proxy": "wilhelmine:pr0xyw0rd@proxy.example:3128"}
    assert "pr0xyw0rd" in secrets_of(device)


def test_without_settings_or_programs_there_is_a_bundle_all_the_same(
    patient, tmp_path, monkeypatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    device = patient()
    device.loaded, device.problems = None, ["audio.channels: 7"]
    write_bundle(tmp_path / "b.tar.gz", device, report())
    found = members(tmp_path / "b.tar.gz")
    assert b"there is no journalctl here" in found["appliance-support/journal.txt"]
    assert json.loads(found["appliance-support/settings.json"])["problems"] == device.problems


def test_the_journal_is_read_whatever_is_in_it(monkeypatch):
    odd = ["", "no json", "[]", "7", '{"MESSAGE": [1, "x", 300]}', '{"__REALTIME_TIMESTAMP": "x"}']
    monkeypatch.setattr(gather, "_said", lambda *words: (0, "\n".join(odd)))
    assert gather.journal().count("\n") == 2


def test_a_tar_without_names_has_no_name_in_its_header(planted, tmp_path):
    path = tmp_path / f"{PERSON}.tar.gz"
    write_bundle(path, planted, report())
    assert path.read_bytes()[3] & 0x08 == 0  # RFC 1952: no FNAME
    with gzip.open(io.BytesIO(path.read_bytes())) as file:
        assert file.read(17) == b"appliance-support"


def test_the_real_program_understands_what_it_is_asked():
    told = gather.journal()
    assert "(the journal cannot be read" not in told
