"""Where an array's microphones are, and what each channel of its sound device carries."""

from __future__ import annotations

from dataclasses import dataclass, field

from appliance.errors import SignalError

MAX_MICS = 4
MAX_APART_M = 0.25  # further apart, a frame no longer holds one wavefront at all microphones


@dataclass(frozen=True, slots=True)
class Geometry:
    """One array. Directions are degrees, counter-clockwise from the x axis, seen from above.

    Attributes:
        name: as in the settings.
        mics: (x, y) of each microphone in metres from the array's centre; 1 to MAX_MICS.
        channels: how many the sound device delivers.
        raw: the channel of each microphone, in the order of `mics`.
        processed: the channel that the array's own processor has cleaned, if there is one.
        playback: the channel that carries what the loudspeaker plays, if there is one.

    Raises:
        SignalError: numbers that do not fit together.
    """

    name: str
    mics: tuple[tuple[float, float], ...]
    channels: int
    raw: tuple[int, ...]
    processed: int | None = None
    playback: int | None = None
    linear: bool = field(init=False)

    def __post_init__(self) -> None:
        """Check, and find out whether front and back can be told apart."""
        if not 1 <= len(self.mics) <= MAX_MICS or len(self.raw) != len(self.mics):
            raise SignalError(
                f"array {self.name}: want 1 to {MAX_MICS} microphones with a channel each, "
                f"got {len(self.mics)} with {len(self.raw)}"
            )
        used = [c for c in (*self.raw, self.processed, self.playback) if c is not None]
        if len(set(self.raw)) < len(self.raw) or not all(0 <= c < self.channels for c in used):
            raise SignalError(
                f"array {self.name}: want channels 0 to {self.channels - 1}, each raw one once, "
                f"got {used}"
            )
        if any(abs(v) > MAX_APART_M / 2 for place in self.mics for v in place):
            raise SignalError(
                f"array {self.name}: want microphones within {MAX_APART_M / 2} m of the centre"
            )
        if len(set(self.mics)) < len(self.mics):
            raise SignalError(f"array {self.name}: two microphones in one place")
        object.__setattr__(self, "linear", all(y == self.mics[0][1] for _, y in self.mics))


def _line(count: int, apart: float) -> tuple[tuple[float, float], ...]:
    return tuple(((i - (count - 1) / 2) * apart, 0.0) for i in range(count))


# Positions as in public ODAS configurations for the board, not measured on one; channels of the
# 6-channel firmware.
XVF3000 = Geometry(
    "respeaker-xvf3000",
    ((-0.032, 0.0), (0.0, -0.032), (0.032, 0.0), (0.0, 0.032)),
    channels=6,
    raw=(1, 2, 3, 4),
    processed=0,
    playback=5,
)
# Positions as the board itself reports (AEC_MIC_ARRAY_GEO); 6-channel USB firmware: 0 for a
# conference, 1 for a recognizer, 2 to 5 microphones. Playback is not among them.
XVF3800 = Geometry(
    "respeaker-xvf3800",
    ((0.033, -0.033), (0.033, 0.033), (-0.033, 0.033), (-0.033, -0.033)),
    channels=6,
    raw=(2, 3, 4, 5),
    processed=1,
)
# Common spacings; measure your own.
LINEAR_4 = Geometry("linear-4", _line(4, 0.033), channels=4, raw=(0, 1, 2, 3))
LINEAR_2 = Geometry("linear-2", _line(2, 0.058), channels=2, raw=(0, 1))
SINGLE = Geometry("single", ((0.0, 0.0),), channels=1, raw=(0,))

GEOMETRIES = {g.name: g for g in (XVF3000, XVF3800, LINEAR_4, LINEAR_2, SINGLE)}
