"""The kinds of fault that the local server can be made to suffer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from appliance.simulator.certificates import GOOD, WRONG, Certificates
from appliance.simulator.fault_proxy import FaultProxy
from appliance.simulator.frames import Answer

SOUND = b'"response.output_audio.delta"'
LARGEST = 2**40  # bytes that an oversized frame says it has
EXPIRED = {"type": "invalid_request_error", "code": "session_expired"}
PORTAL = {"Location": "http://portal.example/login"}


class FaultTarget:
    """What a fault is done to."""

    def __init__(self, proxy: FaultProxy, certificates: Certificates | None = None) -> None:
        self.proxy = proxy
        self.certificates = certificates

    async def heal(self) -> None:
        """Take back everything that lasts. Raises UsageError if the port is gone meanwhile."""
        if self.certificates is not None:
            self.certificates.show(GOOD)
        await self.proxy.heal()

    def show(self, name: str) -> None:
        if self.certificates is not None:
            self.certificates.show(name)

    def event(self, kind: str, **fields: object) -> None:
        self.proxy.text(json.dumps({"type": kind, "event_id": "event_fault", **fields}))

    def expire(self) -> None:
        """End the session as the service does when it is too old."""
        self.event("error", error={**EXPIRED, "message": "Your session hit the maximum duration."})
        self.proxy.close(1001, "session_expired")

    def bad_json(self) -> None:
        """Send text that is no JSON, no event, or an event of the wrong form."""
        self.proxy.text("{")
        self.proxy.text("[" * 10_000)
        self.proxy.text('{"type": "response.output_audio.delta", "delta": 3}')

    def answer(self, status: int, argument: str) -> None:
        headers = {"Retry-After": argument} if argument.isdecimal() else {}
        code = "" if argument.isdecimal() else argument
        error = {"type": "fault", "code": code, "message": "A fault, asked for."}
        body = json.dumps({"error": error}).encode() if code else b""
        self.proxy.answer = Answer(status, body, headers)


@dataclass(frozen=True, slots=True)
class Kind:
    """`begin(target, argument)` does it."""

    does: str  # one line for --help
    begin: Callable[[FaultTarget, str], None]
    argument: str = ""  # the default one
    accepts: str = ""  # what an argument looks like, a regular expression; "": there is none
    end: Callable[[FaultTarget], None] | None = None  # of one that lasts; the other happens once
    cuts: bool = False  # what is open when it begins

    @property
    def lasts(self) -> bool:
        return self.end is not None


NUMBER, _WORD = r"\d{1,5}(\.\d{1,3})?", r"[a-z][a-z0-9_]*"


def _answer_waiting(target: FaultTarget) -> None:
    target.proxy.answer_waiting()


def _connect(target: FaultTarget) -> None:
    target.proxy.answer = None


KINDS: dict[str, Kind] = {
    "refuse": Kind(
        "nothing listens any more", lambda t, _: t.proxy.refuse(), end=lambda _: None, cuts=True
    ),
    "deaf": Kind(
        "connections are taken, and never a word said",
        lambda t, _: setattr(t.proxy, "is_deaf", True), end=_answer_waiting, cuts=True,
    ),
    "slow-handshake": Kind(
        "the handshake takes ARG seconds (5)",
        lambda t, a: setattr(t.proxy, "handshake_delay_s", float(a)), "5", NUMBER,
        end=_answer_waiting, cuts=True,
    ),
    "tls": Kind(
        f"the certificate is wrong: {', '.join(WRONG)}; needs --ca",
        lambda t, a: t.show(a), WRONG[0], "|".join(WRONG), end=lambda t: t.show(GOOD), cuts=True,
    ),
    "login-page": Kind(
        "a network's log-in page in place of the service",
        lambda t, _: setattr(t.proxy, "answer", Answer(302, b"", PORTAL)), end=_connect, cuts=True,
    ),
    "delay": Kind(
        "everything comes ARG milliseconds late (500), each way",
        lambda t, a: setattr(t.proxy.wrongs, "delay_s", float(a) / 1000), "500", NUMBER,
        end=lambda t: setattr(t.proxy.wrongs, "delay_s", 0.0),
    ),
    "stall": Kind(
        "what is open goes silent but for pongs",
        lambda t, _: t.proxy.stall(), end=lambda t: t.proxy.resume(),
    ),
    "duplicate": Kind(
        "every event comes twice",
        lambda t, _: t.proxy.duplicate(), end=lambda t: setattr(t.proxy.wrongs, "times", 1),
    ),
    "out-of-order": Kind(
        "every two events come in the other order",
        lambda t, _: t.proxy.swap(), end=lambda t: setattr(t.proxy.wrongs, "swaps", False),
    ),
    "reset": Kind("a TCP reset", lambda t, _: t.proxy.reset()),
    "reset-in-answer": Kind(
        "a TCP reset in the middle of the ARG-th piece of an answer's sound (3)",
        lambda t, a: t.proxy.reset_at(SOUND, int(a)), "3", r"[1-9]\d{0,3}",
    ),
    "stall-in-answer": Kind(
        "silence but for pongs, behind the ARG-th piece of an answer's sound (3)",
        lambda t, a: t.proxy.stall_at(SOUND, int(a)), "3", r"[1-9]\d{0,3}",
    ),
    "drop": Kind("an end without a goodbye", lambda t, _: t.proxy.drop()),
    "half-open": Kind(
        "the network goes away and does not say so", lambda t, _: t.proxy.half_open()
    ),
    "garbage": Kind("bytes that are no frame", lambda t, _: t.proxy.garbage()),
    "oversized": Kind(
        "a frame that says it is a terabyte", lambda t, _: t.proxy.oversized(LARGEST)
    ),
    "bad-json": Kind("good frames that hold no event", lambda t, _: t.bad_json()),
    "going-away": Kind("a goodbye with code 1001", lambda t, _: t.proxy.close(1001)),
    "close": Kind(
        "a goodbye with code ARG (1011)", lambda t, a: t.proxy.close(int(a)), "1011",
        r"[1-4]\d{3}",
    ),
    "session-expired": Kind("the error session_expired and code 1001", lambda t, _: t.expire()),
    "error": Kind(
        "an error event with the code ARG (server_error)",
        lambda t, a: t.event(
            "error", error={"type": "server_error", "code": a, "message": "A fault, asked for."}
        ),
        "server_error", _WORD,
    ),
    "response-failed": Kind(
        "the next answer ends as failed in mid-sound, with the code ARG (server_error)",
        lambda t, a: t.proxy.fail_next(a), "server_error", _WORD,
    ),
}  # fmt: skip

STATUS = "this HTTP status in place of a handshake; ARG: a Retry-After, or an error code"


def status_kind(status: int) -> Kind:
    return Kind(
        STATUS, lambda t, a: t.answer(status, a), accepts=rf"\d{{1,4}}|{_WORD}",
        end=_connect, cuts=True,
    )  # fmt: skip
