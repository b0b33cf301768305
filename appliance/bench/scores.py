"""Scores: PESQ, STOI and DNSMOS of sound, echo loss, and how well speech is told from noise."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from appliance.errors import UsageError

Samples = NDArray[np.float64]

SCORE_HZ: Final = 16_000  # what PESQ-wb and DNSMOS are defined at
LARGEST_DELAY_S: Final = 0.06
WORST_PESQ: Final = 1.0
_DNSMOS_S: Final = 9.01
_DNSMOS_OVERALL: Final = np.poly1d([-0.06766283, 1.11546468, 0.04602535])  # its own calibration
_DNSMOS_PACKAGES: Final = ("speechmos", "onnxruntime")


class Scores:
    """The scorers, loaded once.

    Attributes:
        missing: pip packages without which DNSMOS cannot be told; empty if it can.

    Raises:
        UsageError: PESQ or STOI is not installed.
    """

    def __init__(self) -> None:
        try:
            self._pesq = importlib.import_module("pesq")
            self._stoi = importlib.import_module("pystoi")
        except ImportError as error:
            raise UsageError(
                f"{error.name} is missing: pip install 'voice-appliance[tools]'"
            ) from error
        self.missing = tuple(
            each for each in _DNSMOS_PACKAGES if importlib.util.find_spec(each) is None
        )
        self._dnsmos: Any = None if self.missing else _load_dnsmos()

    def pesq(self, clean: Samples, judged: Samples) -> float:
        """Return PESQ-wb, 1.0 to 4.6; where it finds nothing to judge (silence), the worst.

        Args:
            clean, judged: shape (n,), 16 kHz, one length, beginning together.
        """
        if not np.any(judged):
            return WORST_PESQ
        score = float(
            self._pesq.pesq(
                SCORE_HZ,
                clean,
                judged,
                "wb",
                on_error=self._pesq.PesqError.RETURN_VALUES,
            )
        )
        return max(score, WORST_PESQ)

    def stoi(self, clean: Samples, judged: Samples) -> float:
        """Return STOI, about 0 to 1; arguments as of `pesq`."""
        return float(self._stoi.stoi(clean, judged, SCORE_HZ))

    def dnsmos(self, judged: Samples) -> float | None:
        """Return the overall MOS, 1 to 5, as speechmos computes it; None if it is not installed.

        A recording under 9 s is repeated, and windows of 9.01 s are taken every second.
        """
        if self._dnsmos is None:
            return None
        window = int(_DNSMOS_S * SCORE_HZ)
        whole = np.clip(judged, -1.0, 1.0).astype(np.float32)
        while len(whole) < window:
            whole = np.append(whole, whole)
        hops = int(len(whole) // SCORE_HZ - _DNSMOS_S) + 1
        scores = []
        for at in range(0, hops * SCORE_HZ, SCORE_HZ):
            part = whole[at : at + window]
            if len(part) == window:
                overall = self._dnsmos.run(None, {"input_1": part[np.newaxis]})[0][0][2]
                scores.append(float(_DNSMOS_OVERALL(overall)))
        return float(np.mean(scores))


def delay_samples(clean: Samples, judged: NDArray[np.floating] | NDArray[np.int16]) -> int:
    """Return by how many samples `judged` is late, 0 to 60 ms, by correlation of the differences.

    Differences, because a noise in the bass would make the peak wide.
    """
    size = 1 << (len(clean) + len(judged)).bit_length()
    spectrum = np.fft.rfft(np.diff(judged), size) * np.conj(np.fft.rfft(np.diff(clean), size))
    return int(np.argmax(np.fft.irfft(spectrum)[: round(LARGEST_DELAY_S * SCORE_HZ)]))


def loss_db(before: Samples, after: Samples) -> float:
    """Return by how much weaker `after` is, in dB; silence counts as -100 dBFS."""
    return float(10 * np.log10((np.mean(before**2) + 1e-10) / (np.mean(after**2) + 1e-10)))


def hits_at(probability: Samples, speech: NDArray[np.bool_], false_alarms: float) -> float:
    """Return the share of speech found at the threshold with this share of false alarms.

    Args:
        probability: shape (n,), of each frame.
        speech: shape (n,), what is true.
        false_alarms: 0 to 1; between two thresholds the line between them counts.
    """
    alarms, hits = operating_points(probability, speech)
    return float(np.interp(false_alarms, alarms, hits))


def area(probability: Samples, speech: NDArray[np.bool_]) -> float:
    """Return the area under hits against false alarms: 0.5 for guesses, 1 at best."""
    alarms, hits = operating_points(probability, speech)
    return float(np.trapezoid(hits, alarms))


def operating_points(probability: Samples, speech: NDArray[np.bool_]) -> tuple[Samples, Samples]:
    """Return false alarms and hits, both rising from 0 to 1, one point for each threshold."""
    order = np.argsort(-probability, kind="stable")
    ranked, found = probability[order], speech[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    hits = np.cumsum(found)[last] / max(1, found.sum())
    alarms = np.cumsum(~found)[last] / max(1, (~found).sum())
    return np.append(0.0, alarms), np.append(0.0, hits)


def _load_dnsmos() -> Any:
    """Return a session of speechmos' model. Its own module would need librosa for other scores."""
    runtime = importlib.import_module("onnxruntime")
    runtime.disable_telemetry_events()
    spec = importlib.util.find_spec("speechmos")
    if spec is None or spec.origin is None:
        raise UsageError("speechmos is installed, but cannot be found")
    model = Path(spec.origin).parent / "dnsmos_models" / "sig_bak_ovr.onnx"
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return runtime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
