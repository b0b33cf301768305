"""The link to the service: what `session.link` decides is done here, with one or two connections.

Two only while a session is renewed: the next one is set up beside the one that serves.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection
from typing import Protocol

from appliance.errors import RefusedError, RemoteError
from appliance.ports import Connector, Journal, NetworkWatch, Trace
from appliance.realtime.client_events import (
    ClientEvent,
    ConversationItemTruncate,
    ResponseCreate,
    SessionUpdate,
)
from appliance.realtime.history import History
from appliance.realtime.protocol import RealtimeSession
from appliance.realtime.server_events import ResponseDone, ServerEvent
from appliance.runner.connection import Connection
from appliance.session.link import (
    STALLED,
    TOO_SLOW,
    Announce,
    Connecting,
    Dial,
    DialNext,
    Disconnected,
    DropNext,
    HangUp,
    LinkEvent,
    LinkRules,
    LinkState,
    LinkTick,
    Lost,
    NetworkUp,
    NextLost,
    NextOpened,
    OpenCircuit,
    Opened,
    Ready,
    Refused,
    RefusedForGood,
    Renewing,
    Served,
    Start,
    Switch,
    WaitingToRetry,
    Wanted,
    link_step,
    tries_of,
)
from appliance.session.watch import Watch


class LineUser(Protocol):
    """What the line tells, always on the event loop's thread."""

    def line_changed(self) -> None:
        """The state, or its deadline, is another one now."""

    def line_up(self, took_s: float) -> None:
        """A session is set up; what it must know of others is to be sent now."""

    def line_down(self, why: str) -> None:
        """The session is gone; another may be up at once."""

    def line_refused(self, code: str) -> None:
        """The service will go on refusing; `code` is its own."""

    def line_event(self, event: ServerEvent) -> None: ...


def _tell_nobody(_: Announce) -> None:
    pass


class Line:
    """One link to the one endpoint; `history` is what was said over it, in all sessions."""

    def __init__(
        self,
        user: LineUser,
        connector: Connector,
        opening: Callable[[], SessionUpdate],
        rules: LinkRules,
        journal: Journal,
        trace: Trace,
        clock: Callable[[], float],
        announce: Callable[[Announce], None] = _tell_nobody,
        network: NetworkWatch | None = None,
    ) -> None:
        """`announce` is told when people should hear of it: offline, refused, back."""
        self._user = user
        self._connector = connector
        self._opening = opening
        self._rules = rules
        self._journal = journal
        self._trace = trace
        self._clock = clock
        self._announce = announce
        self._network = network
        self._current: Connection | None = None
        self._next: Connection | None = None
        self._told_up: Connection | None = None  # what the user sends on
        self._ending: set[asyncio.Task[None]] = set()
        self._no_session = RealtimeSession()
        self._watch = Watch(rules.stall_s)
        self.history = History()
        self.state: LinkState = Disconnected()

    # What is known

    @property
    def session(self) -> RealtimeSession:
        """The session that serves, or is being set up; an empty one if there is none."""
        return self._no_session if self._current is None else self._current.session

    @property
    def is_ready(self) -> bool:
        return isinstance(self.state, Ready | Renewing)

    @property
    def is_troubled(self) -> bool:
        """A try has failed and none has succeeded since."""
        match self.state:
            case WaitingToRetry() | OpenCircuit():
                return True
            case Connecting(tries):
                return tries.failures > 0
            case _:
                return False

    @property
    def is_refused(self) -> bool:
        return isinstance(self.state, Refused)

    @property
    def is_offline(self) -> bool:
        """A round of retries has ended without success: from now on there are probes only."""
        return isinstance(self.state, OpenCircuit)

    @property
    def fault(self) -> str:
        """Why the link does not stand, by its name in the table of faults; "" while it does."""
        return tries_of(self.state).fault if self.is_troubled or self.is_refused else ""

    # What the runner does

    def start(self) -> None:
        if self._network is not None:
            self._network.start(lambda: self._step(NetworkUp(), ""))
        self._step(Start(), "")

    def wanted(self) -> None:
        """Somebody wants to talk: do not wait for the next try."""
        self._step(Wanted(), "")

    @property
    def due_s(self) -> float:
        """When `tick` is wanted."""
        return min(self.state.deadline_s, self._watch.due_s)

    def tick(self, *, busy: bool) -> None:
        now_s = self._clock()
        if self.is_ready and now_s >= self._watch.due_s:
            # TCP alone notices a network that has gone away only after many minutes.
            self._watch.stalled()
            self._hang_up()
            self._lose(Lost(random.random(), STALLED), "the service fell silent: dialling again")
        if isinstance(self.state, Connecting) and now_s >= self.state.deadline_s:
            # Whoever was reached and then says nothing raises no error that would tell of it.
            self._hang_up()
            self._lose(Lost(random.random(), TOO_SLOW), "no session was set up in time")
        # What was said and not yet written down must not be missing in the next session.
        busy = busy or self.history.awaits_text(now_s)
        why = "nobody talks" if isinstance(self.state, Ready) else "renewed"
        self._step(LinkTick(busy, random.random()), why)

    def expect_answer(self, within_s: float) -> None:
        """Something was sent that a live service answers within this time."""
        if self.is_ready:
            self._watch.expect(within_s, self._clock())
            self._user.line_changed()

    def send(self, event: ClientEvent, sent: Callable[[float], None] | None = None) -> None:
        """Queue one event; `sent(at_s)` is called once it has been handed to the network.

        Without a session it is dropped: it was about one that is gone.
        """
        if isinstance(event, ConversationItemTruncate):
            self.history.cut(event.item_id, event.audio_end_ms)
        if not self.is_ready or self._current is None:
            return
        connection = self._current

        def asked(at_s: float) -> None:
            if connection is self._told_up:
                self._watch.asked(at_s)
                self._user.line_changed()
            if sent is not None:
                sent(at_s)

        connection.send(event, asked if isinstance(event, ResponseCreate) else sent)

    def replay(self, resent: Collection[str]) -> None:
        """Tell a new session what was said in those before it.

        Args:
            resent: items of the old session whose sound goes out again.
        """
        created = self.history.replay(resent, self._clock())
        for event in created:
            self.send(event)
        if created:
            self._trace.record("replayed", items=len(created))

    async def close(self) -> None:
        """Hang up and wait for the end of it."""
        if self._network is not None:
            self._network.stop()
        self._drop_next()
        self._hang_up()
        if self._ending:
            await asyncio.gather(*self._ending, return_exceptions=True)

    # The machine

    def _step(self, event: LinkEvent, why: str) -> None:
        before = self.state
        self.state, effects = link_step(before, event, self._clock(), self._rules)
        if type(self.state) is not type(before):
            self._trace.record("link", state=type(self.state).__name__.lower())
        news = []
        for effect in effects:
            match effect:
                case Dial():
                    self._current = self._dial()
                case HangUp():
                    self._hang_up()
                case DialNext():
                    self._next = self._dial()
                case DropNext():
                    self._drop_next()
                case Switch():
                    self._hang_up()
                    self._current, self._next = self._next, None
                case Announce():
                    news.append(effect)
        if self.state != before:
            self._user.line_changed()
        self._tell(why)
        for each in news:
            self._tell_news(each)

    def _tell_news(self, news: Announce) -> None:
        match news:
            case Announce("offline", fault):
                pace = f"one dial is made each {self._rules.reset_s:g} s"
                self._journal.event("circuit_open", f"{fault}: {pace}", level="warning")
            case Announce("back", fault):
                self._journal.event("link_back", f"connected again; it was {fault}")
            case _:  # a refusal has its own line
                pass
        self._trace.record("announce", news=news.news, fault=news.fault)
        self._announce(news)

    def _tell(self, why: str) -> None:
        """Tell the user of the session that is gone, and of the one that is there."""
        up = self._current if self.is_ready else None
        told, self._told_up = self._told_up, up
        if told is up:
            return
        self._watch.rest()
        if told is not None:
            self._user.line_down(why)
        if up is not None:
            self._user.line_up(up.took_s)

    def _dial(self) -> Connection:
        connection = Connection(self, self._connector, self._opening(), self._journal, self._clock)
        connection.start()
        return connection

    def _hang_up(self) -> None:
        connection, self._current = self._current, None
        self._end(connection)

    def _drop_next(self) -> None:
        connection, self._next = self._next, None
        self._end(connection)

    def _end(self, connection: Connection | None) -> None:
        task = connection.hang_up() if connection is not None else None
        if task is not None:
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    # What connections tell

    def connection_up(self, connection: Connection) -> None:
        """See ConnectionUser."""
        if connection is self._current:
            self._step(Opened(), "")
        elif connection is self._next:
            self._step(NextOpened(), "")

    def connection_heard(self, connection: Connection) -> None:
        """See ConnectionUser."""
        if connection is self._current and self.is_ready:
            session = connection.session
            answering = session.response_active or session.response_pending
            self._watch.heard(self._clock(), answering=answering)

    def connection_event(self, connection: Connection, event: ServerEvent) -> None:
        """See ConnectionUser."""
        if connection is not self._current:
            return
        self.history.take(event, self._clock())
        if isinstance(event, ResponseDone) and event.response.status == "completed":
            self._watch.served()
            self._step(Served(), "")
        self._user.line_event(event)

    def connection_ended(self, connection: Connection, error: BaseException | None) -> None:
        """See ConnectionUser."""
        event: Lost | RefusedForGood
        match error:
            case RefusedError(code=code, fault=fault):
                event = RefusedForGood(code, fault)
            case RemoteError(fault=fault, retry_after_s=retry_after_s):
                event = Lost(random.random(), fault, retry_after_s)
            case _:  # a mistake of ours must not leave the device deaf
                event = Lost(random.random(), "link_failed")
        known = isinstance(error, RemoteError)
        why = str(error) if known else f"internal error: {error!r}"
        if connection is self._current:
            self._current = None
            self._lose(event, why)
        elif connection is self._next:
            self._next = None
            self._journal.event("renewal_failed", why, level="info", FAULT=event.fault)
            self._step(NextLost(), "")

    def _lose(self, event: Lost | RefusedForGood, why: str) -> None:
        # The same again and again is one line; those who look for them find the others.
        again = self.fault == event.fault
        expired = event.fault == "session_expired" and self.is_ready
        level = "debug" if again else "info" if expired else "warning"
        if isinstance(event, RefusedForGood):
            level = "error"
        self._journal.event(event.fault, why, level=level, WAS_READY=self.is_ready)
        self._trace.record(
            "link_trouble", why=why, fault=event.fault, refused=isinstance(event, RefusedForGood)
        )
        self._step(event, why)
        if isinstance(event, RefusedForGood):
            self._user.line_refused(event.code)
