"""A room with a mouth, an ear and no sound card: a private PulseAudio with null sinks.

    mouth ──► sink "mic" ──► mic      what the device records is what the mouth played
    spk   ──► sink "spk" ──► ear      what the ear records is what the device played

Programs reach it through ALSA: `env` names an ALSA configuration in which `mic`, `mouth`, `spk`
and `ear` are PCMs, and `spk` and `mic` are the defaults. At the room's own rate, in mono s16le,
nothing on the way is resampled or mixed, so samples pass unchanged.

With `echoes` the mouth has a sink of its own, which PCM `voice` hears, and it is left to another
process (`renderer`) to play what the microphone hears of mouth and loudspeaker:

    mouth ──► sink "mouth" ──► voice, renderer
    spk   ──► sink "spk"   ──► ear, renderer
    renderer ──► sink "mic" ──► mic

The server is private: its own runtime directory, socket and cookie; it touches no other server
and reads no user's configuration. Several rooms can be open at once.
"""

from __future__ import annotations

import os
import select
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from appliance.errors import UsageError
from appliance.units import WIRE_RATE_HZ

_READY_WITHIN_S = 15.0
_STOP_WITHIN_S = 5.0

# norewinds: a null sink otherwise renders up to 2 s ahead and rewrites that past when a stream
# begins; with it, at most 50 ms are rendered ahead and what the ear got is never revised.
# The loopbacks into the void ask for 10 ms (a third of their latency), so the sinks work in steps
# of that, whatever the others ask for: times measured here are then good to about 10 ms.
# The command line on its standard input ends the server when we end, however that comes about.
_PULSE_SCRIPT = """\
{sinks}
load-module module-null-sink sink_name=void rate={rate} channels=1 format=s16le norewinds=1
{steps}
load-module module-native-protocol-unix auth-anonymous=1 socket={socket}
load-module module-cli exit_on_eof=1
"""

_PULSE_SINK = (
    "load-module module-null-sink sink_name={name} rate={rate} channels=1 format=s16le norewinds=1"
)
_PULSE_STEP = "load-module module-loopback source={name}.monitor sink=void latency_msec=30"

_ALSA_PCMS = {"mic": "mic.monitor", "mouth": "mic", "spk": "spk", "ear": "spk.monitor"}
_ECHO_PCMS = {**_ALSA_PCMS, "mouth": "mouth", "voice": "mouth.monitor"}
_ALSA_PCM = 'pcm.{name} {{ type pulse server "{server}" device {device} hint {{ show on }} }}\n'
_ALSA_DEFAULT = 'pcm.!default { type asym playback.pcm "spk" capture.pcm "mic" }\n'


class SoundRoom:
    """Context manager: the room stands inside the `with`, and leaves nothing behind.

    Attributes:
        rate_hz: rate of all sinks; at this rate audio passes bit for bit.
        env: variables for a child process (or os.environ, before PyAudio is first made) that is
            to live in the room. Set on entry.
        socket: the server's address for `pactl --server` and `parec --server`. Set on entry.
    """

    def __init__(self, rate_hz: int = WIRE_RATE_HZ, *, echoes: bool = False) -> None:
        """Plan a room; `echoes`: its microphone hears what `renderer` makes of it."""
        self.rate_hz = rate_hz
        self.echoes = echoes
        self.env: dict[str, str] = {}
        self.socket = ""
        self._dir: tempfile.TemporaryDirectory[str] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start the server and return when it takes connections.

        Raises:
            UsageError: PulseAudio or ALSA's plug-in for it is missing, or the server did not
                start; the text says what to install or what the server said.
        """
        if shutil.which("pulseaudio") is None:
            raise UsageError(
                "no pulseaudio here to stand in for a sound card: "
                "apt-get install pulseaudio libasound2-plugins"
            )
        self._dir = tempfile.TemporaryDirectory(prefix="soundroom-")
        try:
            self._build(Path(self._dir.name))
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the server and remove its files. May be called twice."""
        server, self._server = self._server, None
        if server is not None:
            server.terminate()
            try:
                server.wait(_STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
            if server.stdin is not None:
                server.stdin.close()
        if self._dir is not None:
            self._dir.cleanup()
            self._dir = None

    def _build(self, home: Path) -> None:
        address = home / "native"
        self.socket = f"unix:{address}"
        script, alsa = home / "room.pa", home / "asound.conf"
        names = ("mic", "spk", "mouth") if self.echoes else ("mic", "spk")
        script.write_text(
            _PULSE_SCRIPT.format(
                rate=self.rate_hz,
                sinks="\n".join(_PULSE_SINK.format(name=n, rate=self.rate_hz) for n in names),
                steps="\n".join(_PULSE_STEP.format(name=n) for n in names),
                socket=address,
            )
        )
        pcms = [
            _ALSA_PCM.format(name=name, server=self.socket, device=device)
            for name, device in (_ECHO_PCMS if self.echoes else _ALSA_PCMS).items()
        ]
        alsa.write_text("".join(pcms) + _ALSA_DEFAULT)
        private = {
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "PULSE_RUNTIME_PATH": str(home / "pulse"),
            "PULSE_STATE_PATH": str(home / "pulse"),
            "DBUS_SESSION_BUS_ADDRESS": "disabled:",
        }
        self._server = self._start(home, script, private)
        self.env = {
            # Nothing of the system's: PortAudio opens every PCM it can find, and the plug-ins of a
            # desktop pull in 14 MB of codecs that no device of ours has.
            "ALSA_CONFIG_PATH": str(alsa),
            "PULSE_COOKIE": str(home / "cookie"),  # else the client library makes one in HOME
        }

    def _start(self, home: Path, script: Path, private: dict[str, str]) -> subprocess.Popen[bytes]:
        log = home / "log"
        notify = home / "notify"
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready,
            log.open("wb") as log_file,
        ):
            ready.bind(str(notify))
            server = subprocess.Popen(
                [
                    "pulseaudio",
                    "--daemonize=no",
                    "--exit-idle-time=-1",
                    "--disable-shm=yes",  # containers often have a /dev/shm too small for it
                    "--use-pid-file=no",
                    "--log-target=stderr",
                    "--log-level=warn",
                    "-n",
                    "-F",
                    str(script),
                ],
                env={**os.environ, **private, "NOTIFY_SOCKET": str(notify)},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log_file,
                start_new_session=True,  # Ctrl-C is for us: the room must outlast the device
            )
            if not _said_ready(ready, server):
                server.kill()
                server.communicate()
                said = [line for line in log.read_text().splitlines() if line.startswith("E:")]
                raise UsageError(
                    "pulseaudio did not start: " + (said[0] if said else "it said nothing")
                )
        return server


def _said_ready(notify: socket.socket, server: subprocess.Popen[bytes]) -> bool:
    """Wait for the server's READY=1 (see sd_notify(3)), its death, or the deadline."""
    pid_fd = os.pidfd_open(server.pid)
    try:
        while True:
            readable, _, _ = select.select([notify.fileno(), pid_fd], [], [], _READY_WITHIN_S)
            if notify.fileno() not in readable:
                return False
            if b"READY=1" in notify.recv(4096):
                return True
    finally:
        os.close(pid_fd)
