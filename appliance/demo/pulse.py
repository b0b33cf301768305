"""Blocking streams of PulseAudio with small buffers: `libpulse-simple` through ctypes.

PortAudio would put ALSA's plug-in and three buffers of its own between; here a sample is read as
soon as the sink has rendered it. Reading and writing release the interpreter's lock.
"""

from __future__ import annotations

import ctypes
from typing import ClassVar

from appliance.errors import HardwareError
from appliance.units import BYTES_PER_SAMPLE, WIRE_RATE_HZ

_PLAYBACK, _RECORD = 1, 2  # pa_stream_direction
_S16LE = 3  # pa_sample_format
_DEFAULT = 0xFFFFFFFF  # of a buffer attribute: the server's choice


class _Spec(ctypes.Structure):
    _fields_: ClassVar = [
        ("format", ctypes.c_int),
        ("rate", ctypes.c_uint32),
        ("channels", ctypes.c_uint8),
    ]


class _Buffer(ctypes.Structure):
    _fields_: ClassVar = [
        (name, ctypes.c_uint32) for name in ("maxlength", "tlength", "prebuf", "minreq", "fragsize")
    ]


class _Stream:
    """One stream, mono s16le at 24 kHz."""

    def __init__(self, server: str, device: str, direction: int, buffer: _Buffer) -> None:
        try:
            self._library = ctypes.CDLL("libpulse-simple.so.0")
        except OSError as error:
            raise HardwareError("libpulse-simple is missing: apt-get install libpulse0") from error
        self._library.pa_simple_new.restype = ctypes.c_void_p
        self._library.pa_simple_get_latency.restype = ctypes.c_uint64
        self._library.pa_strerror.restype = ctypes.c_char_p
        self._error = ctypes.c_int(0)
        stream = self._library.pa_simple_new(
            server.encode(),
            b"room",
            direction,
            device.encode(),
            b"room",
            ctypes.byref(_Spec(_S16LE, WIRE_RATE_HZ, 1)),
            None,
            ctypes.byref(buffer),
            ctypes.byref(self._error),
        )
        if not stream:
            raise HardwareError(f"no sound from {device}: {self._why()}")
        self._stream = ctypes.c_void_p(stream)

    def _why(self) -> str:
        said: bytes = self._library.pa_strerror(self._error)
        return said.decode()

    def latency_s(self) -> float:
        """Return how much is queued; 0 if it has run dry."""
        micros: int = self._library.pa_simple_get_latency(self._stream, ctypes.byref(self._error))
        return micros / 1e6

    def close(self) -> None:
        self._library.pa_simple_free(self._stream)


class Listener(_Stream):
    """Reads a source."""

    def __init__(self, server: str, source: str, block: int) -> None:
        """Open; `block` samples come at a time.

        Raises:
            HardwareError: no such source, or no library.
        """
        size = block * BYTES_PER_SAMPLE
        buffer = _Buffer(_DEFAULT, _DEFAULT, _DEFAULT, _DEFAULT, size)
        super().__init__(server, source, _RECORD, buffer)
        self._block = ctypes.create_string_buffer(size)

    def read(self) -> bytes:
        """Return the next block, and wait for it.

        Raises:
            HardwareError: the server has ended.
        """
        size = len(self._block)
        if self._library.pa_simple_read(
            self._stream, self._block, ctypes.c_size_t(size), ctypes.byref(self._error)
        ):
            raise HardwareError(f"a source ended: {self._why()}")
        return self._block.raw


class Talker(_Stream):
    """Writes a sink at the pace at which its caller has blocks.

    What comes too late is dropped by the server, and what comes after it is heard when it would
    have been: a pause of this process makes a hole, and never a new delay (`prebuf` is 0, so the
    stream is read on when it is empty).
    """

    def __init__(self, server: str, sink: str, block: int, ahead: int) -> None:
        """Open, with `ahead` blocks of silence in the queue to begin with.

        Raises:
            HardwareError: no such sink, or no library.
        """
        size = block * BYTES_PER_SAMPLE
        buffer = _Buffer(_DEFAULT, (ahead + 2) * size, 0, size, _DEFAULT)
        super().__init__(server, sink, _PLAYBACK, buffer)
        self.write(bytes(ahead * size))

    def write(self, pcm: bytes) -> None:
        """Queue s16le samples.

        Raises:
            HardwareError: the server has ended.
        """
        if self._library.pa_simple_write(
            self._stream, pcm, ctypes.c_size_t(len(pcm)), ctypes.byref(self._error)
        ):
            raise HardwareError(f"a sink ended: {self._why()}")
