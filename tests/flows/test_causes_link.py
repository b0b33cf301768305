"""What befalls a link that stands, brought about on the wire."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
from signs import Parts, linked_device


async def be_answered(d):
    """Ask, and let the answer begin."""
    await d.say()
    await d.until(lambda: d.state == "Speaking")


async def a_reset_in_the_middle_of_an_answer(d):
    await be_answered(d)
    d.proxy.reset()


async def a_network_that_swallows_the_answer(d):
    await be_answered(d)
    d.proxy.half_open()


async def a_message_that_is_no_json(d):
    d.proxy.text("{")


async def a_service_that_takes_no_second_call(d):
    d.proxy.refuse()  # what stands, stands


NEW_LINK = {"settled_s": 100.0}  # one that breaks so soon is a failure, with its light
BREAKS = {
    "link_lost": (a_reset_in_the_middle_of_an_answer, Parts(link=NEW_LINK)),
    "stalled": (a_network_that_swallows_the_answer, Parts(patience_s=1.0)),
    "protocol_error": (a_message_that_is_no_json, Parts()),
    "renewal_failed": (a_service_that_takes_no_second_call, Parts(link={"session_age_s": 0.2})),
}


@pytest.mark.parametrize("fault", BREAKS)
async def test_what_breaks_a_link(fault):
    cause, parts = BREAKS[fault]
    async with linked_device(parts, pace=1.0) as d:
        await cause(d)
        await d.gives_the_signs_of(fault)


async def test_a_session_that_has_reached_its_age():
    async with linked_device(session_limit_s=0.2) as d:
        await d.gives_the_signs_of("session_expired")
        await d.until(lambda: d.told.count("link_up") > 1)
