"""Every kind of trouble that a device can meet in a conversation, for tests: how it begins, by
what name it must be told, how it ends, and what may become of the turn that it falls into.

Most are the local server's own, of `appliance simulator --fault`.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from link_world import World

from appliance.simulator.faults import fault_of

KEPT = frozenset({"answered", "link_lost"})  # turns after which the service knows what was said


async def heal(w: World) -> None:
    await w.target.heal()


@dataclass(frozen=True)
class Trouble:
    """`told` is the journal's name for it; "" where there is nothing to tell."""

    begin: Callable[[World], None]
    told: str
    end: Callable[[World], Awaitable[None]] = heal
    lasts: bool = True  # until `end`; else it is over as soon as it has been told
    is_trap: bool = False  # set before the turn; what is said or answered springs it
    outcomes: frozenset[str] = KEPT  # of its turn, beside its name
    needs: str = ""  # "tls", "name" or "card": surroundings of the device
    lasts_s: tuple[float, float] | None = None  # how long, if not as long as others do
    press: bool = False  # somebody presses soon after its end
    devices: int | None = None  # that share its moments: more of them where each takes long


def served(text: str, told: str, *outcomes: str, **more: object) -> Trouble:
    """Return the trouble that is the server's own, as `--fault` has it written."""
    fault = fault_of(text)
    lasts = {"lasts": fault.kind.lasts, "outcomes": KEPT.union(outcomes), **more}
    return Trouble(lambda w: fault.begin(w.target), told, **lasts)


# On the way to the service: a device with other rules is held against these, too (test_link.py)

LINK = {
    "nothing listens": served("refuse", "connection_refused"),
    "a deaf server": served("deaf", "connect_timeout", devices=10),
    "a slow handshake": served("slow-handshake:60", "connect_timeout", devices=10),
    "reset": served("reset", "link_lost"),
    "end without a goodbye": served("drop", "link_lost"),
    "half open": served("half-open", "stalled", devices=10),
    "bytes that are no frame": served("garbage", "protocol_error"),
    "a frame too large": served("oversized", "protocol_error"),
    "going away": served("going-away", "session_expired"),
    "the session expires": served("session-expired", "session_expired"),
    "goodbye": served("close:1000", "link_lost"),
    "internal error": served("close:1011", "service_unavailable"),
    "private code": served("close:4321", "service_unavailable"),
    "beta refused": served("close:4000", "beta_api_shape_disabled"),
    "401": served("401:invalid_api_key", "invalid_api_key"),
    "401 without a word": served("401", "invalid_api_key"),
    "403": served("403:account_deactivated", "account_deactivated"),
    "404 model gone": served("404:model_not_found", "model_not_found"),
    "429 quota": served("429:insufficient_quota", "insufficient_quota"),
    "429 rate": served("429:1", "rate_limit_exceeded"),
    "500": served("500", "service_unavailable"),
    "503": served("503:1", "service_unavailable"),
    "511": served("511", "captive_portal"),
    "log-in page": served("login-page", "captive_portal"),
    "quota gone in mid-session": served("error:insufficient_quota", "insufficient_quota"),
}


# The same for so long that the second retry (at 3.0 to 3.3 s) fails too; the third is at 7.0 s or
# later. A press is what the rules have against that wait.

LONG = {"lasts_s": (4.0, 6.5), "devices": 10}
PATIENCE = "unreached, nobody presses"
OUTAGE = {
    "unreached for long": served("refuse", "connection_refused", press=True, **LONG),
    "out of order for long": served("503", "service_unavailable", press=True, **LONG),
    "log-in page for long": served("login-page", "captive_portal", press=True, **LONG),
    PATIENCE: served("refuse", "connection_refused", **LONG),
}


# With TLS, or by a name that is looked up


def hide_name(w):
    w.surroundings.hosts.hide(w.surroundings.host)
    w.proxy.reset()


async def show_name(w):
    w.surroundings.hosts.show(w.surroundings.host)


SECURE = {
    "certificate expired": served("tls:expired", "tls_failed", needs="tls"),
    "certificate of another": served("tls:wrong-name", "tls_failed", needs="tls"),
    "certificate of a stranger": served("tls:stranger", "tls_failed", needs="tls"),
    "the name is unknown": Trouble(hide_name, "dns_failed", end=show_name, needs="name"),
}


# In the conversation


def set_for(kind):
    """A trap in one of the first pieces of the answer's sound: any, as the turn's number has it."""
    faults = [fault_of(f"{kind}:{piece}") for piece in (1, 2, 3)]
    return lambda w: faults[w.turn % 3].begin(w.target)


CONVERSATION = {
    "reset in mid-answer": Trouble(
        set_for("reset-in-answer"), "link_lost", lasts=False, is_trap=True
    ),
    "silence in mid-answer": Trouble(
        set_for("stall-in-answer"), "stalled", lasts=False, is_trap=True, devices=10
    ),
    "silence for a while": served("stall", ""),
    "a slow network": served("delay:150", ""),
    "events twice": served("duplicate", ""),
    "events in another order": served("out-of-order", ""),
    "text that is no event": served("bad-json", "protocol_error"),
    "an error event": served("error:server_error", "service_error"),
    "an answer that fails": served(
        "response-failed", "response_failed", "service_error", is_trap=True
    ),
}


# At the device


def lose(*names):
    def begin(w):
        for name in names:
            getattr(w, name).unplug()

    return begin


def find(*names):
    async def end(w):
        for name in names:
            getattr(w, name).missing = False

    return end


def jump(days):
    def begin(w):
        w.days_off = days

    return begin


async def set_clock(w):
    w.days_off = 0


def fill(w):
    """Leave no room on the card: what is written next finds none."""
    ballast = os.open(w.surroundings.card / "ballast", os.O_CREAT | os.O_WRONLY)
    with suppress(OSError):  # no space left on device
        while os.write(ballast, bytes(512)):
            pass
    os.close(ballast)


async def make_room(w):
    (w.surroundings.card / "ballast").unlink()
    over = w.told_of("disk_full_over")
    await w.until(lambda: w.told_of("disk_full_over") > over)


UNHEARD = frozenset({"microphone_silent", "too_short"})

DEVICE = {
    "microphone gone": Trouble(
        lose("microphone"), "microphone_lost", find("microphone"), outcomes=KEPT | UNHEARD
    ),
    "loudspeaker gone": Trouble(lose("speaker"), "speaker_lost", find("speaker")),
    "both gone": Trouble(
        lose("microphone", "speaker"),
        "speaker_lost",
        find("microphone", "speaker"),
        outcomes=KEPT | UNHEARD,
    ),
    "clock days ahead": Trouble(jump(3), "", set_clock),
    "clock years behind": Trouble(jump(-9000), "", set_clock),
    "card full": Trouble(fill, "disk_full", make_room, is_trap=True, needs="card"),
}

TROUBLES = {**LINK, **OUTAGE, **SECURE, **CONVERSATION, **DEVICE}
