"""A container with the device installed: sound made of memory, a local service, a button of text.

The device is the one that `make install` puts there, in its own unit and sandbox. Its settings in
`/etc/default/appliance` tell it where the service is; without a header it has no button, unless
`with_button` gives it one that a test presses.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
from container import Container

from appliance.errors import UsageError
from appliance.prompts.store import Prompts, default_directory

KEY = "sk-test-0123456789abcdef"
PORT = 8765
UNIT = "appliance.service"
READY_WITHIN_S = 30.0

_SOUND = "/run/test-sound/native"
_ALSA = f"""\
pcm.mic {{ type pulse server "unix:{_SOUND}" device mic.monitor hint {{ show on }} }}
pcm.spk {{ type pulse server "unix:{_SOUND}" device spk hint {{ show on }} }}
pcm.!default {{ type asym playback.pcm "spk" capture.pcm "mic" }}
ctl.!default {{ type pulse server "unix:{_SOUND}" }}
"""
_SINK = "load-module module-null-sink sink_name={} rate=24000 channels=1 format=s16le norewinds=1\n"
_PULSE = (
    _SINK.format("mic")
    + _SINK.format("spk")
    + f"load-module module-native-protocol-unix auth-anonymous=1 socket={_SOUND}\n"
)
_PULSE_UNIT = """\
[Unit]
Before=appliance.service
[Service]
Type=exec
ExecStart=/usr/bin/pulseaudio -n -F /etc/test-sound.pa --daemonize=no --exit-idle-time=-1 \
  --disable-shm=yes --use-pid-file=no --log-target=stderr --log-level=error
ExecStartPost=/bin/sh -c 'until [ -S /run/test-sound/native ]; do sleep 0.05; done'
RuntimeDirectory=test-sound
RuntimeDirectoryMode=0777
Environment=HOME=/root
[Install]
WantedBy=multi-user.target
"""
# The lines `press` and `release` come through a pipe that stays open.
_BUTTON_UNIT = """\
[Service]
Type=exec
ExecStartPre=/bin/sh -c 'mkfifo -m 644 /run/test-button; mkfifo -m 666 /run/test-trace'
ExecStart=/usr/bin/python3 -c 'import fcntl, os, time; \
  button = os.open("/run/test-button", os.O_RDWR); trace = os.open("/run/test-trace", os.O_RDWR); \
  fcntl.fcntl(trace, fcntl.F_SETPIPE_SZ, 4096); time.sleep(1e9)'
"""
_WITH_BUTTON = """\
[Service]
ExecStart=
ExecStart=/opt/appliance/current/bin/appliance run --panel pipe
StandardInput=file:/run/test-button
StandardOutput={trace}
StandardError=journal
"""
_DROP_IN = "/etc/systemd/system/appliance.service.d/{}.conf"


class Station:
    """The device in its container, and the hands on it."""

    def __init__(self, machine: Container) -> None:
        """Lay everything out; the device is not started."""
        self.machine = machine
        machine.sh(f"systemctl stop {UNIT}; systemctl reset-failed {UNIT} || true")
        machine.write("/etc/asound.conf", _ALSA)
        machine.write("/etc/test-sound.pa", _PULSE)
        machine.write("/etc/systemd/system/test-sound.service", _PULSE_UNIT)
        machine.write("/etc/systemd/system/test-button.service", _BUTTON_UNIT)
        self.environment()
        machine.sh("systemctl daemon-reload; systemctl enable -q --now test-sound")

    def environment(self, **more: str) -> None:
        """Say what stands in the device's environment, from its next start on."""
        told = {
            "APPLIANCE_HARDWARE__PANEL": "none",
            "APPLIANCE_ENDPOINT__URL": f"ws://127.0.0.1:{PORT}/v1/realtime",
            "OPENAI_API_KEY": KEY,
            **more,
        }
        lines = "".join(f"{name}={value}\n" for name, value in told.items() if value)
        self.machine.write("/etc/default/appliance", lines)

    def start(self) -> float:
        """Start the device anew, and return how long it took until it was ready, in seconds."""
        self.machine.sh(f"systemctl reset-failed {UNIT} || true")
        began_s = time.monotonic()
        self.machine.sh(f"systemctl restart {UNIT}")
        return time.monotonic() - began_s

    def stop(self) -> None:
        self.machine.sh(f"systemctl stop {UNIT}; systemctl reset-failed {UNIT} || true")

    @property
    def state(self) -> str:
        """systemd's word for the unit, as "active"."""
        return self.machine.show(UNIT, "ActiveState")

    @property
    def pid(self) -> int:
        return int(self.machine.show(UNIT, "MainPID"))

    @property
    def restarts(self) -> int:
        """How often systemd has started it anew by itself since it was started by hand."""
        return int(self.machine.show(UNIT, "NRestarts"))

    def events(self, name: str) -> list[dict[str, str]]:
        """Return the device's lines of this name, oldest first."""
        return self.machine.journal("-t", "appliance", f"APPLIANCE_EVENT={name}")

    def wait_for_event(self, name: str, within_s: float, count: int = 1) -> float:
        """Wait until there are `count` lines of this name; return how long it took."""
        return self.machine.wait(lambda: len(self.events(name)) >= count, within_s, name)

    @contextlib.contextmanager
    def drop_in(self, name: str, text: str) -> Iterator[None]:
        """Change the unit while this lasts; it counts from the next start on."""
        path = _DROP_IN.format(name)
        self.machine.write(path, text)
        self.machine.sh("systemctl daemon-reload")
        try:
            yield
        finally:
            self.machine.sh(f"rm {path}; systemctl daemon-reload")

    @contextlib.contextmanager
    def with_button(self, *, trace: str = "null") -> Iterator[None]:
        """Give the device a button while this lasts, from its next start on.

        Args:
            trace: where its trace goes; a pipe that is never read holds it up.
        """
        self.machine.sh("systemctl start test-button")
        try:
            with self.drop_in("button", _WITH_BUTTON.format(trace=trace)):
                yield
        finally:
            self.stop()
            self.machine.sh("systemctl stop test-button; rm -f /run/test-button /run/test-trace")

    def press(self) -> None:
        self.machine.sh("echo press >/run/test-button")

    def release(self) -> None:
        self.machine.sh("echo release >/run/test-button")

    def say(self) -> None:
        """Let a voice speak into the microphone; return when it has spoken."""
        pcm = Prompts(default_directory()).pcm("no_wifi", "en")
        (self.machine.files / "voice.pcm").write_bytes(pcm)
        form = "--format=s16le --rate=24000 --channels=1"
        self.machine.sh(f"pacat --server=unix:{_SOUND} --device=mic {form} /voice.pcm")

    @contextlib.contextmanager
    def service(self, *options: str, port: int = PORT) -> Iterator[None]:
        """Run a local Realtime server in the container's network while this lasts."""
        where = ["--host", "127.0.0.1", "--port", str(port)]
        command = [sys.executable, "-m", "appliance", "simulator", *where, *options]
        server = subprocess.Popen(
            self.machine.in_network(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        try:
            line = server.stdout.readline() if server.stdout else b""
            if b"listening" not in line:
                raise UsageError("the local server did not start")
            yield
        finally:
            server.terminate()
            server.communicate()
