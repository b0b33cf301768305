"""Keep microphone and loudspeaker open: a lost one is opened again until it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from appliance.errors import HardwareError
from appliance.faults import sentence
from appliance.ports import Captured, Journal, Microphone, Sounded, Speaker, Trace

REOPEN_S = 1.0  # between tries; a USB plug takes longer to come back


class Hardware:
    """The two streams; each is opened once, and again only after it was lost."""

    def __init__(
        self,
        microphone: Microphone,
        speaker: Speaker,
        journal: Journal,
        trace: Trace,
        changed: Callable[[str, bool], None],
    ) -> None:
        """`changed(name, lost)` is called when one of the two goes, and when it is back."""
        self._microphone = microphone
        self._speaker = speaker
        self._journal = journal
        self._trace = trace
        self._changed = changed
        self._lost: set[str] = set()
        self._retries: dict[str, asyncio.TimerHandle] = {}

    @property
    def is_whole(self) -> bool:
        return not self._lost

    @property
    def can_speak(self) -> bool:
        return "speaker" not in self._lost

    def start(
        self,
        captured: Callable[[Captured], None],
        sounded: Callable[[Sounded], None],
        drained: Callable[[], None],
    ) -> None:
        """Open both; one that cannot be had is tried again and again."""

        def open_microphone() -> None:
            self._microphone.start(captured, lambda why: lose("microphone", why))

        def open_speaker() -> None:
            self._speaker.start(sounded, drained, lambda why: lose("speaker", why))

        openers = {"speaker": open_speaker, "microphone": open_microphone}

        def lose(name: str, why: str) -> None:
            (self._microphone if name == "microphone" else self._speaker).stop()
            if name not in self._lost:
                self._lost.add(name)
                told = f"{sentence(f'{name}_lost')} ({why})"
                self._journal.event(f"{name}_lost", told, level="error")
                self._trace.record("hardware", lost=name, why=why)
                self._changed(name, True)
            loop = asyncio.get_running_loop()
            self._retries[name] = loop.call_later(REOPEN_S, try_open, name)

        def try_open(name: str) -> None:
            try:
                openers[name]()
            except HardwareError as missing:
                lose(name, str(missing))
                return
            if name in self._lost:
                self._lost.discard(name)
                self._journal.event(f"{name}_back", f"The {name} works again.")
                self._trace.record("hardware", back=name)
                self._changed(name, False)

        for name in openers:
            try_open(name)

    def stop(self) -> None:
        for retry in self._retries.values():
            retry.cancel()
        self._microphone.stop()
        self._speaker.stop()
