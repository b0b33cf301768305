"""Every check, in the order in which causes come before effects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from appliance.config.schema import similar_name
from appliance.doctor import (
    check_account,
    check_board,
    check_network,
    check_panel,
    check_setup,
    check_sound,
)
from appliance.doctor.findings import Finding
from appliance.doctor.patient import Patient
from appliance.errors import UsageError


@dataclass(frozen=True, slots=True)
class Check:
    """What looks, and the question that it answers, for people."""

    look: Callable[[Patient], Finding]
    question: str


CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "settings": Check(check_setup.settings, "are the settings right?"),
        "kernels": Check(check_setup.kernels, "is the sound chain compiled for this machine?"),
        "prompts": Check(check_setup.prompts, "can the device say all its prompts?"),
        "disk": Check(check_board.disk, "is there room for the device's state?"),
        "memory": Check(check_board.memory, "is there memory for the device?"),
        "temperature": Check(check_board.temperature, "is the processor cool enough?"),
        "supply": Check(check_board.supply, "does the board get the voltage that it needs?"),
        "service": Check(check_board.service, "does the device run, and is it well?"),
        "dns": Check(check_network.dns, "is the endpoint's name found?"),
        "route": Check(check_network.route, "can it be reached, and how long does that take?"),
        "tls": Check(check_network.tls, "is its certificate to be trusted, and for how long?"),
        "clock": Check(check_network.clock, "does the clock agree with the endpoint's?"),
        "key": Check(check_account.key, "does the endpoint accept the key? (costs nothing)"),
        "model": Check(check_account.model, "is there the model, for this key?"),
        "microphone": Check(check_sound.microphone, "does it hear, and how loud is nothing?"),
        "loudspeaker": Check(check_sound.loudspeaker, "does the microphone hear its chirp?"),
        "button": Check(check_panel.button, "is a press seen, and how often does it bounce?"),
        "leds": Check(check_panel.leds, "does each light look like it should?"),
    }
)
_WITHOUT_SETTINGS = ("settings", "kernels", "disk", "memory", "temperature", "supply", "service")


def needs_settings(check: str) -> bool:
    """Return whether a check has nothing to look at if the settings are wrong."""
    return check not in _WITHOUT_SETTINGS


def chosen(words: str | None) -> tuple[str, ...]:
    """Return the checks that a list like "mic,tls" means, in our order; all of them for None.

    A name may be cut short as long as it means one check only.

    Raises:
        UsageError: a word means no check, or more than one.
    """
    if words is None:
        return tuple(CHECKS)
    wanted = {_meant(word.strip().lower()) for word in words.split(",") if word.strip()}
    if not wanted:
        raise UsageError("--only wants names of checks; --list has them")
    return tuple(name for name in CHECKS if name in wanted)


def _meant(word: str) -> str:
    if word in CHECKS:
        return word
    beginning = [name for name in CHECKS if name.startswith(word)]
    if len(beginning) == 1:
        return beginning[0]
    if beginning:
        raise UsageError(f"--only {word}: is it {' or '.join(beginning)}?")
    close = similar_name(word, list(CHECKS))
    hint = f"did you mean {close}?" if close else "--list has them"
    raise UsageError(f"--only {word}: there is no such check; {hint}")
