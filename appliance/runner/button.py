"""From contact changes to what the turn machine understands: debounce, then gestures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from appliance.panel import button, gestures
from appliance.panel.gestures import GestureRules
from appliance.ports import Panel
from appliance.session import vocabulary as turn

FAR_S = 3600.0  # "nothing is due", in a form that a timer takes


@dataclass(frozen=True, slots=True)
class ButtonRules:
    debounce_ms: float
    gestures: GestureRules


class Button:
    """Feeds the two pure machines and tells `meant(event, at_s)`, oldest first."""

    def __init__(
        self,
        rules: ButtonRules,
        meant: Callable[[turn.Event, float], None],
        stuck: Callable[[], None],
        freed: Callable[[], None],
    ) -> None:
        """`stuck` and `freed` tell of a button that is down for longer than anybody holds it."""
        self._rules = rules
        self._meant = meant
        self._stuck = stuck
        self._freed = freed
        self._contact = button.ButtonState()
        self._gesture = gestures.GestureState()
        self._is_starting = False

    def start(self, panel: Panel, edge: Callable[[bool, float], None]) -> None:
        """Start the panel; it calls `edge`, which calls ours.

        Raises:
            HardwareError: see Panel.start.
        """
        self._is_starting = True
        panel.start(edge)
        self._is_starting = False

    def edge(self, pressed: bool, at_s: float) -> None:
        """Take a change of the contact; a closed one while the panel starts is a held button."""
        if pressed and self._is_starting:
            self._contact, held = button.held(at_s)
            self._interpret(held)
        else:
            self._feed(button.Edge(pressed, at_s))

    def tick(self, now_s: float) -> None:
        self._feed(button.Tick(now_s))
        self._interpret(button.Tick(now_s))

    def next_tick_s(self, now_s: float) -> float:
        """Return when `tick` is wanted; an hour from now if only a finger can matter."""
        due = (
            button.next_tick_s(self._contact),
            gestures.next_tick_s(self._gesture, self._rules.gestures),
        )
        return min((at_s for at_s in due if at_s is not None), default=now_s + FAR_S)

    def _feed(self, seen: button.Edge | button.Tick) -> None:
        self._contact, events = button.step(self._contact, seen, self._rules.debounce_ms)
        for event in events:
            self._interpret(event)

    def _interpret(
        self, seen: button.Pressed | button.Held | button.Released | button.Tick
    ) -> None:
        self._gesture, meant = gestures.step(self._gesture, seen, self._rules.gestures)
        for gesture in meant:
            match gesture:
                case gestures.TalkStart(at_s):
                    self._meant(turn.TalkStart(), at_s)
                case gestures.TalkEnd(at_s, held_ms):
                    self._meant(turn.TalkEnd(held_ms), at_s)
                case gestures.Toggle(at_s):
                    self._meant(turn.Toggle(), at_s)
                case gestures.Stop(at_s):
                    self._meant(turn.Stop(), at_s)
                case gestures.ToggleMute(at_s):
                    self._meant(turn.ToggleMute(), at_s)
                case gestures.StuckButton():
                    self._stuck()
                case gestures.FreeButton():
                    self._freed()
