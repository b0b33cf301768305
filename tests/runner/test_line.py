"""The line with sockets made of memory: one serves, one renews, both may die."""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager

import pytest

from appliance.devices.fakes import FakeConnector, FakeJournal, FakeNetwork, FakeTrace
from appliance.errors import RefusedError, RemoteError
from appliance.realtime.client_events import (
    ConversationItemTruncate,
    InputAudioBufferCommit,
    ResponseCreate,
    SessionUpdate,
)
from appliance.realtime.client_structures import SessionSettings
from appliance.runner.line import Line
from appliance.session.link import Announce, LinkRules


class User:
    """Notes what it is told; sends the conversation on a new session, as the uplink does."""

    def __init__(self):
        self.told = []
        self.line = None

    def line_changed(self):
        pass

    def line_up(self, took_s):
        self.told.append("up")
        self.line.replay(())

    def line_down(self, why):
        self.told.append(f"down: {why}")

    def line_refused(self, code):
        self.told.append(f"refused: {code}")

    def line_event(self, event):
        self.told.append(event.TYPE)


class Bench:
    def __init__(self, errors=(), **rules):
        self.now_s = 0.0
        self.user = User()
        self.connector = FakeConnector(errors)
        self.journal = FakeJournal()
        self.announced = []
        self.network = FakeNetwork()
        self.line = Line(
            self.user,
            self.connector,
            lambda: SessionUpdate(SessionSettings(instructions="Be short.")),
            LinkRules(**rules),
            self.journal,
            FakeTrace(),
            lambda: self.now_s,
            self.announced.append,
            self.network,
        )
        self.user.line = self.line

    @property
    def state(self):
        return type(self.line.state).__name__

    async def until(self, seen):
        async with asyncio.timeout(5):
            while not seen():  # noqa: ASYNC110  the loop must turn; what is awaited has no event
                await asyncio.sleep(0)

    async def socket(self, number):
        """Return this connection, once its session is to be set up."""
        sockets = self.connector.sockets
        await self.until(lambda: len(sockets) > number and sockets[number].sent)
        assert sockets[number].sent[0]["type"] == "session.update"
        return sockets[number]

    async def online(self, number=0):
        socket = await self.socket(number)
        socket.serve(type="session.updated", session={"type": "realtime"})
        await self.until(lambda: self.line._current is not None and self.line._current.is_up)
        return socket

    def tick(self, at, busy=False):
        self.now_s = at
        self.line.tick(busy=busy)

    def tick_due(self, busy=False):
        self.tick(max(self.now_s, self.line.due_s), busy)

    async def all_read(self, socket):
        """Let everything that was served be taken in."""
        await self.until(lambda: socket._inbox.empty())
        await asyncio.sleep(0)


@pytest.fixture
def bench():
    @asynccontextmanager
    async def running(**options):
        made = Bench(**options)
        made.line.start()
        try:
            yield made
        finally:
            await made.line.close()
            assert all(socket.is_closed for socket in made.connector.sockets)

    return running


def converse(socket, item="u1", question="How are you?", answer="I am fine."):
    """Serve a question and its answer."""
    socket.serve(type="input_audio_buffer.committed", item_id=item)
    socket.serve(
        type="conversation.item.input_audio_transcription.completed",
        item_id=item,
        content_index=0,
        transcript=question,
    )
    socket.serve(type="response.created", response={"id": "r"})
    place = {"response_id": "r", "item_id": f"a_{item}", "output_index": 0, "content_index": 0}
    socket.serve(type="response.output_audio_transcript.done", transcript=answer, **place)
    socket.serve(type="response.done", response={"id": "r", "status": "completed"})


def texts(socket):
    created = [m["item"] for m in socket.sent if m["type"] == "conversation.item.create"]
    return [(item["role"], item["content"][0]["text"]) for item in created]


TALK = [("user", "How are you?"), ("assistant", "I am fine.")]


# Renewal


async def test_an_old_session_is_renewed_without_a_gap(bench):
    async with bench() as b:
        old = await b.online()
        converse(old)
        await b.all_read(old)
        b.tick(1800.0)
        new = await b.socket(1)
        assert b.line.is_ready
        b.line.send(InputAudioBufferCommit())  # the old one still serves
        new.serve(type="session.updated", session={"type": "realtime"})
        await b.until(lambda: b.line._next.is_up)
        b.tick_due(busy=True)
        assert b.state == "Renewing"
        b.user.told.clear()
        b.tick_due()
        assert b.state == "Ready"
        assert b.user.told == ["down: renewed", "up"]
        b.line.send(ResponseCreate())
        await b.until(lambda: new.types()[-1] == "response.create")
        await b.until(lambda: old.is_closed)
        assert old.types() == ["session.update", "input_audio_buffer.commit"]
        assert new.types() == ["session.update", "conversation.item.create", "response.create"]
        assert texts(new) == TALK


async def test_the_switch_waits_for_what_is_not_written_down_yet(bench):
    async with bench() as b:
        old = await b.online()
        b.tick(1800.0)
        new = await b.socket(1)
        new.serve(type="session.updated", session={"type": "realtime"})
        await b.until(lambda: b.line._next.is_up)
        old.serve(type="input_audio_buffer.committed", item_id="u1")
        await b.all_read(old)
        b.tick_due()
        assert b.state == "Renewing"
        converse(old)
        await b.all_read(old)
        b.tick_due()
        assert b.state == "Ready"
        await b.until(lambda: texts(new) == TALK)


async def test_a_session_that_dies_while_the_next_is_set_up_is_followed_by_it(bench):
    async with bench() as b:
        old = await b.online()
        converse(old)
        await b.all_read(old)
        b.tick(1800.0)
        new = await b.socket(1)
        old.drop()
        await b.until(lambda: not b.line.is_ready)
        b.line.send(ResponseCreate())  # about a session that is gone
        await b.online(1)
        assert [t for t in b.user.told if t[:2] in ("do", "up")] == [
            "up",
            "down: the connection ended (1006)",
            "up",
        ]
        await b.until(lambda: texts(new) == TALK)
        assert len(b.connector.sockets) == 2


async def test_a_next_session_that_fails_disturbs_nobody(bench):
    async with bench() as b:
        await b.online()
        b.tick(1800.0)
        new = await b.socket(1)
        new.serve(type="error", error={"type": "x", "code": "insufficient_quota", "message": "no"})
        await b.until(lambda: b.state == "Ready")
        assert b.user.told == ["up"]
        assert b.announced == []
        b.tick(1859.0)
        assert len(b.connector.sockets) == 2
        b.tick(1860.0)
        await b.socket(2)


async def test_what_the_next_session_says_is_nobodys_business(bench):
    async with bench() as b:
        await b.online()
        b.tick(1800.0)
        new = await b.socket(1)
        new.serve(type="session.updated", session={"type": "realtime"})
        converse(new, "x")
        await b.all_read(new)
        b.user.told.clear()
        b.tick_due()
        assert b.user.told == ["down: renewed", "up"]
        assert texts(new) == []


# What is told of a conversation


async def test_an_interrupted_answer_is_told_as_far_as_it_was_heard(bench):
    async with bench() as b:
        old = await b.online()
        place = {"response_id": "r", "item_id": "a", "output_index": 0, "content_index": 0}
        old.serve(type="response.output_audio.delta", delta="AAAA" * 16_000, **place)  # 1 s
        text = "one two three four"
        old.serve(type="response.output_audio_transcript.done", transcript=text, **place)
        await b.all_read(old)
        b.line.send(ConversationItemTruncate("a", 500))
        await b.until(lambda: old.types()[-1] == "conversation.item.truncate")
        old.drop()
        b.now_s = 60.0
        await b.until(lambda: len(b.connector.sockets) == 2)
        new = await b.online(1)
        await b.until(lambda: texts(new) == [("assistant", "one two")])


# Silence


async def test_a_link_that_says_nothing_is_left_for_another(bench):
    async with bench() as b:
        await b.online()
        b.now_s = 100.0
        b.line.send(ResponseCreate())
        await b.until(lambda: b.line.due_s == 110.0)
        b.tick(109.9)
        assert b.line.is_ready
        b.tick(110.0)
        assert b.user.told[-1].startswith("down: the service fell silent")
        assert b.journal.lines[-1][0] == "stalled"
        await b.online(1)
        b.line.send(ResponseCreate())
        await b.until(lambda: b.line.due_s == 130.0)  # more patience, the second time


async def test_messages_keep_it_alive_while_it_answers(bench):
    async with bench() as b:
        socket = await b.online()
        b.line.send(ResponseCreate())
        for now_s in (9.0, 18.0, 27.0):
            b.now_s = now_s
            socket.serve(type="response.created", response={"id": f"r{now_s}"})
            await b.all_read(socket)
            b.line.tick(busy=True)
        assert b.line.is_ready
        assert b.line.due_s == 37.0
        for now_s in (9.0, 18.0, 27.0):
            done = {"id": f"r{now_s}", "status": "completed"}
            socket.serve(type="response.done", response=done)
        await b.all_read(socket)
        assert b.line.due_s == 1800.0


async def test_what_is_expected_must_come(bench):
    async with bench() as b:
        socket = await b.online()
        b.line.expect_answer(5.0)
        socket.serve(type="something.new")  # any sign of life will do
        await b.all_read(socket)
        assert b.line.due_s == 1800.0
        b.line.expect_answer(5.0)
        b.tick(5.0)
        assert b.state == "Connecting"


# Trouble


async def test_people_hear_of_it_once_and_again_when_it_is_over(bench):
    errors = [RemoteError("no address", "dns_failed")] * 8
    async with bench(errors=errors) as b:
        states = []
        for _ in errors:
            await b.until(lambda: b.line._current is None)
            states.append((b.state, b.line.fault))
            b.tick_due()
        assert ("WaitingToRetry", "dns_failed") in states
        assert b.announced == [Announce("offline", "dns_failed")]
        assert [name for name, _ in b.journal.lines].count("dns_failed") == 8
        assert [name for name, _ in b.journal.lines].count("circuit_open") == 1
        await b.online()
        assert b.journal.lines[-1][0] == "link_back"
        assert b.announced[1:] == [Announce("back", "dns_failed")]
        assert b.line.fault == ""


async def test_who_sends_us_away_is_obeyed(bench):
    sent_away = RemoteError("busy", "rate_limit_exceeded", retry_after_s=42.0)
    async with bench(errors=[sent_away]) as b:
        await b.until(lambda: b.state == "WaitingToRetry")
        assert b.line.due_s == 42.0
        b.line.wanted()
        assert b.state == "WaitingToRetry"


@pytest.mark.parametrize("code", ["invalid_api_key", "insufficient_quota", "model_not_found"])
async def test_a_refusal_has_its_own_name_and_waits_for_a_press(bench, code):
    async with bench(errors=[RefusedError("no", code)]) as b:
        await b.until(lambda: b.line.is_refused)
        assert b.user.told == [f"refused: {code}"]
        assert b.announced == [Announce("refused", code)]
        assert b.line.fault == code
        assert b.line.due_s == math.inf
        b.line.wanted()
        await b.online()
        assert b.announced[1:] == [Announce("back", code)]


async def test_a_response_that_failed_for_good_refuses_the_link_after_it_was_told(bench):
    async with bench() as b:
        socket = await b.online()
        error = {"type": "insufficient_quota", "code": "insufficient_quota", "message": "pay"}
        details = {"type": "failed", "error": error}
        socket.serve(
            type="response.done",
            response={"id": "r", "status": "failed", "status_details": details},
        )
        await b.until(lambda: b.line.is_refused)
        assert b.user.told == ["up", "response.done", "down: pay", "refused: insufficient_quota"]


@pytest.mark.parametrize(
    ("error", "state"),
    [
        ({"type": "server_error", "message": "sorry"}, "WaitingToRetry"),
        ({"type": "x", "code": "rate_limit_exceeded", "message": "slow"}, "WaitingToRetry"),
        ({"type": "x", "code": "session_expired", "message": "old"}, "WaitingToRetry"),
        ({"type": "invalid_request_error", "message": "no such voice"}, "Refused"),
        ({"type": "x", "code": "insufficient_quota", "message": "pay"}, "Refused"),
    ],
)
async def test_an_error_before_the_session_stands(bench, error, state):
    async with bench() as b:
        socket = await b.socket(0)
        socket.serve(type="error", error=error)
        await b.until(lambda: b.line._current is None)
        assert b.state == state


async def test_an_expired_session_is_replaced_at_once(bench):
    async with bench() as b:
        socket = await b.online()
        b.now_s = 3600.0
        socket.serve(type="error", error={"type": "x", "code": "session_expired", "message": "60"})
        await b.online(1)
        assert b.line.fault == ""
        assert b.announced == []


# Cost


async def test_nobody_talks_so_it_hangs_up_and_dials_at_the_next_press(bench):
    async with bench(idle_close_s=300.0) as b:
        socket = await b.online()
        converse(socket)
        await b.all_read(socket)
        b.tick(300.0)
        await b.until(lambda: socket.is_closed)
        assert b.user.told[-1] == "down: nobody talks"
        assert not b.line.is_troubled
        b.line.wanted()
        new = await b.online(1)
        await b.until(lambda: texts(new) == TALK)


async def test_a_dial_that_comes_to_no_end_is_told_like_any_other(bench):
    async with bench(dial_timeout_s=15.0) as b:
        socket = await b.socket(0)  # it was reached, and says nothing
        b.tick(15.0)
        assert b.state == "WaitingToRetry"
        assert b.journal.lines[-1] == ("connect_timeout", "no session was set up in time")
        troubles = [one for one in b.line._trace.records if one["kind"] == "link_trouble"]
        assert [one["fault"] for one in troubles] == ["connect_timeout"]
        await b.until(lambda: socket.is_closed)
        b.tick_due()
        await b.online(1)
        assert b.line.is_ready


async def test_a_network_that_comes_up_ends_the_wait():
    made = Bench([RemoteError("no way out", "no_route")])
    made.line.start()
    await made.until(lambda: made.line.is_troubled)
    made.network.come_up()  # no time has passed
    await made.online()
    assert made.line.is_ready
    await made.line.close()
    with pytest.raises(AssertionError, match="nobody watches"):
        made.network.come_up()
