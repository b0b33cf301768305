"""A server in this process, quick ears and a quick voice for it, and a raw client.

Whatever the server sends to a client of these tests is also held against the types of the
official SDK: it must parse, and have no key that they do not know.
"""

import base64
import functools
import json
import math
import sys
import typing
import wave
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import numpy as np
import pydantic
import pytest
from openai.types.realtime import RealtimeServerEvent

from appliance.simulator.certificates import make_certificates
from appliance.simulator.fault_kinds import FaultTarget
from appliance.simulator.fault_proxy import FaultProxy
from appliance.simulator.server import Options, RealtimeServer
from appliance.simulator.sound import floats, pcm16, resampled

RECORDINGS = Path("/usr/share/pocketsphinx/test/data")
MODEL = "gpt-realtime-2.1-mini"


# The SDK types a session as its creation request, which lacks what the server adds to it.
ADDED_BY_THE_SERVER = {"session.id", "session.object", "session.expires_at"}


@functools.cache
def _union():
    return pydantic.TypeAdapter(RealtimeServerEvent)


def judge(event):
    """Fail if `event` is not what the SDK expects, or has keys that it does not know."""
    typed = _union().validate_python(event, strict=True)
    assert typed.type == event["type"], f"{event['type']} was taken for {typed.type}"
    assert _unknown(event, typed, "") - ADDED_BY_THE_SERVER == set(), event["type"]


def _unknown(value, typed, path):
    if isinstance(typed, list):
        pairs = zip(value, typed, strict=True)
        return set().union(*(_unknown(each, model, path) for each, model in pairs))
    if not isinstance(typed, pydantic.BaseModel):
        return set()
    found = {f"{path}{key}" for key in (typed.model_extra or {})}
    for name, field in type(typed).model_fields.items():
        key = field.alias or name
        if key in value:
            found |= _unknown(value[key], getattr(typed, name), f"{path}{key}.")
    return found


def event_types():
    """Return the `type` of every server event that the SDK knows."""
    members = typing.get_args(typing.get_args(RealtimeServerEvent)[0])
    return {typing.get_args(m.model_fields["type"].annotation)[0] for m in members}


class SetEars:
    """Hears what a test says it hears."""

    def __init__(self, text="ten of clubs"):
        self.text = text
        self.heard = []

    async def hear(self, pcm):
        self.heard.append(pcm)
        return self.text

    async def close(self):
        pass


class Beeper:
    """Speaks 100 ms of tone a letter."""

    def __init__(self):
        self.orders = []

    async def speak(self, text, voice, language, speed):
        self.orders.append((text, voice, language, speed))
        samples = len(text) * 2400
        return pcm16((0.3 * np.sin(np.arange(samples) * 0.2)).astype(np.float32))


class Client:
    """A raw client; `seen` has every event in order."""

    def __init__(self, socket):
        self.socket = socket
        self.seen = []

    async def send(self, kind, **fields):
        await self.socket.send_str(json.dumps({"type": kind, **fields}))

    async def receive(self):
        """Return the next event; the connection must not have ended."""
        message = await self.socket.receive(timeout=20)
        assert message.type is aiohttp.WSMsgType.TEXT, (message, self.socket.close_code)
        event = json.loads(message.data)
        judge(event)
        self.seen.append(event)
        return event

    async def until(self, kind, **holding):
        """Return the next event of this type that has these values."""
        while True:
            event = await self.receive()
            if event["type"] == kind and holding.items() <= event.items():
                return event

    async def ended(self):
        """Read on to the end; return (close code, events on the way)."""
        events = []
        while True:
            message = await self.socket.receive(timeout=20)
            if message.type is not aiohttp.WSMsgType.TEXT:
                return self.socket.close_code, events
            events.append(json.loads(message.data))

    async def refused(self, kind, **fields):
        """Send an event that is an error; return the `error` object."""
        await self.send(kind, event_id="mine", **fields)
        error = (await self.until("error"))["error"]
        assert error["event_id"] == "mine"
        return error

    async def update(self, **session):
        await self.send("session.update", session={"type": "realtime", **session})
        return (await self.until("session.updated"))["session"]

    async def no_turn_detection(self):
        await self.update(audio={"input": {"turn_detection": None}})

    async def append(self, pcm, chunk=4800):
        for start in range(0, len(pcm), chunk):
            audio = base64.b64encode(pcm[start : start + chunk]).decode()
            await self.send("input_audio_buffer.append", audio=audio)

    async def write(self, text):
        """Add a written user message; return its id."""
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        await self.send("conversation.item.create", item=item)
        return (await self.until("conversation.item.done"))["item"]["id"]

    async def reply(self, **response):
        """Ask for a response; return its response.done."""
        await self.send("response.create", **({"response": response} if response else {}))
        return (await self.until("response.done"))["response"]

    def types(self):
        return [event["type"] for event in self.seen]

    def sound(self):
        deltas = [e["delta"] for e in self.seen if e["type"] == "response.output_audio.delta"]
        return b"".join(base64.b64decode(each) for each in deltas)


@asynccontextmanager
async def raw_socket(url, headers=None, protocols=(), model=MODEL):
    headers = {"Authorization": "Bearer x"} if headers is None else headers
    query = f"?model={model}" if model else ""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url + query, headers=headers, protocols=protocols) as socket,
    ):
        yield socket


@asynccontextmanager
async def connected(url, **options):
    async with raw_socket(url, **options) as socket:
        client = Client(socket)
        assert (await client.receive())["type"] == "session.created"
        yield client


@asynccontextmanager
async def served(ears=None, voice=None, **options):
    """A server with quick ears and voice that sends all at once, unless told otherwise."""
    chosen = Options(**{"pace": math.inf, **options})
    async with RealtimeServer(chosen, ears or SetEars(), voice or Beeper()) as server:
        yield server


@asynccontextmanager
async def broken(folder=None, **options):
    """A server behind the proxy, as `--fault` has it; gives the target."""
    certificates = None if folder is None else make_certificates(folder)
    async with served(**options) as server:
        tls = None if certificates is None else certificates.context
        async with FaultProxy(server.port, tls=tls) as proxy:
            yield FaultTarget(proxy, certificates)


@asynccontextmanager
async def talking(**options):
    """A client connected to a server of its own."""
    async with served(**options) as server, connected(server.url) as client:
        client.server = server
        yield client


@pytest.fixture
def kit():
    """What this file offers to tests, under one name."""
    return sys.modules[__name__]


@pytest.fixture
async def client():
    async with talking() as each:
        yield each


def recording(name):
    """Return a real recording as 24 kHz PCM."""
    with wave.open(str(RECORDINGS / name)) as wav:
        return pcm16(resampled(floats(wav.readframes(wav.getnframes())), 16000, 24000))


def quiet(seconds):
    return bytes(2 * round(24000 * seconds))


@pytest.fixture
def cards():
    """ "eight of spades, four of clubs, seven of hearts", 3.5 s."""
    return recording("cards/005.wav")
