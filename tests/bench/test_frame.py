"""`appliance bench frame`: its counts repeat and add up, and what is missing is said in a line.

Needs gcc, valgrind, llvm, qemu-user-static, gcc-aarch64-linux-gnu and libc6-dev-arm64-cross;
what is absent is named in pytest's summary.
"""

from __future__ import annotations

import argparse
import json
import shutil

import pytest

from appliance.bench import callgrind, emulated, frame, frame_table, frame_time, objects
from appliance.bench.frame_stages import CHAIN, STAGES, chosen, kernels_of
from appliance.bench.frame_tools import installed, lacking
from appliance.errors import UsageError
from appliance.replay import driver

TOOLS = installed()
needs_tools = pytest.mark.usefixtures("tools")


@pytest.fixture(scope="session")
def tools():
    """What `make units` installs: without it these tests fail, since a skip would look green."""
    absent = lacking(TOOLS, native=True, arm=True)
    assert not absent, f"absent: {'; '.join(absent)}"


PLAN = frame.Plan(frames=3, warm_up=20, passes=2, modelled=20_000, native=True, arm=True)
TWICE = "highpass+highpass"


def arguments(*words):
    parser = argparse.ArgumentParser()
    frame.configure(parser)
    return parser.parse_args(words)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Where the kernels that these tests measure are built, once."""
    return tmp_path_factory.mktemp("objects")


@pytest.fixture(scope="module")
def measured(kept, tmp_path_factory):
    stages = chosen(f"highpass,vad,{TWICE}")
    rows, about = frame.measure(stages, PLAN, TOOLS, tmp_path_factory.mktemp("scratch"), kept)
    return {row.stage.name: row for row in rows}, about


@needs_tools
def test_a_stage_twice_in_a_frame_counts_twice(measured):
    once, twice = measured[0]["highpass"], measured[0][TWICE]
    assert twice.native.kernels.instructions == 2 * once.native.kernels.instructions
    assert twice.native.all.instructions == pytest.approx(
        2 * once.native.all.instructions, rel=0.03
    )
    assert twice.arm.instructions == 2 * once.arm.instructions
    for core, cycles in once.arm.cycles.items():
        assert twice.arm.cycles[core].at_most == pytest.approx(2 * cycles.at_most, rel=0.01)
    assert twice.shares["4"].kernels == pytest.approx(2 * once.shares["4"].kernels, rel=0.05)


@needs_tools
def test_the_figures_of_a_row_go_together(measured):
    rows, about = measured
    for row in rows.values():
        assert row.kernel_us > 0
        assert row.call_us > 0
        assert 0 < row.native.kernels.instructions < row.native.all.instructions
        assert all(0 < each.at_least <= each.at_most for each in row.arm.cycles.values())
        assert row.shares["Zero 2 W"].total > row.shares["3B+"].total > row.shares["4"].total
    # Two compilers' backends, one source: of one size.
    assert 0.5 < rows["vad"].arm.instructions / rows["vad"].native.kernels.instructions < 2
    assert rows["vad"].arm.instructions > rows["highpass"].arm.instructions
    assert "llvm-mca" in about


@needs_tools
def test_counts_repeat(measured, kept, tmp_path):
    """Those of the machine code to the last instruction; those of Python within 1 %."""
    before = measured[0]["vad"]
    again = callgrind.count(
        ["vad"], kept / objects.NATIVE, tmp_path, frames=PLAN.frames, warm_up=PLAN.warm_up
    )["vad"]
    assert again.kernels.instructions == before.native.kernels.instructions
    assert again.all.instructions == pytest.approx(before.native.all.instructions, rel=1e-2)


@needs_tools
def test_each_call_on_the_arm_is_told_apart(kept, measured):
    """Frames that are alike take alike many instructions, and none of the program around them."""
    stages = chosen("highpass")
    calls = frame_time.record(stages[0], kept / objects.NATIVE, frames=4, warm_up=10)
    program = driver(kernels_of(stages), kept / objects.ARM, f"{TOOLS.cross}gcc")
    executed = emulated.execute(TOOLS.emulator, program, TOOLS.cross, calls)
    each = executed.instructions()
    assert each == [measured[0]["highpass"].arm.instructions] * 4
    assert executed.weightiest(1) == {0: 4}, "all went one way"
    assert [len(executed.words(call)) for call in range(4)] == each
    assert not list((kept / objects.ARM).glob("*.log"))


@needs_tools
def test_json_holds_every_figure_that_the_table_does(measured, kept, capsys):
    only = ["--stage", "highpass", "--frames", "2", "--target", "aarch64", "--quick"]
    assert frame.run(arguments("--json", *only, "--objects", str(kept))) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["missing"] == []
    assert {board["name"] for board in said["boards"]} == {"Zero 2 W", "3B+", "4"}
    assert "Nothing was run on a Pi" in said["derivation"]
    (stage,) = said["stages"]
    assert stage["native"] is None
    assert stage["call_us"] is None
    assert stage["aarch64"]["instructions"] == measured[0]["highpass"].arm.instructions
    assert set(stage["aarch64"]["cycles"]) == {"cortex-a53", "cortex-a72"}
    assert stage["share_of_a_core"]["4"]["kernels"] > 0
    assert stage["share_of_a_core"]["4"]["total"] is None, "Python was not counted"


@needs_tools
def test_an_object_that_no_longer_serves_is_built_again(kept, measured):
    kernels = kernels_of(chosen("highpass"))
    manifest = kept / objects.ARM / "appliance-kernels.json"
    good = manifest.read_text()
    stamp = (kept / objects.ARM / "appliance-kernels.so").stat().st_mtime_ns
    objects.ready(kernels, objects.ARM, kept / objects.ARM)
    assert (kept / objects.ARM / "appliance-kernels.so").stat().st_mtime_ns == stamp
    manifest.write_text(good.replace('"source": "', '"source": "0'))
    objects.ready(kernels, objects.ARM, kept / objects.ARM)
    assert (kept / objects.ARM / "appliance-kernels.so").stat().st_mtime_ns != stamp


def test_a_missing_tool_is_one_line_and_its_column_a_dash(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(objects, "ready", lambda *_: tmp_path)
    monkeypatch.setattr(objects, "about", lambda _: "x86_64")
    monkeypatch.setattr(frame_time, "call_us", lambda *_, **__: 4.5)
    monkeypatch.setattr(frame_time, "record", lambda *_, **__: [])
    assert frame.run(arguments("--stage", "highpass", "--quick")) == 0
    said = capsys.readouterr()
    lines = said.err.splitlines()
    for package in ("gcc", "valgrind", "qemu-user", "gcc-aarch64-linux-gnu", "llvm"):
        assert [line for line in lines if line.endswith(f"install {package}") or
                f"install {package} " in line], package  # fmt: skip
    assert len(lines) == 5
    row = next(line for line in said.out.splitlines() if line.startswith("highpass"))
    assert row.split() == ["highpass", "4.5", *["-"] * (len(frame_table.HEADS) - 2)]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--stage", "reverb"), "no stage reverb"),
        (("--stage", "echo+reverb"), "no stage reverb"),
        (("--target", "riscv"), "native, aarch64 or both"),
        (("--frames", "0"), "1 to 1000"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(words, told):
    with pytest.raises(UsageError, match=told) as error:
        frame.run(arguments(*words))
    assert "\n" not in str(error.value)


def test_names_stand_for_families_sums_and_the_chain():
    assert [each.name for each in chosen("stretch,vad,stretch")] == [
        "stretch-0.5", "stretch-2.0", "vad",
    ]  # fmt: skip
    assert [each.name for each in chosen("")] == [*STAGES, "chain"]
    names = {each.name for each in kernels_of(chosen("chain"))}
    assert {name.partition("_")[0] for name in names} >= set(CHAIN)
    assert not {name for name in names if name.startswith(("beam", "stretch"))}


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_runs_on_its_recording(name):
    """Half a second of each, past the end of nothing and without an error."""
    do = STAGES[name].make()
    for number in range(50):
        assert do(number) is not None
