"""A device that is only its status socket, a dashboard on it, and a client with real sockets."""

import asyncio
import contextlib
import json
import sys
from pathlib import Path

import aiohttp
import pytest

from appliance.dashboard.server import Dashboard, Options

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself

from fake_device import FakeDevice  # found by the line above


@pytest.fixture
async def device(tmp_path):
    found = FakeDevice(tmp_path / "status.sock")
    await found.start()
    yield found
    await found.stop()


@pytest.fixture
async def dashboard(device):
    async with Dashboard(Options(device.path, beat_s=0.2)) as found:
        yield found


@pytest.fixture
async def client(dashboard):
    async with aiohttp.ClientSession(dashboard.urls[0]) as session:
        yield session


class Events:
    """Reads server-sent events."""

    def __init__(self, response):
        self._response = response

    async def next(self, name=None):
        """Return the next event as (name, data); the next of that name, if one is given."""
        async with asyncio.timeout(10):
            while True:
                fields = {}
                while line := (await self._line()):
                    key, _, value = line.partition(": ")
                    fields[key] = value
                if "event" in fields and name in {None, fields["event"]}:
                    return fields["event"], json.loads(fields["data"])

    async def _line(self):
        line = await self._response.content.readuntil(b"\n")
        if not line:
            raise EOFError
        return line.decode().rstrip("\n")


@contextlib.asynccontextmanager
async def _watching(session):
    async with session.get("/events") as response:
        assert response.status == 200
        yield Events(response)


@pytest.fixture
def watching():
    return _watching
