"""From reply audio to the loudspeaker, and back: what was heard of it, and when."""

from __future__ import annotations

from appliance.ports import Silenced, Sounded, Speaker, Trace
from appliance.realtime.client_events import ConversationItemTruncate
from appliance.runner.announcer import ITEM
from appliance.runner.line import Line
from appliance.runner.spans import Spans
from appliance.runner.turns import TurnBook
from appliance.units import pcm_samples


class Outlet:
    """The loudspeaker, with the marks that the spans are made of."""

    def __init__(
        self, speaker: Speaker, line: Line, book: TurnBook, spans: Spans, trace: Trace
    ) -> None:
        self._speaker = speaker
        self._line = line
        self._book = book
        self._spans = spans
        self._trace = trace

    def play(self, turn: int, item_id: str, pcm: bytes) -> None:
        self._book.answers(item_id, turn)
        self._book[turn].reply_samples += pcm_samples(pcm)
        self._speaker.play(item_id, pcm)

    def cut(self, pressed_s: float | None) -> Silenced | None:
        """Fade out; return what was heard, or None if nothing was playing."""
        silenced = self._speaker.cut()
        if silenced is None:
            return None
        if pressed_s is not None:
            self._spans.add("barge_in_to_silence", silenced.silent_s - pressed_s)
        self._trace.record(
            "cut", item=silenced.item_id, heard_ms=silenced.heard_ms, silent_s=silenced.silent_s
        )
        return silenced

    def truncate(self, item_id: str, audio_end_ms: int) -> None:
        """Tell the service how much of an item was heard, if it is one of this session's."""
        session = self._line.session
        if session.received_ms(item_id):
            end_ms = session.clamp_heard_ms(item_id, audio_end_ms)
            self._line.send(ConversationItemTruncate(item_id, end_ms))
            self._trace.record("truncate", item=item_id, audio_end_ms=end_ms)
        else:  # of a session that has gone: what later ones are told of it ends here, too
            self._line.history.cut(item_id, audio_end_ms)

    def sounded(self, sounded: Sounded) -> None:
        """Take the news that an item's first sample is heard."""
        if sounded.item_id.startswith(ITEM):  # nobody's turn
            self._trace.record("prompt_sounded", item=sounded.item_id, at_s=sounded.sounded_s)
            return
        record = self._book[self._book.turn_of(sounded.item_id)]
        if record.first_sound_s is None:
            record.first_sound_s = sounded.sounded_s
            self._spans.add("received_to_output", sounded.sounded_s - sounded.received_s)
            if record.ended_s is not None:
                self._spans.add("release_to_first_sound", sounded.sounded_s - record.ended_s)
        self._trace.record(
            "sounded", item=sounded.item_id, received_s=sounded.received_s, at_s=sounded.sounded_s
        )
