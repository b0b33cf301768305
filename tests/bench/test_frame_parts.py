"""The parts of `appliance bench frame` on small inputs whose answer is known."""

from __future__ import annotations

import pytest

from appliance.bench import callgrind
from appliance.bench.callgrind import Counted, Events
from appliance.bench.emulated import Executed
from appliance.bench.pi_share import BOARDS, Model, share, waits
from appliance.errors import ApplianceError

MODEL = Model.find()
needs_llvm = pytest.mark.usefixtures("llvm")


@pytest.fixture(scope="session")
def llvm():
    """What `make units` installs: without it these tests fail, since a skip would look green."""
    assert MODEL is not None, "absent: llvm-mca (llvm)"


PROFILE = """# callgrind format
desc: Trigger: Client Request: gain
events: Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw Bc Bcm Bi Bim
summary: 1000 300 200 10 20 5 1 2 0 90 7 30 3

ob=/usr/lib/python3.11/lib-dynload/_ctypes.so
fn=ffi_call
0 90 10 10 1
cob=/somewhere/appliance-kernels.so
cfn=0x30ed0
calls=3 0
0 600 200 100 0 4 1 0 0 0 9 2
0 5 1 1
cfn=another_in_ctypes
calls=1 0
0 50 1 1

ob=/somewhere/appliance-kernels.so
fn=0x30ed0
0 500 100 100 0 4
cob=/usr/lib/libm.so.6
cfn=expf
calls=9 0
0 100 100 0 0 0 1 0 0 0 9 2
cfn=a_helper
calls=2 0
0 40
"""


def test_the_kernels_share_of_a_profile_is_what_is_called_into_their_object():
    name, counted = callgrind.read(PROFILE.splitlines())
    assert name == "gain"
    assert counted == Counted(
        all=Events(instructions=1000, l1_misses=35, l2_misses=3, mispredicted=10),
        kernels=Events(instructions=600, l1_misses=5, l2_misses=0, mispredicted=2),
    )


def test_a_share_is_cycles_over_those_of_ten_milliseconds():
    zero, three, four = BOARDS
    kernels = Events(instructions=9e9, l1_misses=1000, l2_misses=100, mispredicted=500)
    assert waits(kernels) == 10 * 1000 + 100 * 100 + 10 * 500
    python = Events(instructions=50_000, l1_misses=3000, l2_misses=0, mispredicted=2000)
    found = share(zero, 475_000, kernels, python)
    assert found.kernels == pytest.approx(0.05), "what the kernel executed here does not matter"
    assert found.python == pytest.approx(0.01)
    assert found.total == pytest.approx(0.06)
    assert share(three, 475_000, kernels, python).total == pytest.approx(0.06 / 1.4)
    assert share(four, 180_000, None, None).kernels == pytest.approx(0.01)
    assert share(four, 180_000, None, None).total is None


def test_the_model_sees_what_most_instructions_go_into():
    blocks = {1: ("a",) * 10, 2: ("b",) * 100, 3: ("c",) * 60}
    executed = Executed(blocks, calls=((1,), (2,), (1,), (3, 1), (2,)))
    assert executed.instructions() == [10, 100, 10, 70, 100]
    assert executed.weightiest(1) == {1: 2}
    assert executed.weightiest(170) == {1: 2, 3: 1}
    assert executed.weightiest(1000) == {1: 2, 3: 1, 0: 2}
    assert executed.words(3) == ["c"] * 60 + ["a"] * 10


@needs_llvm
@pytest.mark.parametrize("core", ["cortex-a53", "cortex-a72"])
def test_the_model_knows_what_must_wait(core):
    """A chain of additions takes the latency of each, additions apart much less."""
    chained = ["1e212800"] * 400  # fadd s0, s0, s1
    apart = ["1e212802", "1e212803", "1e212804", "1e212805"] * 100  # into s2, s3, s4, s5
    assert MODEL.cycles(chained, core).at_most > 2 * MODEL.cycles(apart, core).at_most
    assert 3 * 400 <= MODEL.cycles(chained, core).at_least <= 8 * 400


@needs_llvm
def test_a_value_handed_on_through_memory_is_between_the_two_suppositions():
    through = ["bd400000", "1e212800", "bd000000"] * 100  # ldr s0, [x0]; fadd; str s0, [x0]
    cycles = MODEL.cycles(through, "cortex-a72")
    assert cycles.at_least < 0.5 * cycles.at_most


@needs_llvm
def test_a_call_and_a_return_cost_an_instruction_and_not_a_function():
    called = ["94000001", "d65f03c0"] * 100  # bl, ret
    assert MODEL.cycles(called, "cortex-a53").at_most < 400


@needs_llvm
def test_what_is_no_instruction_is_said():
    with pytest.raises(ApplianceError, match="llvm-mc"):
        MODEL.cycles(["00000000", "ffffffff"], "cortex-a53")
