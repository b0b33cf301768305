"""What a room does to sound, block by block: delay, drift, saturation, echo, hiss. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from appliance.demo.room import Responses, Room
from appliance.units import WIRE_RATE_HZ

Samples = NDArray[np.float64]

BLOCK = 240  # 10 ms
_TAPS = 16  # of the interpolation at a drifting clock
_DRIFTS_FOR_S = 180.0  # then a loudspeaker that is faster has used up its delay, and drift ends
_KEPT = WIRE_RATE_HZ  # 1 s of the loudspeaker


class Convolver:
    """Convolves with a long response, with no delay beyond the block itself.

    Source: uniformly partitioned overlap-save (Kulp 1988; Wefers 2015, chapter 5).
    """

    def __init__(self, response: Samples) -> None:
        """Take a response of shape (n,), n > 0."""
        parts = -(-len(response) // BLOCK)
        padded = np.zeros(parts * BLOCK)
        padded[: len(response)] = response
        self._parts = np.fft.rfft(padded.reshape(parts, BLOCK), 2 * BLOCK)
        self._heard = np.zeros_like(self._parts)  # a ring: spectra of the newest blocks
        self._newest = 0
        self._before = np.zeros(BLOCK)

    def process(self, block: Samples) -> Samples:
        """Return the next 240 samples; takes 240."""
        count = len(self._parts)
        self._newest = (self._newest - 1) % count
        self._heard[self._newest] = np.fft.rfft(np.concatenate([self._before, block]))
        self._before = block
        split = count - self._newest
        total = np.einsum("pk,pk->k", self._heard[self._newest :], self._parts[:split])
        total += np.einsum("pk,pk->k", self._heard[: self._newest], self._parts[split:])
        out: Samples = np.fft.irfft(total)[BLOCK:]
        return out


class DriftingDelay:
    """Delays, and reads what was written at a clock that is off by some ppm."""

    def __init__(self, delay_samples: int, drift_ppm: float) -> None:
        """Take a delay, 8 samples or more, and the drift of the writer's clock.

        A writer whose clock is faster uses the delay up; so it begins with as much more as it will
        use in three minutes, after which it drifts no further.
        """
        self._drift = drift_ppm * 1e-6
        self._least = _TAPS // 2
        self._delay = float(max(self._least, delay_samples))
        if self._drift > 0:
            self._delay += round(self._drift * _DRIFTS_FOR_S * WIRE_RATE_HZ)
        self._most = float(_KEPT - BLOCK - _TAPS)
        self._kept = np.zeros(_KEPT)

    def process(self, block: Samples) -> Samples:
        """Return the next 240 samples; takes 240."""
        self._kept = np.concatenate([self._kept[BLOCK:], block])
        if not self._drift:
            end = _KEPT - int(self._delay)
            return self._kept[end - BLOCK : end]
        delays = self._delay - self._drift * np.arange(1, BLOCK + 1)
        delays = np.clip(delays, self._least, self._most)
        self._delay = float(delays[-1])
        at = np.arange(_KEPT - BLOCK, _KEPT) - delays
        whole = np.floor(at).astype(np.int64)
        steps = np.arange(1 - _TAPS // 2, _TAPS // 2 + 1)
        away = (at - whole)[:, None] - steps
        weights = np.sinc(away) * np.cos(np.pi * away / (_TAPS + 2)) ** 2
        index = np.minimum(whole[:, None] + steps, _KEPT - 1)
        out: Samples = np.sum(self._kept[index] * weights, axis=1)
        return out


class RoomSound:
    """The whole room: what the microphone hears of loudspeaker, mouth and hiss.

    Attributes:
        clipped: samples that were too loud for the microphone.
    """

    def __init__(self, room: Room, responses: Responses, seed: int = 20261125) -> None:
        """Stand in the room; `seed` makes its hiss, which is the same each time."""
        self.clipped = 0
        self._squeeze = 4.0 * room.saturation
        self._delay = DriftingDelay(round(room.delay_ms * WIRE_RATE_HZ / 1000), room.drift_ppm)
        self._loudspeaker = Convolver(responses.loudspeaker)
        self._mouth = Convolver(responses.mouth)
        self._noise = np.random.default_rng(seed)
        self._hiss = 10 ** (room.noise_dbfs / 20)
        self._powers: dict[str, list[float]] = {"echo": [], "speech": []}

    def process(self, loudspeaker: Samples, mouth: Samples) -> tuple[Samples, Samples]:
        """Return what the microphone hears, and how much of it the mouth is.

        Args and result: shape (240,), full scale ±1.0; the first result is clipped to that.
        """
        if self._squeeze:
            loudspeaker = np.tanh(self._squeeze * loudspeaker) / self._squeeze
        echo = self._loudspeaker.process(self._delay.process(loudspeaker))
        speech = self._mouth.process(mouth)
        self._powers["echo"].append(float(np.mean(echo**2)))
        self._powers["speech"].append(float(np.mean(speech**2)))
        whole = echo + speech + self._hiss * self._noise.standard_normal(BLOCK)
        self.clipped += int(np.count_nonzero(np.abs(whole) > 1.0))
        return np.clip(whole, -1.0, 1.0), speech

    def echo_to_speech_db(self) -> float | None:
        """Return by how much the echo was louder than the mouth, each while it sounded."""
        levels = {}
        for name, powers in self._powers.items():
            sounded = [power for power in powers if power > 1e-5]  # -50 dBFS
            if not sounded:
                return None
            levels[name] = 10 * np.log10(np.mean(sounded))
        return round(float(levels["echo"] - levels["speech"]), 1)
