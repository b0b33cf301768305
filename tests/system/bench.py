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

from appliance.demo.compare import lost_of_all
from appliance.units import WIRE_RATE_HZ

Pcm = NDArray[np.int16]

READY_WITHIN_S = 60.0
TO_FIRST_WORD_S = 0.25
ANSWER_WITHIN_S = 60.0
TAIL_S = 0.3  # what is still on its way to the ear
ALIKE = 0.95
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

    question: Pcm
    pressed_s: float
    released_s: float
    told: dict[str, Any]  # the journal's line
    ear: Tape
    received: Pcm  # by the service
    replied: Pcm  # by the service
    server_s: float  # between the end of the question and the answer's begin, there
    disturbed: str  # what this machine, not the device, did to it; "" is nothing

    @property
    def lost(self) -> int:
        """Samples of the question that the service did not get."""
        return lost_of_all([self.question], self.received)

    @property
    def heard(self) -> tuple[int, float]:
        """Where on the tape the answer begins, and how alike the two are, -1 to 1."""
        return best_fit(self.ear.pcm, self.replied)

    @property
    def is_whole(self) -> bool:
        """Whether the question got there whole, and its answer was heard whole."""
        answered = self.told["APPLIANCE_OUTCOME"] == "answered"
        return answered and self.lost == 0 and self.heard[1] >= ALIKE


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

    @contextlib.contextmanager
    def saying(self, pcm: Pcm) -> Iterator[float]:
        """Play this to the microphone, as long as this lasts; gives when its first sample met it.

        Args:
            pcm: int16, mono, 24 kHz.
        """
        path = self._home / f"said-{next(self._numbers)}.wav"
        soundfile.write(path, pcm, WIRE_RATE_HZ, "PCM_16")
        begin_s, _ = self.machine.say(path, wait=False)
        yield begin_s
        self.machine.said(path, cut=True)

    def turn(self, server: Server, during: Callable[[], None] = lambda: None) -> Turn:
        """Ask the question, and hear the whole answer; `during` happens while it is asked."""
        machine = self.machine
        received, replied = len(server.received()), len(server.replies())
        before = machine.snapshot()["counters"]
        with machine.ear() as tapes:
            pressed_s, _ = machine.finger([(0.0, True), (TO_FIRST_WORD_S, True)])
            machine.say(self.wav, wait=False)
            during()
            machine.said(self.wav)
            released_s = machine.release()
            told = machine.wait_for("turn", released_s, ANSWER_WITHIN_S)
            machine.finger([(TAIL_S, False)])
        after = machine.snapshot()["counters"]
        stalled_s = machine.stalled_s(pressed_s)
        happened = {name: after[name] - before[name] for name in ("overflows", "underflows")}
        happened["ms without a processor"] = round(stalled_s * 1000) if stalled_s > 0.02 else 0
        return Turn(
            self.question,
            pressed_s,
            released_s,
            told,
            tapes[0],
            server.received()[received:],
            server.replies()[replied:],
            server.took_s(),
            ", ".join(f"{count} {name}" for name, count in happened.items() if count > 0),
        )

    def whole_turn(self, server: Server, during: Callable[[], None] = lambda: None) -> Turn:
        """Return a turn in which nothing was lost, neither of question nor answer.

        One that this machine has disturbed may be repeated: it is not made for real time, and
        what it takes from the sound cards' short buffers is told by their counters.

        Raises:
            AssertionError: something was lost though nothing disturbed it, or it always was.
        """
        disturbed = []
        for _ in range(TRIES):
            turn = self.turn(server, during)
            if turn.is_whole:
                return turn
            how = f"{turn.told['MESSAGE']}: {turn.lost} samples lost, alike {turn.heard[1]:.3f}"
            assert turn.disturbed, how
            disturbed.append(f"{how} ({turn.disturbed})")
        raise AssertionError("this machine is too busy for sound: " + "; ".join(disturbed))


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
