"""Keep PortAudio and what it is made of from printing, and from waiting without need."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_AlsaErrorHandler = ctypes.CFUNCTYPE(
    None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p
)


def silence_alsa() -> object:
    """Have ALSA print none of its diagnoses; keep what is returned for as long as ALSA is used.

    PortAudio asks for dozens of PCMs that need not exist, and ALSA prints a line for each.
    """
    handler = _AlsaErrorHandler(lambda *_: None)
    try:
        ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(handler)
    except (OSError, AttributeError):
        return None  # PortAudio here has no ALSA
    return handler


class StandardError:
    """File descriptor 2, which can be sent to nowhere for a moment.

    PortAudio looks for a JACK server as it starts, and libjack prints a dozen lines when there is
    none; it resets its error handlers for each try, so they cannot be set from here. And when a
    probe or an opening fails, PortAudio prints where in its source that was; the reason comes to
    us as an exception. Only those calls are enclosed, one at a time.

    They may be made in a thread, and take long: what the program itself has to say on `sys.stderr`
    in the meantime is not lost.
    """

    def __init__(self) -> None:
        self._own: TextIO | None = None
        if sys.__stderr__ is not None:
            self._own = os.fdopen(os.dup(2), "w", encoding=sys.__stderr__.encoding)

    def close(self) -> None:
        if self._own is not None:
            self._own.close()
            self._own = None

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Let nothing but `sys.stderr` through in the meantime."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        with self._replaced_by(nowhere):
            yield

    @contextmanager
    def _replaced_by(self, other: int) -> Iterator[None]:
        """Take `other` for the descriptor, and close it."""
        was = sys.stderr
        if was is not None:
            was.flush()
        if was is sys.__stderr__ and self._own is not None:
            sys.stderr = self._own
        kept = os.dup(2)
        try:
            os.dup2(other, 2)
            os.close(other)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            if self._own is not None:
                self._own.flush()
            sys.stderr = was
