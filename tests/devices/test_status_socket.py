import asyncio
import contextlib
import json
import os
import socket
import stat
import tempfile
from pathlib import Path

import pytest

from appliance.devices import status_socket
from appliance.devices.fakes import FakeJournal
from appliance.devices.status_socket import MODE, MOST_CLIENTS, StatusSocket, socket_path


class FakeStatus:
    """Counts how often it is asked."""

    def __init__(self, padding=0):
        self.revision = 0
        self.asked = 0
        self.padding = "x" * padding
        self.told = asyncio.Event()

    def line(self):
        self.asked += 1
        self.told.set()
        told = {"version": 1, "asked": self.asked, "padding": self.padding}
        return json.dumps(told).encode() + b"\n"


@pytest.fixture
def directory():
    """A path short enough for a socket: that of a test may not be."""
    with tempfile.TemporaryDirectory(dir="/tmp") as path:
        yield Path(path)


def served(path, status, journal):
    return StatusSocket(path, status.line, lambda: status.revision, journal)


@contextlib.asynccontextmanager
async def asking(path):
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        yield reader, writer
    finally:
        writer.close()


async def answer(path, question):
    async with asking(path) as (reader, writer), asyncio.timeout(5):
        writer.write(question)
        return await reader.read()


async def next_line(reader):
    async with asyncio.timeout(5):
        return json.loads(await reader.readline())


async def test_snapshot_is_one_line_and_the_end(directory):
    path = directory / "status.sock"
    async with served(path, FakeStatus(), FakeJournal()):
        text = await answer(path, b"snapshot\n")
    assert text.count(b"\n") == 1
    assert json.loads(text)["asked"] == 1


async def test_only_the_service_and_its_group_may_ask(directory):
    path = directory / "status.sock"
    umask = os.umask(0o077)
    try:
        async with served(path, FakeStatus(), FakeJournal()):
            assert stat.S_IMODE(path.stat().st_mode) == MODE == 0o660
    finally:
        os.umask(umask)


async def test_a_watcher_gets_a_line_at_once_and_more_when_something_changes(directory):
    path, status = directory / "status.sock", FakeStatus()
    loop = asyncio.get_running_loop()
    async with served(path, status, FakeJournal()), asking(path) as (reader, writer):
        writer.write(b"watch\n")
        began_s = loop.time()
        assert (await next_line(reader))["asked"] == 1
        seen = 1
        while loop.time() < began_s + 1.0:
            status.revision += 1  # more often than it may tell
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.01):
                    await reader.readline()
                    seen += 1
        assert 4 <= seen <= 12  # ten a second, and the first
        status.revision += 1
        assert (await next_line(reader))["asked"] > seen - 1


async def test_a_watcher_gets_a_line_each_second_if_nothing_changes(directory):
    path = directory / "status.sock"
    async with served(path, FakeStatus(), FakeJournal()), asking(path) as (reader, writer):
        writer.write(b"watch\n")
        await next_line(reader)
        async with asyncio.timeout(1.0):
            await reader.readline()


async def test_nobody_watches_and_nothing_is_made(directory):
    path, status = directory / "status.sock", FakeStatus()
    async with served(path, status, FakeJournal()):
        async with asking(path) as (reader, writer):
            writer.write(b"watch\n")
            await next_line(reader)
        for _ in range(3):  # it is gone: the line that finds out may be on its way
            status.told.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.6):
                    await status.told.wait()
        assert not status.told.is_set()
        assert status.asked <= 3


async def test_one_that_does_not_read_is_dropped_and_holds_nobody_up(directory):
    path, status = directory / "status.sock", FakeStatus(padding=200_000)
    async with (
        served(path, status, FakeJournal()) as server,
        asking(path) as (_, lazy),
        asking(path) as (reader, writer),
    ):
        lazy.transport.pause_reading()
        lazy.write(b"watch\n")
        writer.write(b"watch\n")
        async with asyncio.timeout(10):
            while len(server._clients) != 1 or status.asked < 4:
                status.revision += 1
                await asyncio.wait_for(reader.read(1 << 20), 5)
        assert len(server._watchers) == 1


@pytest.mark.parametrize(
    "question", [b"\n", b"nonsense\n", b"snapshot" * 50 + b"\n", b"\xff\xfe\n", b"watch it\n"]
)
async def test_another_question_gets_a_line_or_the_end(directory, question):
    path, status = directory / "status.sock", FakeStatus()
    async with served(path, status, FakeJournal()):
        text = await answer(path, question)
        assert text == b"" or "error" in json.loads(text)
        assert status.asked == 0
        assert json.loads(await answer(path, b"snapshot\n"))["asked"] == 1


async def test_one_that_asks_nothing_is_sent_away(directory, monkeypatch):
    monkeypatch.setattr(status_socket, "ASK_WITHIN_S", 0.1)
    path = directory / "status.sock"
    async with served(path, FakeStatus(), FakeJournal()):
        assert await answer(path, b"") == b""


async def test_one_that_does_not_take_its_snapshot_is_sent_away(directory, monkeypatch):
    monkeypatch.setattr(status_socket, "TAKE_WITHIN_S", 0.1)
    path, status = directory / "status.sock", FakeStatus(padding=4_000_000)
    async with served(path, status, FakeJournal()) as server, asking(path) as (_, lazy):
        lazy.transport.pause_reading()
        lazy.write(b"snapshot\n")
        await asyncio.wait_for(status.told.wait(), 5)
        async with asyncio.timeout(5):
            while server._clients:  # noqa: ASYNC110 - what is awaited has no event
                await asyncio.sleep(0.01)


async def test_clients_are_bounded(directory):
    path = directory / "status.sock"
    async with (
        served(path, FakeStatus(), FakeJournal()) as server,
        contextlib.AsyncExitStack() as stack,
    ):
        for _ in range(MOST_CLIENTS):
            reader, writer = await stack.enter_async_context(asking(path))
            writer.write(b"watch\n")
            await next_line(reader)
        with contextlib.suppress(ConnectionError):  # the one too many is dropped at once
            assert await answer(path, b"snapshot\n") == b""
        assert len(server._clients) == MOST_CLIENTS


async def test_a_status_that_cannot_be_made_keeps_no_place_taken(directory):
    path, status = directory / "status.sock", FakeStatus()
    line = status.line
    failures = iter(range(MOST_CLIENTS))

    def fail_at_first():
        if next(failures, None) is not None:
            raise KeyError("a mistake of ours")
        return line()

    status.line = fail_at_first
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    async with served(path, status, FakeJournal()):
        for _ in range(MOST_CLIENTS):
            assert await answer(path, b"snapshot\n") == b""
        assert json.loads(await answer(path, b"snapshot\n"))["version"] == 1


async def test_a_stale_file_is_replaced_and_taken_away_at_the_end(directory):
    path = directory / "status.sock"
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(path))  # and nobody listens any more
    journal = FakeJournal()
    async with served(path, FakeStatus(), journal):
        assert json.loads(await answer(path, b"snapshot\n"))["asked"] == 1
    assert not path.exists()
    assert journal.lines == []


async def test_a_device_that_answers_there_already_is_left_alone(directory):
    path, journal = directory / "status.sock", FakeJournal()
    async with served(path, FakeStatus(), FakeJournal()):
        async with served(path, FakeStatus(), journal):
            pass
        assert json.loads(await answer(path, b"snapshot\n"))["asked"] == 1
    assert [name for name, _ in journal.lines] == ["no_status_socket"]


@pytest.mark.parametrize("place", ["missing/status.sock", "x" * 200 + "/status.sock", "file"])
async def test_where_it_cannot_be_there_is_one_line_and_the_device_goes_on(directory, place):
    (directory / "file").write_text("not a socket")
    journal = FakeJournal()
    async with served(directory / place, FakeStatus(), journal):
        pass
    ((name, _),) = journal.lines
    assert name == "no_status_socket"
    assert (directory / "file").read_text() == "not a socket"


async def test_watchers_are_sent_away_at_the_end(directory):
    path = directory / "status.sock"
    async with served(path, FakeStatus(), FakeJournal()):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"watch\n")
        await next_line(reader)
    async with asyncio.timeout(5):
        await reader.read()  # to its end
    writer.close()


def test_where_it_belongs(tmp_path, monkeypatch):
    named = {"RUNTIME_DIRECTORY": "/run/one:/run/two"}
    assert socket_path(named, "gpio") == Path("/run/one/status.sock")
    assert socket_path(named, "pipe") == Path("/run/one/status.sock")
    monkeypatch.setattr(status_socket, "DIRECTORY", tmp_path)
    assert socket_path({}, "gpio") == tmp_path / "status.sock"
    assert socket_path({}, "pipe") is None  # it must not answer for the device beside it
    monkeypatch.setattr(status_socket, "DIRECTORY", tmp_path / "missing")
    assert socket_path({}, "gpio") is None
