"""The connection: dials when `session.link` says so, sends in order, hands events up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from appliance.errors import ProtocolError, RefusedError, RemoteError
from appliance.ports import Connector, Journal, Socket, Trace
from appliance.realtime.client_events import ClientEvent, SessionUpdate
from appliance.realtime.protocol import RealtimeSession, Severity, classify
from appliance.realtime.server_events import ErrorEvent, ServerEvent, SessionUpdated, UnknownEvent
from appliance.session.link import (
    Dial,
    Dialling,
    Down,
    HangUp,
    LinkEvent,
    LinkRules,
    LinkState,
    LinkTick,
    Lost,
    Opened,
    Ready,
    Refused,
    RefusedForGood,
    Resting,
    Start,
    Wanted,
    link_step,
)

READER_KNOWS_S = 1.0  # how much later than the writer the reader may see a connection end


class LineUser(Protocol):
    """What the line tells, always on the event loop's thread."""

    def line_changed(self) -> None:
        """The state, or its deadline, is another one now."""

    def line_up(self, took_s: float) -> None: ...

    def line_down(self, why: str) -> None: ...

    def line_refused(self, code: str) -> None:
        """The service will go on refusing; `code` is its own."""

    def line_event(self, event: ServerEvent) -> None: ...


@dataclass(frozen=True, slots=True)
class _Outgoing:
    event: ClientEvent
    sent: Callable[[float], None] | None


class Line:
    """One link at a time to the one endpoint."""

    def __init__(
        self,
        user: LineUser,
        connector: Connector,
        opening: Callable[[], SessionUpdate],
        rules: LinkRules,
        journal: Journal,
        trace: Trace,
        clock: Callable[[], float],
    ) -> None:
        self._user = user
        self._connector = connector
        self._opening = opening
        self._rules = rules
        self._journal = journal
        self._trace = trace
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._outgoing: asyncio.Queue[_Outgoing] = asyncio.Queue()
        self._dialled_s = 0.0
        self._answer_by_s: float | None = None  # a live service has said something by then
        self.state: LinkState = Down()
        self.session = RealtimeSession()

    @property
    def is_ready(self) -> bool:
        return isinstance(self.state, Ready)

    @property
    def is_troubled(self) -> bool:
        """A try has failed and none has succeeded since."""
        return isinstance(self.state, Resting) or (
            isinstance(self.state, Dialling) and self.state.attempt > 0
        )

    @property
    def is_refused(self) -> bool:
        return isinstance(self.state, Refused)

    def start(self) -> None:
        self._step(Start())

    def wanted(self) -> None:
        """Somebody wants to talk: do not wait for the next try."""
        self._step(Wanted())

    @property
    def due_s(self) -> float:
        """When `tick` is wanted."""
        deadline_s = self.state.deadline_s
        return deadline_s if self._answer_by_s is None else min(deadline_s, self._answer_by_s)

    def tick(self, *, busy: bool) -> None:
        if self._answer_by_s is not None and self._clock() >= self._answer_by_s:
            # TCP alone notices a network that has gone away only after many minutes.
            task = self._hang_up()
            self._lose(Lost(random.random()), "the service fell silent: dialling again", task)
        self._step(LinkTick(busy))

    def expect_answer(self, within_s: float) -> None:
        """Something was sent that a live service answers within this time."""
        if self.is_ready and self._answer_by_s is None:
            self._answer_by_s = self._clock() + within_s
            self._user.line_changed()

    def send(self, event: ClientEvent, sent: Callable[[float], None] | None = None) -> None:
        """Queue one event; `sent(at_s)` is called once it has been handed to the network.

        Without a session it is dropped: it was about one that is gone.
        """
        if self.is_ready:
            self._outgoing.put_nowait(_Outgoing(event, sent))

    async def close(self) -> None:
        """Hang up and wait for the end of it."""
        task = self._hang_up()
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)

    def _step(self, event: LinkEvent) -> None:
        before = self.state
        self.state, effects = link_step(before, event, self._clock(), self._rules)
        if type(self.state) is not type(before):
            self._trace.record("link", state=type(self.state).__name__.lower())
        for effect in effects:
            match effect:
                case HangUp():
                    self._hang_up()
                    if isinstance(event, LinkTick) and isinstance(before, Ready):
                        self._user.line_down("renewed")
                case Dial():
                    self._dialled_s = self._clock()
                    self._outgoing = asyncio.Queue()
                    self.session = RealtimeSession()
                    self._task = asyncio.create_task(self._hold(), name="line")
                    self._task.add_done_callback(self._look_at)
        if self.state != before:
            self._user.line_changed()

    def _hang_up(self) -> asyncio.Task[None] | None:
        task, self._task = self._task, None
        self._answer_by_s = None
        if task is not None:
            task.cancel()
        return task

    async def _hold(self) -> None:
        """Dial, set the session up, and stay on until it ends."""
        socket = await self._connector.connect()
        try:
            await self._converse(socket)
        finally:
            await socket.close()

    def _look_at(self, task: asyncio.Task[None]) -> None:
        """Take the end of a connection, whatever brought it about."""
        if task is not self._task or task.cancelled():
            return  # hung up on purpose; another one may be on its way
        self._task = None
        match task.exception():
            case RefusedError(code=code) as refusal:
                self._lose(RefusedForGood(code), str(refusal), task)
            case RemoteError() as loss:
                self._lose(Lost(random.random()), str(loss), task)
            case surprise:  # a mistake of ours must not leave the device deaf
                self._lose(Lost(random.random()), f"internal error: {surprise!r}", task)

    def _lose(
        self, event: Lost | RefusedForGood, why: str, task: asyncio.Task[None] | None
    ) -> None:
        assert task is not self._task, "the connection is gone by now"
        was_ready = self.is_ready
        self._answer_by_s = None
        level = "warning" if isinstance(event, Lost) else "error"
        self._journal.event("link_lost" if was_ready else "link_failed", why, level=level)
        self._trace.record("link_trouble", why=why, refused=isinstance(event, RefusedForGood))
        self._step(event)
        if was_ready:
            self._user.line_down(why)
        if isinstance(event, RefusedForGood):
            self._user.line_refused(event.code)

    async def _converse(self, socket: Socket) -> None:
        self._outgoing.put_nowait(_Outgoing(self._opening(), None))
        reader = asyncio.create_task(self._read(socket), name="line-reader")
        writer = asyncio.create_task(self._write(socket, self._outgoing), name="line-writer")
        try:
            await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_COMPLETED)
            if writer.done() and isinstance(writer.exception(), RemoteError):
                await asyncio.wait({reader}, timeout=READER_KNOWS_S)  # it knows the reason
        finally:
            for task in (reader, writer):
                task.cancel()
            ends = await asyncio.gather(reader, writer, return_exceptions=True)
        for end in ends:  # the reader's first
            if isinstance(end, Exception):
                raise end

    async def _read(self, socket: Socket) -> None:
        async for data in socket.messages():
            self._receive(data)

    async def _write(self, socket: Socket, outgoing: asyncio.Queue[_Outgoing]) -> None:
        while True:
            item = await outgoing.get()
            await socket.send(self.session.send(item.event))
            if item.sent is not None:
                item.sent(self._clock())

    def _receive(self, data: str | bytes) -> None:
        self._answer_by_s = None
        try:
            events = self.session.receive(data)
        except ProtocolError as wrong:
            self._journal.event("protocol_error", f"ignored a message: {wrong}", level="warning")
            return
        for event in events:
            match event:
                case UnknownEvent(type=unknown):
                    self._journal.event("unknown_event", f"ignored {unknown}", level="debug")
                case SessionUpdated() if not self.is_ready:
                    self._step(Opened())
                    self._user.line_up(self._clock() - self._dialled_s)
                case ErrorEvent(error=error) if classify(error) is Severity.FINAL:
                    raise RefusedError(error.message, error.code or error.type)
                case ErrorEvent(error=error) if classify(error) is Severity.RENEW:
                    raise RemoteError(error.message)
                case ErrorEvent(error=error) if not self.is_ready:
                    # The settings were refused: talking with the server's own would not be ours.
                    raise RefusedError(error.message, error.code or error.type)
                case _:
                    self._user.line_event(event)
