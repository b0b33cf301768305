"""What the service costs: each response charged to its turn, each day kept within its cap."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from appliance.realtime import server_events as server
from appliance.realtime.server_structures import Response, TranscriptionUsage, Usage
from appliance.runner.reporter import Reporter
from appliance.runner.rules import Purse
from appliance.runner.turns import TurnBook
from appliance.session.budget import (
    CAP,
    Billed,
    BudgetEffect,
    BudgetEvent,
    BudgetRules,
    Charged,
    DayEnded,
    Looked,
    Moment,
    Save,
    SessionBegan,
    Transcribed,
    Unbilled,
    budget_step,
    dump,
    may_begin,
)
from appliance.session.prices import SAID_MS_PER_TOKEN, Tokens, tokens_of
from appliance.session.troubles import Begins, Ends
from appliance.units import pcm_samples, samples_to_ms

LOOK_EVERY_S = 60.0  # for a new day, and for the running time

MOST_OPEN = 16  # responses that run at once; one, and a few out of band
LONGEST_S = 3600.0  # of sound in one bill: a session lasts no longer


class Ledger:
    """The day's sum, and the responses that are not paid for yet."""

    def __init__(
        self,
        rules: BudgetRules,
        purse: Purse,
        book: TurnBook,
        reporter: Reporter,
        clock: Callable[[], float],
        told: Callable[[str, str], None],
        stopped: Callable[[bool], None],
    ) -> None:
        """Go on with the sum in `purse`.

        Args:
            told: gets what the writing of the sum came to (see `ports.Keeper`).
            stopped: is called when no turn may begin any more, and when one may again.
        """
        self._rules = rules
        self._purse = purse
        self._book = book
        self._reporter = reporter
        self._clock = clock
        self._stopped = stopped
        self._state = purse.state
        self._keeper = purse.keeper(told) if purse.keeper is not None else None
        self._open: dict[str, int] = {}  # samples that came of each response that has begun
        self._paid_turn: int | None = None  # what was said in it has been paid for
        self._told: tuple[float, bool] | None = None  # the day's cost, and whether it ends
        self.due_s = clock() + LOOK_EVERY_S

    @property
    def allows(self) -> bool:
        """Whether a turn may begin."""
        return may_begin(self._state, self._rules)

    def look(self) -> None:
        """Take it that time has passed: a new day may have begun."""
        self.due_s = self._clock() + LOOK_EVERY_S
        self._step(Looked())

    def tick(self) -> None:
        if self._clock() >= self.due_s:
            self.look()

    def take(self, event: server.ServerEvent) -> None:
        """Charge for what the service did. The book knows already whose response it is."""
        match event:
            case server.ResponseCreated(response=response) if response.id:
                self._open[response.id] = 0
                while len(self._open) > MOST_OPEN:  # of the oldest, no end will come
                    self._unbilled(next(iter(self._open)))
            case server.OutputAudioDelta(response_id=response_id, delta=pcm):
                if response_id in self._open:
                    self._open[response_id] += pcm_samples(pcm)
            case server.ResponseDone(response=response):
                self._done(response)
            case server.InputTranscriptionCompleted(item_id=item_id, usage=usage):
                turn = self._book.turn_of(item_id)
                self._step(Transcribed(turn, self._transcribed_ms(usage, turn)))
            case _:
                pass

    def session_began(self) -> None:
        self._step(SessionBegan())

    def session_ended(self) -> None:
        """Charge for the responses that will never tell what they cost."""
        while self._open:
            self._unbilled(next(iter(self._open)))

    async def close(self) -> None:
        """Write the sum down, for the next start."""
        self._step(Looked())
        if self._keeper is not None:
            self._keeper.keep(dump(self._state))
            await self._keeper.close()

    def _done(self, response: Response) -> None:
        response_id = response.id or ""
        if response.usage is None:
            self._unbilled(response_id)
            return
        self._open.pop(response_id, None)
        turn = self._book.turn_of(response_id)
        self._paid_turn = turn
        self._step(Billed(turn, _tokens(response.usage), response_id))

    def _unbilled(self, response_id: str) -> None:
        reply_ms = samples_to_ms(self._open.pop(response_id, 0))
        turn = self._book.turn_of(response_id)
        # A turn's further responses, after a tool has returned, hear nothing new.
        said_ms = 0 if turn == self._paid_turn else self._said_ms(turn)
        self._paid_turn = turn
        self._step(Unbilled(turn, said_ms, reply_ms, response_id))

    def _transcribed_ms(self, usage: TranscriptionUsage | None, turn: int) -> int:
        if usage is not None and usage.type == "duration":
            return round(min(max(usage.seconds, 0.0), LONGEST_S) * 1000)
        heard = usage.input_token_details.audio_tokens if usage is not None else 0
        return heard * SAID_MS_PER_TOKEN or self._said_ms(turn)

    def _said_ms(self, turn: int) -> int:
        return self._book[turn].said_ms if turn >= 0 else 0

    def _step(self, event: BudgetEvent) -> None:
        now = Moment(self._clock(), self._purse.today(), self._purse.clock_set() is not False)
        self._state, effects = budget_step(self._state, event, now, self._rules)
        spent = (self._state.spent_usd, self._state.stopped)
        if spent != self._told:
            self._told = spent
            self._reporter.spent(spent[0], stopped=spent[1])
        for effect in effects:
            self._perform(effect)

    def _perform(self, effect: BudgetEffect) -> None:
        match effect:
            case Charged(turn, usd=usd) if turn >= 0:
                self._book[turn].cost_usd += usd
                self._reporter.charged(turn, usd)
            case Charged():
                pass  # nobody's: of a turn that is forgotten
            case DayEnded(day, usd, tokens):
                self._reporter.day(_named(day), usd, tokens)
            case Save() if self._keeper is not None:
                self._keeper.keep(dump(self._state))
            case Save():
                pass
            case Begins(fault, figure):
                self._reporter.begins(fault, figure)
                if fault == CAP:
                    self._stopped(True)
            case Ends(fault):
                self._reporter.ends(fault)
                if fault == CAP:
                    self._stopped(False)


def _named(day: date | None) -> str:
    return "a day without a date" if day is None else day.isoformat()


def _tokens(usage: Usage) -> Tokens:
    taken, given = usage.input_token_details, usage.output_token_details
    cached = taken.cached_tokens_details
    return tokens_of(
        input_tokens=usage.input_tokens,
        input_audio=taken.audio_tokens,
        input_text=taken.text_tokens,
        cached=taken.cached_tokens,
        cached_audio=cached.audio_tokens,
        cached_text=cached.text_tokens,
        output_tokens=usage.output_tokens,
        output_audio=given.audio_tokens,
        output_text=given.text_tokens,
    )
