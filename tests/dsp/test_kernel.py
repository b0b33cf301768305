"""Kernels as plain Python, and the doors that every call goes through.

The compiled ways are in tests/kernels/test_build.py.
"""

import gc
import hashlib
import json
import logging
import platform
import re
import sys

import numpy as np
import pytest

from appliance.dsp.kernel import F32, I32, MARK, REGISTRY, Array, Kernel, Registry, inner
from appliance.dsp.kernel_object import FORMAT, LIBRARY, MANIFEST, KernelObject, digest
from appliance.errors import ConfigError, SignalError

HALF = np.float32(0.5)


@inner
def halve(value):
    return value * HALF


def _step(x, y, count, gain, shift):
    for i in range(4):
        y[i] = halve(x[i]) * gain
    count[0, 1] += shift


SHAPES = {"x": Array(F32, 4), "y": Array(F32, 4), "count": Array(I32, 1, 2), "gain": F32}


@pytest.fixture
def step():
    REGISTRY.use("python")
    yield Kernel(_step, {**SHAPES, "shift": I32})
    REGISTRY.use(None)


def arrays():
    x = np.arange(4, dtype=np.float32)
    return x, np.zeros(4, np.float32), np.zeros((1, 2), np.int32)


def test_a_call_writes_into_the_arrays_it_was_given(step):
    x, y, count = arrays()
    step(x, y, count, 3.0, 7)
    step(x, y, count, 3.0, 7)
    assert y.tolist() == [0.0, 1.5, 3.0, 4.5]
    assert count.tolist() == [[0, 14]]
    assert step.name == "test_kernel_step"


def test_a_bound_call_wants_only_the_numbers(step):
    x, y, count = arrays()
    run = step.bind(x, y, count)
    x[:] = 2.0
    run(1.0, 1)
    assert y.tolist() == [1.0] * 4
    assert count[0, 1] == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (np.zeros(5, np.float32), r"want x float32\[4\] in one piece, got float32\[5\]"),
        (np.zeros(4), r"got float64\[4\]"),
        (np.zeros((1, 4), np.float32), r"got float32\[1,4\]"),
        (np.zeros(8, np.float32)[::2], r"got float32\[4\], with gaps"),
        (np.zeros(4, ">f4"), "got >f4"),
        ([0.0] * 4, "got list"),
        (1.0, "got float"),
    ],
)
def test_machine_code_never_sees_an_array_of_another_form(step, wrong, said):
    x, y, count = arrays()
    with pytest.raises(SignalError, match=said):
        step(wrong, y, count, 1.0, 1)
    with pytest.raises(SignalError, match=said):
        step.bind(wrong, y, count)
    with pytest.raises(SignalError, match="want 5 arguments, got 3"):
        step(x, y, count)


def test_an_array_that_is_gone_is_forgotten(step):
    x, y, count = arrays()
    for _ in range(50):
        step(np.ones(4, np.float32), y, count, 1.0, 1)
    gc.collect()
    assert len(step._seen[0]) == 0
    step(x, y, count, 1.0, 1)
    assert len(step._seen[0]) == 1


def test_python_computes_in_the_declared_types_and_keeps_quiet_on_overflow(step):
    x, y, count = arrays()
    x[:] = 3e38
    step(x, y, count, 1e10, 1)
    assert np.isinf(y).all()
    assert type(halve(np.float32(3))) is np.float32


def test_plain_python_stops_at_the_end_of_an_array():
    def _over(x):
        x[x.shape[0]] = 1.0

    REGISTRY.use("python")
    try:
        with pytest.raises(IndexError):
            Kernel(_over, {"x": Array(F32, 4)})(np.zeros(4, np.float32))
    finally:
        REGISTRY.use(None)


def test_parameters_must_be_those_of_the_function():
    with pytest.raises(ConfigError, match="takes x, y, count, gain, shift, declared x, y, count"):
        Kernel(_step, SHAPES)
    with pytest.raises(ConfigError, match="shape of 1 and more"):
        Array(F32, 4, 0)


def test_two_modules_can_not_export_one_name():
    registry = Registry()
    registry.add(Kernel(_step, {**SHAPES, "shift": I32}))
    scope = {"__name__": "elsewhere.test_kernel"}
    exec("def _step(x):\n    x[0] = 0.0\n", scope)
    with pytest.raises(ConfigError, match=r"two kernels are called test_kernel_step: in .*elsewhe"):
        registry.add(Kernel(scope["_step"], {"x": Array(F32, 1)}))


def test_the_digest_follows_the_constants_and_the_helpers(step, monkeypatch):
    before = digest(_step, MARK)
    monkeypatch.setitem(globals(), "HALF", np.float32(0.25))
    changed = digest(_step, MARK)
    monkeypatch.setitem(globals(), "HALF", 0.25)  # as float64 it is other code
    assert len({before, changed, digest(_step, MARK)}) == 3
    monkeypatch.undo()
    assert digest(_step, MARK) == before


def manifest(directory, **changes):
    content = hashlib.sha256((directory / LIBRARY).read_bytes()).hexdigest()
    said = {
        "format": FORMAT,
        "machine": platform.machine(),
        "library_sha256": content,
        "kernels": {},
    } | changes
    (directory / MANIFEST).write_text(json.dumps(said))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": 99}, "has format 99, this version reads"),
        ({"machine": "pdp11"}, "is for pdp11, this machine is"),
        ({"library_sha256": "0" * 64}, "is not the object that .* describes"),
        ({}, "does not load"),
    ],
)
def test_an_object_that_does_not_fit_is_one_line(tmp_path, changes, said):
    (tmp_path / LIBRARY).write_bytes(b"no ELF")
    manifest(tmp_path, **changes)
    found = KernelObject.load(tmp_path)
    assert isinstance(found, str)
    assert "\n" not in found
    assert re.search(said, found)


def test_a_manifest_that_is_none_is_one_line(tmp_path):
    assert "No such file" in KernelObject.load(tmp_path)
    (tmp_path / MANIFEST).write_text("{")
    assert "is not a manifest" in KernelObject.load(tmp_path)


def test_without_object_and_without_numba_the_error_says_what_to_do(tmp_path, caplog, monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)  # what import sees where it is not installed
    kernel = Kernel(_step, {**SHAPES, "shift": I32})
    try:
        with caplog.at_level(logging.WARNING):
            REGISTRY.use(str(tmp_path))
        assert "numba compiles what is missing now" in caplog.text
        with pytest.raises(ConfigError, match=r"need a built object .* or numba"):
            kernel(*arrays(), 1.0, 1)
    finally:
        REGISTRY.use(None)
