"""`appliance dsp`: clean a recording with exactly the chain's stages."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from appliance.dsp.chain import STAGES, Chain
from appliance.dsp.frame import FRAME
from appliance.dsp.geometry import GEOMETRIES, SINGLE
from appliance.errors import SignalError, UsageError
from appliance.recordings import read_channels
from appliance.units import WIRE_RATE_HZ

EPILOG = """examples:
  appliance dsp --mic noisy.wav --out clean.wav
  appliance dsp --mic mic.wav --reference speaker.wav --out clean.wav --plot clean.png
  appliance dsp --mic noisy.wav --out quiet.wav --only denoise --noise high
  appliance dsp --mic array.wav --array respeaker-xvf3000 --out talker.wav

The output is 24 kHz, mono, and as long as the microphone's recording.
"""

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What came in, what went out, and the figures of each 10 ms."""

    before: Samples  # (n,): the first microphone
    after: Samples  # (n,)
    gain_db: Samples  # (frames,)
    echo_loss_db: Samples  # (frames,)
    speech: Samples  # (frames,)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Clean a recording with the device's own sound chain."
    parser.epilog = EPILOG
    parser.add_argument("--mic", type=Path, required=True, metavar="WAV")
    parser.add_argument("--reference", type=Path, metavar="WAV", help="what the loudspeaker played")
    parser.add_argument("--out", type=Path, required=True, metavar="WAV")
    parser.add_argument(
        "--only", metavar="STAGE,…", help=f"these stages alone, of {', '.join(STAGES)}"
    )
    parser.add_argument("--array", choices=GEOMETRIES, default=SINGLE.name, help="microphones")
    parser.add_argument(
        "--noise", choices=("off", "low", "moderate", "high"), default="moderate", help="level"
    )
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw before and after")


def run(args: argparse.Namespace) -> int:
    mic = read_channels(args.mic)
    geometry = GEOMETRIES[args.array]
    if geometry is not SINGLE and len(mic) != geometry.channels:
        raise UsageError(
            f"{args.mic}: has {len(mic)} channels, and {geometry.name} has {geometry.channels}"
        )
    if geometry is SINGLE and len(mic) > 1:
        mic = mic.mean(axis=0, keepdims=True)
    stages = tuple(args.only.split(",")) if args.only else STAGES
    if args.reference is None and not args.only:
        stages = tuple(stage for stage in stages if stage != "echo")
    reference = read_channels(args.reference).mean(axis=0) if args.reference else None
    try:
        chain = Chain(stages, geometry=geometry, noise_level=args.noise)
    except SignalError as wrong:
        raise UsageError(str(wrong)) from wrong
    cleaned = clean(chain, mic, reference)
    try:
        soundfile.write(args.out, cleaned.after, WIRE_RATE_HZ, "PCM_16")
    except (soundfile.LibsndfileError, OSError) as error:
        raise UsageError(f"--out {args.out}: {error}") from error
    if args.plot is not None:
        from appliance.bench.picture import draw_cleaning

        draw_cleaning(cleaned, args.plot)
    return 0


def clean(chain: Chain, mic: Samples, reference: Samples | None) -> Cleaned:
    """Return the cleaned recording, put back by the chain's delay so that both begin together.

    Args:
        mic: shape (channels, n), 24 kHz.
        reference: shape (m,), 24 kHz; silence follows where it is shorter. None for silence.
    """
    length = mic.shape[1]
    frames = -(-(length + chain.delay_samples) // FRAME)
    padded = np.zeros((len(mic), frames * FRAME), np.float32)
    padded[:, :length] = mic
    played = np.zeros(frames * FRAME, np.float32)
    if reference is not None:
        played[: min(len(reference), len(played))] = reference[: len(played)]
    out = np.empty(frames * FRAME, np.float32)
    figures = np.zeros((3, frames), np.float32)
    progress = sys.stderr.isatty() and frames > 3000
    for i in range(frames):
        at = slice(i * FRAME, (i + 1) * FRAME)
        out[at] = chain.process(np.ascontiguousarray(padded[:, at]), played[at])
        echo_loss = chain.echo.echo_loss_db if chain.echo else 0.0
        figures[:, i] = chain.gain_db, echo_loss, chain.speech
        if progress and i % 500 == 0:
            sys.stderr.write(f"\r{100 * i // frames:3d} %")
    if progress:
        sys.stderr.write("\r\033[K")
    after = out[chain.delay_samples : chain.delay_samples + length]
    return Cleaned(mic[0], after, *figures)
