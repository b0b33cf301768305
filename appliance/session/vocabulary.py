"""The words of a turn: its states, the events that move it, the effects that it asks for.

Times are seconds of the monotonic clock, given by the caller. The rules are in `turn.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from appliance.ports import Flash


@dataclass(frozen=True, slots=True)
class Received:
    """How much of one reply item has come in."""

    item_id: str
    samples: int


# States. Each has the number of its turn and a deadline by which something must have happened.
# `cut` is the reply that was interrupted, kept until the loudspeaker tells what was heard of it.


@dataclass(frozen=True, slots=True)
class Idle:
    turn: int
    deadline_s: float
    cut: tuple[Received, ...] = ()


@dataclass(frozen=True, slots=True)
class Muted:
    turn: int
    deadline_s: float
    cut: tuple[Received, ...] = ()


@dataclass(frozen=True, slots=True)
class Listening:
    """The microphone is open."""

    turn: int
    deadline_s: float
    speech: bool = False  # the server has heard speech (server VAD only)
    cut: tuple[Received, ...] = ()


@dataclass(frozen=True, slots=True)
class Closing:
    """The button is up; the last samples said before that are still on their way in.

    `again`: it has been pressed anew, and the next turn opens as soon as they are in.
    """

    turn: int
    deadline_s: float
    forced: bool = False
    again: bool = False
    cut: tuple[Received, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """What was said is on its way, or held until the link is back; no reply audio yet.

    `said_s`: how long it takes to say it, and at most to send it.
    """

    turn: int
    deadline_s: float
    said_s: float = 0.0
    tool_rounds: int = 0
    received: tuple[Received, ...] = ()  # of earlier rounds of this turn


@dataclass(frozen=True, slots=True)
class Working:
    """The model has called tools; `open_calls` have not returned."""

    turn: int
    deadline_s: float
    tool_rounds: int
    open_calls: tuple[str, ...]
    received: tuple[Received, ...] = ()


@dataclass(frozen=True, slots=True)
class Speaking:
    """Reply audio is playing. `done`: no more of it will come."""

    turn: int
    deadline_s: float
    tool_rounds: int
    received: tuple[Received, ...]
    done: bool = False
    heard: bool = False  # all that has come in so far has left the loudspeaker
    fault: str = ""  # why the reply ended early, told once it has been played


State = Idle | Muted | Listening | Closing | Waiting | Working | Speaking


# Events. Those of a turn carry its number; another turn's are late.


@dataclass(frozen=True, slots=True)
class Begin:
    """The device has started."""


@dataclass(frozen=True, slots=True)
class TalkStart:
    pass


@dataclass(frozen=True, slots=True)
class TalkEnd:
    held_ms: float


@dataclass(frozen=True, slots=True)
class Toggle:
    """A short press where holding is not talking."""


@dataclass(frozen=True, slots=True)
class Stop:
    pass


@dataclass(frozen=True, slots=True)
class ToggleMute:
    pass


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""

    linked: bool


@dataclass(frozen=True, slots=True)
class MicClosed:
    turn: int
    captured_ms: int
    linked: bool


@dataclass(frozen=True, slots=True)
class Delivered:
    """The service has acknowledged what was said in this turn."""

    turn: int


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    turn: int


@dataclass(frozen=True, slots=True)
class VoiceOver:
    """The device itself hears somebody speak while its microphone is shut to the service."""

    turn: int


@dataclass(frozen=True, slots=True)
class ServerCommitted:
    """Server VAD ended the turn."""

    turn: int
    responds: bool  # the server makes the response by itself


@dataclass(frozen=True, slots=True)
class ReplyAudio:
    turn: int
    item_id: str
    pcm: bytes  # s16le mono, 24 kHz


@dataclass(frozen=True, slots=True)
class ToolCall:
    call_id: str
    name: str
    arguments: str  # JSON, as the model wrote it


@dataclass(frozen=True, slots=True)
class ReplyDone:
    """No more audio of this response. `fault` is empty unless it ended badly."""

    turn: int
    calls: tuple[ToolCall, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True)
class ToolDone:
    turn: int
    call_id: str
    output: str


@dataclass(frozen=True, slots=True)
class Silenced:
    """The loudspeaker was cut; of `item_id`, `heard_ms` were heard."""

    turn: int
    item_id: str
    heard_ms: int


@dataclass(frozen=True, slots=True)
class Drained:
    """The last queued sample has left the converter."""

    turn: int


@dataclass(frozen=True, slots=True)
class LinkUp:
    pass


@dataclass(frozen=True, slots=True)
class LinkDown:
    pass


@dataclass(frozen=True, slots=True)
class Failed:
    turn: int
    fault: str


Event = (
    Begin
    | TalkStart
    | TalkEnd
    | Toggle
    | Stop
    | ToggleMute
    | Tick
    | MicClosed
    | Delivered
    | SpeechStarted
    | VoiceOver
    | ServerCommitted
    | ReplyAudio
    | ReplyDone
    | ToolDone
    | Silenced
    | Drained
    | LinkUp
    | LinkDown
    | Failed
)


# Effects: what the runner must now do, in this order.


@dataclass(frozen=True, slots=True)
class OpenMic:
    """Keep and forward everything captured, from the pre-roll on."""

    turn: int


@dataclass(frozen=True, slots=True)
class CloseMic:
    """Forward what was captured up to now, then report MicClosed; at once if `force`."""

    turn: int
    force: bool = False


@dataclass(frozen=True, slots=True)
class DiscardMic:
    """Close the microphone and drop what this turn captured."""

    turn: int


@dataclass(frozen=True, slots=True)
class Commit:
    turn: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Request a response."""

    turn: int


@dataclass(frozen=True, slots=True)
class CancelReply:
    turn: int


@dataclass(frozen=True, slots=True)
class CutReply:
    """Fade the loudspeaker out, then report Silenced if anything was playing."""

    turn: int


@dataclass(frozen=True, slots=True)
class Truncate:
    item_id: str
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class Play:
    item_id: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class RunTool:
    turn: int
    call: ToolCall


@dataclass(frozen=True, slots=True)
class AnswerTool:
    call_id: str
    output: str


@dataclass(frozen=True, slots=True)
class Explain:
    """Tell the person what went wrong."""

    fault: str


@dataclass(frozen=True, slots=True)
class Sign:
    flash: Flash


@dataclass(frozen=True, slots=True)
class Report:
    """A turn has ended: one line in the journal."""

    turn: int
    outcome: str


@dataclass(frozen=True, slots=True)
class Tidy:
    """Nothing has happened for a while: a good moment to clean up."""


Effect = (
    OpenMic
    | CloseMic
    | DiscardMic
    | Commit
    | Ask
    | CancelReply
    | CutReply
    | Truncate
    | Play
    | RunTool
    | AnswerTool
    | Explain
    | Sign
    | Report
    | Tidy
)
