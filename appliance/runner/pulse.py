"""Feed the watchdog of systemd while sound comes in and the loop turns (see session.pulse)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from appliance.errors import HardwareError
from appliance.ports import Captured, Microphone
from appliance.session.pulse import BEAT_S, Pulse


class WatchedMicrophone:
    """A microphone whose samples are seen going by; otherwise the one that it was made of."""

    def __init__(self, microphone: Microphone, pulse: Pulse) -> None:
        self._microphone = microphone
        self._pulse = pulse

    @property
    def overflows(self) -> int:
        return self._microphone.overflows

    @property
    def opens(self) -> int:
        return self._microphone.opens

    async def open(self) -> None:
        await self._microphone.open()

    def start(self, deliver: Callable[[Captured], None], lost: Callable[[str], None]) -> None:
        """See `ports.Microphone.start`."""

        def take(captured: Captured) -> None:
            self._pulse.heard()
            deliver(captured)

        def lose(why: str) -> None:
            self._pulse.closed()
            lost(why)

        try:
            self._microphone.start(take, lose)
        except HardwareError:
            self._pulse.closed()
            raise
        self._pulse.opened()

    def stop(self) -> None:
        self._pulse.closed()
        self._microphone.stop()


class Heart:
    """Beats on the event loop from `start` to `stop`."""

    def __init__(
        self, pulse: Pulse, feed: Callable[[], None], sound_busy_s: Callable[[], float]
    ) -> None:
        """Do nothing yet.

        Args:
            feed: tells the watchdog that all is well.
            sound_busy_s: for how long the sound system has been in one call, 0.0 if in none.
        """
        self._pulse = pulse
        self._feed = feed
        self._sound_busy_s = sound_busy_s
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Beat now, and from now on."""
        self._beat()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(BEAT_S, self._beat)
        if self._pulse.beat(self._sound_busy_s()):
            self._feed()
