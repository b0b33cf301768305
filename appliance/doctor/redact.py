"""Taking out of a text what nobody else may see, in whatever dress it stands there.

Two nets. What is known to be secret (the key, passwords of Wi-Fi) is looked for letter by letter,
each in any of its spellings: as it is, percent-encoded, as JSON or HTML escape it, in hexadecimal,
or inside of something in base64. What merely has the look of a secret is masked as well. Rather
too much than too little.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Final

MASK: Final = "***"
SHORTEST: Final = 4  # what is shorter is in every text by chance
_SHORTEST_NAME: Final = 3

# Fields whose value is nobody's business, as TOML, JSON, shell, HTTP and logs write them. Repeats
# have bounds: a text that is made to take forever must not.
_GUARDED_NAME = (
    r"[\w.-]{0,40}(?:api[_-]?key|secret|passw(?:or)?d|passphrase|psk|token|authorization|credential"
    r"|cookie|signature|private[_-]?key|wep[_-]?key\d?)[\w.-]{0,40}"
)
_NETWORK_NAME = r"(?:e?ssid\w{0,20}|bssid|wifi[_-]?name|network[_-]?name|connection)"
_QUOTED = r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'"
_RADIO_WORD = r"(?:wi-?fi|wlan\w*|wireless|access point|ap|network|e?ssid|activation|policy|iwd)"
_SHAPES: Final = (
    re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*KEY-----|\Z)", re.S),
    re.compile(r"\b(?:[a-z]{1,4}[-_](?:live|test|proj|svcacct|admin)[-_]|[se]k[-_])[\w-]{6,}"),
    re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*){0,4}"),
    re.compile(r"(?i)\b(?:Bearer|Basic|Digest|Negotiate)[ \t]+[^\s,'\"]{8,}"),
    re.compile(r"(?i)\bopenai-insecure-api-key\.\S+"),
    re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{0,190}\w"),  # mail
    re.compile(r"(?i)\b[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}\b"),  # a radio's address tells where it is
)
# What stays in front of the mask is the first group.
_FIELDS: Final = (
    re.compile(r"(?i)(\b(?:proxy-)?(?:authorization|(?:set-)?cookie)['\"]?[ \t]*[:=][ \t]*)[^\n]+"),
    re.compile(
        rf"(?i)(\b{_GUARDED_NAME}['\"]?\s{{0,4}}(?:=>|[:=])\s{{0,4}})(?:{_QUOTED}|[^\s,;}}\]]+)"
    ),
    re.compile(rf"(?i)(\b{_NETWORK_NAME}['\"]?\s{{0,4}}[:=]\s{{0,4}})(?:{_QUOTED}|[^\n,;}}\]]+)"),
    re.compile(rf"(?i)(\b{_RADIO_WORD}\b[^\n'\"]{{0,200}})(?:{_QUOTED})"),
    re.compile(r"(?i)(\b[a-z][a-z0-9+.-]{0,20}://)[^\s/@?#'\"]{1,400}@"),
    re.compile(r"(?i)(\bserial(?:[ _-]?(?:number|no))?\s{0,4}[:=]\s{0,4})\S+"),
    re.compile(r"(/(?:home|Users)/)[^/\s:'\"]+"),
    re.compile(r"(/run/user/)\d+"),
)
_QUERY = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]{0,20}://[^\s?'\"<>]{1,400}\?)([^\s'\"<>#]*)")
_HARMLESS_QUERY = ("model",)
_FIELD_NAME = re.compile(rf"(?i)(?:{_GUARDED_NAME}|{_NETWORK_NAME})\Z")


class Redactor:
    """Takes out what it was told of, and what looks like it."""

    def __init__(self, secrets: Iterable[str], names: Iterable[str] = ()) -> None:
        """Prepare.

        Args:
            secrets: known ones; those with fewer than four letters are left to the other net.
            names: of people and machines: masked as whole words only, and as they are.
        """
        known = sorted({each for each in secrets if len(each) >= SHORTEST}, key=len, reverse=True)
        self._known = [re.compile(each) for one in known for each in (_spelt(one), _hexed(one))]
        self._packed = [re.compile(_in_base64(each)) for each in known]
        called = sorted({name for name in names if len(name) >= _SHORTEST_NAME}, key=len)
        whole = "|".join(re.escape(name) for name in reversed(called))
        self._names = re.compile(rf"(?<![\w])(?:{whole})(?![\w])", re.I) if whole else None

    def clean(self, text: str) -> str:
        """Return `text` without all that."""
        for pattern in self._packed:
            text = _without_packed(pattern, text)
        for pattern in self._known:
            text = pattern.sub(MASK, text)
        text = _QUERY.sub(_masked_query, text)
        for pattern in _SHAPES:
            text = pattern.sub(MASK, text)
        for pattern in _FIELDS:
            text = pattern.sub(rf"\1{MASK}", text)
        return self._names.sub(MASK, text) if self._names is not None else text

    def clean_tree(self, value: object) -> object:
        """Return what JSON holds, with every text in it cleaned, and secret fields masked."""
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, Mapping):
            return {
                self.clean(str(name)): MASK
                if _FIELD_NAME.match(str(name)) and isinstance(entry, str) and entry
                else self.clean_tree(entry)
                for name, entry in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.clean_tree(entry) for entry in value]
        return value

    def still_holds(self, text: str) -> bool:
        """Whether a known secret is in `text` yet, in any of its spellings."""
        return any(pattern.search(text) for pattern in (*self._packed, *self._known))


def _masked_query(found: re.Match[str]) -> str:
    """Mask every value of a URL's query but those that tell nothing."""
    parts = []
    for part in found.group(2).split("&"):
        name, equals, value = part.partition("=")
        harmless = name in _HARMLESS_QUERY or not part
        parts.append(part if harmless else f"{name}{equals}{MASK}" if value else MASK)
    return found.group(1) + "&".join(parts)


def _spelt(secret: str) -> str:
    """Return a pattern for a text, each of its letters in any spelling."""
    return "".join(map(_letter, secret))


def _hexed(secret: str) -> str:
    """Return a pattern for a text in hexadecimal, in either case."""
    return "".join(map(_digit, secret.encode().hex()))


def _letter(letter: str) -> str:
    """Return a pattern for one letter: itself, or as URL, JSON, TOML, HTML or C escape it.

    Each way begins with one plain letter, so that a search skips whatever begins with none of them.
    """
    code = ord(letter)
    percent = "".join(f"%(?:25)*{_hexed_byte(byte)}" for byte in letter.encode())
    octets = "".join(rf"\\x{_hexed_byte(byte)}" for byte in letter.encode())
    units = letter.encode("utf-16-be")
    utf16 = "".join(
        rf"\\u{_hexed_byte(units[at])}{_hexed_byte(units[at + 1])}"
        for at in range(0, len(units), 2)
    )
    numbered = "".join(map(_digit, f"{code:x}"))
    ways = [re.escape(letter), percent, octets, utf16, rf"\\U{''.join(map(_digit, f'{code:08x}'))}"]
    ways += [rf"&\#[xX]0*{numbered};", rf"&\#0*{code};"]
    if letter in _ENTITIES:
        ways.append(f"&{_ENTITIES[letter]};")
    if letter in "\\\"'/":
        ways.append(rf"\\+{re.escape(letter)}")
    if letter == " ":
        ways.append(r"\+")
    return f"(?:{'|'.join(ways)})"


def _hexed_byte(byte: int) -> str:
    return "".join(map(_digit, f"{byte:02x}"))


def _digit(digit: str) -> str:
    return digit if digit.isdigit() else f"[{digit}{digit.upper()}]"


def _in_base64(secret: str) -> str:
    """Return a pattern for what of a secret is the same in base64, at any of three offsets.

    The letters at both ends depend on what stands around the secret.
    """
    fragments = set()
    for offset in range(3):
        packed = base64.b64encode(bytes(offset) + secret.encode()).decode().rstrip("=")
        first = -(-offset * 8 // 6)
        last = (offset + len(secret.encode())) * 8 // 6
        for middle in (packed[first:last], packed[first:last].translate(_URL_SAFE)):
            # Long texts in base64 are broken into lines.
            fragments.add(r"(?:\s|\\[nr])*".join(map(re.escape, middle)))
    return "|".join(sorted(fragments))


def _without_packed(pattern: re.Pattern[str], text: str) -> str:
    """Mask the whole runs of base64 that hold the secret: their ends would give some of it away."""
    pieces, done = [], 0
    for found in pattern.finditer(text):
        if found.end() <= done:
            continue
        begin, end = found.span()
        while begin > done and text[begin - 1] in _BASE64:
            begin -= 1
        while end < len(text) and text[end] in _BASE64:
            end += 1
        pieces += [text[done:begin], MASK]
        done = end
    return "".join(pieces) + text[done:]


_URL_SAFE = str.maketrans("+/", "-_")
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")
_ENTITIES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
