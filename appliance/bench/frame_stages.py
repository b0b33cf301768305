"""The stages of the sound chain as the bench runs them: each on frames of recorded speech.

A frame is 10 ms of real time: 240 samples of the microphone, or as much input as becomes 240
samples of playback.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.dsp.beam import Array
from appliance.dsp.denoise import Denoiser
from appliance.dsp.echo import EchoCanceller
from appliance.dsp.frame import FRAME, RATE
from appliance.dsp.gain import Gain
from appliance.dsp.geometry import XVF3000
from appliance.dsp.highpass import HighPass
from appliance.dsp.kernel import Kernel
from appliance.dsp.resample import Resampler
from appliance.dsp.stretch import Stretcher
from appliance.dsp.vad import VoiceActivity
from appliance.errors import UsageError
from appliance.recordings import read_channels

BOOK = Path("/usr/share/pocketsphinx/test/data/librivox")
NEAR = BOOK / "sense_and_sensibility_01_austen_64kb-0870.wav"
FAR = BOOK / "sense_and_sensibility_01_austen_64kb-0920.wav"
SPEECH_RMS = 0.05
NOISE_RMS = 0.0158  # 10 dB under the speech
ECHO_DELAY = 80 * RATE // 1000
ECHO_TAIL = 250 * RATE // 1000
CARD_RATE = 48_000
CHAIN = ("highpass", "echo", "denoise", "vad", "gain")

Samples = NDArray[np.float32]
Do = Callable[[int], object]  # runs the frame of that number


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage.

    Attributes:
        name: as `--stage` takes it.
        fed: what it is run on, in a few words.
        make: returns a new stage's `Do`; its own input is made before, and costs nothing later.
        module: where its class is.
    """

    name: str
    fed: str
    make: Callable[[], Do]
    module: str


def chosen(wanted: str) -> list[Stage]:
    """Return the stages that `wanted` names, in its order, each once.

    Names stand between commas. `stretch` stands for all that begin with `stretch-`; `a+b` is both
    in every frame; `chain` is the stages of one microphone so. Empty for all.

    Raises:
        UsageError: a name that is none.
    """
    names = [name.strip() for name in wanted.split(",") if name.strip()] or [*STAGES, "chain"]
    found: dict[str, Stage] = {}
    for name in names:
        if name == "chain":
            found[name] = _joined(name, [STAGES[each] for each in CHAIN])
        elif "+" in name:
            found[name] = _joined(name, [_one(each) for each in name.split("+")])
        else:
            family = [each for each in STAGES if each.startswith(name + "-")]
            for each in family or [name]:
                found[each] = _one(each)
    return list(found.values())


def kernels_of(stages: list[Stage]) -> list[Kernel]:
    """Return the kernels that the modules of `stages`, and what those import, hold."""
    waiting = [name for stage in stages for name in stage.module.split("+")]
    seen: set[str] = set()
    found: dict[str, Kernel] = {}
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for value in vars(sys.modules[name]).values():
            if isinstance(value, Kernel):
                found[value.name] = value
                waiting.append(value.function.__module__)
            elif str(getattr(value, "__module__", "")).startswith("appliance.dsp."):
                waiting.append(value.__module__)
    return [found[name] for name in sorted(found)]


def _one(name: str) -> Stage:
    if name not in STAGES:
        raise UsageError(f"--stage: no stage {name}: there are {', '.join([*STAGES, 'chain'])}")
    return STAGES[name]


def _joined(name: str, parts: list[Stage]) -> Stage:
    def make() -> Do:
        runs = [part.make() for part in parts]

        def do(number: int) -> None:
            for run in runs:
                run(number)

        return do

    return Stage(name, "each on its own input", make, "+".join(part.module for part in parts))


def _speech(path: Path, rms: float = SPEECH_RMS) -> Samples:
    """Return a recording at 24 kHz, whole frames of it, at one level."""
    if not path.exists():
        raise UsageError(f"{path}: no such file: install Debian's pocketsphinx-testdata")
    samples = read_channels(path)[0]
    samples = samples[: samples.size // FRAME * FRAME]
    return np.ascontiguousarray(samples * (rms / np.std(samples)), np.float32)


def _frames(samples: Samples, size: int = FRAME) -> Samples:
    """Return (n, size), so that one index gives a frame."""
    return np.ascontiguousarray(samples[: samples.size // size * size].reshape(-1, size))


def _run(process: Callable[[Samples], object], frames: Samples) -> Do:
    count = len(frames)
    return lambda number: process(frames[number % count])


def _noisy() -> Samples:
    """Speech over a noise that is stronger in the bass, 10 dB below it."""
    speech = _speech(NEAR)
    noise = np.cumsum(np.random.default_rng(1).standard_normal(speech.size))
    noise -= np.convolve(noise, np.full(200, 1 / 200), "same")
    return (speech + noise * (NOISE_RMS / np.std(noise))).astype(np.float32)


def _beam() -> Do:
    """Speech that reaches the array's microphones one after another, and the hiss of each."""
    speech = _speech(NEAR)
    rng = np.random.default_rng(2)
    channels = rng.standard_normal((XVF3000.channels, speech.size)) * 1e-3
    for late, channel in enumerate(XVF3000.raw):
        channels[channel] += np.roll(speech, late)
    frames = channels.reshape(XVF3000.channels, -1, FRAME).transpose(1, 0, 2)
    return _run(Array(XVF3000).process, np.ascontiguousarray(frames, np.float32))


def _echo() -> Do:
    """A reply that comes back from a room of decaying noise; half-way a talker joins in."""
    far, near = _speech(FAR), _speech(NEAR)
    rng = np.random.default_rng(3)
    room = np.zeros(ECHO_DELAY + ECHO_TAIL)
    room[ECHO_DELAY:] = rng.standard_normal(ECHO_TAIL) * 10 ** (
        -3 * np.arange(ECHO_TAIL) / ECHO_TAIL
    )
    size = far.size + room.size
    back = np.fft.irfft(np.fft.rfft(far, size) * np.fft.rfft(room, size), size)[: far.size]
    mic = back * (SPEECH_RMS / np.std(back)) + rng.standard_normal(far.size) * 1e-4
    mic[far.size // 2 :] += np.resize(near, far.size)[far.size // 2 :]
    mics, played = _frames(mic.astype(np.float32)), _frames(far)
    cancel, count = EchoCanceller().process, len(mics)
    return lambda number: cancel(mics[number % count], played[number % count])


def _gain() -> Do:
    frames = _frames(_noisy())
    heard = VoiceActivity()
    speech = [heard.process(frame) for frame in frames]
    process, count = Gain().process, len(frames)
    return lambda number: process(frames[number % count], speech[number % count])


def _resample(in_hz: int, out_hz: int) -> Do:
    speech = _speech(NEAR)
    if in_hz != RATE:
        speech = Resampler(RATE, in_hz).process(speech)
    return _run(Resampler(in_hz, out_hz).process, _frames(speech, in_hz // 100))


def _stretch(speed: float, semitones: float) -> Do:
    """A reply of which as much comes in as is played in 10 ms."""
    return _run(Stretcher(speed, semitones).process, _frames(_speech(FAR), round(FRAME * speed)))


def _of(stage: type, name: str, fed: str, make: Callable[[], Do]) -> Stage:
    return Stage(name, fed, make, stage.__module__)


STAGES = {
    each.name: each
    for each in (
        _of(Array, "beam", "four microphones", _beam),
        _of(HighPass, "highpass", "speech", lambda: _run(HighPass().process, _frames(_noisy()))),
        _of(EchoCanceller, "echo", "a reply's echo, then double talk", _echo),
        _of(
            Denoiser,
            "denoise",
            "speech over noise, 10 dB",
            lambda: _run(Denoiser().process, _frames(_noisy())),
        ),
        _of(
            VoiceActivity,
            "vad",
            "speech over noise, 10 dB",
            lambda: _run(VoiceActivity().process, _frames(_noisy())),
        ),
        _of(Gain, "gain", "speech over noise, 10 dB", _gain),
        _of(Resampler, "resample-in", "48 kHz to 24 kHz", lambda: _resample(CARD_RATE, RATE)),
        _of(Resampler, "resample-out", "24 kHz to 48 kHz", lambda: _resample(RATE, CARD_RATE)),
        _of(Stretcher, "stretch-0.5", "a reply, half as fast", lambda: _stretch(0.5, 0.0)),
        _of(Stretcher, "stretch-2.0", "a reply, twice as fast", lambda: _stretch(2.0, 0.0)),
        _of(Stretcher, "pitch-down", "a reply, 5 semitones down", lambda: _stretch(1.0, -5.0)),
        _of(Stretcher, "pitch-up", "a reply, 5 semitones up", lambda: _stretch(1.0, 5.0)),
    )
}
