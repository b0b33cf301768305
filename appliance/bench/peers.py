"""The systems that the bench knows: ours and the peers, each through its own Python interface.

Libraries are imported when a system starts: what is not installed costs nothing.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from appliance.bench.systems import Form, Pcm, Step, System
from appliance.dsp.denoise import Denoiser
from appliance.dsp.echo import EchoCanceller
from appliance.dsp.frame import FRAME
from appliance.dsp.vad import VoiceActivity
from appliance.units import WIRE_RATE_HZ

SPEEX_FRAME = 480  # 20 ms, as its manual advises for suppression
SPEEX_TAIL = 4800  # 200 ms: with 250, 300 and 400 it does worse on these scenes
RNNOISE_HZ, RNNOISE_FRAME = 48_000, 480
WEBRTC_HZ, WEBRTC_FRAME = 16_000, 160


def noise_suppressors() -> list[System]:
    """Return ours, at its default level, and the peers."""
    return [
        _peer(
            "webrtc-noise-gain L2",
            "webrtc-noise-gain",
            "webrtc_noise_gain",
            _webrtc_noise_gain,
            WEBRTC_HZ,
            WEBRTC_FRAME,
        ),
        _peer("speexdsp-ns", "speexdsp-ns", "speexdsp_ns", _speex, WIRE_RATE_HZ, SPEEX_FRAME),
        _peer("livekit APM", "livekit", "livekit.rtc", _livekit_noise, WIRE_RATE_HZ, FRAME),
        _peer(
            "RNNoise", "pyrnnoise", "pyrnnoise", _rnnoise, RNNOISE_HZ, RNNOISE_FRAME, form="int16"
        ),
        _ours(lambda: Denoiser().process),
    ]


def echo_cancellers() -> list[System]:
    """Return ours and the peers; each call takes microphone and reference."""
    return [
        _peer("WebRTC AEC3", "livekit", "livekit.rtc", _livekit_echo, WIRE_RATE_HZ, FRAME),
        _peer("Speex MDF", "pyaec", "pyaec", lambda: _Speex(False), WIRE_RATE_HZ, FRAME, "int16"),
        _peer(
            "Speex + post-filter",
            "pyaec",
            "pyaec",
            lambda: _Speex(True),
            WIRE_RATE_HZ,
            FRAME,
            "int16",
        ),
        _ours(lambda: EchoCanceller().process),
    ]


def voice_detectors() -> list[System]:
    """Return webrtcvad in its four modes, which answer yes or no, and ours, a probability."""
    webrtc = [
        _peer(
            f"webrtcvad {mode}",
            "webrtcvad-wheels",
            "webrtcvad",
            _webrtcvad(mode),
            WEBRTC_HZ,
            WEBRTC_FRAME,
        )
        for mode in range(4)
    ]
    return [*webrtc, _ours(lambda: VoiceActivity().process)]


def _ours(start: Callable[[], Step]) -> System:
    return System("ours", (), (), WIRE_RATE_HZ, FRAME, "float32", start)


def _peer(
    name: str,
    package: str,
    module: str,
    start: Callable[[], Step],
    rate_hz: int,
    frame: int,
    form: Form = "bytes",
) -> System:
    return System(name, (package,), (module.partition(".")[0],), rate_hz, frame, form, start)


def _webrtc_noise_gain() -> Step:
    processor = importlib.import_module("webrtc_noise_gain").AudioProcessor(0, 2)
    return lambda frame: processor.Process10ms(frame).audio


def _speex() -> Step:
    made = importlib.import_module("speexdsp_ns").NoiseSuppression.create(SPEEX_FRAME, WIRE_RATE_HZ)
    step: Step = made.process
    return step


def _livekit_noise() -> Step:
    rtc = importlib.import_module("livekit.rtc")
    module = rtc.AudioProcessingModule(noise_suppression=True)

    def step(frame: bytes) -> bytes:
        held = rtc.AudioFrame(bytearray(frame), WIRE_RATE_HZ, 1, FRAME)
        module.process_stream(held)
        return bytes(held.data)

    return step


def _livekit_echo() -> Step:
    rtc = importlib.import_module("livekit.rtc")
    module = rtc.AudioProcessingModule(echo_cancellation=True)

    def step(mic: bytes, reference: bytes) -> bytes:
        module.process_reverse_stream(rtc.AudioFrame(bytearray(reference), WIRE_RATE_HZ, 1, FRAME))
        module.set_stream_delay_ms(0)  # it looks for the delay itself
        held = rtc.AudioFrame(bytearray(mic), WIRE_RATE_HZ, 1, FRAME)
        module.process_stream(held)
        return bytes(held.data)

    return step


def _rnnoise() -> Step:
    library = importlib.import_module("pyrnnoise.rnnoise")
    state = _Freed(library.create(), library.destroy)
    return lambda frame: library.process_mono_frame(state.handle, frame)[0]


class _Freed:
    """Holds what a C library made, and gives it back."""

    def __init__(self, handle: Any, free: Callable[[Any], None]) -> None:
        self.handle = handle
        self._free = free

    def __del__(self) -> None:
        self._free(self.handle)


class _Speex:
    """pyaec's library, called on arrays: its Python class would spend more on lists than on echo.

    Args:
        postfilter: whether Speex' suppressor of residual echo follows the filter.
    """

    def __init__(self, postfilter: bool) -> None:
        library = importlib.import_module("pyaec").lib
        handle = library.AecNew(FRAME, SPEEX_TAIL, WIRE_RATE_HZ, postfilter)
        self._made = _Freed(handle, library.AecDestroy)
        self._cancel = library.AecCancelEcho

    def __call__(self, mic: Pcm, reference: Pcm) -> Pcm:
        out = np.empty(FRAME, np.int16)
        self._cancel(self._made.handle, _at(mic), _at(reference), _at(out), FRAME)
        return out


def _at(samples: Pcm) -> Any:
    return samples.ctypes.data_as(ctypes.POINTER(ctypes.c_int16))


def _webrtcvad(mode: int) -> Callable[[], Step]:
    def start() -> Step:
        detector = importlib.import_module("webrtcvad").Vad(mode)
        return lambda frame: detector.is_speech(frame, WEBRTC_HZ)

    return start
