"""Faults that the local server is made to suffer: how they are written, and when they come."""

import asyncio
import math
from contextlib import asynccontextmanager

import aiohttp
import pytest

from appliance.errors import UsageError
from appliance.simulator.fault_kinds import KINDS
from appliance.simulator.faults import Timeline, fault_of


@pytest.mark.parametrize(
    ("text", "name", "argument", "start_s", "length_s"),
    [
        ("reset", "reset", "", 0.0, math.inf),
        ("reset@10s", "reset", "", 10.0, math.inf),
        ("503:2@10s+20s", "503", "2", 10.0, 20.0),
        ("429:insufficient_quota", "429", "insufficient_quota", 0.0, math.inf),
        ("tls", "tls", "expired", 0.0, math.inf),
        ("tls:wrong-name+2min", "tls", "wrong-name", 0.0, 120.0),
        ("delay:50@1.5+500ms", "delay", "50", 1.5, 0.5),
        ("slow-handshake", "slow-handshake", "5", 0.0, math.inf),
    ],
)
def test_a_fault_is_a_kind_an_argument_and_times(text, name, argument, start_s, length_s):
    fault = fault_of(text)
    assert (fault.name, fault.argument) == (name, argument)
    assert (fault.start_s, fault.length_s) == (start_s, length_s)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "write KIND[:ARG][@START][+LENGTH]"),
        ("@5", "write KIND"),
        ("restart", "no kind 'restart'; there are refuse, deaf"),
        ("600", "no kind '600'"),
        ("Reset", "no kind 'Reset'"),
        ("reset:3", "reset takes no argument"),
        ("tls:old", "tls does not take 'old'"),
        ("close:999", "close does not take '999'"),
        ("401:Bad Code", "401 does not take 'Bad Code'"),
        ("delay:", "delay does not take ''"),
        ("reset+5s", "reset happens once and has no length"),
        ("503@soon", "'soon' is no time; write 10, 10s, 500ms or 2min"),
        ("503@1+", "'' is no time"),
        ("503@-1", "'-1' is no time"),
    ],
)
def test_what_is_not_a_fault_is_told_in_one_line(text, words):
    with pytest.raises(UsageError) as told:
        fault_of(text)
    assert words in str(told.value)
    assert "\n" not in str(told.value)


def test_every_kind_says_what_it_does_and_takes_its_own_argument():
    for name, kind in KINDS.items():
        assert kind.does, name
        assert fault_of(name).argument == kind.argument
        if kind.argument:
            assert fault_of(f"{name}:{kind.argument}") == fault_of(name)


@asynccontextmanager
async def playing(target, *texts):
    lines = asyncio.Queue()
    timeline = Timeline(target, lines.put_nowait)
    task = asyncio.create_task(timeline.play([fault_of(text) for text in texts]))
    try:
        yield lines
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_what_happens_once_waits_for_a_connection(kit):
    async with kit.broken() as target, playing(target, "close:1011@100ms") as lines:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(lines.get(), 0.4)
        async with kit.raw_socket(target.proxy.url) as socket:
            line = await asyncio.wait_for(lines.get(), 5)
            assert line.endswith(" s: close:1011 happens")
            while (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
                pass
            assert socket.close_code == 1011


async def test_one_that_ends_leaves_the_others_standing(kit):
    async with kit.broken() as target, playing(target, "503", "delay:1+300ms") as lines:
        said = [(await asyncio.wait_for(lines.get(), 5)).split("s: ")[1] for _ in range(3)]
        assert said == ["503 begins", "delay:1 begins", "delay:1 ends"]
        assert target.proxy.wrongs.delay_s == 0.0
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            async with kit.raw_socket(target.proxy.url):
                pass


async def test_a_trap_is_still_set_when_another_fault_is_over(kit):
    async with kit.broken() as target, kit.connected(target.proxy.url) as client:
        async with playing(target, "response-failed", "stall+300ms") as lines:
            said = [(await asyncio.wait_for(lines.get(), 5)).split("s: ")[1] for _ in range(3)]
        assert said[-1] == "stall ends"
        await client.write("two plus two")
        assert (await client.reply())["status"] == "failed"
