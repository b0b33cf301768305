"""Messages as no service should send them: the SDK's examples and an honest service, made wrong."""

from __future__ import annotations

import copy
import json
import random
from collections import deque

from test_server_events import EXAMPLES, paths_of

HUGE = 100_000  # characters
FAR = "1e400"  # becomes a number that no float can hold
DEEP = "[[]]"  # becomes a list in a list in a list …
LONGEST = 2**20  # characters of a message; a longer one is not made

NUMBERS = (
    0, -1, 2**31, 2**63 - 1, 1 - 2**63, -(2**64), 10**400, 1e308, -1e308, 5e-324, -0.0,
    float("nan"), float("inf"), FAR,
)  # fmt: skip
TEXTS = (
    "", " ", "\0", "\ud800", "ü", "\u202e", "null", "AQ", "AQ==", "=", "AAA\n", "-_-_",
    "line\nline", "{" * 50, "NaN", "٣", "9" * 5000,
)  # fmt: skip
CODES = (
    "session_expired", "insufficient_quota", "invalid_api_key", "rate_limit_exceeded",
    "input_audio_buffer_commit_empty", "response_cancel_not_active", "server_error", "zz_new",
    "conversation_already_has_active_response", "model_not_found", "internal",
)  # fmt: skip
STATUSES = ("completed", "cancelled", "failed", "incomplete", "in_progress", "zz_new")


BY_TYPE = {e["type"]: [o for o in EXAMPLES if o["type"] == e["type"]] for e in EXAMPLES}
PEACEFUL = [kind for kind in BY_TYPE if kind != "error"]


class Mutator:
    """Makes messages, wrong ones mostly, and remembers ids to make them about something."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._ids: deque[str] = deque(["evt_000001"], maxlen=40)
        self._made = 0
        self._late: deque[str] = deque(maxlen=50)

    def learn(self, event: dict) -> None:
        """Remember the ids of an event that is true."""
        for path in paths_of(event):
            value = at(event, path)
            if path and str(path[-1]).endswith("id") and isinstance(value, str):
                self._ids.append(value)

    def message(self, event: dict | None = None) -> str | bytes:
        """Return a message made of this event, or of any."""
        dice = self._dice
        kind = dice.random()
        if self._late and kind < 0.08:
            return dice.choice(self._late)  # again, or late
        if kind < 0.12:
            return self._garbage()
        if event is None:
            event = dice.choice(BY_TYPE[dice.choice(list(BY_TYPE))])
        event = copy.deepcopy(event)
        self._make_live(event)
        if kind < 0.6:
            for _ in range(dice.choice((1, 1, 1, 2, 5))):
                event = self._mutated(event)
        levels = dice.choice((10, 400, 990, 5_000))
        text = json.dumps(event, ensure_ascii=dice.random() < 0.9).replace(f'"{FAR}"', FAR)
        text = text.replace(f'"{DEEP}"', "[" * levels + "]" * levels)
        if len(text) > LONGEST:
            return self._garbage()
        if len(text) < 10_000:
            self._late.append(text)
        return self._mangled(text) if kind > 0.95 else text

    def new_id(self) -> str:
        self._made += 1
        return f"new_{self._made}"

    def stranger(self) -> str:
        """Return an event that is true to its form, about things that never were before."""
        event = copy.deepcopy(self._dice.choice(BY_TYPE[self._dice.choice(PEACEFUL)]))
        if "response" in event:
            event["response"].setdefault("id", "resp")
        for path in list(paths_of(event)):
            if path and str(path[-1]).endswith("id") and isinstance(at(event, path), str):
                put(event, path, self.new_id())
        return json.dumps(event)

    def _make_live(self, event: dict) -> None:
        """Put ids, codes, states and turns in that mean something now."""
        dice = self._dice
        if isinstance(event.get("response"), dict):
            event["response"].setdefault("id", "resp")
        for path in list(paths_of(event)):
            if not path or dice.random() < 0.3 or isinstance(at(event, path), dict | list):
                continue
            name = str(path[-1])
            if name.endswith("id"):
                put(event, path, self.new_id() if dice.random() < 0.2 else dice.choice(self._ids))
            elif name == "code":
                put(event, path, dice.choice(CODES))
            elif name == "status":
                put(event, path, dice.choice(STATUSES))
            elif name == "turn":
                put(event, path, str(dice.randrange(-1, 60)))
            elif name == "name":
                put(event, path, dice.choice(("set_volume", "get_time", "", "zz_new")))
            elif name == "arguments":
                put(event, path, dice.choice(('{"percent": 50}', '{"percent": 1e999}', "[", "{}")))

    def _mutated(self, event: object) -> object:
        dice = self._dice
        paths = [path for path in paths_of(event) if path]
        path = dice.choice(paths or [()])
        if not path:
            return self._anything()
        is_number = isinstance(at(event, path), int | float)
        match dice.randrange(5):
            case _ if is_number and dice.random() < 0.6:
                put(event, path, dice.choice(NUMBERS))
            case 0:
                self._drop(event, path)
            case 1:
                put(event, path, self._anything())
            case 2:
                other = dice.choice(EXAMPLES)
                put(event, path, copy.deepcopy(at(other, dice.choice(list(paths_of(other))))))
            case 3:
                most = 300 if len(paths) < 60 else 2
                put(event, path, [at(event, path)] * dice.choice((0, 1, 2, most)))
            case _:
                put(event, path, dice.choice((dice.choice(NUMBERS), dice.choice(TEXTS), None)))
        return event

    def _drop(self, event: object, path: tuple) -> None:
        parent = at(event, path[:-1])
        del parent[path[-1]]

    def _anything(self) -> object:
        dice = self._dice
        match dice.randrange(8):
            case 0 if dice.random() < 0.02:
                return "A" * dice.choice((4_000, 100_000, HUGE))
            case 1 if dice.random() < 0.1:
                return DEEP
            case 2:
                return {dice.choice(TEXTS): dice.choice(NUMBERS)}
            case 3:
                return [dice.choice(TEXTS), dice.choice(NUMBERS)]
            case 4:
                return dice.choice((True, False, None))
            case 5:
                return dice.choice(NUMBERS)
            case _:
                return dice.choice(TEXTS)

    def _mangled(self, text: str) -> bytes:
        """Return the message with a few bytes wrong: cut off, flipped, put in, invalid UTF-8."""
        dice, message = self._dice, bytearray(text.encode("utf-8", "surrogatepass"))
        where = dice.randrange(len(message) + 1)
        match dice.randrange(3):
            case 0:
                del message[where:]
            case 1:
                message[where:where] = dice.randbytes(dice.randrange(1, 9))
            case _:
                message[where : where + 1] = dice.choice((b"\xff", b"\xc0\x80", b'"', b"", b"{"))
        return bytes(message)

    def _garbage(self) -> str | bytes:
        dice = self._dice
        match dice.randrange(7):
            case 0:
                return dice.randbytes(dice.randrange(2000))
            case 1:
                return dice.choice(("[", '{"a":', '{"type":[')) * dice.choice((3, 1000, 100_000))
            case 2:
                return dice.choice(("", "null", "[]", "3", FAR, "NaN", '"error"', "\ufeff{}"))
            case 3:
                return '{"type":"error","type":"session.created","error":{},"session":{}}'
            case 4:
                return json.dumps({"type": dice.choice(TEXTS), "x": dice.choice(TEXTS)})
            case 5:
                kind = dice.choice(EXAMPLES)["type"]
                return json.dumps({"type": kind})
            case _:
                return f'{{"type":"response.done","response":{"9" * dice.choice((5, 10_000))}}}'


def at(event: object, path: tuple) -> object:
    for key in path:
        event = event[key]
    return event


def put(event: object, path: tuple, value: object) -> None:
    at(event, path[:-1])[path[-1]] = value
