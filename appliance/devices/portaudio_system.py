"""PortAudio itself: started once, quietly, and asked what there is and what it can do."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import pyaudio

from appliance.devices.soundcards import (
    AudioDevice,
    Direction,
    SoundCard,
    read_cards,
    resolve,
)
from appliance.errors import HardwareError
from appliance.units import WIRE_RATE_HZ

# The wire's own rate needs no resampling; then those that are nearest to it in quality and cost.
RATES_HZ = (WIRE_RATE_HZ, 48_000, 44_100, 32_000, 16_000, 8_000)

# (data in, frames, clock, status) -> (data out, whether to go on)
StreamCallback = Callable[[bytes | None, int, Mapping[str, float], int], tuple[bytes | None, int]]

_CLOSE_WITHIN_S = 2.0

_AlsaErrorHandler = ctypes.CFUNCTYPE(
    None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p
)


class SoundSystem:
    """The one PortAudio of the process; microphone and speaker share it.

    PortAudio sees only the cards that were there when it was started. `find` therefore starts it
    anew when a selector leads nowhere and no stream is open: after a card was unplugged, stop
    both streams, then start both.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        """Start PortAudio.

        Args:
            root: where `sys/` is, for the names of the cards.

        Raises:
            HardwareError: PortAudio cannot be started.
        """
        self._root = root
        self._lock = threading.RLock()  # PortAudio's list of open streams has none
        self._open = 0
        self._closing: threading.Thread | None = None
        self._silent = _silence_alsa()
        self._audio: pyaudio.PyAudio | None = _start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what is open and end PortAudio. May be called twice."""
        with self._lock:
            if self._audio is not None and not self._hangs:
                self._audio.terminate()
            self._audio = None

    @property
    def cards(self) -> tuple[SoundCard, ...]:
        """The kernel's cards, read now."""
        return read_cards(self._root)

    @property
    def devices(self) -> tuple[AudioDevice, ...]:
        """PortAudio's devices, as they were when it was started."""
        with self._lock:
            audio = self._running()
            defaults = (
                _default(audio.get_default_input_device_info),
                _default(audio.get_default_output_device_info),
            )
            found = []
            for index in range(audio.get_device_count()):
                info = audio.get_device_info_by_index(index)
                found.append(
                    AudioDevice(
                        index=index,
                        name=str(info["name"]),
                        inputs=int(info["maxInputChannels"]),
                        outputs=int(info["maxOutputChannels"]),
                        rate_hz=int(info["defaultSampleRate"]),
                        is_default_input=index == defaults[0],
                        is_default_output=index == defaults[1],
                    )
                )
            return tuple(found)

    def find(self, selector: str, direction: Direction) -> AudioDevice:
        """Return the device that `selector` means now.

        Raises:
            HardwareError: see soundcards.resolve.
        """
        with self._lock:
            try:
                return resolve(selector, self.cards, self.devices, direction)
            except HardwareError:
                if self._open:
                    raise
            self._running().terminate()
            self._audio = None
            self._audio = _start()
            return resolve(selector, self.cards, self.devices, direction)

    def rate_for(self, device: AudioDevice, direction: Direction, channels: int) -> int:
        """Return the first of RATES_HZ that the device takes, in int16.

        Raises:
            HardwareError: it takes none: it is busy, or has gone.
        """
        refusal = ""
        with self._lock, _standard_error_closed():
            for rate in RATES_HZ:
                try:
                    if direction is Direction.CAPTURE:
                        self._running().is_format_supported(
                            rate,
                            input_device=device.index,
                            input_channels=channels,
                            input_format=pyaudio.paInt16,
                        )
                    else:
                        self._running().is_format_supported(
                            rate,
                            output_device=device.index,
                            output_channels=channels,
                            output_format=pyaudio.paInt16,
                        )
                except ValueError as error:
                    refusal = str(error.args[0])
                else:
                    return rate
        raise HardwareError(
            f"sound card {device.name} takes no rate that we know for {direction.value}: "
            f"{refusal} (in use by another program, or unplugged?)"
        )

    def open(
        self,
        device: AudioDevice,
        direction: Direction,
        *,
        rate_hz: int,
        channels: int,
        frames: int,
        callback: StreamCallback,
    ) -> pyaudio.Stream:
        """Open and start an int16 stream of `frames` per buffer (PortAudio makes three of them).

        Raises:
            HardwareError: PortAudio's reason, in one line.
        """
        captures = direction is Direction.CAPTURE
        with self._lock, _standard_error_closed():
            try:
                stream = self._running().open(
                    rate=rate_hz,
                    channels=channels,
                    format=pyaudio.paInt16,
                    input=captures,
                    output=not captures,
                    input_device_index=device.index if captures else None,
                    output_device_index=None if captures else device.index,
                    frames_per_buffer=frames,
                    stream_callback=callback,
                )
            except OSError as error:
                raise HardwareError(
                    f"sound card {device.name} cannot be opened for {direction.value}: "
                    f"{reason(error)}"
                ) from error
            self._open += 1
            return stream

    def release(self, stream: pyaudio.Stream) -> None:
        """Close a stream that `open` gave, dropping what is queued.

        A sound server that hangs would hold up its caller for good. It is given two seconds; then
        the stream is left to itself, and no other is opened until it has closed.
        """
        with self._lock:
            self._open -= 1
            if self._audio is None or self._hangs:
                return  # close() has closed it, or will
            self._closing = threading.Thread(target=stream.close, name="close-sound", daemon=True)
            self._closing.start()
            self._closing.join(_CLOSE_WITHIN_S)

    @property
    def _hangs(self) -> bool:
        return self._closing is not None and self._closing.is_alive()

    @staticmethod
    def runs(stream: pyaudio.Stream) -> bool:
        """Say whether PortAudio still calls back for the stream."""
        try:
            return stream.is_active()
        except OSError:
            return False

    def _running(self) -> pyaudio.PyAudio:
        if self._audio is None:
            raise HardwareError("the sound system has been closed")
        if self._hangs:
            raise HardwareError("the sound system hangs: a stream of it does not close")
        return self._audio


def reason(error: OSError) -> str:
    """Return PortAudio's words for an error that PyAudio raised, in lower case.

    PyAudio puts the words first and the number second, or the other way round.
    """
    words = [str(arg) for arg in error.args if isinstance(arg, str)]
    return words[0].lower() if words else "unknown error"


def _default(ask: Callable[[], Mapping[str, str | int | float]]) -> int | None:
    try:
        return int(ask()["index"])
    except OSError:
        return None  # how PyAudio says that there is no default device


def _start() -> pyaudio.PyAudio:
    try:
        with _standard_error_closed():
            return pyaudio.PyAudio()
    except OSError as error:
        raise HardwareError(f"PortAudio cannot be started: {reason(error)}") from error


def _silence_alsa() -> object:
    """Have ALSA print none of its diagnoses; keep what is returned for as long as ALSA is used.

    PortAudio asks for dozens of PCMs that need not exist, and ALSA prints a line for each.
    """
    handler = _AlsaErrorHandler(lambda *_: None)
    try:
        ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(handler)
    except (OSError, AttributeError):
        return None  # PortAudio here has no ALSA
    return handler


@contextmanager
def _standard_error_closed() -> Iterator[None]:
    """Send file descriptor 2 to nowhere for a moment.

    PortAudio looks for a JACK server as it starts, and libjack prints a dozen lines when there is
    none; it resets its error handlers for each try, so they cannot be set from here. And when a
    probe or an opening fails, PortAudio prints where in its source that was; the reason comes to
    us as an exception. Only those calls are enclosed.
    """
    if sys.stderr is not None:
        sys.stderr.flush()
    kept = os.dup(2)
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
