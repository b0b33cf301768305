"""What the demo's person does, by talk mode: press, speak, listen, speak over the answer."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from appliance.demo.device import DeviceProcess
from appliance.demo.stage import AFTER_S, Mouth

Pcm = NDArray[np.int16]
TalkMode = Literal["hold", "tap", "hands_free"]

TO_FIRST_WORD_S = 0.25  # a person presses, then begins to speak
TO_NEXT_SENTENCE_S = 1.0  # ... and thinks, before the next sentence
ANSWER_WITHIN_S = 90.0
MOST_REHEARSALS = 4  # questions whose answer is left alone, for the echo to be learnt from
UNHEARD_AFTER_S = 15.0  # then the answer has not been broken off, and no other comes


@dataclass(frozen=True, slots=True)
class Spoken:
    """One sentence of the mouth, s (monotonic)."""

    begin_s: float
    end_s: float
    over_answer: bool = False  # spoken to break off an answer


@dataclass(slots=True)
class Person:
    """Whoever talks with the device.

    Attributes:
        spoken: every sentence so far, in order.
    """

    device: DeviceProcess
    mouth: Mouth
    sentence: Pcm
    mode: TalkMode
    spoken: list[Spoken] = field(default_factory=list)

    async def converse(self, barge_in_s: float | None) -> None:
        """Ask once; with `barge_in_s`, speak over an answer so long after it is first heard.

        Raises:
            UsageError: there was no answer.
        """
        if self.mode == "hands_free" and barge_in_s is not None:
            await self._let_it_learn()
        turns, sounded = len(self._turns()), len(self._sounded())
        expected = turns + 1
        await self._ask()
        if barge_in_s is not None:
            await self.device.wait_for(
                lambda: len(self._sounded()) > sounded or len(self._turns()) > turns,
                ANSWER_WITHIN_S,
                "no answer was heard",
            )
            await asyncio.sleep(barge_in_s)
            await self._ask(over_answer=True)
            if await self._was_heard(turns + 2):
                expected += 1
        await self._answers(expected)

    async def _let_it_learn(self) -> None:
        """Hear whole answers until the echo canceller has converged."""
        for _ in range(MOST_REHEARSALS):
            turns = len(self._turns())
            await self._ask()
            await self._answers(turns + 1)
            await asyncio.sleep(TO_NEXT_SENTENCE_S)
            echo = self.device.story.last("echo")
            if echo is not None and echo["converged"]:
                return

    async def _ask(self, *, over_answer: bool = False) -> None:
        if self.mode != "hands_free":
            self.device.press()
            if self.mode == "tap":
                self.device.release()
            await asyncio.sleep(TO_FIRST_WORD_S)
        begin_s = time.monotonic()
        await self.mouth.say(self.sentence)
        self.spoken.append(Spoken(begin_s, time.monotonic() - AFTER_S, over_answer))
        if self.mode == "hold":
            self.device.release()

    async def _answers(self, turns: int) -> None:
        await self.device.wait_for(
            lambda: len(self._turns()) >= turns, ANSWER_WITHIN_S, "no turn was finished"
        )

    async def _was_heard(self, turns: int) -> bool:
        """Say whether an answer to what was said over an answer is to be waited for."""
        last = self.spoken[-1]
        if self.mode != "hands_free" or any(
            last.begin_s <= cut["t"] for cut in self.device.story.of("cut")
        ):
            return True
        return await self.device.sees(lambda: len(self._turns()) >= turns, UNHEARD_AFTER_S)

    def _turns(self) -> list[object]:
        return list(self.device.story.of("turn"))

    def _sounded(self) -> list[object]:
        return list(self.device.story.of("sounded"))
