"""The table of faults, from which the README's table and the journal's catalogue are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from appliance.faults.device import DEVICE_FAULTS
from appliance.faults.fault import Fault
from appliance.faults.link import LINK_FAULTS
from appliance.faults.service import SERVICE_FAULTS
from appliance.faults.turn import TURN_FAULTS

FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        each.key: each
        for group in (LINK_FAULTS, SERVICE_FAULTS, TURN_FAULTS, DEVICE_FAULTS)
        for each in group
    }
)
_UNKNOWN = FAULTS["service_refused"]


def fault(name: str) -> Fault:
    """Return the fault of this name; a code of the service's that we do not know is a refusal.

    Total: what comes back always has a light or a flash, a line and a MESSAGE_ID.
    """
    known = FAULTS.get(name)
    if known is not None:
        return known
    cause = f"The service refused: {name}."
    return replace(_UNKNOWN, key=name, cause=cause, cure="See `appliance config check`.")


def sentence(name: str) -> str:
    """Return what to tell about a fault; for one of the service's own codes, that code."""
    return fault(name).sentence
