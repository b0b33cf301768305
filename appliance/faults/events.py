"""Lines of the journal that are no faults: the id by which each kind is found, for ever.

    journalctl MESSAGE_ID=8bcae6e8f776447b8ced89e5b0650d57      every turn

The ids of faults are in their table. Source: "MESSAGE_ID=", systemd.journal-fields(7).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from appliance.faults.table import FAULTS

OVER = "_over"  # ends the name of the line that says that a fault is over
_FAULT_OVER = "c02f2fa256d444bab82b1fe81e63c769"

# 32 hex digits each, made once by chance and never changed.
EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "ready": "b95a4a55ebe74c08bcbdd7c11ecc750f",
        "turn": "8bcae6e8f776447b8ced89e5b0650d57",
        "link_up": "c154e8d5befa411f87395b5b702d9795",
        "link_back": "09898ad4e06248e1b13e4b38fca94c17",
        "microphone_back": "3be9b6ea0bd94a5997b58d124ba70732",
        "speaker_back": "107c83a04f154c248db02eeb88cfb5ea",
        "day": "db606058c66147c686cbab51f2c89533",
        "state_damaged": "4907413943384abaa56d3a1e5edc24f0",
        "memory_outgrown": "4076d6406a3149c89bde3eb4768712d9",
        "reloaded": "cc719ae0210f4088811a98a535ce47d9",
        "reload_refused": "50bb78249d204ea9886cc868f4e770dd",
        "no_status_socket": "cdd11ed6940846a9ab79b7a3cb21fbc7",
        "unknown_event": "045890f8e1f24ee78a1c21ac979b521e",
        "indicator": "8258a87ac9a44a808b67b9e582270b8b",
        "indicator_over": "a81b047bb0a34adbbc63fc3ddc85b80b",
    }
)


def fields_of(event: str) -> dict[str, str]:
    """Return what the journal gets beside a line of this name: its id, and of a fault its name.

    A name that is in no table, as one of the service's own codes, has no id.
    """
    if event in EVENTS:
        return {"MESSAGE_ID": EVENTS[event]}
    name = event.removesuffix(OVER)
    fault = FAULTS.get(name)
    if fault is None:
        return {}
    told = {"APPLIANCE_FAULT": name, "APPLIANCE_SEVERITY": fault.severity.value}
    return {**told, "MESSAGE_ID": fault.message_id if event == name else _FAULT_OVER}
