"""`make install` and `make uninstall` on a machine that lives: what changes, and what never does.

There is no network in there, so the packages come from the folder that the machine brings.
"""

from __future__ import annotations

import pytest
import rootfs
from container import Container
from station import UNIT, Station

SETTINGS = "/etc/appliance/appliance.toml"
CURRENT = "readlink -f /opt/appliance/current"
MAKE = "make -C /usr/src/voice-appliance"
NO_PROGRAM = "raise SystemExit('this version is broken')\n"
NO_DEVICE = "async def serve(*_):\n    raise SystemExit('this version is broken')\n"


@pytest.fixture
def fresh(tmp_path):
    """A machine of this test's own, whose device runs from its own checkout."""
    with Container(rootfs.project_root(), tmp_path) as container:
        station = Station(container)
        with station.service():
            station.start()
            yield station


def change(station, file, text):
    """Add a line to a file of the machine's checkout."""
    path = station.machine.files / "usr/src/voice-appliance" / file
    path.write_text(path.read_text() + text)


def test_installing_twice_changes_nothing_and_keeps_everything(fresh):
    machine = fresh.machine
    machine.write(SETTINGS, "[voice]\nvolume = 0.6\n")
    machine.write("/var/lib/appliance/kept", "state")
    before = machine.sh(CURRENT)
    said = machine.sh(f"{MAKE} install 2>&1")
    assert "is built already" in said
    assert f"{SETTINGS} stays as it is" in said
    assert "it runs: ready" in said
    assert machine.sh(CURRENT) == before
    assert machine.sh(f"cat {SETTINGS}") == "[voice]\nvolume = 0.6"
    assert machine.sh("cat /var/lib/appliance/kept") == "state"
    assert fresh.state == "active"


def test_an_upgrade_is_built_beside_and_takes_over(fresh):
    machine = fresh.machine
    before, pid = machine.sh(CURRENT), fresh.pid
    change(fresh, "appliance/units.py", "# newer\n")
    said = machine.sh(f"{MAKE} install 2>&1")
    assert "it runs: ready" in said
    assert machine.sh(CURRENT) != before
    assert fresh.pid != pid
    assert machine.sh(f"readlink /proc/{fresh.pid}/exe")
    assert machine.sh(f"tr '\\0' ' ' </proc/{fresh.pid}/cmdline").startswith(machine.sh(CURRENT))
    # The one before stays for a way back; what is older goes.
    assert len(machine.sh("ls /opt/appliance/versions").split()) == 2
    change(fresh, "appliance/units.py", "# newer still\n")
    machine.sh(f"{MAKE} install")
    assert len(machine.sh("ls /opt/appliance/versions").split()) == 2
    assert before not in machine.sh("ls -d /opt/appliance/versions/*")


def test_a_version_that_does_not_come_up_is_taken_back(fresh):
    machine = fresh.machine
    before = machine.sh(CURRENT)
    change(fresh, "appliance/app.py", NO_DEVICE)
    said = machine.sh(f"{MAKE} install 2>&1 || echo code $?")
    assert "the new version does not come up: back to" in said
    assert "not upgraded: the version before runs again" in said
    assert machine.sh(CURRENT) == before
    assert fresh.state == "active"


def test_a_version_that_cannot_be_built_touches_nothing(fresh):
    machine = fresh.machine
    before, pid = machine.sh(CURRENT), fresh.pid
    change(fresh, "appliance/app.py", NO_PROGRAM)
    said = machine.sh(f"{MAKE} install 2>&1 || echo code $?")
    assert "this version is broken" in said
    assert "code 2" in said
    assert (machine.sh(CURRENT), fresh.pid) == (before, pid)


def test_a_version_that_refuses_the_settings_is_not_put_in_place(fresh):
    machine = fresh.machine
    before, pid = machine.sh(CURRENT), fresh.pid
    machine.write(SETTINGS, "[voice]\nvolume = 70\n")
    change(fresh, "appliance/units.py", "# newer\n")
    said = machine.sh(f"{MAKE} install 2>&1 || true")
    assert "voice.volume" in said
    assert "nothing was changed" in said
    assert (machine.sh(CURRENT), fresh.pid) == (before, pid)


def test_a_build_that_was_broken_off_is_begun_anew(fresh):
    machine = fresh.machine
    machine.sh("rm $(readlink -f /opt/appliance/current)/complete")
    assert "is built already" not in machine.sh(f"{MAKE} install 2>&1")
    assert fresh.state == "active"


def test_it_wants_root_and_says_so(fresh):
    as_nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups"
    said = fresh.machine.sh(f"{as_nobody} {MAKE} install 2>&1 || true")
    assert "this needs root: sudo make install" in said


def test_nothing_that_only_builds_is_left_in_it(fresh):
    packages = fresh.machine.sh("ls /opt/appliance/current/lib/python3*/site-packages")
    assert "numba" not in packages
    assert "llvmlite" not in packages
    assert "espeakng" not in packages
    assert fresh.machine.sh("appliance --version")
    assert "settings are good" in fresh.machine.sh("appliance config check")


def test_uninstalling_leaves_what_is_the_owners_and_purging_nothing(fresh):
    machine = fresh.machine
    machine.sh("install -d -m 700 /etc/credstore")
    machine.write("/etc/credstore/openai_api_key", "sk-kept-0123456789", 0o600)
    machine.write("/var/lib/appliance/kept", "state")
    machine.sh(f"{MAKE} uninstall")
    assert machine.sh(f"systemctl cat {UNIT}", check=False).startswith("No files found")
    for gone in ("/opt/appliance", "/usr/local/bin/appliance", "/run/appliance"):
        assert machine.sh(f"test -e {gone} || echo gone") == "gone"
    left = machine.sh(
        "find / -xdev -name '*appliance*' -not -path '/usr/src/*' -not -path '/proc/*'"
    )
    owners = ("/etc/appliance", "/etc/default/appliance", "/var/lib/appliance")
    assert [
        each for each in left.split() if not each.startswith((*owners, "/etc/systemd/system"))
    ] == []
    assert machine.sh("cat /etc/credstore/openai_api_key") == "sk-kept-0123456789"
    assert machine.sh("cat /var/lib/appliance/kept") == "state"
    machine.sh(f"{MAKE} install")  # and everything is as it was
    assert fresh.state == "active"
    machine.sh(f"PURGE=1 {MAKE} uninstall")
    for gone in ("/etc/appliance", "/var/lib/appliance", "/etc/credstore/openai_api_key"):
        assert machine.sh(f"test -e {gone} || echo gone") == "gone"
    assert machine.sh("id appliance", check=False).endswith("no such user")


def test_the_checkout_is_left_as_it_was(fresh):
    """No file of root's is left in a user's folder, and a checkout that is read-only will do."""
    machine = fresh.machine
    machine.sh("mount --bind -o ro /usr/src/voice-appliance /usr/src/voice-appliance")
    machine.sh("mount -o remount,bind,ro /usr/src/voice-appliance")
    machine.sh("rm $(readlink -f /opt/appliance/current)/complete")
    assert "it runs" in machine.sh(f"{MAKE} install 2>&1")


def test_without_a_running_systemd_it_only_lays_things_out():
    """As into an image: the root of these tests was installed with nothing running in it."""
    root = rootfs.project_root()
    wants = root / "etc/systemd/system/multi-user.target.wants/appliance.service"
    assert wants.is_symlink()
    assert (root / "opt/appliance/current").is_symlink()
    assert (root / SETTINGS.lstrip("/")).read_text().startswith("# Settings of the voice appliance")
    users = (root / "etc/passwd").read_text()
    assert "\nappliance:" in users
    assert "appliance" in (root / "etc/group").read_text().partition("\ngpio:")[2].splitlines()[0]
