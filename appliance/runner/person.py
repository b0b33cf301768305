"""What a person does: a press, or a voice over the answer, on its way to the turn machine."""

from __future__ import annotations

from collections.abc import Callable

from appliance.ports import Captured
from appliance.runner.bargein import Ears
from appliance.runner.button import Button, ButtonRules
from appliance.runner.intake import Intake
from appliance.runner.ledger import Ledger
from appliance.runner.line import Line
from appliance.runner.reporter import Reporter
from appliance.runner.turns import TurnBook
from appliance.session import vocabulary as v
from appliance.session.budget import CAP


class Person:
    """Knows since when somebody wants to talk, and whether they may."""

    def __init__(
        self,
        rules: ButtonRules,
        ledger: Ledger,
        line: Line,
        book: TurnBook,
        intake: Intake,
        reporter: Reporter,
        ears: Ears,
        state: Callable[[], v.State],
        handle: Callable[[v.Event], None],
        changed: Callable[[], None],
    ) -> None:
        """`handle` steps the turn machine, whose state is `state()`; `changed()` is about lights.

        While `handle` runs for a press or a voice, `talk_from_s` and `by_voice` tell of it.
        """
        self.button = Button(rules, self._gesture, self._stuck, self._freed)
        self.talk_from_s: float | None = None
        self.by_voice = False
        self._taps = rules.gestures.talk_mode == "tap"
        self._ledger = ledger
        self._line = line
        self._book = book
        self._intake = intake
        self._reporter = reporter
        self._ears = ears
        self._state = state
        self._handle = handle
        self._changed = changed
        self._is_refused = False  # the button is down, and nothing comes of it

    def speaks_over(self, chunk: Captured, since_s: float) -> None:
        """Somebody speaks while the microphone is shut; what they say from `since_s` on is kept."""
        if not self._ledger.allows:
            return
        turn = self._state().turn
        self.talk_from_s, self.by_voice = since_s, True
        self._handle(v.VoiceOver(turn))
        self.talk_from_s, self.by_voice = None, False
        if self._state().turn != turn:
            self._ears.interrupts(chunk, turn)

    def _gesture(self, event: v.Event, at_s: float) -> None:
        """Take what the button means; `at_s` is when the finger did it."""
        if isinstance(event, v.TalkStart | v.Toggle):
            self._is_refused = not self._may_talk()
        if self._is_refused and isinstance(event, v.TalkStart | v.TalkEnd | v.Toggle):
            return
        if not (self._line.is_refused and isinstance(event, v.TalkEnd)):
            self._line.wanted()  # after a refusal a press tries again, once; its release does not
        if isinstance(event, v.TalkStart | v.Toggle):
            self.talk_from_s = at_s
            if self._line.is_offline:
                self._reporter.still_offline()
        # In tap mode the same press ends a question or begins the next: only the first is an end.
        ends = self._taps and isinstance(self._state(), v.Listening)
        if isinstance(event, v.TalkEnd) or (isinstance(event, v.Toggle) and ends):
            self._book[self._state().turn].ended_s = at_s
        self._handle(event)
        self.talk_from_s = None

    def _may_talk(self) -> bool:
        """Whether a press may begin a turn; if not, say why. An answer that runs is left alone."""
        self._ledger.look()
        has_begun = isinstance(self._state(), v.Listening) and self._intake.is_open
        if self._ledger.allows or has_begun:
            return True
        self._reporter.explain(CAP)
        return False

    def _stuck(self) -> None:
        self._reporter.begins("button_stuck")
        self._changed()

    def _freed(self) -> None:
        self._reporter.ends("button_stuck")
        self._changed()
