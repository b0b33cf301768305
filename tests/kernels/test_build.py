"""Kernels built ahead of time, on a recorded voice: the same bits as numba's JIT and as the ARM.

Needs numba and gcc; the tests of the ARM object need gcc-aarch64-linux-gnu, libc6-dev-arm64-cross
and qemu-user-static. What is absent is named in pytest's summary.
"""

import importlib
import importlib.util
import json
import logging
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from appliance import replay
from appliance.dsp.kernel import REGISTRY
from appliance.dsp.kernel_object import LIBRARY, MANIFEST
from appliance.dsp.pcm import pcm16_to_float
from appliance.kernels.targets import target

HERE = Path(__file__).parent
VOICE = Path("/usr/share/pocketsphinx/test/data/goforward.raw")
FRAMES = 60
ABSENT = [
    f"{what} ({package})"
    for what, package, there in [
        ("numba", "pip", importlib.util.find_spec("numba")),
        ("gcc", "gcc", shutil.which("gcc")),
    ]
    if not there
]
ABSENT_ARM = ABSENT + [
    f"{what} ({package})"
    for what, package, there in [
        ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu", shutil.which("aarch64-linux-gnu-gcc")),
        ("aarch64 libc", "libc6-dev-arm64-cross", Path("/usr/aarch64-linux-gnu/lib").is_dir()),
        ("qemu-aarch64-static", "qemu-user-static", shutil.which("qemu-aarch64-static")),
    ]
    if not there
]
EMULATOR = ["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"]

# `make units` installs these; pytest -ra names what is not there all the same.
pytestmark = pytest.mark.skipif(bool(ABSENT), reason=f"absent: {', '.join(ABSENT)}")
# `make units` installs these; pytest -ra names what is not there all the same.
needs_arm = pytest.mark.skipif(bool(ABSENT_ARM), reason=f"absent: {', '.join(ABSENT_ARM)}")


def tool(*words, **environment):
    path = os.pathsep.join([str(HERE), *sys.path])
    return subprocess.run(
        [sys.executable, "-m", "appliance.kernels", *words],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def made(directory, *words):
    done = tool("build", "--module", "sample_kernels", "--out", str(directory), *words)
    assert done.returncode == 0, done.stderr
    return directory


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    return made(tmp_path_factory.mktemp("native"))


@pytest.fixture(scope="module")
def arm(tmp_path_factory):
    return made(tmp_path_factory.mktemp("arm"), "--target", "aarch64")


@pytest.fixture(scope="module")
def samples():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HERE))
        yield importlib.import_module("sample_kernels")


@pytest.fixture
def voice():
    x = pcm16_to_float(VOICE.read_bytes())
    start = int(np.argmax(np.abs(x))) - FRAMES * 120
    return x[start : start + FRAMES * 240].reshape(FRAMES, 240)


def speak(samples, voice):
    """Run both kernels over `voice`; return what came out and the states."""
    x, y = np.zeros(240, np.float32), np.zeros(240, np.float32)
    line, scratch, more = (np.zeros(512, np.float32) for _ in range(3))
    re, im = np.zeros(257, np.float32), np.zeros(257, np.float32)
    z, seen = np.zeros(2), np.zeros(1, np.int32)
    spectral = samples._spectral.bind(x, y, line, re, im, scratch, more, samples.TWIDDLES)
    out = []
    for frame in voice:
        x[:] = frame
        spectral(0.3)
        out.append(y.copy())
        samples._recursive(x, y, z, seen, 0.25)
        out.append(y.copy())
    return np.stack(out), z, seen


@pytest.fixture
def calls(samples, voice, native):
    with replay.recording(str(native)) as written:
        speak(samples, voice)
    assert len(written) == 2 * FRAMES
    return written


def floats(results):
    return np.concatenate([np.frombuffer(row[1], np.float32) for row in results])


def test_the_object_and_the_jit_give_the_same_bits(calls):
    assert replay.play(calls, "jit") == [call.after for call in calls]


def test_the_object_and_plain_python_agree(calls):
    """To the bit where the kernel holds only arithmetic; Python's exp and log are of doubles."""
    after = [call.after for call in calls]
    plain = replay.play(calls, "python")
    assert np.abs(floats(plain) - floats(after)).max() < 2e-6 * np.abs(floats(after)).max()
    recursive = [i for i, call in enumerate(calls) if call.kernel.name.endswith("recursive")]
    assert [plain[i] for i in recursive] == [after[i] for i in recursive]
    assert np.abs(floats(after)).max() > 0.1  # a voice, not silence


@needs_arm
def test_the_arm_object_computes_the_same(calls, arm, samples):
    """To the bit without libm; with it, expf and logf of two C libraries may round apart."""
    machine = target("aarch64", None)
    kernels = [samples._spectral, samples._recursive]
    program = replay.driver(kernels, arm, machine.tools + "gcc")
    for kernel, bound in zip(kernels, (1e-6, 0.0), strict=True):
        mine = [call for call in calls if call.kernel is kernel]
        there = replay.play_in([*EMULATOR, str(program)], mine)
        here = [call.after for call in mine]
        furthest = np.abs(floats(there) - floats(here)).max()
        assert furthest <= bound * np.abs(floats(here)).max()
        if not bound:
            assert there == here


def test_the_driver_runs_the_native_object_too(calls, native, samples):
    program = replay.driver([samples._recursive], native, "gcc")
    mine = [call for call in calls if call.kernel is samples._recursive]
    assert replay.play_in([str(program)], mine) == [call.after for call in mine]


def test_a_process_that_uses_the_object_has_no_compiler_in_it(native):
    code = (
        "import sys, numpy as np, sample_kernels as s\n"
        "x = np.ones(240, np.float32); y = np.zeros(240, np.float32)\n"
        "s._recursive(x, y, np.zeros(2), np.zeros(1, np.int32), 0.5)\n"
        "print(y[0], 'numba' in sys.modules, 'llvmlite' in sys.modules,"
        " 'appliance.dsp.jit' in sys.modules)"
    )
    path = os.pathsep.join([str(HERE), *sys.path])
    said = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path, "APPLIANCE_KERNELS": str(native)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == ["0.5", "False", "False", "False"]
    assert said.stderr == ""


@pytest.mark.parametrize(
    ("field", "said"),
    [("signature", "takes other arrays now"), ("source", "was built from other source")],
)
def test_a_stale_object_is_one_line_and_the_jit(samples, native, tmp_path, caplog, field, said):
    shutil.copy(native / LIBRARY, tmp_path)
    manifest = json.loads((native / MANIFEST).read_text())
    manifest["kernels"]["sample_kernels_recursive"][field] += "?"
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    x, y = np.ones(240, np.float32), np.zeros(240, np.float32)
    try:
        REGISTRY.use(str(tmp_path))
        with caplog.at_level(logging.WARNING):
            samples._recursive(x, y, np.zeros(2), np.zeros(1, np.int32), 0.5)
    finally:
        REGISTRY.use(None)
    assert [record.getMessage().count("\n") for record in caplog.records] == [0]
    assert said in caplog.text
    assert y[0] == 0.5
    checked = tool("check", "--module", "sample_kernels", str(tmp_path))
    assert checked.returncode == 1
    assert said in checked.stdout


def test_check_says_what_an_object_is(native):
    done = tool("check", "--module", "sample_kernels", str(native))
    assert done.returncode == 0
    assert f"for {platform.machine()}" in done.stdout
    assert "strict arithmetic" in done.stdout
    assert done.stdout.count("  ok\n") + done.stdout.count(" ok\n") >= 2
    missing = tool("check", "--module", "sample_kernels", str(native / "nowhere"))
    assert missing.returncode == 2
    assert missing.stderr.count("\n") == 1


def test_two_builds_are_the_same_bytes_and_leave_nothing_else(native, tmp_path):
    again = made(tmp_path)
    assert (again / LIBRARY).read_bytes() == (native / LIBRARY).read_bytes()
    assert (again / MANIFEST).read_text() == (native / MANIFEST).read_text()
    assert sorted(each.name for each in again.iterdir()) == sorted([LIBRARY, MANIFEST])


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("allocates", "its code needs NRT_"),
        ("unmarked", "calls unmarked, which is neither @inner nor @shared"),
        ("python", "numba refuses it"),
    ],
)
def test_a_kernel_that_breaks_the_rules_is_refused_in_one_line(tmp_path, kind, said):
    done = tool("build", "--module", "bad_kernels", "--out", str(tmp_path), BAD_KERNEL=kind)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_module_that_is_not_there_and_one_without_kernels_are_said_so(tmp_path):
    for name, said in [("nowhere", "No module named"), ("appliance.dsp.pcm", "no kernels in")]:
        done = tool("build", "--module", name, "--out", str(tmp_path))
        assert done.returncode == 2
        assert said in done.stderr


@needs_arm
def test_an_object_for_another_machine_is_not_loaded(arm, samples):
    if platform.machine() == "aarch64":
        pytest.skip("this machine is the other one")  # an ARM host runs the ARM object itself
    done = tool("check", "--module", "sample_kernels", str(arm))
    assert done.returncode == 0
    assert "not loaded here" in done.stdout
