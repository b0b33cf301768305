"""What a terminal sends for keys. Pure: bytes in, keys out.

Two ways of speaking are understood at once: plain bytes, which tell of presses and repeats only,
and the kitty keyboard protocol (https://sw.kovidgoyal.net/kitty/keyboard-protocol/), whose
`CSI code ; modifiers : event u` tells of releases too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

ASK_KITTY = "\x1b[?u"  # a terminal that knows the protocol answers KittyAnswer
BEGIN_KITTY = "\x1b[>11u"  # 1 escape codes + 2 event types + 8 for keys that give text, too
END_KITTY = "\x1b[<u"

_CTRL = 4  # modifiers are sent as 1 + their sum
_LONGEST = 64  # no sequence is longer; what is, is not one
_SEQUENCE = re.compile(rb"\x1b\[([0-?]*)[ -/]*([@-~])|\x1bO[@-~]")
_BEGUN = re.compile(rb"\x1b(\[[0-?]*[ -/]*|O)?\Z")


class Did(Enum):
    PRESS = 1
    REPEAT = 2
    RELEASE = 3


@dataclass(frozen=True, slots=True)
class Key:
    """`name` is the character without modifiers: a letter, " ", "\\r", ..."""

    name: str
    did: Did = Did.PRESS
    ctrl: bool = False


@dataclass(frozen=True, slots=True)
class KittyAnswer:
    """The terminal speaks the kitty protocol."""


def decode(data: bytes) -> tuple[tuple[Key | KittyAnswer, ...], bytes]:
    """Return the keys in `data` and the bytes at its end that begin another. Total.

    What is neither (arrows, answers to other questions) is left out.
    """
    found: list[Key | KittyAnswer] = []
    at = 0
    while at < len(data):
        if data[at] == 0x1B:
            if sequence := _SEQUENCE.match(data, at):
                meant = _meant(sequence.group(1) or b"", sequence.group(2) or b"")
                if meant is not None:
                    found.append(meant)
                at = sequence.end()
                continue
            if _BEGUN.match(data, at) and len(data) - at <= _LONGEST:
                return tuple(found), data[at:]
        elif data[at] < 0x7F:
            found.append(_plain(data[at]))
        at += 1
    return tuple(found), b""


def _plain(byte: int) -> Key:
    if byte in (0x0D, 0x0A):
        return Key("\r")
    if 0 < byte < 0x1B and byte != 0x09:
        return Key(chr(byte + 0x60), ctrl=True)
    return Key(chr(byte))


def _meant(parameters: bytes, final: bytes) -> Key | KittyAnswer | None:
    if final != b"u":
        return None
    if parameters.startswith(b"?"):
        return KittyAnswer()
    code, _, rest = parameters.partition(b";")
    modifiers, _, did = rest.partition(b";")[0].partition(b":")
    try:
        name = chr(int(code.partition(b":")[0]))
        return Key(name, Did(int(did or b"1")), bool((int(modifiers or b"1") - 1) & _CTRL))
    except (ValueError, OverflowError):
        return None  # not of the protocol's form
