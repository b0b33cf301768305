"""The installed unit: it starts, stops, reads its settings again, and knows when to stay down."""

from __future__ import annotations

import pytest
from station import KEY, PORT, READY_WITHIN_S, UNIT

from appliance.faults import FAULTS

SETTINGS = "/etc/appliance/appliance.toml"


@pytest.fixture(autouse=True)
def clean(station):
    """Each test begins with the device stopped, its settings and its journal empty."""
    station.stop()
    station.environment()
    station.machine.write(SETTINGS, "")
    station.machine.sh("journalctl --rotate -q; journalctl -q --vacuum-time=1s")
    yield
    station.stop()


def test_it_is_ready_when_a_person_can_talk_and_stops_at_once(station):
    assert station.start() < READY_WITHIN_S
    assert station.state == "active"
    assert station.machine.show(UNIT, "StatusText") == "ready: press the button and talk"
    assert station.events("ready")
    # Its share of a core counts from now on.
    assert station.machine.show(UNIT, "CPUQuotaPerSecUSec") == "300ms"
    stopped_s = station.machine.wait(lambda: not station.stop(), 10, "it stops")
    assert stopped_s < 5
    assert station.machine.show(UNIT, "Result") == "success"
    assert station.machine.sh("ls /run/appliance", check=False).endswith(
        "No such file or directory"
    )


def test_without_network_and_key_it_is_ready_with_a_fault(station):
    station.environment(OPENAI_API_KEY="", APPLIANCE_ENDPOINT__URL="")
    station.start()
    assert station.state == "active"
    assert station.machine.show(UNIT, "StatusText") == "started, with a fault"
    station.wait_for_event("missing_api_key", 10)


def test_a_reload_takes_over_what_can_change_and_names_the_rest(station):
    station.start()
    pid = station.pid
    station.machine.write(SETTINGS, "[voice]\nvolume = 0.5\n[hardware]\nbutton_pin = 5\n")
    station.machine.sh(f"systemctl reload {UNIT}")
    station.wait_for_event("reloaded", 10)
    (line,) = station.events("reloaded")
    assert "voice.volume now" in line["MESSAGE"]
    assert "hardware.button_pin only after a restart" in line["MESSAGE"]
    assert station.pid == pid


def test_a_reload_of_wrong_settings_changes_nothing(station):
    station.start()
    station.machine.write(SETTINGS, "[voice]\nvolume = 70\n")
    station.machine.sh(f"systemctl reload {UNIT}")
    station.wait_for_event("reload_refused", 10)
    assert "voice.volume" in station.events("reload_refused")[0]["MESSAGE"]
    assert (station.state, station.restarts) == ("active", 0)


def test_with_wrong_settings_it_stays_down_and_says_which(station):
    station.machine.write(SETTINGS, '[voice]\nvolume = 70\nnane = "marin"\n')
    station.machine.sh(f"systemctl start {UNIT}", check=False)
    station.machine.wait(lambda: station.state == "failed", 15, "it gives up")
    assert station.machine.show(UNIT, "ExecMainStatus") == "2"
    assert station.restarts == 0
    (line,) = station.events("settings_invalid")
    assert line["MESSAGE_ID"] == FAULTS["settings_invalid"].message_id
    said = station.machine.sh("journalctl -t appliance -o cat --no-pager")
    assert "voice.volume" in said
    assert "voice.nane" in said


def test_a_crash_is_mended_and_five_in_a_minute_are_not(station):
    station.start()
    for crash in range(1, 6):
        station.machine.sh(f"systemctl kill -s KILL {UNIT}")
        if crash < 5:
            station.machine.wait(
                lambda n=crash: (station.state, station.restarts) == ("active", n), 20, "it is back"
            )
    station.machine.wait(lambda: station.state == "failed", 15, "it gives up")
    assert station.machine.show(UNIT, "Result") in ("start-limit-hit", "signal")
    assert station.restarts <= 5


def test_the_key_comes_from_the_credential_store_and_is_seen_nowhere(station):
    secret, port = "sk-the-one-in-the-store-0123", PORT + 1
    url = f"ws://127.0.0.1:{port}/v1/realtime"
    station.environment(OPENAI_API_KEY="", APPLIANCE_ENDPOINT__URL=url)
    station.machine.sh("install -d -m 700 /etc/credstore")
    station.machine.write("/etc/credstore/openai_api_key", secret + "\n", 0o600)
    try:
        with station.service("--key", secret, port=port):
            station.start()
            assert station.events("link_up")  # it is let in with this key alone
        key = f"/run/credentials/{UNIT}/openai_api_key"
        assert station.machine.sh(f"cat {key}") == secret
        as_nobody = f"setpriv --reuid=65534 --regid=65534 --clear-groups cat {key}"
        assert "Permission denied" in station.machine.sh(as_nobody, check=False)
        environ = f"tr '\\0' '\\n' </proc/{station.pid}/environ"
        assert secret not in station.machine.sh(environ)
        assert secret not in station.machine.sh("journalctl -o export --no-pager | cat")
    finally:
        station.machine.sh("rm /etc/credstore/openai_api_key")


def test_the_key_may_be_encrypted(station):
    station.environment(OPENAI_API_KEY="")
    store = "/etc/credstore.encrypted"
    station.machine.sh(
        f"mkdir -p {store}; printf %s sk-encrypted-0123456789 |"
        f" systemd-creds encrypt --name=openai_api_key - {store}/openai_api_key"
    )
    assert "sk-encrypted" not in station.machine.sh(f"cat {store}/openai_api_key")
    encrypted = "[Service]\nLoadCredential=\nLoadCredentialEncrypted=openai_api_key\n"
    try:
        with station.drop_in("encrypted", encrypted):
            station.start()
            key = station.machine.sh(f"cat /run/credentials/{UNIT}/openai_api_key")
        assert key == "sk-encrypted-0123456789"
    finally:
        station.machine.sh(f"rm -r {store}")


def test_the_key_of_the_environment_is_not_in_the_journal(station):
    station.start()
    assert KEY not in station.machine.sh("journalctl -o export --no-pager | cat")
