"""What a broken or hostile service may send: no crash, no hang, no memory without bound.

    python tests/realtime/test_fuzz.py 1000000 --seed 7    # minutes of work

Every message goes through the codec and the session into the whole runner, while a person talks
with the device. They are the answers of an honest service and every variant of every event that
the official SDK knows, with live ids; some as they are, some twice, late or out of order, most of
them mutated, some no JSON at all. After every `ROUND` messages the service is honest for one turn,
and it must be answered.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import json
import random
import statistics
import sys
import time
from collections import deque
from pathlib import Path

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "flows")]
import pytest
from fuzz_messages import Mutator
from leaks import alone, held_now, simulated, use_of
from paper import PaperService, PaperSocket, paper_device

from appliance.errors import RemoteError

ROUND = 1000  # messages between two turns with an honest service
SAMPLES = 20  # of memory; the first fifth is the warm-up
GROWTH_KB = 16_000  # some 150 ids are remembered, and may all be `HUGE`
# What the parser takes for one wild message stays in the heap while something small lies behind it.
PEAK_KB = 64_000
GROWTH_OBJECTS = 60
GROWTH_BLOCKS = 800  # less than one for each true message of any one type
SLOWEST_S = 1.0  # of the processor's time for one message; loose, for boards differ
HANGS_AFTER_S = 60.0  # without the end of a round


class Hostile(PaperService):
    """A service that is honest while `is_honest`; it counts what it sends, and what that takes."""

    def __init__(self, dice: random.Random, leak: bool = False) -> None:
        super().__init__(dice)
        self.mutator = Mutator(dice)
        self.is_honest = True
        self.sent = 0
        self.slowest_s = 0.0
        self.newest: deque[str | bytes] = deque(maxlen=5)
        self.kept: list[object] | None = [] if leak else None  # a planted leak

    def socket(self) -> PaperSocket:
        return HostileSocket(self)


class Talkative(PaperService):
    """A service that never stops telling of new things, all in one session."""

    def __init__(self, dice: random.Random, leak: bool = False) -> None:
        super().__init__(dice)
        self.mutator = Mutator(dice)
        self.sent = 0
        self.kept: list[str] | None = [] if leak else None  # a planted leak

    def socket(self) -> PaperSocket:
        return TalkativeSocket(self)


class TalkativeSocket(PaperSocket):
    async def messages(self):
        while True:
            if self._inbox.empty():
                self._service.sent += 1
                await asyncio.sleep(0.001)
                message = self._service.mutator.stranger()
                if self._service.kept is not None and '"response.created"' in message:
                    self._service.kept.append(message)
                yield message
            else:
                yield self._inbox.get_nowait()


class HostileSocket(PaperSocket):
    async def messages(self):
        service, dice = self._service, self._service.dice
        while True:
            if service.is_honest or (not self._inbox.empty() and dice.random() < 0.5):
                message = await self._inbox.get()
                if isinstance(message, RemoteError):
                    raise message
                service.mutator.learn(json.loads(message))
                if not service.is_honest and dice.random() < 0.4:
                    message = service.mutator.message(json.loads(message))
            else:
                await asyncio.sleep(dice.choice((0.0, 0.0, 0.0, 0.001, 0.05)))
                message = service.mutator.message()
            if not service.is_honest:
                service.sent += 1
                service.newest.append(message)
                if service.kept is not None:
                    service.kept.append(message)
            began_s = time.thread_time()
            yield message
            service.slowest_s = max(service.slowest_s, time.thread_time() - began_s)


async def person(device, dice):
    """Press, talk, talk over answers, give up: whatever the state."""
    while True:
        device.panel.press()
        await device.speak(dice.choice((0.0, 0.2, 0.4)))
        device.panel.release()
        for _ in range(dice.randrange(8)):
            device.microphone.say(bytes(4800), device.loop.time())
            await asyncio.sleep(0.1)
        await asyncio.sleep(dice.choice((0.05, 0.5, 3.0)))  # no finger is faster


async def honest_turn(device, service):
    """Assert that it still works, once the service does."""
    service.is_honest, before = True, device.trace.answered
    if service.dice.random() < 0.1:
        service.drop()
    await asyncio.sleep(0.1)
    for _ in range(100):  # a press each: what was refused is tried again, a stuck turn given up
        if device.rests:
            if device.mode == "hands_free":
                await device.speak(0.5)
                for socket in service.open:
                    socket.hear_speech()
                await asyncio.sleep(1.0)
            else:
                await device.ask()
            await device.until(lambda: device.rests)
            if device.trace.answered > before:
                break
        else:
            device.panel.press()
            await asyncio.sleep(0.05)
            device.panel.release()
            await asyncio.sleep(20.0)
    assert device.trace.answered > before, "\n".join(device.journal.lines)
    service.is_honest = False


async def suffer(messages, seed, mode="hold", leak=False):
    """Live through so many messages; return figures."""
    dice, began_s, rss_kb, honest = random.Random(seed), time.monotonic(), [], 0
    random.seed(seed)
    service = Hostile(dice, leak)
    try:
        async with paper_device(service, mode=mode) as device:
            while service.sent < messages:
                faulthandler.dump_traceback_later(HANGS_AFTER_S, exit=True)
                service.is_honest = False
                talking = asyncio.create_task(person(device, dice))
                until = service.sent + ROUND
                await device.until(
                    lambda until=until: (
                        service.sent >= until or device.journal.mistakes or device.loop.wrong
                    ),
                    within_s=1e6,
                )
                talking.cancel()
                device.panel.release()
                assert not device.journal.mistakes, device.journal.mistakes
                assert not device.loop.wrong, device.loop.wrong
                await honest_turn(device, service)
                honest += 1
                if service.sent >= messages * len(rss_kb) / SAMPLES:
                    rss_kb.append(use_of().rss_kb)
            service.is_honest = True
    except AssertionError as wrong:
        newest = "\n".join(f"{message[:2000]!r}" for message in service.newest)
        raise AssertionError(f"seed {seed}, message {service.sent}: {wrong}\n{newest}") from wrong
    warm = SAMPLES // 5
    growth_kb = round(statistics.median(rss_kb[-warm:])) - max(rss_kb[:warm])
    peak_kb = max(rss_kb[warm:]) - max(rss_kb[:warm])
    figures = {
        "seed": seed,
        "mode": mode,
        "messages": service.sent,
        "honest_turns": honest,
        "dials": service.dials,
        "turns": device.trace.turns,
        "simulated_h": round(device.loop.time() / 3600, 2),
        "took_s": round(time.monotonic() - began_s, 1),
        "slowest_ms": round(service.slowest_s * 1000, 1),
        "rss_kb": rss_kb,
        "rss_growth_kb": growth_kb,
        "rss_peak_kb": peak_kb,
    }
    assert growth_kb <= GROWTH_KB, figures
    assert peak_kb <= PEAK_KB, figures
    assert service.slowest_s <= SLOWEST_S, figures
    return figures


async def listen(messages, seed, leak=False):
    """Hear so many true messages about ever new things; return figures."""
    service, began_s = Talkative(random.Random(seed), leak), time.monotonic()
    async with paper_device(service) as device:
        await device.until(lambda: service.sent >= messages / 3, within_s=1e6)
        warm = held_now(device.loop)
        await device.until(lambda: service.sent >= messages, within_s=1e6)
        end = held_now(device.loop)
    grown = {name: n for name, n in (end.types - warm.types).items() if n > GROWTH_OBJECTS}
    figures = {
        "seed": seed,
        "messages": service.sent,
        "dials": service.dials,
        "took_s": round(time.monotonic() - began_s, 1),
        "blocks_growth": end.blocks - warm.blocks,
        "rss_growth_kb": end.use.rss_kb - warm.use.rss_kb,
        "grown": grown,
    }
    assert service.dials == 1, figures
    assert grown == {}, figures
    assert figures["blocks_growth"] <= GROWTH_BLOCKS, figures
    return figures


@pytest.mark.parametrize("mode", ["hold", "hands_free"])
def test_nothing_that_a_service_sends_breaks_it(mode):
    figures = alone(__file__, 15_000, "--mode", mode, within_s=100)
    assert figures["honest_turns"] >= 15
    assert figures["turns"] >= 40


def test_what_is_ever_new_is_not_remembered_for_ever():
    figures = alone(__file__, 90_000, "--true", within_s=100)
    assert figures["messages"] >= 90_000


@pytest.mark.parametrize("kind", [(30_000,), (90_000, "--true")], ids=["wrong", "true"])
def test_messages_that_are_kept_are_found(kind):
    with pytest.raises(AssertionError, match="growth"):
        alone(__file__, *kind, "--leak", within_s=100)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("messages", type=int)
    parser.add_argument("--seed", type=int, default=20261125)
    parser.add_argument("--mode", choices=("hold", "hands_free"), default="hold")
    parser.add_argument("--leak", action="store_true", help="keep every message: must be found")
    parser.add_argument("--true", action="store_true", help="only true ones, about ever new things")
    given = parser.parse_args()
    print("seed", given.seed, flush=True)  # noqa: T201  whatever happens now, it can be had again
    if given.true:
        told = simulated(listen(given.messages, given.seed, given.leak))
    else:
        told = simulated(suffer(given.messages, given.seed, given.mode, given.leak))
    print(json.dumps(told))  # noqa: T201  for `alone`
