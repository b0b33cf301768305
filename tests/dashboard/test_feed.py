"""One connection to the device for everybody who looks, and none when nobody does."""

import asyncio
import json

import pytest
from fake_device import ILL, WELL

from appliance.dashboard.feed import Feed, Gone, Live
from appliance.errors import NotRunningError


@pytest.fixture
async def feed(device):
    return Feed(device.path)


async def news(viewer):
    return await asyncio.wait_for(viewer.next(), 10)


async def until(viewer, holds):
    async with asyncio.timeout(10):
        while not holds(found := await viewer.next()):
            pass
        return found


async def test_all_who_look_share_one_connection(feed, device):
    async with feed.look() as first, feed.look() as second:
        assert json.loads((await news(first)).line) == WELL
        assert json.loads((await news(second)).line) == WELL
        async with feed.look() as third:  # gets at once what the others know
            assert json.loads((await news(third)).line) == WELL
        assert device.asked == ["watch"]
        await device.say(state="listening", light="listening")
        for viewer in (first, second):
            await until(viewer, lambda it: json.loads(it.line)["state"] == "listening")
    await device.watched_by(0)
    assert feed.viewers == 0


async def test_whoever_comes_later_sees_nothing_old(feed, device):
    async with feed.look() as viewer:
        await news(viewer)
    await device.watched_by(0)
    await device.say(ILL)
    async with feed.look() as viewer:
        assert json.loads((await news(viewer)).line)["light"] == "no_network"


async def test_a_slow_viewer_misses_what_is_old(feed, device):
    async with feed.look() as slow, feed.look() as quick:
        await news(slow)
        for number in range(5):
            await device.say(pid=number)
            await until(quick, lambda it, n=number: json.loads(it.line)["pid"] == n)
        assert json.loads((await news(slow)).line)["pid"] == 4


async def test_a_device_that_ends_is_told_and_looked_for(feed, device):
    async with feed.look() as viewer:
        assert isinstance(await news(viewer), Live)
        await device.stop()
        gone = await until(viewer, lambda it: isinstance(it, Gone))
        assert "stopped" in gone.why
        gone = await until(viewer, lambda it: "not running" in it.why)
        assert str(device.path) in gone.why
        await device.start()
        await until(viewer, lambda it: isinstance(it, Live))


async def test_a_device_that_hangs_is_told(feed, device, monkeypatch):
    monkeypatch.setattr("appliance.dashboard.feed.SILENT_S", 0.2)
    device.hang()
    async with feed.look() as viewer:
        gone = await news(viewer)
    assert "does not answer" in gone.why


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"hello\n", "no appliance"),
        (b"[" * 100_000 + b"\n", "no appliance"),
        (b"\xff\n", "no appliance"),
        (b"[]\n", "version None"),
        (b'{"version":2}\n', "version 2"),
        (b"x" * (1 << 21), "no end"),
    ],
)
async def test_what_is_no_snapshot_is_told(feed, device, line, words):
    async with feed.look() as viewer:
        await news(viewer)
        await device.say_raw(line)
        gone = await until(viewer, lambda it: isinstance(it, Gone))
    assert words in gone.why


async def test_what_browsers_cannot_read_becomes_null(feed, device):
    await device.say(uptime_s=float("nan"))
    assert json.loads((await feed.snapshot()).line)["uptime_s"] is None


async def test_a_snapshot_is_asked_for_once_a_second_at_most(device):
    now_s = 100.0
    feed = Feed(device.path, lambda: now_s)
    await asyncio.gather(*(feed.snapshot() for _ in range(20)))
    assert device.asked == ["snapshot"]
    now_s += 1.0
    await feed.snapshot()
    assert device.asked == ["snapshot"] * 2


async def test_no_snapshot_of_a_device_that_is_away(feed, device):
    await device.stop()
    with pytest.raises(NotRunningError, match="systemctl start appliance"):
        await feed.snapshot()


async def test_no_snapshot_from_a_socket_that_may_not_be_opened(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotRunningError, match="Not a directory"):
        await Feed(tmp_path / "file" / "status.sock").snapshot()


async def test_the_end_ends_every_viewer(feed):
    async with feed.look() as viewer:
        await news(viewer)
        feed.close()
        assert await news(viewer) is None
    async with feed.look() as late:
        assert await news(late) is None
