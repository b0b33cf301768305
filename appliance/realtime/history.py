"""The text of the conversation so far, for a session that was not there. Pure, sans I/O.

A session cannot be resumed. Its events are read here, whatever their order, and come out again as
the items that make the next session know what was said.

Rules
- Items stand in the order of the conversation: as the service places them (`previous_item_id`),
  else as they come.
- The user's words are the transcript; the assistant's are the transcript of its sound, up to where
  the user stopped hearing it.
- An item keeps its id in every session, so that it is never there twice.
- What is sent again as sound is left out of the text. What was never written down, though it was
  answered, is marked as such.
- Memory is bounded; the oldest goes first. What lies further back than a long silence is forgotten:
  whoever talks then need not be who talked before.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from appliance.realtime import client_events as client
from appliance.realtime import server_events as server
from appliance.realtime.client_structures import (
    UNSET,
    AssistantMessage,
    InputText,
    OutputText,
    UserMessage,
)
from appliance.realtime.server_structures import Message
from appliance.units import pcm_samples, samples_to_ms

NOT_WRITTEN_DOWN = "[something that was not written down]"
LONGEST_GIVEN_ID = 32  # characters; the API takes no longer one from a client
LONGEST_KNOWN_ID = 128  # what is longer is no id


@dataclass(frozen=True, slots=True)
class HistoryRules:
    max_items: int = 100
    max_characters: int = 24_000  # of all items together
    forget_after_s: float = 3600.0  # a silence that ends a conversation
    transcript_s: float = 10.0  # a transcript that has not come by then is not waited for


@dataclass(slots=True)
class _Entry:
    item_id: str
    by_user: bool
    since_s: float
    text: str = ""
    whole: bool = False  # no more of the text will come
    samples: int = 0  # of the sound that has come
    heard_ms: int | None = None  # None: all of it, as far as we know

    def words(self) -> str:
        """Return what was heard of the text, cut between words where the script has spaces."""
        sound_ms = samples_to_ms(self.samples)
        if self.heard_ms is None or self.heard_ms >= sound_ms:
            return self.text.strip()
        heard = self.text[: len(self.text) * self.heard_ms // sound_ms]
        cut_in_word = not self.text[len(heard) : len(heard) + 1].isspace()
        return (heard.rpartition(" ")[0] if cut_in_word and " " in heard else heard).strip()


class History:
    """What was said, over all sessions."""

    def __init__(self, rules: HistoryRules | None = None) -> None:
        self._rules = rules or HistoryRules()
        self._entries: list[_Entry] = []
        self._newest_s = 0.0

    def take(self, event: server.ServerEvent, now_s: float) -> None:
        """Read an event of the session that serves. Total: never raises."""
        match event:
            case server.InputAudioBufferCommitted(item_id=item_id, previous_item_id=before):
                self._place(item_id, True, now_s, before)
            case server.InputTranscriptionCompleted(item_id=item_id, transcript=text):
                self._finish(item_id, True, text, now_s)
            case server.InputTranscriptionFailed(item_id=item_id):
                self._finish(item_id, True, "", now_s)
            case server.ResponseOutputItemAdded(item=Message(role="assistant", id=str(item_id))):
                self._place(item_id, False, now_s)
            case server.OutputTranscriptDelta(item_id=item_id, delta=text):
                self._add(item_id, text, now_s)
            case server.OutputTextDelta(item_id=item_id, delta=text):
                self._add(item_id, text, now_s)
            case server.OutputTranscriptDone(item_id=item_id, transcript=text):
                self._finish(item_id, False, text, now_s)
            case server.OutputTextDone(item_id=item_id, text=text):
                self._finish(item_id, False, text, now_s)
            case server.OutputAudioDelta(item_id=item_id, delta=pcm):
                if (entry := self._place(item_id, False, now_s)) is not None:
                    entry.samples += pcm_samples(pcm)
            case server.ConversationItemTruncated(item_id=item_id, audio_end_ms=heard_ms):
                self.cut(item_id, heard_ms)
            case server.ConversationItemDeleted(item_id=item_id):
                self._forget({item_id})
            case _:
                pass

    def cut(self, item_id: str, heard_ms: int) -> None:
        """The user stopped hearing a reply after so much of its sound."""
        if (entry := self._find(item_id)) is not None:
            known_ms = heard_ms if entry.heard_ms is None else min(heard_ms, entry.heard_ms)
            entry.heard_ms = max(0, known_ms)

    def awaits_text(self, now_s: float) -> bool:
        """Return whether the transcript of something said just now is still to come."""
        patience_s = self._rules.transcript_s
        return any(
            entry.by_user and not entry.whole and now_s - entry.since_s < patience_s
            for entry in self._entries
        )

    def replay(
        self, resent: Collection[str], now_s: float
    ) -> tuple[client.ConversationItemCreate, ...]:
        """Return the events that tell a new session what was said, in order.

        Args:
            resent: items whose sound goes out again on the new session; forgotten here, for
                there they become new items.
        """
        self._forget_asked_anew(resent)
        if now_s - self._newest_s > self._rules.forget_after_s:
            self._entries.clear()
        for entry in self._entries:
            entry.whole = True  # its session is gone: nothing more will come
        return tuple(
            client.ConversationItemCreate(_item(entry, text))
            for i, entry in enumerate(self._entries)
            if (text := entry.words() or self._stand_in(i))
        )

    def _stand_in(self, index: int) -> str:
        """What to write for an item without words: nothing, unless it is a question that has an
        answer.
        """
        after = self._entries[index + 1 : index + 2]
        answered = bool(after) and not after[0].by_user and bool(after[0].words())
        return NOT_WRITTEN_DOWN if self._entries[index].by_user and answered else ""

    def _find(self, item_id: str) -> _Entry | None:
        return next((e for e in reversed(self._entries) if e.item_id == item_id), None)

    def _place(
        self, item_id: str, by_user: bool, now_s: float, before: str | None = None
    ) -> _Entry | None:
        """Return the entry of this item, a new one at its place if there is none."""
        if not 0 < len(item_id) <= LONGEST_KNOWN_ID:
            return None
        if (known := self._find(item_id)) is not None:
            return known
        entry = _Entry(item_id, by_user, now_s)
        self._newest_s = now_s
        earlier = self._find(before) if before else None
        if earlier is None:
            self._entries.append(entry)
        else:
            self._entries.insert(self._entries.index(earlier) + 1, entry)
        self._bound()
        return entry

    def _add(self, item_id: str, text: str, now_s: float) -> None:
        entry = self._place(item_id, False, now_s)
        if entry is not None and not entry.whole:
            entry.text = (entry.text + text)[: self._rules.max_characters]
            self._bound()

    def _finish(self, item_id: str, by_user: bool, text: str, now_s: float) -> None:
        entry = self._place(item_id, by_user, now_s)
        if entry is not None:
            entry.text, entry.whole = text[: self._rules.max_characters], True
            self._bound()

    def _forget_asked_anew(self, questions: Collection[str]) -> None:
        """Forget these questions, and what of an answer to them had come: nobody heard it."""
        kept: list[_Entry] = []
        asked_anew = False
        for entry in self._entries:
            if entry.by_user:
                asked_anew = entry.item_id in questions
            if not asked_anew:
                kept.append(entry)
        self._entries = kept

    def _forget(self, item_ids: Collection[str]) -> None:
        self._entries = [e for e in self._entries if e.item_id not in item_ids]

    def _bound(self) -> None:
        characters = sum(len(entry.text) for entry in self._entries)
        while len(self._entries) > 1 and (
            len(self._entries) > self._rules.max_items or characters > self._rules.max_characters
        ):
            characters -= len(self._entries.pop(0).text)


def _item(entry: _Entry, text: str) -> UserMessage | AssistantMessage:
    given = entry.item_id if len(entry.item_id) <= LONGEST_GIVEN_ID else UNSET
    if entry.by_user:
        return UserMessage((InputText(text),), given)
    return AssistantMessage((OutputText(text),), given)
