"""A recording before and after the chain, as spectrograms with the chain's own figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl

mpl.use("Agg")  # no screen is needed

import matplotlib.pyplot as plt
import numpy as np

from appliance.units import WIRE_RATE_HZ

if TYPE_CHECKING:
    from appliance.bench.clean import Cleaned


def draw_cleaning(cleaned: Cleaned, path: Path) -> None:
    """Write the picture."""
    figure, axes = plt.subplots(
        3, 1, figsize=(12, 8), sharex=True, height_ratios=[3, 3, 2], layout="constrained"
    )
    pairs = zip(axes, (("before", cleaned.before), ("after", cleaned.after)), strict=False)
    for axis, (name, samples) in pairs:
        axis.specgram(samples + 1e-7, NFFT=512, Fs=WIRE_RATE_HZ, noverlap=256, vmin=-130, vmax=-40)
        axis.set_ylabel(f"{name}, Hz")
    at_s = np.arange(len(cleaned.gain_db)) / 100
    axes[2].plot(at_s, cleaned.gain_db, label="gain, dB")
    axes[2].plot(at_s, cleaned.echo_loss_db, label="echo loss, dB")
    axes[2].plot(at_s, cleaned.speech * 10, label="speech, 0 to 10", alpha=0.6)
    axes[2].legend(loc="upper right")
    axes[2].set_xlabel("seconds")
    axes[2].set_xlim(0, len(cleaned.before) / WIRE_RATE_HZ)
    figure.savefig(path, dpi=100)
    plt.close(figure)
