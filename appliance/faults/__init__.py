"""Every fault by name: how it shows, how bad it is, what it means and what helps. No I/O."""

from appliance.faults.fault import Fault, Severity
from appliance.faults.table import FAULTS, fault, sentence

__all__ = ["FAULTS", "Fault", "Severity", "fault", "sentence"]
