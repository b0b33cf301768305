"""What the daemon needs from the world, as Protocols; `devices/` holds the adapters and fakes.

Callbacks are always called on the event loop's thread; adapters do the crossing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Echo:
    """What the echo canceller says of itself."""

    converged: bool  # a voice that is heard over the loudspeaker may be believed
    loss_db: float
    delay_ms: float | None  # None until an echo is found


@dataclass(frozen=True, slots=True)
class Level:
    """How loud a piece of sound is as the card gave it; of several channels, the loudest."""

    peak_dbfs: float
    rms_dbfs: float  # about the mean; -96 or more
    clipped_share: float  # of the samples, those at full scale, 0.0 to 1.0


@dataclass(frozen=True, slots=True)
class Captured:
    """One chunk from the microphone."""

    pcm: bytes  # s16le mono, 24 kHz
    first_sample_s: float  # monotonic time at which its first sample met the converter
    voice_since_s: float | None = None  # somebody surely speaks, and did so from then on
    echo: Echo | None = None  # None without an echo canceller
    level: Level | None = None  # of the newest that the card gave; None if nobody measured it


@dataclass(frozen=True, slots=True)
class Sounded:
    """The loudspeaker's report on one item of a reply."""

    item_id: str
    received_s: float  # when the item's first audio was handed to the speaker
    sounded_s: float  # when its first sample leaves (left) the converter


@dataclass(frozen=True, slots=True)
class Silenced:
    """What a cut left audible: nothing of `item_id` is heard after `silent_s`."""

    item_id: str
    heard_ms: int  # of that item, samples that leave the converter, fade included
    silent_s: float


class Microphone(Protocol):
    """A capture stream that stays open from start to stop."""

    @property
    def overflows(self) -> int:
        """Times that the sound card dropped samples."""

    @property
    def opens(self) -> int:
        """Times that the stream was opened."""

    def start(self, deliver: Callable[[Captured], None], lost: Callable[[str], None]) -> None:
        """Open the stream. `lost(reason)` is called once if it dies.

        Raises:
            HardwareError: no such device, or it is busy.
        """

    async def open(self) -> None:
        """Do all of `start` that may take long, beside the event loop; `start` does the rest.

        Raises:
            CardsChangedError: try again with all other streams stopped.
            HardwareError: no such device, or it is busy.
        """

    def stop(self) -> None:
        """Close the stream, without waiting for it: nothing is told any more."""


class Speaker(Protocol):
    """A playback stream that stays open and is fed silence between replies."""

    underflows: int  # times that the sound card ran dry
    opens: int  # times that the stream was opened

    def start(
        self,
        sounded: Callable[[Sounded], None],
        drained: Callable[[], None],
        lost: Callable[[str], None],
    ) -> None:
        """Open the stream.

        `sounded` is called once for each item, `drained` each time the last queued sample has
        left the converter.

        Raises:
            HardwareError: no such device, or it is busy.
        """

    def play(self, item_id: str, pcm: bytes) -> None:
        """Queue reply audio (s16le mono, 24 kHz) behind what is there."""

    def cut(self) -> Silenced | None:
        """Fade out within about 12 ms and drop the rest; None if nothing was playing."""

    def heard_ms(self, item_id: str) -> int:
        """Return how much of the item has left the converter."""

    def set_volume(self, volume: float) -> None:
        """Set the gain of what is played from now on, 0.0 to 1.0."""

    async def open(self) -> None:
        """Do all of `start` that may take long (see Microphone.open)."""

    def stop(self) -> None:
        """Close the stream, without waiting for it: nothing is told any more."""


class Light(Enum):
    """What the LEDs say, most urgent first (the order is the priority ladder)."""

    SETUP = "setup"
    STARTING = "starting"
    NO_NETWORK = "no_network"
    FAULT = "fault"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"
    MUTED = "muted"
    IDLE = "idle"


class Flash(Enum):
    """Short signs laid over the light."""

    TOO_SHORT = "too_short"  # the press was too short to be speech
    ERROR = "error"  # this turn failed
    CONFIRM = "confirm"  # a gesture was understood


class Panel(Protocol):
    """The button and the LEDs."""

    def start(self, edge: Callable[[bool, float], None]) -> None:
        """Begin. `edge(pressed, at_s)` is called for every raw contact change, bounces included.

        A button that is down already is told by a call before this returns.

        Raises:
            HardwareError: the pins cannot be had.
        """

    def show(self, light: Light) -> None: ...

    def flash(self, flash: Flash) -> None: ...

    def stop(self) -> None:
        """Put the LEDs out and free the pins. May be called twice."""


class Socket(Protocol):
    """One open connection to a Realtime endpoint."""

    async def send(self, text: str) -> None:
        """Send one message.

        Raises:
            RemoteError: the connection is gone.
        """

    def messages(self) -> AsyncIterator[str | bytes]:
        """Yield messages until the connection ends, then raise.

        Raises:
            RemoteError: the connection ended (the text has close code and reason; code 1001 too).
            RefusedError: it ended with a close code after which a new try is pointless.
        """

    async def close(self) -> None: ...


class Connector(Protocol):
    """Makes connections to the one endpoint in the settings."""

    async def connect(self) -> Socket:
        """Open a connection and finish the handshake.

        Raises:
            RefusedError: the endpoint refused the key or the model for good.
            RemoteError: no route, refused, TLS, time-out; `str()` says which, in one line.
        """


class NetworkWatch(Protocol):
    """Knows when this machine's network comes up."""

    def start(self, came_up: Callable[[], None]) -> None:
        """Begin; `came_up` is called each time that a way out has come where none was."""

    def stop(self) -> None:
        """Watch no more. May be called twice."""


class Keeper(Protocol):
    """Keeps a state over a restart.

    It is made with `told(fault, why)`, which is called when writing begins to fail, with
    "disk_full" or "state_not_saved" and the system's words, and with "" for both once it works.
    """

    def keep(self, state: Mapping[str, object]) -> None:
        """Have this state written soon. Returns at once."""

    async def close(self) -> None:
        """Write what is not written yet."""


class Journal(Protocol):
    """Where lines for people go (journald, or a terminal)."""

    def event(self, name: str, message: str, *, level: str = "info", **fields: object) -> None:
        """Write one line. `name` is the APPLIANCE_EVENT; never a secret, never a transcript."""


class Trace(Protocol):
    """Where a demo or a test watches from; the daemon's own writes nothing."""

    def record(self, kind: str, **fields: object) -> None: ...

    def sent_audio(self, pcm: bytes) -> None: ...
