"""The state on the card: whatever happens to the writer, a reader finds one whole version."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.devices.state_file import FULL, UNWRITABLE, Found, StateFile, StateKeeper
from appliance.faults import FAULTS

ONE, TWO = {"version": 1, "n": 1}, {"version": 1, "n": 2}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "budget.json"


@pytest.fixture
def file(path):
    return StateFile(path, 1)


def backup(path):
    return path.with_name("budget.json.bak")


def names(path):
    return sorted(each.name for each in path.parent.iterdir())


def test_what_is_written_is_read_and_the_one_before_it_kept(file, path):
    assert file.read() == Found(None, ()), "a new device is nothing to tell of"
    file.write(ONE)
    file.write(TWO)
    assert StateFile(path, 1).read().state == TWO
    assert json.loads(backup(path).read_text())["state"] == ONE
    assert names(path) == ["budget.json", "budget.json.bak"]
    assert path.stat().st_mode & 0o777 == 0o600


DAMAGED = {
    "empty": b"",
    "zeros": b"\0" * 100,
    "no JSON": b"hello",
    "no UTF-8": b"\xff\xfe{}",
    "deep": b"[" * 100_000,
    "another form": b"[1, 2]",
    "no state": b'{"crc32": 1}',
    "a digit changed": None,
}


@pytest.mark.parametrize("how", DAMAGED)
def test_a_damaged_file_gives_way_to_the_one_before_it_and_says_so(file, path, how):
    file.write(ONE)
    file.write(TWO)
    path.write_bytes(DAMAGED[how] or path.read_bytes().replace(b'"n":2', b'"n":7'))
    again = StateFile(path, 1)
    found = again.read()
    assert found.state == ONE
    assert found.lines == (f"{path} is damaged: the one before it is used",)
    again.write({"version": 1, "n": 3})
    assert json.loads(backup(path).read_text())["state"] == ONE, "rubbish is no backup"
    path.unlink()
    assert StateFile(path, 1).read().state == ONE
    assert "is missing" in StateFile(path, 1).read().lines[0]


def test_with_both_damaged_it_begins_anew_and_says_so(file, path):
    path.write_bytes(b"x")
    backup(path).write_bytes(b"y")
    found = file.read()
    assert found.state is None
    assert found.lines == (
        f"{path} is damaged: begun anew",
        f"{backup(path)} is damaged: begun anew",
    )
    file.write(ONE)
    assert StateFile(path, 1).read().state == ONE


def test_another_versions_state_is_not_used(file, path):
    file.write({"version": 2, "n": 9})
    assert StateFile(path, 1).read().lines == (f"{path} is of version 2, not 1: begun anew",)
    assert StateFile(path, 2).read().state == {"version": 2, "n": 9}


def test_a_file_that_cannot_be_read_is_told(file, path):
    path.mkdir()
    assert "cannot be read (Is a directory)" in file.read().lines[0]
    with pytest.raises(OSError, match="directory"):
        file.write(ONE)
    assert names(path) == ["budget.json"], "nothing is left behind"


@given(cut=st.integers(0, 200), at=st.integers(0, 200), value=st.integers(0, 255))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_cut_and_no_wrong_byte_is_believed(path, cut, at, value):
    for each in (path, backup(path)):
        each.unlink(missing_ok=True)
    StateFile(path, 1).write({"version": 1, "text": "ü" * 5, "number": 12345})
    whole = path.read_bytes()
    broken = bytearray(whole)
    broken[at % len(broken)] = value
    for data in (whole[:cut], bytes(broken)):
        path.write_bytes(data)
        state = StateFile(path, 1).read().state
        assert state in (None, {"version": 1, "text": "ü" * 5, "number": 12345})


def test_without_hard_links_it_is_as_whole_and_only_the_backup_is_missing(file, path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    file.write(ONE)
    file.write(TWO)
    assert StateFile(path, 1).read().state == TWO
    assert names(path) == ["budget.json"]


# SIGKILL at any moment

# A server that forks writers: starting Python a thousand times would take a minute.
WRITERS = """
import os, sys
from pathlib import Path
from appliance.devices.state_file import StateFile
path = Path(sys.argv[1])
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        file = StateFile(path, 1)
        n = (file.read().state or {"n": 0})["n"]
        os.write(1, b"%d\\n" % os.getpid())
        while True:
            n += 1
            file.write({"version": 1, "n": n, "filling": str(n) * (n % 500)})
    os.waitpid(child, 0)
    os.write(1, b"gone\\n")
"""


# In memory each step of a write is as likely to be hit; on a disk nearly all hit the waits for it.
@pytest.mark.parametrize(
    ("place", "kills", "within_s"), [("memory", 900, 0.003), ("disk", 100, 0.03)]
)
def test_a_thousand_kills_leave_one_whole_version(tmp_path, place, kills, within_s):
    if place == "disk":
        _kill(tmp_path / "budget.json", kills, within_s)
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        _kill(Path(memory) / "budget.json", kills, within_s)


def _kill(path, kills, within_s):
    """Kill a writer again and again, at any moment of its first `within_s`."""
    chance = random.Random(4)
    server = subprocess.Popen(
        [sys.executable, "-c", WRITERS, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    newest, in_mid_write, grown = 0, 0, 0
    with server:
        for _ in range(kills):
            print(file=server.stdin, flush=True)
            writer = int(server.stdout.readline())
            _spin(chance.uniform(0, within_s))
            os.kill(writer, signal.SIGKILL)
            assert server.stdout.readline() == "gone\n"
            in_mid_write += path.with_name(".budget.json.new").exists()
            found = StateFile(path, 1).read()
            assert found.lines == (), "the file itself is whole, each time"
            if found.state is None:
                assert newest == 0, "once written, it is never gone"
                continue
            n = found.state["n"]
            assert found.state == {"version": 1, "n": n, "filling": str(n) * (n % 500)}
            assert n >= newest, "what was there once is not undone"
            grown += n > newest
            newest = n
            older = backup(path)
            if older.exists():
                assert json.loads(older.read_text())["state"]["n"] in (n, n - 1)
    # That the kills came when they could do harm:
    assert in_mid_write > kills / 20
    assert grown > kills / 20
    assert len(names(path)) <= 4, "leftovers do not add up"


def _spin(for_s):
    """Wait more exactly than a sleep does."""
    end_s = time.perf_counter() + for_s
    while time.perf_counter() < end_s:
        pass


# A card that refuses


def full_card(monkeypatch, refusing, code=errno.ENOSPC, call="fsync"):
    """Let `os.fsync` fail while `refusing` holds anything."""
    real = getattr(os, call)

    def refuse(*args):
        if refusing:
            raise OSError(code, os.strerror(code))
        return real(*args)

    monkeypatch.setattr(os, call, refuse)


@pytest.mark.parametrize("call", ["write", "fsync", "open"])
def test_a_full_card_leaves_the_old_state_and_no_litter(file, path, monkeypatch, call):
    file.write(ONE)
    full_card(monkeypatch, refusing := [True], call=call)
    with pytest.raises(OSError, match="No space"):
        file.write(TWO)
    refusing.clear()
    assert StateFile(path, 1).read().state == ONE
    assert names(path) == ["budget.json"]


def test_a_card_that_is_truly_full(tmp_path):
    """A file system of 64 kB, filled to the brim, mounted where this test alone sees it."""
    mount = tmp_path / "card"
    mount.mkdir()
    script = f"""
import os, sys
from pathlib import Path
from appliance.devices.state_file import StateFile
card = Path({str(mount)!r})
file = StateFile(card / "budget.json", 1)
file.write({{"version": 1, "n": 1}})
ballast = open(card / "ballast", "wb", buffering=0)
try:
    while True:
        ballast.write(bytes(4096))
except OSError as error:
    assert error.errno == 28, error
try:
    file.write({{"version": 1, "n": 2, "filling": "x" * 9000}})
    sys.exit("it was written")
except OSError as error:
    assert error.errno == 28, error
assert StateFile(card / "budget.json", 1).read().state["n"] == 1
assert sorted(os.listdir(card)) == ["ballast", "budget.json"], os.listdir(card)
ballast.close()
os.unlink(card / "ballast")
file.write({{"version": 1, "n": 3}})
print(StateFile(card / "budget.json", 1).read().state["n"])
"""
    inside = f'mount -t tmpfs -o size=64k none \'{mount}\' && exec "$0" -c "$1"'
    own = ["unshare", "--user", "--map-root-user", "--mount"]
    done = subprocess.run(
        [*own, "sh", "-c", inside, sys.executable, script],
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr


class Teller:
    """Takes what the keeper tells, and lets a test wait for it."""

    def __init__(self):
        self.told = []
        self._news = asyncio.Event()

    def __call__(self, fault, why):
        self.told.append((fault, why))
        self._news.set()

    async def wait(self, count):
        while len(self.told) < count:
            self._news.clear()
            await asyncio.wait_for(self._news.wait(), 10)


async def test_a_keeper_reports_a_full_card_once_goes_on_trying_and_says_when_it_is_over(
    file, path, monkeypatch
):
    full_card(monkeypatch, refusing := [True])
    keeper = StateKeeper(file, teller := Teller(), retry_s=0.01)
    keeper.keep(ONE)
    await teller.wait(1)
    tries, tried_often = [], threading.Event()

    def count(state, real=file.write):
        tries.append(state)
        if len(tries) == 3:
            tried_often.set()
        real(state)

    monkeypatch.setattr(file, "write", count)
    keeper.keep(TWO)
    assert await asyncio.to_thread(tried_often.wait, 10)
    assert teller.told == [(FULL, "No space left on device")]
    refusing.clear()
    await teller.wait(2)
    assert teller.told[1] == ("", "")
    assert StateFile(path, 1).read().state == TWO, "the newest"
    await keeper.close()


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.EIO])
async def test_a_card_that_cannot_be_written_is_a_fault_of_its_own(file, monkeypatch, code):
    full_card(monkeypatch, [True], code, "open")
    keeper = StateKeeper(file, teller := Teller(), retry_s=100)
    keeper.keep(ONE)
    await teller.wait(1)
    assert teller.told == [(UNWRITABLE, os.strerror(code))]
    assert keeper.has_waiting, "the state is kept in memory"
    await keeper.close()


async def test_a_directory_that_is_missing_is_made_when_it_can_be(tmp_path):
    path = tmp_path / "var" / "lib" / "budget.json"
    keeper = StateKeeper(StateFile(path, 1), teller := Teller())
    keeper.keep(ONE)
    await keeper.close()
    assert StateFile(path, 1).read().state == ONE
    blocked = tmp_path / "file"
    blocked.write_text("no directory")
    keeper = StateKeeper(StateFile(blocked / "budget.json", 1), teller)
    keeper.keep(ONE)
    await keeper.close()
    assert teller.told == [(UNWRITABLE, "File exists")]


def writing():
    return [each for each in asyncio.all_tasks() if each.get_name() == "state"]


async def test_only_the_newest_of_many_is_written_and_close_writes_the_last(
    file, path, monkeypatch
):
    written = []
    monkeypatch.setattr(file, "write", lambda state: written.append(state["n"]))
    keeper = StateKeeper(file, Teller())
    for n in range(100):
        keeper.keep({"version": 1, "n": n})
    await keeper.close()
    assert written == [99]
    assert not writing()


async def test_close_tries_once_more_and_does_not_wait_for_a_card_that_stays_full(
    file, path, monkeypatch
):
    full_card(monkeypatch, refusing := [True])
    keeper = StateKeeper(file, teller := Teller(), retry_s=100)
    keeper.keep(ONE)
    await teller.wait(1)
    tries = []
    monkeypatch.setattr(
        file, "write", lambda state, real=file.write: tries.append(1) or real(state)
    )
    keeper.keep(ONE)
    assert not writing(), "it waits for the retry"
    await asyncio.wait_for(keeper.close(), 5)
    assert tries == [1]
    refusing.clear()
    keeper.keep(TWO)
    await keeper.close()
    assert StateFile(path, 1).read().state == TWO


def test_a_full_card_is_in_the_table_of_faults():
    assert FULL in FAULTS
