"""The light: whatever is most urgent, shown once."""

from __future__ import annotations

from appliance.panel.lights import most_urgent
from appliance.ports import Light, Panel, Trace


class Lamp:
    """What the panel shows now."""

    def __init__(self, panel: Panel, trace: Trace) -> None:
        self._panel = panel
        self._trace = trace
        self._shown: Light | None = None

    def show(self, lights: set[Light]) -> None:
        """Show the most urgent of `lights`, if it is not shown already."""
        light = most_urgent(lights)
        if light is not self._shown:
            self._shown = light
            self._panel.show(light)
            self._trace.record("light", light=light.value)
