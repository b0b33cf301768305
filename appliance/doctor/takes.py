"""A piece of sound from the microphone's card as it is, while the loudspeaker is silent or not.

Nothing of the sound chain is in the way: what the card gives is what is judged. Times are those of
PortAudio's callbacks, the median over all of them: one that comes late moves nothing.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import pyaudio

from appliance.devices.portaudio_clock import callback_began_s
from appliance.devices.portaudio_system import SoundSystem
from appliance.devices.soundcards import AudioDevice, Direction
from appliance.doctor.levels import Samples
from appliance.dsp.pcm import float_to_pcm16, pcm16_to_float
from appliance.errors import HardwareError

_BUFFER_S = 0.02
_PATIENCE_S = 3.0  # beyond the length of a take, until a card that gives nothing is given up

Watcher = Callable[[Samples], None]  # gets each new piece, shape (channels, n), on our own thread


@dataclass(frozen=True, slots=True)
class Take:
    """What was heard: shape (channels, n), full scale ±1.0, at the card's own rate.

    `begins_s` is when sample 0 came from the card, `played_s` when sample 0 of what was played went
    to its card (None: nothing was); both monotonic.
    """

    samples: Samples
    rate_hz: int
    device: AudioDevice
    overflows: int
    begins_s: float
    played_s: float | None = None


@dataclass(frozen=True, slots=True)
class Player:
    """What to play meanwhile, and where. `sound(rate)` gives it at the card's own rate."""

    selector: str
    sound: Callable[[int], Samples]
    after_s: float  # of the take, for its noise


def record(
    system: SoundSystem,
    selector: str,
    seconds: float,
    *,
    channels: int = 1,
    watch: Watcher | None = None,
    player: Player | None = None,
) -> Take:
    """Record for `seconds`.

    Args:
        channels: how many of the card's; it may have more.
        watch: gets what has come in, about 20 times a second.
        player: plays in the meantime.

    Raises:
        HardwareError: a card is missing, busy, or gives nothing; it has fewer channels.
    """
    device = system.find(selector, Direction.CAPTURE)
    if channels > device.inputs:
        raise HardwareError(
            f"sound card {device.name} captures {device.inputs} channels: "
            f"there is no channel {channels - 1}"
        )
    rate = system.rate_for(device, Direction.CAPTURE, channels)
    ear = _Ear(channels, rate)
    with ExitStack() as closing:
        _open(closing, system, device, Direction.CAPTURE, rate, channels, ear)
        ear.wait_for(rate // 10, _PATIENCE_S)
        mouth = None
        if player is not None:
            mouth = _play(closing, system, player)
        # A loudspeaker's card may take a second to begin: the take is as long from then on.
        wanted = round(seconds * rate) + (ear.count if mouth is not None else 0)
        _watch(ear, wanted, watch)
    if mouth is not None and not mouth.has_ended:
        raise HardwareError("the loudspeaker's card took only a part of the sound")
    return Take(
        samples=ear.samples(wanted),
        rate_hz=rate,
        device=device,
        overflows=ear.overflows,
        begins_s=ear.begins_s(),
        played_s=mouth.begins_s() if mouth is not None else None,
    )


def _watch(ear: _Ear, wanted: int, watch: Watcher | None) -> None:
    """Wait for `wanted` samples, and show them as they come."""
    shown = 0
    deadline_s = time.monotonic() + wanted / ear.rate_hz + _PATIENCE_S
    while shown < wanted:
        step = min(wanted, shown + max(1, ear.rate_hz // 20))
        ear.wait_for(step, deadline_s - time.monotonic())
        if watch is not None:
            watch(ear.between(shown, step))
        shown = step


def _play(closing: ExitStack, system: SoundSystem, player: Player) -> _Mouth:
    device = system.find(player.selector, Direction.PLAYBACK)
    # As the daemon does it: a card's own device would play mono on the left one alone.
    channels = 2 if device.card_number is not None and device.outputs > 1 else 1
    rate = system.rate_for(device, Direction.PLAYBACK, channels)
    mouth = _Mouth(channels, rate, player.sound(rate), round(player.after_s * rate))
    _open(closing, system, device, Direction.PLAYBACK, rate, channels, mouth)
    if not mouth.began.wait(_PATIENCE_S):
        raise HardwareError("the loudspeaker's card takes no sound")
    return mouth


def _open(
    closing: ExitStack,
    system: SoundSystem,
    device: AudioDevice,
    direction: Direction,
    rate_hz: int,
    channels: int,
    side: _Ear | _Mouth,
) -> None:
    stream = system.open(
        device,
        direction,
        rate_hz=rate_hz,
        channels=channels,
        frames=round(_BUFFER_S * rate_hz),
        callback=side.callback,
    )
    closing.callback(system.release, stream)


class _Ear:
    """The capture stream's side. `callback` runs on PortAudio's thread, the others on ours."""

    def __init__(self, channels: int, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.overflows = 0
        self._channels = channels
        self._pieces: list[bytes] = []
        self.count = 0  # samples of each channel
        self._begins_s: list[float] = []
        self._came = threading.Condition()

    def callback(
        self, data: bytes | None, _: int, clock: Mapping[str, float], status: int
    ) -> tuple[None, int]:
        began_s = callback_began_s(clock)
        with self._came:
            self.overflows += bool(status & pyaudio.paInputOverflow)
            self._pieces.append(data or b"")
            self.count += len(data or b"") // (2 * self._channels)
            self._begins_s.append(began_s - self.count / self.rate_hz)
            self._came.notify_all()
        return None, pyaudio.paContinue

    def wait_for(self, count: int, within_s: float) -> None:
        with self._came:
            if not self._came.wait_for(lambda: self.count >= count, max(0.0, within_s)):
                raise HardwareError("the microphone's card gives no sound")

    def between(self, begin: int, end: int) -> Samples:
        return self.samples(end)[:, begin:]

    def samples(self, count: int) -> Samples:
        with self._came:
            data = b"".join(self._pieces)
        return pcm16_to_float(data).reshape(-1, self._channels)[:count].T

    def begins_s(self) -> float:
        return statistics.median(self._begins_s)


class _Mouth:
    """The playback stream's side: silence, the sound, and silence again."""

    def __init__(self, channels: int, rate_hz: int, sound: Samples, after: int) -> None:
        self.began = threading.Event()
        self._channels, self._rate_hz = channels, rate_hz
        whole = np.concatenate((np.zeros(after, np.float32), sound))
        self._pcm = float_to_pcm16(np.repeat(whole, channels))
        self._after = after
        self._at = 0  # bytes that were handed over
        self._begins_s: list[float] = []

    @property
    def has_ended(self) -> bool:
        return self._at >= len(self._pcm)

    def begins_s(self) -> float:
        """Return when sample 0 of the sound was handed to the card."""
        return statistics.median(self._begins_s) + self._after / self._rate_hz

    def callback(
        self, _: bytes | None, frames: int, clock: Mapping[str, float], __: int
    ) -> tuple[bytes, int]:
        size = frames * 2 * self._channels
        piece = self._pcm[self._at : self._at + size]
        if piece:
            handed = self._at // (2 * self._channels)
            self._begins_s.append(callback_began_s(clock) - handed / self._rate_hz)
        self._at += size
        self.began.set()
        return piece + bytes(size - len(piece)), pyaudio.paContinue
