"""What was recorded in the room: tracks that begin and end together, and what they tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.demo.stage import Tape
from appliance.units import WIRE_RATE_HZ

Pcm = NDArray[np.int16]

QUIET = 64  # of int16: below it nobody hears anything
LOUD_PART = 0.1  # of its peak: where a voice is surely there
LONGEST_DELAY_S = 1.0
COMPARED_S = 4.0  # of the loudspeaker, from where it begins: a drifting clock shows little there


@dataclass(frozen=True, slots=True)
class Tapes:
    """Tracks of the same length, shape (n,), 24 kHz; `start_s` is when they begin (monotonic)."""

    you: Pcm  # the mouth; where no room is between, as the microphone hears it
    microphone: Pcm
    device: Pcm  # the loudspeaker
    start_s: float

    @property
    def length_s(self) -> float:
        return len(self.you) / WIRE_RATE_HZ

    def voice_began_s(self, from_s: float) -> float | None:
        """Return when the mouth is first heard after `from_s`, within three seconds."""
        begin = self._at(from_s)
        track = np.abs(self.you[begin : begin + 3 * WIRE_RATE_HZ].astype(np.int32))
        loud = np.flatnonzero(track > max(QUIET, LOUD_PART * np.max(track, initial=0)))
        return self.start_s + (begin + int(loud[0])) / WIRE_RATE_HZ if loud.size else None

    def silent_from_s(self, from_s: float, until_s: float) -> float | None:
        """Return when the loudspeaker's last sample between the two was; None if it was silent."""
        begin = self._at(from_s)
        track = np.abs(self.device[begin : self._at(until_s)].astype(np.int32))
        heard = np.flatnonzero(track > QUIET)
        return self.start_s + (begin + int(heard[-1]) + 1) / WIRE_RATE_HZ if heard.size else None

    def echo_delay_ms(self) -> float | None:
        """Return how much later the loudspeaker is in the microphone; None if it was silent.

        Source: generalised cross-correlation with phase transform (Knapp and Carter 1976).
        """
        heard = np.flatnonzero(np.abs(self.device.astype(np.int32)) > QUIET)
        if not heard.size:
            return None
        length, longest = round(COMPARED_S * WIRE_RATE_HZ), round(LONGEST_DELAY_S * WIRE_RATE_HZ)
        played = self.device[heard[0] : heard[0] + length].astype(np.float64)
        back = self.microphone[heard[0] : heard[0] + length + longest].astype(np.float64)
        size = 1 << (length + longest).bit_length()
        cross = np.fft.rfft(back, size) * np.conj(np.fft.rfft(played, size))
        alike = np.fft.irfft(cross / (np.abs(cross) + 1e-3 * np.abs(cross).max()), size)
        return round(int(np.argmax(alike[:longest])) / WIRE_RATE_HZ * 1000, 1)

    def _at(self, moment_s: float) -> int:
        return max(0, round((moment_s - self.start_s) * WIRE_RATE_HZ))


def side_by_side(taping: Mapping[str, Tape]) -> Tapes:
    """Return the tapes `mic` and `ear`, and `voice` if there is one, from the same moment on."""
    start_s = max(tape.start_s() for tape in taping.values())
    tracks = {}
    for name, tape in taping.items():
        skip = max(0, round((start_s - tape.start_s()) * WIRE_RATE_HZ))
        tracks[name] = tape.samples()[skip:]
    length = min(len(track) for track in tracks.values())
    cut = {name: track[:length] for name, track in tracks.items()}
    return Tapes(cut.get("voice", cut["mic"]), cut["mic"], cut["ear"], start_s)
