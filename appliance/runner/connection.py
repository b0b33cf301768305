"""One connection: dials, sets the session up, sends in order, hands events up, and ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from appliance.errors import ProtocolError, RefusedError, RemoteError
from appliance.ports import Connector, Journal, Socket
from appliance.realtime.client_events import ClientEvent, SessionUpdate
from appliance.realtime.protocol import RealtimeSession, Severity, classify
from appliance.realtime.server_events import (
    ErrorEvent,
    ResponseDone,
    ServerEvent,
    SessionUpdated,
    UnknownEvent,
)
from appliance.realtime.server_structures import ErrorDetail
from appliance.realtime.severity import RATE_LIMIT, fault_of

READER_KNOWS_S = 1.0  # how much later than the writer the reader may see a connection end


class ConnectionUser(Protocol):
    """What a connection tells, always on the event loop's thread."""

    def connection_up(self, connection: Connection) -> None:
        """The session is set up."""

    def connection_heard(self, connection: Connection) -> None:
        """A message came, good or bad."""

    def connection_event(self, connection: Connection, event: ServerEvent) -> None: ...

    def connection_ended(self, connection: Connection, error: BaseException | None) -> None:
        """It ended by itself; never called after `hang_up`."""


@dataclass(frozen=True, slots=True)
class _Outgoing:
    event: ClientEvent
    sent: Callable[[float], None] | None


class Connection:
    """Made to be used once: `start`, then `send`, until it ends or `hang_up`."""

    def __init__(
        self,
        user: ConnectionUser,
        connector: Connector,
        opening: SessionUpdate,
        journal: Journal,
        clock: Callable[[], float],
    ) -> None:
        self._user = user
        self._connector = connector
        self._opening = opening
        self._journal = journal
        self._clock = clock
        self._outgoing: asyncio.Queue[_Outgoing] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._dialled_s = 0.0
        self.session = RealtimeSession()
        self.is_up = False
        self.took_s = 0.0  # from the dial until the session was set up

    def start(self) -> None:
        self._dialled_s = self._clock()
        self._task = asyncio.create_task(self._hold(), name="line")
        self._task.add_done_callback(self._look_at)

    def send(self, event: ClientEvent, sent: Callable[[float], None] | None = None) -> None:
        self._outgoing.put_nowait(_Outgoing(event, sent))

    def hang_up(self) -> asyncio.Task[None] | None:
        """End it; return what to wait for, None if it has ended already."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        return task

    def _look_at(self, task: asyncio.Task[None]) -> None:
        """Take the end of the connection, whatever brought it about."""
        error = None if task.cancelled() else task.exception()
        if task is not self._task or task.cancelled():
            return  # hung up on purpose
        self._task = None
        self._user.connection_ended(self, error)

    async def _hold(self) -> None:
        """Dial, set the session up, and stay on until it ends."""
        socket = await self._connector.connect()
        try:
            await self._converse(socket)
        finally:
            await socket.close()

    async def _converse(self, socket: Socket) -> None:
        reader = asyncio.create_task(self._read(socket), name="line-reader")
        writer = asyncio.create_task(self._write(socket), name="line-writer")
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

    async def _write(self, socket: Socket) -> None:
        await socket.send(self.session.send(self._opening))
        while True:
            item = await self._outgoing.get()
            await socket.send(self.session.send(item.event))
            if item.sent is not None:
                item.sent(self._clock())

    def _receive(self, data: str | bytes) -> None:
        try:
            events = self.session.receive(data)
        except ProtocolError as wrong:
            self._journal.event("protocol_error", f"ignored a message: {wrong}", level="warning")
            events = ()
        self._user.connection_heard(self)
        for event in events:
            match event:
                case UnknownEvent(type=unknown):
                    self._journal.event("unknown_event", f"ignored {unknown}", level="debug")
                case SessionUpdated() if not self.is_up:
                    self.is_up = True
                    self.took_s = self._clock() - self._dialled_s
                    self._user.connection_up(self)
                case ErrorEvent(error=error) if self._ends_it(error):
                    raise _error_from(error)
                case _:
                    self._user.connection_event(self, event)
                    _raise_if_final(event)

    def _ends_it(self, error: ErrorDetail) -> bool:
        """Before the session stands, any error does: the server's own settings are not ours."""
        return not self.is_up or classify(error) in (Severity.FINAL, Severity.RENEW)


def _error_from(error: ErrorDetail) -> RemoteError:
    severity = classify(error)
    if severity is Severity.RENEW:
        return RemoteError(error.message, fault_of(error))
    may_pass = error.type == "server_error" or fault_of(error) == RATE_LIMIT
    if severity is Severity.TRANSIENT and may_pass:
        return RemoteError(error.message, fault_of(error))
    return RefusedError(error.message, error.code or error.type or "service_refused")


def _raise_if_final(event: ServerEvent) -> None:
    """A response that failed for good says the same as an error event would, and less loudly."""
    if not isinstance(event, ResponseDone) or event.response.status != "failed":
        return
    details = event.response.status_details
    error = details.error if details is not None else None
    if error is not None and classify(error) is Severity.FINAL:
        code = error.code or error.type or "service_refused"
        raise RefusedError(error.message or code, code)
