"""Devices made of memory, for tests: they say when they are used out of order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

from appliance.errors import HardwareError, RemoteError
from appliance.ports import Captured, Echo, Flash, Level, Light, Silenced, Sounded
from appliance.session.health import Readings
from appliance.units import WIRE_RATE_HZ, pcm_samples, samples_to_ms


class FakeMicrophone:
    """`say` delivers chunks; refuses what a real stream would not bear."""

    def __init__(self) -> None:
        self.overflows = 0
        self.opens = 0
        self.missing = False
        self._deliver: Callable[[Captured], None] | None = None
        self._lost: Callable[[str], None] | None = None

    def start(self, deliver: Callable[[Captured], None], lost: Callable[[str], None]) -> None:
        assert self._deliver is None, "the microphone was opened twice"
        if self.missing:
            raise HardwareError("no microphone called 'fake'")
        self.opens += 1
        self._deliver, self._lost = deliver, lost

    async def open(self) -> None:
        if self.missing:
            raise HardwareError("no microphone called 'fake'")

    def stop(self) -> None:
        self._deliver = self._lost = None

    def say(
        self,
        pcm: bytes,
        first_sample_s: float,
        voice_since_s: float | None = None,
        echo: Echo | None = None,
        level: Level | None = None,
    ) -> None:
        assert self._deliver is not None, "sound came in while the microphone was shut"
        self._deliver(Captured(pcm, first_sample_s, voice_since_s, echo, level))

    def unplug(self) -> None:
        assert self._lost is not None, "it was not plugged in"
        self.missing = True
        self._lost("unplugged")


class FakeSpeaker:
    """Plays nothing by itself: `hear` lets time pass at the converter."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.underflows = 0
        self.opens = 0
        self.volume = 1.0
        self.played: list[tuple[str, bytes]] = []
        self._queue: list[tuple[str, int]] = []
        self._heard: dict[str, int] = {}
        self._sounded: Callable[[Sounded], None] | None = None
        self._drained: Callable[[], None] | None = None
        self._lost: Callable[[str], None] | None = None
        self.missing = False

    def start(
        self,
        sounded: Callable[[Sounded], None],
        drained: Callable[[], None],
        lost: Callable[[str], None],
    ) -> None:
        assert self._sounded is None, "the loudspeaker was opened twice"
        if self.missing:
            raise HardwareError("no loudspeaker called 'fake'")
        self.opens += 1
        self._sounded, self._drained, self._lost = sounded, drained, lost

    async def open(self) -> None:
        if self.missing:
            raise HardwareError("no loudspeaker called 'fake'")

    def stop(self) -> None:
        self._sounded = self._drained = self._lost = None

    def unplug(self) -> None:
        assert self._lost is not None, "it was not plugged in"
        self.missing = True
        self._lost("unplugged")

    def play(self, item_id: str, pcm: bytes) -> None:
        assert self._sounded is not None, "a reply was played while the loudspeaker was shut"
        if all(item != item_id for item, _ in self.played):
            self._sounded(Sounded(item_id, self._clock(), self._clock()))
        self.played.append((item_id, pcm))
        self._queue.append((item_id, pcm_samples(pcm)))

    def hear(self, samples: int) -> None:
        """Let this many samples leave; tells `drained` when the queue has run empty."""
        while samples and self._queue:
            item_id, queued = self._queue.pop(0)
            now = min(samples, queued)
            samples -= now
            self._heard[item_id] = self._heard.get(item_id, 0) + now
            if queued > now:
                self._queue.insert(0, (item_id, queued - now))
        if not self._queue and self._drained is not None:
            self._drained()

    def hear_all(self) -> None:
        self.hear(sum(queued for _, queued in self._queue))

    def cut(self) -> Silenced | None:
        if not self._queue:
            return None
        item_id = self._queue[0][0]
        self._queue.clear()
        return Silenced(item_id, self.heard_ms(item_id), self._clock())

    def heard_ms(self, item_id: str) -> int:
        return samples_to_ms(self._heard.get(item_id, 0))

    def set_volume(self, volume: float) -> None:
        assert 0.0 <= volume <= 1.0, f"volume {volume}"
        self.volume = volume


class FakePanel:
    """`press` and `release` are clean edges; `lights` and `flashes` keep what was shown."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._edge: Callable[[bool, float], None] | None = None
        self.lights: list[Light] = []
        self.flashes: list[Flash] = []

    def start(self, edge: Callable[[bool, float], None]) -> None:
        assert self._edge is None, "the panel was started twice"
        self._edge = edge

    def press(self) -> None:
        assert self._edge is not None, "pressed while the panel was off"
        self._edge(True, self._clock())

    def release(self) -> None:
        assert self._edge is not None, "released while the panel was off"
        self._edge(False, self._clock())

    def show(self, light: Light) -> None:
        assert self._edge is not None, "a light after the panel was stopped"
        self.lights.append(light)

    def flash(self, flash: Flash) -> None:
        self.flashes.append(flash)

    def stop(self) -> None:
        self._edge = None


class FakeSocket:
    """One connection whose other end is the test."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.is_closed = False
        self._inbox: asyncio.Queue[str | RemoteError] = asyncio.Queue()

    async def send(self, text: str) -> None:
        if self.is_closed:
            raise RemoteError("the connection is gone")
        self.sent.append(json.loads(text))

    async def messages(self) -> AsyncIterator[str | bytes]:
        while True:
            message = await self._inbox.get()
            if isinstance(message, RemoteError):
                self.is_closed = True
                raise message
            yield message

    async def close(self) -> None:
        self.is_closed = True

    def serve(self, **event: object) -> None:
        """Send an event to the device."""
        self._inbox.put_nowait(json.dumps({"event_id": "event_1", **event}))

    def drop(self, error: RemoteError | None = None) -> None:
        """End the connection."""
        self._inbox.put_nowait(error or RemoteError("the connection ended (1006)"))

    def types(self) -> list[str]:
        """Return the types of what the device sent, runs of one type given once."""
        names = [message["type"] for message in self.sent]
        return [name for i, name in enumerate(names) if i == 0 or names[i - 1] != name]


class FakeConnector:
    """Gives out sockets, or the errors that it was told to raise first."""

    def __init__(self, errors: Iterable[RemoteError] = ()) -> None:
        self._errors = list(errors)
        self.sockets: list[FakeSocket] = []

    @property
    def socket(self) -> FakeSocket:
        return self.sockets[-1]

    async def connect(self) -> FakeSocket:
        if self._errors:
            raise self._errors.pop(0)
        self.sockets.append(FakeSocket())
        return self.sockets[-1]


class FakeBoard:
    """Says what the test wants it to say."""

    def __init__(self) -> None:
        self.readings = Readings()
        self.looks = 0

    def look(self) -> Readings:
        self.looks += 1
        return self.readings

    def clock_set(self) -> bool | None:
        return self.readings.clock_set


class FakeKeeper:
    """Keeps states in memory; `fail` says that writing them does not work."""

    def __init__(self, told: Callable[[str, str], None]) -> None:
        self._told = told
        self.kept: list[Mapping[str, object]] = []
        self.is_closed = False

    def keep(self, state: Mapping[str, object]) -> None:
        assert not self.is_closed, "a state after the end"
        self.kept.append(state)

    def fail(self, fault: str, why: str) -> None:
        self._told(fault, why)

    async def close(self) -> None:
        self.is_closed = True


class FakeNetwork:
    """Comes up when the test says so."""

    def __init__(self) -> None:
        self._came_up: Callable[[], None] | None = None

    def start(self, came_up: Callable[[], None]) -> None:
        assert self._came_up is None, "the network is watched twice"
        self._came_up = came_up

    def come_up(self) -> None:
        assert self._came_up is not None, "nobody watches the network"
        self._came_up()

    def stop(self) -> None:
        self._came_up = None


class FakeJournal:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def event(self, name: str, message: str, *, level: str = "info", **fields: object) -> None:
        self.lines.append((name, message))


class FakeTrace:
    def __init__(self) -> None:
        self.records: list[dict[str, object]] = []
        self.sent = bytearray()

    def record(self, kind: str, **fields: object) -> None:
        self.records.append({"kind": kind, **fields})

    def sent_audio(self, pcm: bytes) -> None:
        self.sent += pcm


def silence(ms: float) -> bytes:
    """Return so much digital silence, s16le mono at the wire's rate."""
    return bytes(2 * round(ms * WIRE_RATE_HZ / 1000))
