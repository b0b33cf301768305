"""A microphone and a loudspeaker, each a sound card that can be pulled, plugged and frozen.

Each card is a private PulseAudio (see demo.soundroom) behind a PCM of ALSA's: `mic` and `spk`.
Pulling a plug ends the card's server without a word, so that its stream breaks as it does with a
USB card; to plug it in starts another, which may run at another rate.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import asynccontextmanager
from pathlib import Path

from appliance.demo.device import DeviceProcess
from appliance.demo.soundroom import SoundRoom

PCM = 'pcm.{name} {{ type pulse server "unix:{socket}" device {device} hint {{ show on }} }}\n'
DEFAULT = 'pcm.!default { type asym playback.pcm "spk" capture.pcm "mic" }\n'  # PortAudio wants one
DEVICES = {"mic": "mic.monitor", "spk": "spk"}


class Card:
    """One plug; it is out to begin with."""

    def __init__(self, name: str, home: Path) -> None:
        self.name = name
        self.socket = home / f"{name}.socket"
        self.room: SoundRoom | None = None

    def plug(self, rate_hz: int = 24_000) -> float:
        """Plug it in; return since when it has been there."""
        self.room = SoundRoom(rate_hz)
        self.room.__enter__()
        self.socket.unlink(missing_ok=True)
        self.socket.symlink_to(self.room.socket.removeprefix("unix:"))
        return time.monotonic()

    def pull(self) -> float:
        """Pull it out without a word; return when that was."""
        room, self.room = self.room, None
        if room is None:
            return time.monotonic()
        at_s = time.monotonic()
        room._server.kill()
        room.close()
        self.socket.unlink(missing_ok=True)
        return at_s

    def freeze(self) -> None:
        """Have it neither give nor take a sample, and answer nobody."""
        os.kill(self.room._server.pid, signal.SIGSTOP)

    def thaw(self) -> float:
        os.kill(self.room._server.pid, signal.SIGCONT)
        return time.monotonic()

    def take_source_away(self) -> None:
        """Leave the card, and take what it captures from."""
        for line in self._pactl("list", "short", "modules").splitlines():
            if f"sink_name={self.name} " in line:
                self._pactl("unload-module", line.split()[0])

    def give_source(self, rate_hz: int) -> float:
        self._pactl(
            *("load-module", "module-null-sink", f"sink_name={self.name}", f"rate={rate_hz}"),
            *("channels=1", "format=s16le", "norewinds=1"),
        )
        return time.monotonic()

    def _pactl(self, *words: str) -> str:
        command = ["pactl", f"--server={self.room.socket}", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class Desk:
    """Both cards, and ALSA's configuration for who is to use them."""

    def __init__(self, home: Path) -> None:
        self.microphone, self.speaker = Card("mic", home), Card("spk", home)
        self.config = home / "asound.conf"
        self.config.write_text(
            "".join(
                PCM.format(name=card.name, socket=card.socket, device=DEVICES[card.name])
                for card in (self.microphone, self.speaker)
            )
            + DEFAULT
        )
        self.env = {
            "ALSA_CONFIG_PATH": str(self.config),
            "PULSE_COOKIE": str(home / "cookie"),
            "APPLIANCE_HARDWARE__MICROPHONE": "pcm:mic",
            "APPLIANCE_HARDWARE__SPEAKER": "pcm:spk",
        }

    def clear(self) -> None:
        for card in (self.microphone, self.speaker):
            if card.room is not None and card.room._server is not None:
                card.thaw()
            card.pull()


@asynccontextmanager
async def device_on(desk: Desk, url: str, tmp_path: Path, **environ: str):
    """Run the device's own process on the desk's cards, which are cleared away with it."""
    device = DeviceProcess(lambda _: None)
    try:
        await device.start(
            {
                **desk.env,
                "APPLIANCE_ENDPOINT__URL": url,
                "APPLIANCE_ENDPOINT__API_KEY": "local",
                **environ,
            },
            None,
            tmp_path / "sent.pcm",
        )
        yield device
    finally:
        desk.clear()
        await device.stop()
