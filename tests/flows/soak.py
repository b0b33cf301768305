"""The real device talks for hours, and is looked at from outside after every turn.

    python tests/flows/soak.py --minutes 30

The process is the demo's: real sound chain, PortAudio and WebSocket, in a private sound room, with
a local server behind a proxy. The server's ears and voice are made of memory, so that the machine
is left to the device. Every fourth answer is talked over; every sixth turn the connection ends.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
from leaks import Use, use_of

from appliance.demo.device import DeviceProcess
from appliance.demo.recording import default_recording, read_recording
from appliance.demo.soundroom import SoundRoom
from appliance.demo.stage import Mouth
from appliance.devices.portaudio_system import SoundSystem
from appliance.simulator.fault_proxy import FaultProxy
from appliance.simulator.server import Options, RealtimeServer
from appliance.units import WIRE_RATE_HZ

# Turns. What remembers the newest 2,048 values is full after some 70, and ended connections are
# garbage until the first full collection: a long soak warms up for longer.
WARM_UP, LONG_WARM_UP = 10, 100
AROUND = 5  # turns whose median is a level: a reading of memory may catch a message in it
GROWTH_KB = 1000
SAID_S = 0.8
TURN_WITHIN_S = 30.0
OPENS = 2  # microphone and loudspeaker, once


@dataclass(frozen=True, slots=True)
class Soaked:
    """What was seen: one reading after every turn, at rest."""

    uses: list[Use]
    outcomes: list[str]
    summary: dict  # the device's own, of its end
    took_s: float

    def figures(self) -> dict[str, object]:
        warm, end = levels(self.uses)
        return {
            "turns": len(self.uses),
            "took_s": round(self.took_s, 1),
            "outcomes": {name: self.outcomes.count(name) for name in sorted(set(self.outcomes))},
            "warm": dataclasses.asdict(warm),
            "end": dataclasses.asdict(end),
            "rss_growth_kb": end.rss_kb - warm.rss_kb,
            "rss_kb": [use.rss_kb for use in self.uses[:: max(1, len(self.uses) // 30)]],
            "opens": self.summary["opens"],
            "overflows": self.summary["overflows"],
            "underflows": self.summary["underflows"],
        }


def levels(uses: list[Use]) -> tuple[Use, Use]:
    """Return what was held after the warm-up, and at the end."""

    def level(some: list[Use]) -> Use:
        return Use(
            round(statistics.median(use.rss_kb for use in some)),
            *(
                min(getattr(use, name) for use in some)  # more is but passing by
                for name in ("fds", "sockets", "threads")
            ),
        )

    warm_up = min(max(WARM_UP, len(uses) // 4), LONG_WARM_UP)
    return level(uses[warm_up : warm_up + AROUND]), level(uses[-AROUND:])


def leaks_of(soaked: Soaked) -> list[str]:
    """Return what has leaked, a sentence each."""
    if len(soaked.uses) < WARM_UP + 2 * AROUND:
        return [f"{len(soaked.uses)} turns are too few to tell"]
    warm, end = levels(soaked.uses)
    found = []
    if end.rss_kb - warm.rss_kb > GROWTH_KB:
        found.append(f"memory has grown from {warm.rss_kb} to {end.rss_kb} kB")
    for name in ("fds", "sockets", "threads"):
        before, after = getattr(warm, name), getattr(end, name)
        if after > before:
            found.append(f"{name}: {before} after the warm-up, {after} at the end")
    if soaked.summary["opens"] != OPENS:
        found.append(f"PortAudio streams were opened {soaked.summary['opens']} times")
    return found


class Deaf:
    """Takes every question for the same one."""

    async def hear(self, pcm: bytes) -> str:
        return "hello" if pcm else ""

    async def close(self) -> None:
        pass


class Hum:
    """Speaks each sentence within a second or so."""

    async def speak(self, text: str, voice: str, language: str, speed: float) -> bytes:
        return b"\x40\x00\xc0\xff" * (12_000 + 100 * len(text))


@dataclass
class Visitor:
    """Whoever talks with it, turn after turn."""

    device: DeviceProcess
    mouth: Mouth
    proxy: FaultProxy
    uses: list[Use] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)

    async def talk(self, until_s: float) -> None:
        pcm = read_recording(default_recording())[: round(SAID_S * WIRE_RATE_HZ)]
        while time.monotonic() < until_s:
            number = len(self.uses) + 1
            self.device.story.records.clear()  # a soak must not be what grows
            await self._say(pcm)
            turns = 1
            if number % 4 == 0 and await self._sounds():
                await self._say(pcm)
                turns = 2
            if number % 6 == 0:
                self.proxy.drop()
            await self.device.wait_for(
                lambda turns=turns: self._rests(turns), TURN_WITHIN_S, "no turn was finished"
            )
            self.outcomes += [turn["outcome"] for turn in self.device.story.of("turn")]
            self.uses.append(use_of(self.device.pid))

    async def _say(self, pcm) -> None:
        self.device.press()
        await self.mouth.say(pcm)
        self.device.release()

    async def _sounds(self) -> bool:
        return await self.device.sees(lambda: bool(self.device.story.of("sounded")), TURN_WITHIN_S)

    def _rests(self, turns: int) -> bool:
        """Whether so many turns are over, and the link stands."""
        story = self.device.story
        links = [record["state"] for record in story.of("link")]
        states = [record["state"] for record in story.of("state")]
        is_linked = not links or links[-1] in ("ready", "renewing")
        return len(story.of("turn")) >= turns and states[-1:] == ["idle"] and is_linked


async def soak(seconds: float, out: Path, environ: dict[str, str] | None = None) -> Soaked:
    """Let it talk; the sound room must be in os.environ already."""
    began_s = time.monotonic()
    async with (
        RealtimeServer(Options(port=0), Deaf(), Hum()) as server,
        FaultProxy(server.port) as proxy,
    ):
        with SoundSystem() as sound:
            mouth = Mouth(sound)
            device = DeviceProcess(lambda _: None)
            settings = {
                "APPLIANCE_ENDPOINT__URL": proxy.url,
                "APPLIANCE_ENDPOINT__API_KEY": "local",
                "APPLIANCE_HARDWARE__MICROPHONE": "pcm:mic",
                "APPLIANCE_HARDWARE__SPEAKER": "pcm:spk",
                "APPLIANCE_HARDWARE__TALK_MODE": "hold",
            }
            try:
                await device.start({**settings, **(environ or {})}, None, out / "sent.pcm")
                visitor = Visitor(device, mouth, proxy)
                await visitor.talk(time.monotonic() + seconds)
            finally:
                await device.stop()
                mouth.close()
    summary = device.story.last("summary") or {}
    return Soaked(visitor.uses, visitor.outcomes, summary, time.monotonic() - began_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    given = parser.parse_args()
    with SoundRoom() as room, tempfile.TemporaryDirectory() as out:
        os.environ.update(room.env)
        soaked = asyncio.run(soak(given.minutes * 60, Path(out)))
    print(json.dumps(soaked.figures()))  # noqa: T201  a command prints
    if found := leaks_of(soaked):
        sys.exit("; ".join(found))


if __name__ == "__main__":
    main()
