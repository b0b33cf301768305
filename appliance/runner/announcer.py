"""What the device says by itself: when it may, in the policy's order, on the loudspeaker."""

from __future__ import annotations

from collections.abc import Callable

from appliance.faults import fault
from appliance.ports import Speaker, Trace
from appliance.prompts.policy import (
    Ended,
    Floor,
    FloorIs,
    Hush,
    PromptEvent,
    PromptRules,
    PromptState,
    PromptTick,
    Say,
    Settled,
    Wanted,
    prompt_step,
)
from appliance.session import vocabulary as v

ITEM = "prompt-"  # what a prompt's items are called; no item of the service is


def floor_of(state: v.State, *, hands_free: bool) -> Floor:
    """Return whose turn it is to speak."""
    match state:
        case v.Listening(speech=False) if hands_free:
            return Floor.FREE
        case v.Listening() | v.Closing():
            return Floor.PERSON
        case v.Waiting() | v.Working():
            return Floor.WAITING
        case v.Speaking():
            return Floor.REPLY
        case _:
            return Floor.FREE


class Announcer:
    """The loudspeaker's other user, beside the replies."""

    def __init__(
        self,
        speaker: Speaker,
        pcm_of: Callable[[str], bytes],
        trace: Trace,
        clock: Callable[[], float],
        rules: PromptRules | None = None,
    ) -> None:
        """`pcm_of(key)` is a prompt's sound (s16le mono, 24 kHz); empty if there is none."""
        self._speaker = speaker
        self._pcm_of = pcm_of
        self._trace = trace
        self._clock = clock
        self._rules = rules or PromptRules()
        self._state = PromptState()
        self._count = 0
        self.can_speak = True  # whether the loudspeaker is there

    @property
    def due_s(self) -> float:
        """When `tick` is wanted."""
        return self._state.deadline_s

    @property
    def is_speaking(self) -> bool:
        return self._state.saying is not None

    def explain(self, name: str) -> None:
        """Say what a fault means, if there is a sentence for it."""
        self.say(fault(name).prompt)

    def say(self, key: str | None) -> None:
        """Say this as soon as it may be said; None is nothing."""
        if key is not None:
            self._step(Wanted(key))

    def settled(self, topic: str) -> None:
        """What `topic` was about is over."""
        self._step(Settled(topic))

    def floor(self, floor: Floor) -> None:
        """Take it that this is whose turn it is now: what may not go on is cut."""
        self._step(FloorIs(floor))

    def hush(self) -> None:
        """Somebody speaks over what is being said."""
        if self.is_speaking:
            self._step(FloorIs(Floor.PERSON))

    def tick(self) -> None:
        self._step(PromptTick())

    def drained(self) -> bool:
        """Take it that the loudspeaker has run empty; return whether a prompt was what it said."""
        if self._state.saying is None:
            return False
        self._step(Ended(self._state.saying))
        return True

    def _step(self, event: PromptEvent) -> None:
        self._state, effects = prompt_step(self._state, event, self._clock(), self._rules)
        for effect in effects:
            match effect:
                case Say(key):
                    self._play(key)
                case Hush(key):
                    self._speaker.cut()
                    self._trace.record("prompt_cut", key=key)

    def _play(self, key: str) -> None:
        pcm = self._pcm_of(key) if self.can_speak else b""
        if not pcm:
            self._step(Ended(key))
            return
        self._count += 1  # a name of its own each time: late sound of one that was cut is dropped
        self._trace.record("prompt", key=key, item=f"{ITEM}{self._count}")
        self._speaker.play(f"{ITEM}{self._count}", pcm)
