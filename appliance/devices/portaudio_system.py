"""PortAudio itself: started once, quietly, and asked what there is and what it can do."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import pyaudio

from appliance.devices.portaudio_format import Formats, code_and_words, refused
from appliance.devices.portaudio_quiet import StandardError, silence_alsa
from appliance.devices.soundcards import (
    AudioDevice,
    Direction,
    SoundCard,
    is_free,
    is_unplugged,
    read_cards,
    resolve,
)
from appliance.errors import CardsChangedError, HardwareError

# (data in, frames, clock, status) -> (data out, whether to go on)
StreamCallback = Callable[[bytes | None, int, Mapping[str, float], int], tuple[bytes | None, int]]
T = TypeVar("T")

_CLOSE_WITHIN_S = 2.0
_LOOK_AGAIN_S = 2.0  # for what no change of the cards tells of; then ever more rarely
_LOOK_AGAIN_AT_LEAST_S = 600.0


async def aside(work: Callable[[], T], discard: Callable[[T], None]) -> T:
    """Do `work` in a thread of its own; the event loop goes on, however long it takes.

    Args:
        discard: gets the result on the event loop, if nobody waits for it any more.

    Raises:
        HardwareError: what `work` raised.
    """
    loop = asyncio.get_running_loop()
    waiting: asyncio.Future[T] = loop.create_future()

    def settle(refusal: HardwareError | None, result: list[T]) -> None:
        if waiting.done():
            for unwanted in result:
                discard(unwanted)
        elif refusal is not None:
            waiting.set_exception(refusal)
        else:
            waiting.set_result(result[0])

    def run() -> None:
        refusal: HardwareError | None = HardwareError("the sound system failed")
        result: list[T] = []
        try:
            result.append(work())
            refusal = None
        except HardwareError as refused_so:
            refusal = refused_so
        finally:
            with suppress(RuntimeError):  # the loop has been closed: the process ends
                loop.call_soon_threadsafe(settle, refusal, result)

    # Not the loop's pool: the end of the process would wait for a thread that hangs.
    threading.Thread(target=run, name="sound", daemon=True).start()
    return await waiting


class SoundSystem:
    """The one PortAudio of the process; microphone and speaker share it.

    PortAudio sees only the cards that were there when it was started. `find` therefore starts it
    anew when cards have come or gone, or a selector leads nowhere, and no stream is open. While
    one is, it says that this would help: then stop it, open what was wanted, and open it again.

    Methods are for any thread. All but `release` and `runs` may take long.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        """Start PortAudio.

        Args:
            root: where `sys/` and `dev/` are, for the names of the cards.

        Raises:
            HardwareError: PortAudio cannot be started.
        """
        self._root = root
        self._lock = threading.Lock()  # PortAudio's list of open streams has none
        self._busy_since_s = 0.0
        self._open = 0
        self._closing: list[threading.Thread] = []
        self._silent = silence_alsa()
        self._standard_error = StandardError()
        self._formats = Formats()
        self._formats.be_impatient()
        self._in_use: set[str] = set()  # selectors of cards that another program was seen to have
        self._look_again_s = _LOOK_AGAIN_S
        self._has_asked = False  # others to step aside, for want of anything better
        self._is_closed = False
        self._audio: pyaudio.PyAudio | None = self._start()

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
        """Close what is open and end PortAudio, unless it hangs. May be called twice."""
        # If it has been closed already, or hangs: then it goes with the process.
        with suppress(HardwareError), self._having_it() as audio:
            audio.terminate()
            self._standard_error.close()
        self._is_closed = True
        self._audio = None

    @property
    def busy_s(self) -> float:
        """For how long PortAudio has been opening, closing or looking by now; 0.0 if it is not.

        A card or a sound server that hangs keeps it so for good.
        """
        since_s = self._busy_since_s
        return time.monotonic() - since_s if since_s else 0.0

    @property
    def cards(self) -> tuple[SoundCard, ...]:
        """The kernel's cards, read now."""
        return read_cards(self._root)

    @property
    def devices(self) -> tuple[AudioDevice, ...]:
        """PortAudio's devices, as they were when it was started."""
        with self._having_it() as audio:
            return _devices_of(audio)

    def find(self, selector: str, direction: Direction) -> AudioDevice:
        """Return the device that `selector` means now.

        Raises:
            CardsChangedError: it may be there, but streams that are open are in the way.
            HardwareError: see soundcards.resolve.
        """
        with self._having_it() as audio:
            cards = self.cards
            have_changed = cards != self._cards_then
            if self._open or not have_changed:
                try:
                    return resolve(selector, cards, _devices_of(audio), direction)
                except HardwareError as missing:
                    if self._open and have_changed:
                        raise CardsChangedError(str(missing)) from missing
                    if self._open and not is_unplugged(selector, cards, direction):
                        self._ask_to_look(selector, direction, missing)
                    if self._open:
                        raise
            self._audio = None
            audio.terminate()
            self._audio = anew = self._start()
            found = resolve(selector, self.cards, _devices_of(anew), direction)
            self._look_again_s = _LOOK_AGAIN_S
            return found

    def rate_for(self, device: AudioDevice, direction: Direction, channels: int) -> int:
        """Return the first of portaudio_format.RATES_HZ that the device takes, in int16.

        Raises:
            HardwareError: it takes none: it is busy, or has gone.
        """
        with self._having_it(), self._standard_error.closed():
            return self._formats.rate_for(device, direction, channels)

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
        with self._having_it() as audio, self._standard_error.closed():
            try:
                stream = audio.open(
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
                raise HardwareError(refused(device, direction, *code_and_words(error))) from error
            self._open += 1
            return stream

    def release(self, stream: pyaudio.Stream) -> None:
        """Have a stream that `open` gave closed, dropping what is queued; nobody waits for it.

        A sound server or a driver that hangs would hold up its caller for good. Until it has
        closed, no other stream is opened; a closing that never ends shows in `busy_s`. PortAudio
        up to 19.7 has one: a thread that spins when its card is pulled in the wrong moment
        (https://github.com/PortAudio/portaudio/issues/1037), and takes the process with it.
        """
        closing = threading.Thread(
            target=self._close, args=(stream,), name="close-sound", daemon=True
        )
        self._closing.append(closing)
        closing.start()

    def _close(self, stream: pyaudio.Stream) -> None:
        with self._lock, self._timed():
            if self._audio is not None:  # else close() has closed it
                stream.close()
                self._open -= 1
        self._closing.remove(threading.current_thread())

    @staticmethod
    def runs(stream: pyaudio.Stream) -> bool:
        """Say whether PortAudio still calls back for the stream."""
        try:
            return stream.is_active()
        except OSError:
            return False

    @contextmanager
    def _having_it(self) -> Iterator[pyaudio.PyAudio]:
        """Have PortAudio to oneself, after what is being closed has been."""
        deadline_s = time.monotonic() + _CLOSE_WITHIN_S
        closing = list(self._closing)
        for thread in closing:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        hangs = any(thread.is_alive() for thread in closing)
        if hangs or not self._lock.acquire(timeout=max(0.0, deadline_s - time.monotonic())):
            raise HardwareError("the sound system hangs: a stream of it does not open or close")
        try:
            if self._is_closed:
                raise HardwareError("the sound system has been closed")
            with self._timed():
                if self._audio is None:  # it could not be started the last time
                    self._audio = self._start()
                yield self._audio
        finally:
            self._lock.release()

    @contextmanager
    def _timed(self) -> Iterator[None]:
        """Let `busy_s` count while this lasts; the lock is held."""
        self._busy_since_s = time.monotonic()
        try:
            yield
        finally:
            self._busy_since_s = 0.0

    def _start(self) -> pyaudio.PyAudio:
        self._cards_then = self.cards
        self._looked_s = time.monotonic()
        self._in_use.clear()
        if self._has_asked:
            self._has_asked = False
            self._look_again_s = min(_LOOK_AGAIN_AT_LEAST_S, 2 * self._look_again_s)
        try:
            with self._standard_error.closed():
                return pyaudio.PyAudio()
        except OSError as error:
            _, words = code_and_words(error)
            raise HardwareError(f"PortAudio cannot be started: {words}") from error

    def _ask_to_look(self, selector: str, direction: Direction, missing: HardwareError) -> None:
        """Ask for it though no card came: once one is free that was in use, else now and then.

        Raises:
            CardsChangedError: it is time, and has been until PortAudio is started anew.
        """
        if not is_free(selector, self.cards, direction, self._root):
            self._in_use.add(selector)
        elif selector in self._in_use:
            raise CardsChangedError(str(missing)) from missing
        if time.monotonic() < self._looked_s + self._look_again_s:
            return
        self._has_asked = True
        raise CardsChangedError(str(missing)) from missing


def _devices_of(audio: pyaudio.PyAudio) -> tuple[AudioDevice, ...]:
    """Ask without taking the lock: who has it must not wait for a stream that closes, for that
    one waits for the lock.
    """
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


def _default(ask: Callable[[], Mapping[str, str | int | float]]) -> int | None:
    try:
        return int(ask()["index"])
    except OSError:
        return None  # how PyAudio says that there is no default device
