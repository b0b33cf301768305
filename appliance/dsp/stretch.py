"""Playback speed and pitch of speech at 24 kHz, as a stream.

Speed is WSOLA: the output is the input, verbatim, until it has drifted too far from where the
asked speed says it should be; then it is spliced to the nearby place that continues it best.
Pitch is the same at another speed, read at another rate by a band-limited interpolator.
At speed 1 and pitch 0 samples pass as they are and at once.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.dsp.frame import LIMIT
from appliance.dsp.kernel import F32, I32, Array, inner, kernel
from appliance.errors import SignalError

MIN_SPEED, MAX_SPEED = 0.25, 4.0
MAX_SEMITONES = 20.0

HOP = 240  # samples made at a time, 10 ms; a splice is a cross-fade as long
FADE = 240  # of them, of the old mixed with the new, at a splice
VERBATIM = 2  # blocks that go on from a splice unspliced, above speed 1
REACH = 240  # how far from its due place a splice may land: 10 ms each way, a period of 50 Hz
MATCH = 240  # samples compared when looking for a splice, as many as are mixed
COARSE = 4  # the first look is at every fourth place and a quarter of the rate
LINE = 16384  # input kept: the fastest combination (4.0, -20) looks across 10000
KEEP = 1024  # of it that is behind the splice, for a speed below 1 to go back to
WIDE = (2 * REACH + MATCH) // COARSE + 2

CROSSINGS = 16  # of the interpolator's sinc, each side, at pitch 0 or below
FINE = 256  # table entries from crossing to crossing; linear between: -94 dB
WING = CROSSINGS * FINE
PASS_BAND = 0.92  # of the Nyquist frequency that the higher pitch leaves
ONE = 1 << 30  # a sample, in the interpolator's clock
BEFORE = 64  # samples that the interpolator sees each side at the highest pitch
STREAM = 1024
OUT = 1024  # more than HOP samples become at the lowest pitch

MAX_SPLICES = 1 << 16  # remembered for input_position: 11 minutes at the most splices there can be

ZERO, SAME, TWICE = np.float32(0.0), np.float32(1.0), np.float32(2.0)
TINY, LEAST = np.float32(1e-9), np.float32(-1e30)
PER_ONE = 1.0 / ONE
STEPS, MARKS, EDGE = np.float32(FINE), np.float32(CROSSINGS), np.float32(WING)

Samples = NDArray[np.float32]


class Stretcher:
    """Changes how fast a reply is said, how high, or both; settings may change as it runs.

    The output does not depend on how the input was cut into chunks, to the last bit, as long as
    the settings stay.

    Source: Verhelst & Roelands 1993 (WSOLA); Smith & Gossett 1984 (band-limited interpolation at
        any rate). Ours: splices only where drift makes one due, a cross-fade that keeps power
        at the correlation found, and exact book-keeping of what is heard.
    """

    def __init__(self, speed: float = 1.0, pitch_semitones: float = 0.0) -> None:
        """Begin a stream.

        Args:
            speed: 0.25 (four times as long) to 4.0.
            pitch_semitones: -20 to 20; the length does not follow it.

        Raises:
            SignalError: a setting out of range.
        """
        self._line = np.zeros(LINE, np.float32)
        self._stream = np.zeros(STREAM, np.float32)
        self._out = np.zeros(OUT, np.float32)
        self._near = np.zeros(MATCH // COARSE, np.float32)
        self._far = np.zeros(WIDE, np.float32)
        self._found = np.zeros(1, np.int32)
        self._clock = np.zeros(3, np.int32)
        self._table = _design()
        turn = math.pi * (np.arange(FADE) + 0.5) / FADE
        self._fade = (0.5 - 0.5 * np.cos(turn)).astype(np.float32)
        self.reset()
        self.set(speed, pitch_semitones)

    @property
    def speed(self) -> float:
        """As asked for, 0.25 to 4.0."""
        return self._speed

    @property
    def pitch_semitones(self) -> float:
        """As asked for, -20 to 20."""
        return self._semitones

    @property
    def delay_samples(self) -> int:
        """Input that is held back at most, at the settings of now; 0 at speed 1 and pitch 0.

        It is what must have arrived, not lateness: `input_position` counts it.
        """
        if self._rate == 1.0 and self._pitch == 1.0:
            return 0
        return math.ceil(2.5 * HOP * max(1.0, self._rate)) + REACH + MATCH

    def set(self, speed: float, pitch_semitones: float) -> None:
        """Go on at other settings, without a click, from the next sample that is not yet made.

        Raises:
            SignalError: a setting out of range; the old ones stay.
        """
        if not MIN_SPEED <= speed <= MAX_SPEED:
            raise SignalError(f"want speed {MIN_SPEED} to {MAX_SPEED}, got {speed}")
        if not -MAX_SEMITONES <= pitch_semitones <= MAX_SEMITONES:
            raise SignalError(
                f"want pitch within {MAX_SEMITONES:g} semitones, got {pitch_semitones}"
            )
        self._speed, self._semitones = float(speed), float(pitch_semitones)
        self._pitch = float(2.0 ** (self._semitones / 12.0))
        self._rate = self._speed / self._pitch
        self._verbatim = VERBATIM if self._rate > 1.0 else 0
        if self._rate == 1.0:
            self._due = float(self._source)  # what it has drifted so far is not to be undone

    def reset(self) -> None:
        """Forget the past: the next sample is the first of a new stream. Settings stay."""
        for state in (self._line, self._stream, self._clock):
            state[:] = 0
        self._base = -KEEP  # input position of line[0]
        self._filled = KEEP  # of the line; silence lies before the first sample
        self._source = 0  # input position that would go on from the last sample made
        self._due = 0.0  # input position that the next sample made should have
        self._end = BEFORE  # of the stream, where the next sample made goes
        self._clock[0] = BEFORE
        self._received = self._made = 0
        self._owed = 0  # blocks that go straight on before the next splice may be
        # From output sample _heard_at[i] on, output goes through the input from _heard_from[i]
        # at _heard_rate[i] samples a sample.
        self._heard_at = array("d", [0.0])
        self._heard_from = array("d", [0.0])
        self._heard_rate = array("d", [1.0])

    def process(self, samples: Samples) -> Samples:
        """Return what can be made of the stream after `samples` more of it.

        Args:
            samples: shape (n,), float32, 24 kHz; n may be 0, or a whole reply. What is beyond
                ±8 is taken as ±8.

        Returns:
            Shape (m,), float32; over time m is n / speed, whatever the pitch.

        Raises:
            SignalError: not one-dimensional, not float32, or holds NaN or infinity.
        """
        if samples.ndim != 1 or samples.dtype != np.float32:
            raise SignalError(f"want float32 (n,), got {samples.dtype} {samples.shape}")
        if not np.isfinite(samples).all():
            raise SignalError("samples hold NaN or infinity")
        if samples.size and max(samples.max(), -samples.min()) > LIMIT:
            samples = np.clip(samples, -LIMIT, LIMIT)
        self._received += samples.size
        made: list[Samples] = []
        self._feed(samples, made)
        return _joined(made)

    def flush(self) -> Samples:
        """Return the rest, so that all of the input has its share of output, and begin anew."""
        made: list[Samples] = []
        silence = np.zeros(2048, np.float32)
        before = self._made
        owed = (self._received - self._due) / self._rate  # of the stream
        left = self._end + owed - self._clock[0] - self._clock[1] / ONE
        total = max(0, round(left / self._pitch))
        while self._made - before < total:
            self._feed(silence, made)
        rest = _joined(made)[:total]
        self.reset()
        return rest

    def input_position(self, output_samples: int) -> int:
        """Return how many samples of the input have been heard once `output_samples` have.

        Counted from the last `reset` or `flush`. What was heard before the earliest of the last
        MAX_SPLICES splices counts as heard at that splice. In a cross-fade, the louder counts.
        """
        heard = min(max(output_samples, 0), self._made)
        at = max(0, bisect_right(self._heard_at, heard) - 1)
        place = self._heard_from[at] + (heard - self._heard_at[at]) * self._heard_rate[at]
        return min(max(round(place), 0), self._received)

    def _feed(self, samples: Samples, made: list[Samples]) -> None:
        """Put `samples` into the line, and what it makes possible into `made`."""
        eaten = 0
        while True:
            self._make(made)
            if eaten == samples.size:
                return
            self._shift()
            count = min(samples.size - eaten, LINE - self._filled)
            self._line[self._filled : self._filled + count] = samples[eaten : eaten + count]
            self._filled += count
            eaten += count

    def _shift(self) -> None:
        """Make room in the line: drop what no splice can go back to."""
        first = min(self._source, math.floor(self._due)) - KEEP - self._base
        if first > 0:
            self._line[: self._filled - first] = self._line[first : self._filled].copy()
            self._filled -= first
            self._base += first

    def _make(self, made: list[Samples]) -> None:
        """Make whole blocks for as long as the line lasts."""
        while True:
            source = self._source - self._base
            if self._rate == 1.0 and self._pitch == 1.0 and not self._clock[1]:
                self._pass_on(source, made)
                return
            due = self._due + (1 + self._verbatim) * HOP * (self._rate - 1.0) / 2.0
            due = math.floor(due) - self._base
            low, high = max(due - REACH, 0), max(due + REACH, 0)
            straight = self._owed > 0 or low <= source <= high
            if straight:
                needed = max(source + HOP, math.ceil(self._due + HOP * self._rate) - self._base)
            else:
                needed = max(source, high) + MATCH
            if needed > self._filled:
                return
            block = self._stream[self._end : self._end + HOP]
            if straight:
                block[:] = self._line[source : source + HOP]
                place = source
                self._owed = max(0, self._owed - 1)
            else:
                _splice(
                    self._line, self._near, self._far, self._stream, self._found, self._fade,
                    source, low, high, self._end,
                )  # fmt: skip
                place = int(self._found[0])
                self._owed = self._verbatim
            self._note(place + self._base)
            self._source = place + HOP + self._base
            self._due += HOP * self._rate
            self._end += HOP
            self._interpolate(made)

    def _note(self, place: int) -> None:
        """Write down that the block at the stream's end is the input from `place` on."""
        start = self._made + (self._end - self._clock[0] - self._clock[1] / ONE) / self._pitch
        if place != self._source:
            start += FADE / 2 / self._pitch
            place += FADE // 2
        elif self._heard_rate[-1] == self._pitch:
            return
        if start <= self._heard_at[-1]:  # as at the very beginning, or when the pitch jumped
            self._heard_from[-1], self._heard_rate[-1] = place, self._pitch
            self._heard_at[-1] = start
            return
        self._heard_at.append(start)
        self._heard_from.append(place)
        self._heard_rate.append(self._pitch)
        if len(self._heard_at) > MAX_SPLICES:
            for column in (self._heard_at, self._heard_from, self._heard_rate):
                del column[: MAX_SPLICES // 2]

    def _pass_on(self, source: int, made: list[Samples]) -> None:
        """Speed 1, pitch 0: what is left of the stream and the line, as it is."""
        rest = self._stream[self._clock[0] : self._end].copy()
        straight = self._line[source : self._filled].copy()
        self._note(self._source)
        made += [rest, straight]
        self._made += rest.size + straight.size
        self._source += straight.size
        self._due = float(self._source)
        # The interpolator's past, should it be needed next.
        past = np.concatenate((self._stream[: self._end], straight[-BEFORE:]))[-BEFORE:]
        self._stream[:BEFORE] = past
        self._end = self._clock[0] = BEFORE

    def _interpolate(self, made: list[Samples]) -> None:
        """Read the stream at the pitch's rate as far as it goes, and drop what is past."""
        step = round(self._pitch * ONE)
        scale = 1.0 if self._pitch <= 1.0 else PASS_BAND / self._pitch
        limit = OUT
        homing = step == ONE and self._clock[1] != 0
        if homing:  # back at pitch 0: drift on to a whole sample, 240 of them on the way
            step += (ONE - int(self._clock[1])) // HOP
            limit = HOP
        if step == ONE and not self._clock[1]:
            count = self._end - int(self._clock[0])
            made.append(self._stream[self._clock[0] : self._end].copy())
            self._clock[0] = self._end
        else:
            _read(
                self._stream, self._table, self._out, self._clock,
                step >> 30, step & (ONE - 1), np.float32(scale), self._end, limit,
            )  # fmt: skip
            count = int(self._clock[2])
            made.append(self._out[:count].copy())
            if homing and count == limit:
                self._clock[0] += self._clock[1] > ONE // 2
                self._clock[1] = 0
        self._made += count
        past = int(self._clock[0]) - BEFORE
        self._stream[: self._end - past] = self._stream[past : self._end].copy()
        self._end -= past
        self._clock[0] = BEFORE


def _joined(parts: list[Samples]) -> Samples:
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _design() -> Samples:
    """Return one wing of the interpolator's response, FINE entries to a zero crossing."""
    place = np.arange(WING + 1) / FINE
    shape = 0.1102 * (90.0 - 8.7)
    window = np.i0(shape * np.sqrt(np.maximum(0.0, 1.0 - (place / CROSSINGS) ** 2)))
    wing = np.sinc(place) * window / np.i0(shape)
    wing[FINE::FINE] = 0.0
    return np.concatenate((wing, [0.0, 0.0])).astype(np.float32)


@inner
def _thin(line: Any, first: Any, count: Any, out: Any) -> None:
    """Write `count` sums of COARSE samples each, from line[first] on."""
    for i in range(count):
        total = ZERO
        for j in range(COARSE):
            total += line[first + i * COARSE + j]
        out[i] = total


@kernel(
    line=Array(F32, LINE),
    near=Array(F32, MATCH // COARSE),
    far=Array(F32, WIDE),
    stream=Array(F32, STREAM),
    found=Array(I32, 1),
    fade=Array(F32, FADE),
    source=I32,
    low=I32,
    high=I32,
    at=I32,
)
def _splice(
    line: Any, near: Any, far: Any, stream: Any, found: Any, fade: Any,
    source: Any, low: Any, high: Any, at: Any,
) -> None:  # fmt: skip
    """Kernel: go from line[source] to the place in low..high most like it; fade into stream[at].

    found[0] becomes the place: stream[at + HOP] would go on at line[found[0] + HOP].
    """
    short = MATCH // COARSE
    places = (high - low) // COARSE + 1
    _thin(line, source, short, near)
    _thin(line, low, places - 1 + short, far)
    best, best_score = 0, LEAST
    for p in range(places):
        dot, power = ZERO, TINY
        for i in range(short):
            dot += near[i] * far[p + i]
            power += far[p + i] * far[p + i]
        score = dot / math.sqrt(power)
        if score > best_score:
            best, best_score = p, score
    own = TINY
    for i in range(MATCH):
        own += line[source + i] * line[source + i]
    first = max(low, low + best * COARSE - COARSE + 1)
    last = min(high, low + best * COARSE + COARSE - 1)
    place, likeness = first, LEAST
    for p in range(first, last + 1):
        dot, power = ZERO, TINY
        for i in range(MATCH):
            dot += line[source + i] * line[p + i]
            power += line[p + i] * line[p + i]
        score = dot / math.sqrt(power * own)
        if score > likeness:
            place, likeness = p, score
    likeness = min(max(likeness, ZERO), SAME)
    for i in range(FADE):
        new = fade[i]
        old = SAME - new
        # Alike, amplitudes add; unlike, powers do: the loudness stays in both cases.
        gain = SAME / math.sqrt(old * old + new * new + TWICE * likeness * old * new)
        stream[at + i] = gain * (old * line[source + i] + new * line[place + i])
    for i in range(FADE, HOP):
        stream[at + i] = line[place + i]
    found[0] = place


@kernel(
    stream=Array(F32, STREAM),
    table=Array(F32, WING + 3),
    out=Array(F32, OUT),
    clock=Array(I32, 3),
    whole=I32,
    part=I32,
    scale=F32,
    end=I32,
    limit=I32,
)
def _read(
    stream: Any, table: Any, out: Any, clock: Any,
    whole: Any, part: Any, scale: Any, end: Any, limit: Any,
) -> None:  # fmt: skip
    """Kernel: read the stream at steps of whole + part / ONE samples, up to stream[end].

    clock: sample to read next, and the part of a sample after it; out: how many were read.
    scale: 1 or less, of the sinc's cut-off against the stream's Nyquist frequency.
    """
    position, fraction, count = clock[0], clock[1], 0
    stride = scale * STEPS
    look = int(MARKS / scale) + 2
    while count < limit and position + look < end:
        ahead = fraction * PER_ONE
        total = ZERO
        at = ahead * stride
        i = position
        while at < EDGE:
            entry = int(at)
            between = at - entry
            total += stream[i] * (table[entry] + between * (table[entry + 1] - table[entry]))
            at += stride
            i -= 1
        at = (SAME - ahead) * stride
        i = position + 1
        while at < EDGE:
            entry = int(at)
            between = at - entry
            total += stream[i] * (table[entry] + between * (table[entry + 1] - table[entry]))
            at += stride
            i += 1
        out[count] = total * scale
        count += 1
        fraction += part
        position += whole
        if fraction >= ONE:
            fraction -= ONE
            position += 1
    clock[0] = position
    clock[1] = fraction
    clock[2] = count
