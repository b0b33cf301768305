"""The stages that ship, on a recorded voice: object, JIT and ARM object leave the same in memory.

Slow (every kernel is compiled three times). What is absent is named in pytest's summary; see
test_build.py for what is needed.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from appliance import replay
from appliance.dsp.denoise import Denoiser
from appliance.dsp.echo import EchoCanceller
from appliance.dsp.gain import Gain
from appliance.dsp.highpass import HighPass
from appliance.dsp.pcm import pcm16_to_float
from appliance.dsp.vad import VoiceActivity

VOICE = Path("/usr/share/pocketsphinx/test/data/goforward.raw")
FRAMES = 60
EMULATOR = ["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"]
ABSENT = [
    name
    for name, there in {
        "numba": importlib.util.find_spec("numba"),
        "gcc": shutil.which("gcc"),
        "gcc-aarch64-linux-gnu": shutil.which("aarch64-linux-gnu-gcc"),
        "libc6-dev-arm64-cross": Path("/usr/aarch64-linux-gnu/lib").is_dir(),
        "qemu-user-static": shutil.which("qemu-aarch64-static"),
    }.items()
    if not there
]
# `make units` installs these; pytest -ra names what is not there all the same.
pytestmark = pytest.mark.skipif(bool(ABSENT), reason=f"absent: {', '.join(ABSENT)}")

STAGES = {
    "highpass": lambda: HighPass().process,
    "denoise": lambda: Denoiser().process,
    "gain": lambda: Gain().process,
    "vad": lambda: VoiceActivity().process,
    "echo": lambda: (lambda cancel: lambda frame: cancel(frame, np.roll(frame, 40)))(
        EchoCanceller().process
    ),
}
LIBM = 2e-5  # of the largest value: expf and logf of two C libraries may round apart


def built(directory, stage, target):
    module = "appliance.dsp.echo_frame" if stage == "echo" else f"appliance.dsp.{stage}"
    words = ["build", "--target", target, "--module", module, "--out", str(directory)]
    subprocess.run(
        [sys.executable, "-m", "appliance.kernels", *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        capture_output=True,
    )
    return directory


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_computes_the_same_wherever_it_runs(stage, tmp_path):
    native = built(tmp_path / "native", stage, "native")
    arm = built(tmp_path / "arm", stage, "aarch64")
    x = pcm16_to_float(VOICE.read_bytes())
    frames = x[8_000 : 8_000 + FRAMES * 240].reshape(FRAMES, 240).copy()
    with replay.recording(str(native)) as calls:
        run = STAGES[stage]()
        for frame in frames:
            run(frame)
    assert len(calls) >= FRAMES
    here = [call.after for call in calls]
    assert replay.play(calls, "jit") == here
    kernels = {call.kernel.name: call.kernel for call in calls}
    program = replay.driver(list(kernels.values()), arm, "aarch64-linux-gnu-gcc")
    for kernel in kernels.values():
        mine = [call for call in calls if call.kernel is kernel]
        there = replay.play_in([*EMULATOR, str(program)], mine)
        kinds = [each.kind.name for each in kernel.parameters.values() if hasattr(each, "kind")]
        for mine_after, arm_after in zip([call.after for call in mine], there, strict=True):
            for kind, left, right in zip(kinds, mine_after, arm_after, strict=True):
                a, b = np.frombuffer(left, kind), np.frombuffer(right, kind)
                assert np.abs(a - b).max() <= LIBM * max(1.0, np.abs(a).max())
