"""Scripts: what a connection is made to do, written as TOML or JSON, or built in a test.

The file format and examples are in docs/simulator.md.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.errors import UsageError
from appliance.simulator.shape import (
    Anything,
    Either,
    Fields,
    Flag,
    Items,
    Json,
    Number,
    Shape,
    Text,
    refusal_of,
)

FOREVER_MS = 2**31


@dataclass(frozen=True, slots=True)
class Expect:
    """Wait for the `count`-th client event that holds all of `event`."""

    event: dict[str, Json]
    count: int = 1
    handle: bool = True  # False: the server itself takes no notice of it


@dataclass(frozen=True, slots=True)
class After:
    """Wait until the server has sent the `count`-th event that holds all of `event`."""

    event: dict[str, Json]
    count: int = 1


@dataclass(frozen=True, slots=True)
class Send:
    """Send this event; $response_id, $item_id, $event_id stand for the latest ones."""

    event: dict[str, Json]


@dataclass(frozen=True, slots=True)
class SendText:
    """Send this text as it is, JSON or not."""

    text: str


@dataclass(frozen=True, slots=True)
class SayNext:
    """Let the next reply say this."""

    text: str


@dataclass(frozen=True, slots=True)
class FailNext:
    """Let the next reply end with this error code, after so much of its sound."""

    code: str
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class FilterNext:
    """Let the next reply end as incomplete for this reason, after so much of its sound."""

    reason: str
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class HearNext:
    """Let the next user audio be understood as this; None: its transcription fails."""

    text: str | None


@dataclass(frozen=True, slots=True)
class Delay:
    ms: int


@dataclass(frozen=True, slots=True)
class Stall:
    """Send nothing more; "dead" answers no ping either. The connection stays open."""

    dead: bool = False
    ms: int = FOREVER_MS


@dataclass(frozen=True, slots=True)
class Close:
    code: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Drop:
    """Cut the TCP connection without a word."""


Arrangement = SayNext | FailNext | FilterNext | HearNext
Step = Expect | After | Send | SendText | Arrangement | Delay | Stall | Close | Drop


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer the handshake with this HTTP status instead of opening the WebSocket."""

    status: int
    retry_after: int | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What one connection does."""

    steps: tuple[Step, ...] = ()
    refuse: Refuse | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """The first connection plays the first part, and so on; later ones play `rest`."""

    connections: tuple[Part, ...] = ()
    rest: Part = field(default_factory=Part)

    def part(self, number: int) -> Part:
        """Return what connection `number` (from 0) plays."""
        return self.connections[number] if number < len(self.connections) else self.rest


_EVENT = Fields(open_keys=Anything())
_COUNT = Number(1, 10_000, whole=True)
_MS = Number(0, 3_600_000, whole=True)
# The word that makes a step, the words that may go with it.
_VERBS: dict[str, tuple[Shape, dict[str, Shape]]] = {
    "expect": (_EVENT, {"count": _COUNT, "handle": Flag()}),
    "after": (_EVENT, {"count": _COUNT}),
    "send": (_EVENT, {}),
    "send_text": (Text(), {}),
    "say": (Text(), {}),
    "fail": (Text(), {"after_ms": _MS}),
    "incomplete": (Text(("max_output_tokens", "content_filter")), {"after_ms": _MS}),
    "transcript": (Either((Text(), Flag())), {}),
    "delay_ms": (_MS, {}),
    "stall": (Text(("silent", "dead")), {"for_ms": _MS}),
    "close": (Number(1000, 4999, whole=True), {"reason": Text()}),
    "drop": (Flag(), {}),
}
_REFUSE = Fields(
    {
        "status": Number(400, 599, whole=True),
        "retry_after": Number(0, 3600, whole=True),
        "code": Text(),
    },
    ("status",),
)
_PART: dict[str, Shape] = {"steps": Items(_EVENT), "refuse": _REFUSE}
_FILE = Fields({**_PART, "connection": Items(Fields(dict(_PART)))})


def read_script(path: Path) -> Script:
    """Return the script in a .toml or .json file.

    Raises:
        UsageError: no such file, not TOML or JSON, or a step that does not exist.
    """
    try:
        text = path.read_text(encoding="utf-8")
        raw = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from error
    return script_of(raw, str(path))


def script_of(raw: Json, where: str = "script") -> Script:
    """Return the script that parsed TOML or JSON describes.

    Raises:
        UsageError: something in it is unknown; names the place.
    """
    if refusal := refusal_of(_FILE, raw, "", strict=True):
        raise UsageError(f"{where}: {refusal.message}")
    parts = [
        _part(each, where, f"connection[{index}].")
        for index, each in enumerate(raw.get("connection", []))
    ]
    return Script(tuple(parts), _part(raw, where, ""))


def _part(raw: dict[str, Json], where: str, path: str) -> Part:
    steps = [
        _step(each, where, f"{path}steps[{index}]")
        for index, each in enumerate(raw.get("steps", []))
    ]
    refuse = Refuse(**raw["refuse"]) if "refuse" in raw else None
    return Part(tuple(steps), refuse)


def _step(raw: dict[str, Json], where: str, path: str) -> Step:
    verbs = [key for key in raw if key in _VERBS]
    if len(verbs) != 1:
        raise UsageError(f"{where}: {path}: a step has exactly one of {', '.join(_VERBS)}")
    verb = verbs[0]
    shape, extras = _VERBS[verb]
    if refusal := refusal_of(Fields({verb: shape, **extras}), raw, path, strict=True):
        raise UsageError(f"{where}: {refusal.message}")
    return _made(verb, raw[verb], {key: value for key, value in raw.items() if key != verb})


def _made(verb: str, value: Any, extras: dict[str, Any]) -> Step:
    match verb:
        case "expect":
            return Expect(value, **extras)
        case "after":
            return After(value, **extras)
        case "send":
            return Send(value)
        case "send_text":
            return SendText(value)
        case "say":
            return SayNext(value)
        case "fail":
            return FailNext(value, **extras)
        case "incomplete":
            return FilterNext(value, **extras)
        case "transcript":
            return HearNext(value if isinstance(value, str) else None)
        case "delay_ms":
            return Delay(value)
        case "stall":
            return Stall(value == "dead", extras.get("for_ms", FOREVER_MS))
        case "close":
            return Close(value, **extras)
        case _:
            return Drop()
