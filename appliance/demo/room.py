"""Rooms with echo: what lies between loudspeaker, mouth and microphone.

Impulse responses are those of a box with even absorption, by the image source method (Allen and
Berkley 1979, as `pyroomacoustics` computes it). The loudspeaker sits 12 cm beside the microphone,
in one box on a table; the mouth is at `distance_m`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from appliance.acoustics import load_acoustics
from appliance.errors import UsageError
from appliance.units import WIRE_RATE_HZ

Samples = NDArray[np.float64]

DEFAULT = "living"
LOUDSPEAKER_AT_M = (0.09, 0.06, -0.05)  # seen from the microphone: 12 cm
TO_THE_MOUTH = (0.76, 0.46, 0.46)  # a direction: forward, aside, and up to a person's head
MOST_DRIFT_PPM = 400.0
FURTHEST_M = 3.0
NEAREST_M = 0.2
AT_ONE_METRE = 0.5  # of the recording's amplitude; what is nearer must not clip


@dataclass(frozen=True, slots=True)
class Room:
    """One room and what stands in it.

    Attributes:
        rt60_s: time in which sound falls by 60 dB.
        echo_db: how much louder the loudspeaker comes back than a mouth at 1 m that says the same.
        noise_dbfs: hiss at the microphone.
        delay_ms: of converters and their buffers, beside the air's and the simulation's own.
        distance_m: from mouth to microphone, 0.2 to 3.
        saturation: of the loudspeaker: 0 is linear, 1 squeezes full scale to a quarter.
        drift_ppm: by how much the loudspeaker's clock is faster than the microphone's, ±400.
    """

    name: str
    size_m: tuple[float, float, float]
    rt60_s: float
    echo_db: float
    noise_dbfs: float
    delay_ms: float = 30.0
    distance_m: float = 1.0
    saturation: float = 0.0
    drift_ppm: float = 0.0


ROOMS = (
    Room("small", (3.2, 2.6, 2.4), 0.20, echo_db=-3.0, noise_dbfs=-65.0),
    Room("living", (5.2, 4.1, 2.6), 0.35, echo_db=0.0, noise_dbfs=-60.0),
    Room("hard", (6.5, 5.0, 3.0), 0.50, echo_db=3.0, noise_dbfs=-55.0),
)


@dataclass(frozen=True, slots=True)
class Responses:
    """Impulse responses at 24 kHz, shape (n,) each; the simulation's own delay is not in them."""

    loudspeaker: Samples
    mouth: Samples
    rt60_s: float  # as measured in `mouth`


def room_named(
    name: str,
    *,
    distance_m: float | None = None,
    drift_ppm: float | None = None,
    saturation: float | None = None,
) -> Room:
    """Return the room, with whatever is to be different in it.

    Raises:
        UsageError: no such room, or a value is out of its range; the text names what there is.
    """
    found = [room for room in ROOMS if room.name == name]
    if not found:
        raise UsageError(f"no room {name!r}: there are {', '.join(r.name for r in ROOMS)}")
    room = found[0]
    for what, value, low, high in (
        ("--distance", distance_m, NEAREST_M, FURTHEST_M),
        ("--drift", drift_ppm, -MOST_DRIFT_PPM, MOST_DRIFT_PPM),
        ("--saturation", saturation, 0.0, 1.0),
    ):
        if value is not None and not low <= value <= high:
            raise UsageError(f"{what} takes {low:g} to {high:g}")
    return replace(
        room,
        distance_m=room.distance_m if distance_m is None else distance_m,
        drift_ppm=room.drift_ppm if drift_ppm is None else drift_ppm,
        saturation=room.saturation if saturation is None else saturation,
    )


def responses_of(room: Room) -> Responses:
    """Compute the room's two impulse responses; takes some tenths of a second."""
    # Loaded here: it brings scipy along, and only the process that renders the room needs it.
    pra = load_acoustics()
    absorption, order = pra.inverse_sabine(room.rt60_s, room.size_m)
    box = pra.ShoeBox(
        room.size_m, fs=WIRE_RATE_HZ, materials=pra.Material(absorption), max_order=order
    )
    microphone = np.array([room.size_m[0] * 0.3, room.size_m[1] * 0.35, 0.9])
    direction = np.array(TO_THE_MOUTH) / np.linalg.norm(TO_THE_MOUTH)
    box.add_microphone(microphone)
    inside = np.array(room.size_m) - 0.1
    for source in (
        microphone + LOUDSPEAKER_AT_M,
        np.minimum(microphone + direction, inside),  # the mouth at 1 m, that the echo is held to
        np.minimum(microphone + direction * room.distance_m, inside),
    ):
        box.add_source(source)
    box.compute_rir()
    early = pra.constants.get("frac_delay_length") // 2  # what its interpolation adds in front
    loudspeaker, at_one_metre, mouth = (
        np.asarray(response, np.float64)[early:] * AT_ONE_METRE for response in box.rir[0]
    )
    wanted = np.sum(at_one_metre**2) * 10 ** (room.echo_db / 10)
    loudspeaker *= np.sqrt(wanted / np.sum(loudspeaker**2))
    return Responses(_until_faded(loudspeaker), _until_faded(mouth), rt60_of(mouth))


def rt60_of(response: Samples) -> float:
    """Return the time in which a response falls by 60 dB, s, from its fall from -5 to -25 dB.

    Source: Schroeder 1965, backward integration; T20 of ISO 3382.
    """
    fall_db = _fall_db(response)
    begin, end = np.argmax(fall_db < -5), np.argmax(fall_db < -25)
    return float(3 * (end - begin) / WIRE_RATE_HZ)


def _until_faded(response: Samples) -> Samples:
    return response[: int(np.argmax(_fall_db(response) < -60)) or len(response)]


def _fall_db(response: Samples) -> Samples:
    left = np.cumsum(response[::-1] ** 2)[::-1]
    fall: Samples = 10 * np.log10(left / left[0] + 1e-20)
    return fall
