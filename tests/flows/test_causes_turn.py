"""What becomes of a turn, brought about by what is said, and by a server that follows a script."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
from signs import Parts, device, dialling, linked_device, service

from appliance.faults import FAULTS, Severity
from appliance.realtime.client_structures import FunctionTool
from appliance.runner.tools import Tool
from appliance.simulator.script import (
    After,
    Expect,
    FailNext,
    FilterNext,
    HearNext,
    Part,
    SayNext,
    Script,
    Send,
    Stall,
)

ASKED = Expect({"type": "response.create"}, handle=False)
IMPATIENT = {"reply_timeout_s": 1.0}


def calls_a_function(number):
    """Answer a question by asking for the time, once more."""
    response = {"object": "realtime.response", "id": f"resp_{number}", "metadata": {"turn": "1"}}
    call = {"type": "function_call", "id": f"item_{number}", "call_id": f"call_{number}"}
    output = [{**call, "name": "get_time", "arguments": "{}", "status": "completed"}]
    began = {**response, "status": "in_progress", "output": []}
    ended = {**response, "status": "completed", "output": output}
    return (
        ASKED,
        Send({"type": "response.created", "response": began}),
        Send({"type": "response.done", "response": ended}),
    )


BY_THE_SERVICE = {
    "no_answer": ((ASKED,), IMPATIENT),
    "empty_answer": ((SayNext(""),), {}),
    "reply_cut_short": ((FilterNext("content_filter", after_ms=200),), {}),
    "reply_stalled": ((After({"type": "response.output_audio.delta"}), Stall()), IMPATIENT),
    "tools_without_end": (
        tuple(step for number in range(3) for step in calls_a_function(number)),
        {"max_tool_rounds": 2},
    ),
    "service_error": ((FailNext("server_error", after_ms=200),), {}),
    "response_failed": ((FailNext("server_error"),), {}),
    "rate_limit_exceeded": ((FailNext("rate_limit_exceeded"),), {}),
    "transcription_failed": ((HearNext(None),), {}),
}


@pytest.mark.parametrize("fault", BY_THE_SERVICE)
async def test_what_the_service_makes_of_a_turn(fault):
    steps, rules = BY_THE_SERVICE[fault]
    script = Script((Part(steps),))
    async with linked_device(Parts(turn=rules), script=script, pace=4.0) as d:
        await d.say()
        await d.gives_the_signs_of(fault)
        await d.until(lambda: d.state == "Idle")
        whole = FAULTS[fault].severity is not Severity.TURN
        assert (d.outcomes == ["answered"]) is whole


async def test_a_function_that_does_not_return():
    end = threading.Event()
    declared = FunctionTool("get_time", "The time.", {"type": "object", "properties": {}})
    waits = Tool(declared, lambda _: {"waited": end.wait(10)}, waits=True)
    parts = Parts(tools=(waits,), turn={"tool_timeout_s": 0.3})
    async with linked_device(parts, script=Script((Part(calls_a_function(0)),))) as d:
        await d.say()
        await d.gives_the_signs_of("tool_stuck")
        assert d.outcomes == ["tool_stuck"]
        end.set()  # what comes of it now is too late
        await d.say()
        await d.until(lambda: d.outcomes == ["tool_stuck", "answered"])


# Codes that ask nothing of anybody


async def an_end_of_the_turn_that_the_service_saw_first(d):
    """It has taken the sound out of its buffer when our commit comes."""
    await d.say(ms=120)


async def a_press_after_the_last_word_was_sent(d):
    d.listens = False
    await d.say()
    await d.until(lambda: d.state == "Speaking" and d.runner.state.done)
    d.panel.press()


async def a_question_while_the_old_answer_still_ends(d):
    d.listens = False
    await d.say()
    await d.until(lambda: d.state == "Speaking")
    await d.say()


NOT_HEARD = Expect({"type": "input_audio_buffer.append"}, handle=False)
HARMLESS = {
    "input_audio_buffer_commit_empty": (
        an_end_of_the_turn_that_the_service_saw_first,
        (NOT_HEARD, NOT_HEARD, NOT_HEARD),
        4.0,
    ),
    "response_cancel_not_active": (a_press_after_the_last_word_was_sent, (), 100.0),
    "conversation_already_has_active_response": (
        a_question_while_the_old_answer_still_ends,
        (Expect({"type": "response.cancel"}, handle=False),),
        1.0,
    ),
}


@pytest.mark.parametrize("fault", HARMLESS)
async def test_what_is_told_to_those_alone_who_look(fault):
    cause, steps, pace = HARMLESS[fault]
    async with linked_device(script=Script((Part(steps),)), pace=pace) as d:
        await cause(d)
        await d.gives_the_signs_of(fault)
        assert d.journal.levels[fault] == ["debug"]


# Too little, too late, too much


async def test_too_little_is_said():
    async with linked_device() as d:
        await d.say(ms=40)
        await d.gives_the_signs_of("too_short")
        assert d.outcomes == ["too_short"]


PATIENT = {"max_retries": 1000, "failure_threshold": 1000}


async def test_a_turn_without_a_connection():
    async with service(lambda proxy: proxy.refuse()) as (_, proxy):
        parts = Parts(link=PATIENT, turn={"held_s": 0.2})
        async with device(dialling(proxy.url), parts) as d:
            await d.say()
            await d.gives_the_signs_of("offline")
            assert d.outcomes == ["offline"]


async def test_what_was_said_too_long_ago_when_the_connection_is_back():
    parts = Parts(link=PATIENT, turn={"held_s": 1.0})
    async with (
        service(lambda proxy: proxy.refuse()) as (server, proxy),
        device(dialling(proxy.url), parts) as d,
    ):
        await d.say(pcm=b"\x01\0")
        said_s = d.clock()
        await d.say(pcm=b"\x02\0", ms=2000)  # over the answer that does not come
        await d.until(lambda: d.clock() > said_s + parts.turn["held_s"])
        d.forget()
        await proxy.accept()
        await d.gives_the_signs_of("speech_dropped")
        assert d.outcomes == ["interrupted", "answered"]
        words = [item.words() for item in server.connections[-1].conversation.items]
        assert words[0] == "question 2"


async def test_more_is_said_than_can_be_kept():
    async with linked_device(Parts(link=PATIENT)) as d:
        d.proxy.refuse()
        d.proxy.reset()
        await d.until(lambda: not d.is_linked)
        d.panel.press()
        await d.until(lambda: d.state == "Listening")
        d.forget()
        for _ in range(190):
            d.microphone.say(b"\x07\x01" * 24_000, d.clock())
            await asyncio.sleep(0)
        d.panel.release()
        await d.until(lambda: d.state != "Listening")
        while d.state == "Closing":
            d.microphone.say(bytes(960), d.clock() + 1.0)
            await asyncio.sleep(0)
        await d.proxy.accept()
        await d.gives_the_signs_of("audio_dropped")
        assert d.outcomes == ["answered"]
