"""Settings that cannot be loaded: written down, shown and said before the process ends.

A person in front of the device reads no journal. Which panel and loudspeaker it has is not known
without its settings, so those of the defaults are tried; one that is not there is left out.
"""

from __future__ import annotations

import asyncio
import contextlib

from appliance.app import build_panel, prompts_from
from appliance.config.settings import Settings
from appliance.devices.journal import SystemdJournal, journal_for
from appliance.devices.portaudio_speaker import PortAudioSpeaker
from appliance.devices.portaudio_system import SoundSystem
from appliance.errors import HardwareError
from appliance.faults import fault, sentence
from appliance.ports import Journal, Panel, Speaker

WRONG = "settings_invalid"  # in the table of faults
LONGEST_S = 10.0  # of what is said


def write_down(journal: Journal) -> None:
    """Write the line that the journal's readers look for."""
    journal.event(WRONG, sentence(WRONG), level=fault(WRONG).severity.level)


async def show_and_say(panel: Panel | None, speaker: Speaker | None, pcm: bytes) -> None:
    """Show the light and say `pcm` (s16le mono, 24 kHz), as far as the two work.

    Returns when the last sample has left the loudspeaker, after `LONGEST_S` at most.
    """
    light = fault(WRONG).light
    said = asyncio.Event()
    with contextlib.ExitStack() as stack:
        if panel is not None and light is not None:
            stack.callback(panel.stop)
            with contextlib.suppress(HardwareError):
                panel.start(lambda _pressed, _at_s: None)
                panel.show(light)
        if speaker is None or not pcm:
            return
        stack.callback(speaker.stop)
        with contextlib.suppress(HardwareError, TimeoutError):
            speaker.start(lambda _: None, said.set, lambda _: said.set())
            speaker.play(WRONG, pcm)
            async with asyncio.timeout(LONGEST_S):
                await said.wait()


def tell_wrong_settings(panel_kind: str) -> None:
    """Write it down where somebody looks for it; if the panel is "gpio", show it and say it, too.

    Who started it in a terminal or from a program reads what the command itself says.
    """
    journal = journal_for()
    if panel_kind == "gpio" or isinstance(journal, SystemdJournal):
        write_down(journal)
    if panel_kind != "gpio":
        return
    settings = Settings()
    pcm = prompts_from(settings)(fault(WRONG).prompt or "")
    panel = None
    with contextlib.suppress(HardwareError):
        panel = build_panel(settings, panel_kind, asyncio.Event())
    with contextlib.ExitStack() as stack:
        speaker = None
        with contextlib.suppress(HardwareError):
            speaker = PortAudioSpeaker(stack.enter_context(SoundSystem()))
        asyncio.run(show_and_say(panel, speaker, pcm))
