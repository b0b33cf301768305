"""The virtual machine on the bench: with a service at the cable, and a person before it."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from machine import Machine, Tape, at_s
from numpy.typing import NDArray
from server import Server

from appliance.units import WIRE_RATE_HZ

Pcm = NDArray[np.int16]

READY_WITHIN_S = 60.0
TO_FIRST_WORD_S = 0.25
LONGEST_STALL_S = 0.03  # what the buffers of the sound card bear
TRIES = 5
# No stage of the sound chain: what is sent is what was heard, bit for bit.
PLAIN = {
    "APPLIANCE_SESSION__ECHO_CANCELLATION": "false",
    "APPLIANCE_SESSION__AUTO_GAIN_CONTROL": "false",
    "APPLIANCE_SESSION__NOISE_REDUCTION__ENABLED": "false",
}


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer; times in s of the machine's clock."""

    pressed_s: float
    spoken_s: float  # when the first sample of the question met the microphone
    released_s: float
    told: dict[str, str]  # the journal's line
    ear: Tape
    stalled_s: float  # for how long the machine itself stood still, at most


class Bench:
    """What a test does with a machine."""

    def __init__(self, machine: Machine, home: Path, question: Pcm, environ: str) -> None:
        """Make it; `question` is int16, mono, 24 kHz, `environ` what the daemon always has."""
        self.machine = machine
        self.question = question
        self._home, self._environ = home, environ
        self._numbers = itertools.count(1)
        self.wav = home / "question.wav"
        soundfile.write(self.wav, question, WIRE_RATE_HZ, "PCM_16")

    @contextlib.contextmanager
    def served(self, script: str = "", **settings: str) -> Iterator[Server]:
        """Start the service and then the daemon anew, until it is ready.

        Args:
            script: what the service does, as TOML (docs/simulator.md).
            settings: environment variables of the daemon.
        """
        home = self._home / f"server-{next(self._numbers)}"
        with Server(self.machine.cable, home).serving(script) as server:
            self.restart(**settings)
            yield server

    def restart(self, **settings: str) -> float:
        """Start the daemon anew and wait until a person can talk; return when."""
        machine = self.machine
        machine.cable.plug()
        machine.release()
        lines = [self._environ, *(f"{name}={value}" for name, value in settings.items())]
        machine.write("/etc/default/appliance", "\n".join(lines) + "\n")
        since_s = machine.clock_s()
        machine.sh("systemctl reset-failed appliance; systemctl restart appliance")
        machine.wait_for("link_up", since_s, READY_WITHIN_S)
        return at_s(machine.wait_for("ready", since_s, READY_WITHIN_S))

    def say(self, pcm: Pcm, *, wait: bool = True) -> tuple[float, float]:
        """Play this to the microphone (see `Machine.say`)."""
        path = self._home / f"said-{next(self._numbers)}.wav"
        soundfile.write(path, pcm, WIRE_RATE_HZ, "PCM_16")
        return self.machine.say(path, wait=wait)

    def hush(self) -> None:
        """End all that is being said."""
        self.machine.sh("pkill -x aplay || true")

    def turn(self) -> Turn:
        """Ask the question, and hear the whole answer."""
        machine = self.machine
        with machine.ear() as tapes:
            pressed_s, _ = machine.finger([(0.0, True), (TO_FIRST_WORD_S, True)])
            spoken_s, _ = machine.say(self.wav)
            released_s = machine.release()
            told = machine.wait_for("turn", released_s)
        return self.told(pressed_s, spoken_s, released_s, told, tapes)

    def told(
        self,
        pressed_s: float,
        spoken_s: float,
        released_s: float,
        told: dict[str, Any],
        tapes: list[Tape],
    ) -> Turn:
        """Return a turn of these."""
        stalled_s = self.machine.stalled_s(pressed_s)
        return Turn(pressed_s, spoken_s, released_s, told, tapes[0], stalled_s)

    def undisturbed(self, what: Callable[[], Turn]) -> Turn:
        """Repeat until this machine had the time for it: what is late then is the device.

        Raises:
            AssertionError: it never had.
        """
        stalls = []
        for _ in range(TRIES):
            turn = what()
            if turn.stalled_s <= LONGEST_STALL_S:
                return turn
            stalls.append(round(turn.stalled_s, 3))
        raise AssertionError(f"this machine is too busy for sound: it stood still for {stalls} s")


def best_fit(heard: Pcm, sent: Pcm) -> tuple[int, float]:
    """Return at which sample of `heard` `sent` begins, and how alike the two are, -1 to 1."""
    a, b = heard.astype(np.float64), sent.astype(np.float64)
    size = 1 << (len(a) + len(b)).bit_length()
    fit = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    begin = int(np.argmax(fit))
    begin -= size if begin > size // 2 else 0
    there = np.zeros(len(b))
    low, high = max(0, -begin), min(len(b), len(a) - begin)
    there[low:high] = a[begin + low : begin + high]
    return begin, float(there @ b / np.sqrt((there @ there) * (b @ b) + 1e-9))
