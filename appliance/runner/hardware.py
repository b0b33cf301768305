"""Keep microphone and loudspeaker open: a lost one is opened again until it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from appliance.errors import CardsChangedError, HardwareError
from appliance.faults import sentence
from appliance.ports import Captured, Journal, Microphone, Sounded, Speaker, Trace

# Between tries. A card that is back is to be used within 3 s, and the first try after its plug
# may come too early for it, or find that PortAudio has to be started anew.
REOPEN_S = 0.75


class Hardware:
    """The two streams; each is opened once, and again only after it was lost.

    Or after it was stopped, between two turns, so that a card that is new could be found.
    """

    def __init__(
        self,
        microphone: Microphone,
        speaker: Speaker,
        journal: Journal,
        trace: Trace,
        changed: Callable[[str, str], None],
        is_quiet: Callable[[], bool],
    ) -> None:
        """Open nothing yet.

        Args:
            changed: `changed(name, lost)` is called when one of the two goes (`lost`: its fault),
                and when it is back ("").
            is_quiet: whether nobody would miss the two for a second.
        """
        self._devices: dict[str, Microphone | Speaker] = {
            "speaker": speaker,
            "microphone": microphone,
        }
        self._microphone = microphone
        self._speaker = speaker
        self._journal = journal
        self._trace = trace
        self._changed = changed
        self._is_quiet = is_quiet
        self._starters: dict[str, Callable[[], None]] = {}
        self._lost: set[str] = set()
        self._had: set[str] = set()  # what was there at least once
        self._recoveries: dict[str, asyncio.Task[None]] = {}

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

        def start_microphone() -> None:
            self._microphone.start(captured, lambda why: self._lose("microphone", why))

        def start_speaker() -> None:
            self._speaker.start(sounded, drained, lambda why: self._lose("speaker", why))

        self._starters = {"speaker": start_speaker, "microphone": start_microphone}
        for name, start in self._starters.items():
            try:
                start()
            except HardwareError as missing:
                self._lose(name, str(missing))
            else:
                self._had.add(name)

    def stop(self) -> None:
        for recovery in self._recoveries.values():
            recovery.cancel()
        self._microphone.stop()
        self._speaker.stop()

    def _lose(self, name: str, why: str) -> None:
        self._devices[name].stop()
        self._lost.add(name)
        what = f"{name}_lost" if name in self._had else f"{name}_missing"
        self._journal.event(what, f"{sentence(what)} ({why})", level="error")
        self._trace.record("hardware", lost=name, why=why, fault=what)
        self._changed(name, what)
        self._recoveries[name] = asyncio.create_task(self._recover(name), name=f"reopen-{name}")

    async def _recover(self, name: str) -> None:
        """Try until it works."""
        told = ""
        while True:
            await asyncio.sleep(REOPEN_S)
            try:
                await self._open(name)
            except HardwareError as missing:
                if str(missing) != told:
                    told = str(missing)
                    self._trace.record("hardware_missing", name=name, why=told)
            else:
                break
        self._had.add(name)
        self._lost.discard(name)
        self._journal.event(f"{name}_back", f"The {name} works again.")
        self._trace.record("hardware", back=name)
        self._changed(name, "")

    async def _open(self, name: str) -> None:
        device = self._devices[name]
        try:
            await device.open()
        except CardsChangedError:
            (other,) = self._devices.keys() - {name}
            if other in self._lost or not self._is_quiet():
                raise
            self._devices[other].stop()
            try:
                await device.open()
                self._starters[name]()
            except HardwareError:
                await self._resume(other)
                raise
            await self._resume(other)  # not if this is cancelled: that is the end
        else:
            self._starters[name]()

    async def _resume(self, name: str) -> None:
        """Open again what was stopped for the other's sake."""
        try:
            await self._devices[name].open()
            self._starters[name]()
        except HardwareError as gone:
            self._lose(name, str(gone))
