"""What a server's certificate says of itself, read from its bytes. Pure.

The standard library shows a certificate only after it was found good; the doctor is there for the
others. Source: RFC 5280, 4.1, and X.690 (DER).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

_SEQUENCE, _SET, _OID, _EXPLICIT_0, _EXPLICIT_3 = 0x30, 0x31, 0x06, 0xA0, 0xA3
_BOOLEAN, _UTC_TIME = 0x01, 0x17
_DNS_NAME, _IP_ADDRESS = 0x82, 0x87
_COMMON_NAME, _ORGANISATION, _ALTERNATIVE_NAMES = b"\x55\x04\x03", b"\x55\x04\x0a", b"\x55\x1d\x11"

Item = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Certificate:
    """`names`: host names and addresses that it is for. Times are Unix seconds."""

    issuer: str
    subject: str
    names: tuple[str, ...]
    begins_s: float
    ends_s: float


def read_certificate(der: bytes) -> Certificate | None:
    """Return what stands in an X.509 certificate; None if it is not one that we can read."""
    try:
        ((_, whole),) = _items(der)
        body = [item for item in _items(_first(whole)) if item[0] != _EXPLICIT_0]  # its version
        # serial number, signature algorithm, issuer, validity, subject, key, …
        issuer, validity, subject = body[2][1], body[3][1], body[4][1]
        begins, ends = (_time(kind, text) for kind, text in _items(validity))
        extensions = next((value for kind, value in body if kind == _EXPLICIT_3), b"")
        alternative = tuple(_alternative_names(extensions)) if extensions else ()
        common = _part(subject, _COMMON_NAME)
        return Certificate(
            issuer=_part(issuer, _ORGANISATION) or _part(issuer, _COMMON_NAME) or "nobody",
            subject=common,
            names=alternative or ((common,) if common else ()),
            begins_s=begins,
            ends_s=ends,
        )
    except (ValueError, IndexError, StopIteration):
        return None


def _items(data: bytes) -> Iterator[Item]:
    """Yield tag and content of each element."""
    at = 0
    while at < len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + length > len(data):
            raise ValueError("an element is longer than what holds it")
        yield tag, data[at : at + length]
        at += length


def _first(data: bytes) -> bytes:
    return next(_items(data))[1]


def _part(name: bytes, wanted: bytes) -> str:
    """Return one attribute of a distinguished name, "" if it has none."""
    for kind, group in _items(name):
        if kind != _SET:
            continue
        for _, pair in _items(group):
            (tag, identifier), (_, value) = _items(pair)
            if tag == _OID and identifier == wanted:
                return value.decode("utf-8", "replace")
    return ""


def _time(kind: int, text: bytes) -> float:
    words = text.decode("ascii")
    if kind == _UTC_TIME:  # two digits of a year, from 1950 to 2049
        words = ("19" if words[:2] >= "50" else "20") + words
    return datetime.strptime(words, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _alternative_names(extensions: bytes) -> Iterator[str]:
    for _, extension in _items(_first(extensions)):
        parts = [
            item for item in _items(extension) if item[0] != _BOOLEAN
        ]  # whether it is critical
        if parts[0][1] != _ALTERNATIVE_NAMES:
            continue
        for kind, value in _items(_first(parts[1][1])):
            if kind == _DNS_NAME:
                yield value.decode("ascii", "replace")
            elif kind == _IP_ADDRESS:
                yield ".".join(map(str, value)) if len(value) == 4 else value.hex(":", 2)
