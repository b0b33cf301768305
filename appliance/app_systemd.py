"""What the running device owes systemd: a fed watchdog, and settings read again when it asks."""

from __future__ import annotations

import asyncio
import copy
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from appliance.devices.portaudio_system import SoundSystem
from appliance.devices.systemd import feed_watchdog, is_watched, notify_ready, notify_reloading
from appliance.errors import ApplianceError
from appliance.ports import Journal
from appliance.runner.pulse import Heart
from appliance.session.pulse import Pulse

if TYPE_CHECKING:
    from appliance.config.settings import Settings

# What can change while the device runs, and when it shows; all else takes a restart.
NOW, NEXT_SESSION = "now", "from the next session on"
CHANGEABLE: Mapping[str, str] = {
    "voice.volume": NOW,
    "voice.name": NEXT_SESSION,
    "voice.emphasis": NEXT_SESSION,
    "session.instructions": NEXT_SESSION,
    "session.personality": NEXT_SESSION,
    "session.max_response_output_tokens": NEXT_SESSION,
}
_GONE = math.nan  # equals nothing, itself included


@contextmanager
def beating(pulse: Pulse, sound: SoundSystem) -> Iterator[Callable[[], None]]:
    """Give what begins to feed the watchdog, if there is one; it ends with this.

    It is to begin when the device is ready: the first meal, however early, is what systemd counts
    from, and a start may take longer than the watchdog's patience (`TimeoutStartSec=` is its own).
    """
    heart = Heart(pulse, feed_watchdog, lambda: sound.busy_s)
    try:
        yield heart.start if is_watched() else lambda: None
    finally:
        heart.stop()


class Reload:
    """Reads the settings again when told to, and takes over of them what can change."""

    def __init__(
        self,
        settings: Settings,
        read: Callable[[], Settings],
        apply: Callable[[Settings], None],
        journal: Journal,
    ) -> None:
        """Read nothing yet.

        Args:
            settings: those that are in force.
            read: reads and checks them; it may block, so it is called on a thread.
            apply: puts in force what is in `CHANGEABLE`; called on the event loop.
        """
        self._settings = settings
        self._read = read
        self._apply = apply
        self._journal = journal
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Read them, unless they are being read."""
        if self._task is None:
            notify_reloading()
            self._task = asyncio.create_task(self._reload(), name="reload")

    async def _reload(self) -> None:
        try:
            wanted = await asyncio.to_thread(self._read)
        except ApplianceError as refused:
            problems = "; ".join(str(refused).splitlines())
            told = f"The settings stay as they were: {problems}"
            self._journal.event("reload_refused", told, level="error")
        else:
            told = self._take_over(wanted)
            self._journal.event("reloaded", told)
        finally:
            self._task = None
        notify_ready(told)

    def _take_over(self, wanted: Settings) -> str:
        """Put in force what can be; return what was done, in one sentence."""
        names = changed(self._settings, wanted)
        self._settings = with_values(self._settings, wanted, names & CHANGEABLE.keys())
        self._apply(self._settings)
        parts = [
            f"{', '.join(which)} {when}"
            for when in (NOW, NEXT_SESSION)
            if (which := [name for name in sorted(names) if CHANGEABLE.get(name) == when])
        ]
        if later := sorted(names - CHANGEABLE.keys()):
            parts.append(f"{', '.join(later)} only after a restart")
        return f"Settings read again: {'; '.join(parts) or 'nothing has changed'}."


def changed(old: Settings, new: Settings) -> set[str]:
    """Return the dotted names of the settings that differ (see config.apart)."""
    names = {*old.setting_names, *new.setting_names}  # type: ignore[attr-defined] # of the plain tree
    return {name for name in names if value_of(old, name) != value_of(new, name)}


def with_values(old: Settings, new: Settings, names: set[str]) -> Settings:
    """Return the old settings with those of these names as the new ones have them."""
    merged = copy.deepcopy(old)
    for name in names:
        *above, last = name.split(".")
        setattr(value_of(merged, ".".join(above)), last, value_of(new, name))
    return merged


def value_of(settings: Settings, name: str) -> Any:
    """Return the value of a dotted name; of a secret, its text."""
    value: Any = settings
    for word in name.split("."):
        value = value.get(word, _GONE) if isinstance(value, dict) else getattr(value, word, _GONE)
    return value.get_secret_value() if hasattr(value, "get_secret_value") else value
