"""Train the weights of the noise suppressor anew: `appliance/dsp/denoise_weights.npz`.

    pip install torch==2.13.0        # into an environment of its own; nothing else here wants it
    python -m appliance.bench.train_denoise --speech DIR --noise DIR --out FILE.npz

It takes folders of WAV, FLAC or Ogg files, looked through to the bottom, and downloads nothing.
Each folder of speech is one talker or several recorded alike: what lies above half its sampling
rate is not held against the network. `docs/sound-noise.md` says which recordings the weights that
ship were trained on, and which were kept apart for judging them.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import math
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.bench.train_denoise_mix import Mixer, read_noises, read_talkers
from appliance.dsp.denoise import BINS, HOP, SIZE, windows
from appliance.dsp.denoise_net import (
    AROUND,
    BANDS,
    FALL,
    FAR,
    FEATURES,
    LEAST_EXCESS,
    LEVEL_DROP,
    LEVEL_FALL,
    LEVEL_RISE,
    MOST_EXCESS,
    MOST_LEVEL,
    RECENT,
    RISE,
    SCALE,
    TAPS,
    TINY,
    UNITS,
    USED,
    VOICES,
    between,
    edges,
)
from appliance.errors import ApplianceError, UsageError

HOPS = 288  # of one example, 5.8 s
SETTLING = 12  # hops at its start that count for nothing
EXAMPLES = 16  # a step
POWER = 0.3  # the spectra are compared as hearing would
COMPLEX_PART = 0.3  # of the loss, which asks for the phase as well
LINEAR_PART = 0.5  # error power over speech power, added: it keeps the strong harmonics whole
RATE, WARM_UP = 2.5e-3, 200
AVERAGE = 0.998  # the weights that are kept are a mean of the last 500 steps


class Trainer:
    """The network of `denoise_net` in torch, its features, and its training.

    Args:
        torch: the module; it is no dependency, so that it is imported only by who trains.
        seed: of the first weights.
    """

    def __init__(self, torch: Any, seed: int) -> None:
        self.torch = torch
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        nn = torch.nn
        signs = torch.tensor([0.5] * (VOICES // 2) + [-0.5] * (VOICES // 2))
        self.net = nn.ModuleDict(
            {
                "first": nn.GRU(FEATURES, UNITS, batch_first=True),
                "second": nn.GRU(UNITS, UNITS, batch_first=True),
                "output": nn.Linear(UNITS, VOICES * BANDS),
                "bins": nn.ParameterDict(
                    {
                        "local": torch.randn(VOICES, TAPS) * 0.3,
                        "join": torch.cat([signs, torch.zeros(1)]),
                    }
                ),
            }
        )
        self.window = torch.from_numpy(windows()[0])
        edge, (lower, part) = edges(), between()
        pool = np.zeros((USED, BANDS), np.float32)
        for band, (low, high) in enumerate(pairwise(edge)):
            pool[low:high, band] = 1.0 / (high - low)
        spread = np.zeros((BANDS, USED), np.float32)
        spread[lower, np.arange(USED)] += 1 - part
        spread[lower + 1, np.arange(USED)] += part
        self.pool, self.spread = torch.from_numpy(pool), torch.from_numpy(spread)
        weight = 1.0 / (0.6 + np.arange(USED) / 120.0)  # a bin of the bass counts for most
        self.importance = torch.from_numpy((weight / weight.mean()).astype(np.float32))

    def spectra(self, sound: NDArray[np.float32]) -> Any:
        """Return (examples, hops, 481) of (examples, samples), as the kernel sees them."""
        padded = self.torch.nn.functional.pad(self.torch.from_numpy(sound), (HOP, 0))
        return self.torch.fft.rfft(padded.unfold(-1, SIZE, HOP) * self.window)

    def features(self, spectrum: Any) -> tuple[Any, Any, Any]:
        """Return excess and its mean (examples, hops, 432), and the bands' (examples, hops, 80).

        `denoise_net.hear`, for many at once.
        """
        torch = self.torch
        power = spectrum[..., :USED].abs() ** 2
        log, bands = torch.log(power + float(TINY)), torch.log(power @ self.pool + float(TINY))
        loud = bands.mean(-1)
        excess, recent, level = (torch.empty_like(each) for each in (log, log, loud))
        floor, running, now = log[:, 0], torch.zeros_like(log[:, 0]), loud[:, 0]
        for hop in range(log.shape[1]):
            over = log[:, hop] - floor
            floor = floor + torch.where(over > 0, float(RISE) * over, float(FALL) * over)
            excess[:, hop] = over = over.clamp(float(LEAST_EXCESS), float(MOST_EXCESS))
            running = running + float(RECENT) * (over - running)
            recent[:, hop] = running
            change = loud[:, hop] - now
            now = now + change * torch.where(change > 0, float(LEVEL_RISE), float(LEVEL_FALL))
            far = (now - loud[:, hop] - float(FAR)).clamp_min(0)
            level[:, hop] = now = now - float(LEVEL_DROP) * far
        shape = (bands - level[..., None]).clamp(-float(MOST_LEVEL), float(MOST_LEVEL))
        heard = torch.cat([excess @ self.pool * 0.5 - 0.3, shape * float(SCALE)], -1)
        return excess * float(SCALE), recent * float(SCALE), heard

    def gains(self, hidden: Any, excess: Any, recent: Any) -> Any:
        """Return (frames, 432) of (frames, 72) and twice (frames, 432): `denoise_net.answer`."""
        torch, functional = self.torch, self.torch.nn.functional
        near = functional.pad(excess, (AROUND, AROUND)).unfold(1, USED, 1)
        taps = torch.cat([near, functional.pad(recent, (1, 1)).unfold(1, USED, 1)], 1)
        values = self.net["output"](hidden).view(-1, VOICES, BANDS) @ self.spread
        bins = self.net["bins"]
        voices = torch.baddbmm(values, bins["local"].expand(len(hidden), -1, -1), taps)
        joined = torch.einsum("fvk,v->fk", torch.relu(voices), bins["join"][:VOICES])
        return torch.sigmoid(joined + bins["join"][VOICES])

    def loss(self, mixer: Mixer) -> Any:
        """Return the loss of a fresh set of examples, on a third of their hops."""
        torch, rng = self.torch, mixer.rng
        examples = [mixer.example(HOPS * HOP) for _ in range(EXAMPLES)]
        speech, wanted, noise = (
            self.spectra(np.stack([getattr(each, name) for each in examples]))
            for name in ("speech", "wanted", "noise")
        )
        colour, tint = (
            torch.from_numpy(np.stack([mixer.equaliser(BINS) for _ in examples]))[:, None]
            for _ in range(2)
        )
        speech, wanted = speech * colour, wanted * colour
        before = (noise.abs() ** 2).mean((1, 2))
        noise = noise * tint
        after = (noise.abs() ** 2).mean((1, 2))
        mixed = speech + noise * (before / (after + 1e-12)).sqrt()[:, None, None]
        level = 10 ** (rng.uniform(-56, -6, EXAMPLES) / 20)
        excess, recent, heard = self.features(
            mixed * torch.from_numpy(level.astype(np.float32))[:, None, None]
        )
        hidden = self.net["second"](self.net["first"](heard)[0])[0]
        total = EXAMPLES * (HOPS - SETTLING)
        pick = np.sort(rng.permutation(total)[: total // 3])
        pick += SETTLING * (pick // (HOPS - SETTLING) + 1)
        bands = np.stack([np.arange(USED) * 25.0 < each.band_hz for each in examples])
        there = torch.from_numpy(bands[pick // HOPS].astype(np.float32))
        chosen = torch.from_numpy(pick)
        hidden, excess, recent, mixed, wanted = (
            each.reshape(EXAMPLES * HOPS, -1)[chosen]
            for each in (hidden, excess, recent, mixed[..., :USED], wanted[..., :USED])
        )
        whole, target = mixed.abs() + 1e-7, wanted.abs() + 1e-7
        alike = (mixed * wanted.conj()).real / (whole * target)
        kept = self.gains(hidden, excess, recent) * whole
        error = (kept**2 + target**2 - 2 * kept * target * alike) * there
        linear = error.sum() / ((target**2 * there).sum() + 1e-3)
        ours = (kept + 1e-5) ** POWER
        theirs = (target + 1e-5) ** POWER
        complex_loss = ours**2 + theirs**2 - 2 * ours * theirs * alike
        loss = (1 - COMPLEX_PART) * (ours - theirs) ** 2 + COMPLEX_PART * complex_loss
        return (loss * there * self.importance).mean() + LINEAR_PART * linear

    def train(self, mixer: Mixer, minutes: float, out: Path) -> None:
        """Train for so long, and write the weights every five minutes and at the end."""
        kept = copy.deepcopy(self.net)
        parameters = list(self.net.parameters())
        adam = self.torch.optim.AdamW(parameters, RATE, (0.9, 0.98), weight_decay=1e-4)
        start = said = time.monotonic()
        losses: list[float] = []
        while (part := (time.monotonic() - start) / (60 * minutes)) < 1:
            step = len(losses)
            fade = 0.02 + 0.49 * (1 + math.cos(math.pi * part))
            adam.param_groups[0]["lr"] = RATE * min(1, (step + 1) / WARM_UP) * fade
            loss = self.loss(mixer)
            adam.zero_grad()
            loss.backward()
            self.torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            adam.step()
            with self.torch.no_grad():
                for mean, now in zip(kept.parameters(), parameters, strict=True):
                    mean.lerp_(now, 1 - min(AVERAGE, (step + 1) / (step + 20)))
            losses.append(loss.item())
            if time.monotonic() - said > 300:
                said = time.monotonic()
                write(kept, out)
                say(f"{100 * part:.0f} %, step {step}, loss {np.mean(losses[-200:]):.4f}")
        write(kept, out)
        say(f"{len(losses)} steps, loss {np.mean(losses[-200:]):.4f}: {out}")


def say(line: str) -> None:
    """Print `line` at once: training takes long."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def write(net: Any, out: Path) -> None:
    """Write the weights as `denoise_net.weights` reads them: the large ones as int8."""
    named = {name: value.detach().numpy() for name, value in net.named_parameters()}
    large = {
        "input1": named["first.weight_ih_l0"].T,
        "again1": named["first.weight_hh_l0"].T,
        "input2": named["second.weight_ih_l0"].T,
        "again2": named["second.weight_hh_l0"].T,
        "output": named["output.weight"].T,
    }
    held = {
        "bias": np.stack(
            [
                named[f"{layer}.bias_{way}_l0"]
                for layer in ("first", "second")
                for way in ("ih", "hh")
            ]
        ),
        "output_bias": named["output.bias"],
        "local": named["bins.local"],
        "join": named["bins.join"],
    }
    for name, values in large.items():
        scale = np.maximum(np.abs(values).max(axis=0) / 127, 1e-9).astype(np.float32)
        held[name] = np.round(values / scale).astype(np.int8)
        held[f"{name}_scale"] = scale
    with out.open("wb") as file:
        np.savez_compressed(file, **held)


def main(words: list[str] | None = None) -> int:
    """Read the folders, train, write; 2 if something is missing."""
    parser = argparse.ArgumentParser(description="Train the noise suppressor's weights.")
    parser.add_argument("--speech", type=Path, action="append", required=True, metavar="DIR")
    parser.add_argument("--noise", type=Path, action="append", required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--minutes", type=float, default=45.0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(words)
    rng = np.random.default_rng(args.seed)
    try:
        talkers = [each for folder in args.speech for each in read_talkers(folder, rng)]
        mixer = Mixer(talkers, read_noises(args.noise, rng), rng)
        try:
            torch = importlib.import_module("torch")
        except ImportError as missing:
            raise UsageError(f"training wants torch: {missing}") from missing
        Trainer(torch, args.seed).train(mixer, args.minutes, args.out)
    except ApplianceError as error:
        sys.stderr.write(f"train_denoise: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
