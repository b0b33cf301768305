"""Real calls of kernels, written down and run again on another object or another machine.

What a stage does in a test or a benchmark is recorded at the boundary to the machine code: every
argument before the call, every array after it. The same bytes then go to an object for another
processor, in a small C program that an emulator runs, and what comes back is compared.

The program also says how long each call took, and its calls lie between two functions that do
nothing, so that whoever counts instructions knows where the machine code begins and ends.
"""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from appliance.dsp.kernel import REGISTRY, Array, Kernel, Scalar
from appliance.dsp.kernel_object import LIBRARY
from appliance.errors import ApplianceError

BEGINS, ENDS = "kernel_begins", "kernel_ends"  # a driver calls them around every call


@dataclass(frozen=True, slots=True)
class Call:
    """One call.

    Attributes:
        kernel: which.
        before: every argument, as its bytes.
        after: every array, as its bytes, in order.
    """

    kernel: Kernel
    before: tuple[bytes, ...]
    after: tuple[bytes, ...]


@contextmanager
def recording(choice: str) -> Iterator[list[Call]]:
    """Run the kernels by `choice` (`jit` or the directory of an object) and write down each call.

    Stages must be made inside: what they bound before is not seen.
    """
    calls: list[Call] = []
    REGISTRY.use(choice)
    settle = REGISTRY.machine_code

    def machine_code(kernel: Kernel) -> Any:
        code = settle(kernel)

        def noted(*raw: Any) -> None:
            before = _look(kernel, raw)
            code(*raw)
            calls.append(Call(kernel, before, _arrays(kernel, _look(kernel, raw))))

        return noted

    REGISTRY.machine_code = machine_code  # type: ignore[method-assign,assignment] # ours while we listen
    try:
        yield calls
    finally:
        del REGISTRY.machine_code
        REGISTRY.use(None)


def play(calls: Sequence[Call], choice: str) -> list[tuple[bytes, ...]]:
    """Return what each of `calls` leaves in its arrays when run by `choice` in this process."""
    REGISTRY.use(choice)
    try:
        return [_play_one(call) for call in calls]
    finally:
        REGISTRY.use(None)


def _play_one(call: Call) -> tuple[bytes, ...]:
    arguments: list[Any] = []
    for parameter, given in zip(call.kernel.parameters.values(), call.before, strict=True):
        if isinstance(parameter, Array):
            arguments.append(np.frombuffer(given, parameter.kind.name).reshape(parameter.shape))
            arguments[-1] = arguments[-1].copy()
        else:
            arguments.append(np.frombuffer(given, parameter.name)[0].item())
    call.kernel(*arguments)
    return tuple(each.tobytes() for each in arguments if isinstance(each, np.ndarray))


def driver(kernels: Sequence[Kernel], directory: Path, compiler: str) -> Path:
    """Compile a program that runs the object in `directory`; return its path, beside the object.

    Its first argument is the name of a kernel; it reads the arguments of calls, one after another,
    from standard input and writes the arrays after each call to standard output. With a second
    argument it writes the nanoseconds of each call to standard error, a line each.

    It lies where it was linked to lie, and has every address of the object before it begins:
    nothing but the kernel's own code runs between `BEGINS` and `ENDS`.

    Raises:
        ApplianceError: `compiler` fails.
    """
    source, program = directory / "driver.c", directory / "driver"
    source.write_text(_source(kernels), encoding="utf-8")
    library = directory.resolve() / LIBRARY
    command = [compiler, "-O1", "-no-pie", "-o", str(program), str(source), str(library)]
    done = subprocess.run(
        [*command, f"-Wl,-rpath,{library.parent}", "-Wl,-z,now"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ApplianceError(f"{compiler} failed: {' '.join(done.stderr.split())[:400]}")
    return program


def play_in(command: Sequence[str], calls: Sequence[Call]) -> list[tuple[bytes, ...]]:
    """Return what each of `calls`, all of one kernel, leaves in its arrays in a `driver`.

    Args:
        command: how the driver is started: an emulator and its options, the driver.

    Raises:
        ApplianceError: the driver ended early.
    """
    kernel = calls[0].kernel
    given = b"".join(b"".join(call.before) for call in calls)
    done = subprocess.run(
        [*command, kernel.name], input=given, capture_output=True, check=False, timeout=100
    )
    sizes = [len(each) for each in calls[0].after]
    if done.returncode or len(done.stdout) != sum(sizes) * len(calls):
        said = " ".join(done.stderr.decode(errors="replace").split())[:400]
        raise ApplianceError(f"{kernel.name} in {command[0]}: exit {done.returncode}, {said}")
    results, at = [], 0
    for _ in calls:
        row = []
        for size in sizes:
            row.append(done.stdout[at : at + size])
            at += size
        results.append(tuple(row))
    return results


def _look(kernel: Kernel, raw: Sequence[Any]) -> tuple[bytes, ...]:
    seen = []
    for parameter, value in zip(kernel.parameters.values(), raw, strict=True):
        if isinstance(parameter, Scalar):
            seen.append(np.dtype(parameter.name).type(value).tobytes())
        else:
            seen.append(ctypes.string_at(value, _size(parameter)))
    return tuple(seen)


def _arrays(kernel: Kernel, all_of_them: tuple[bytes, ...]) -> tuple[bytes, ...]:
    pairs = zip(kernel.parameters.values(), all_of_them, strict=True)
    return tuple(value for parameter, value in pairs if isinstance(parameter, Array))


def _size(parameter: Array) -> int:
    return ctypes.sizeof(parameter.kind.c_type) * int(np.prod(parameter.shape))


_C_NAMES = {"float32": "float", "float64": "double", "int32": "int32_t", "int64": "int64_t"}


_HEAD = f"""#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
__attribute__((noinline)) void {BEGINS}(void) {{ __asm__ volatile(""); }}
__attribute__((noinline)) void {ENDS}(void) {{ __asm__ volatile(""); }}
static int timing;
static long long now(void) {{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}}
"""


def _source(kernels: Sequence[Kernel]) -> str:
    parts = [_HEAD]
    choices = []
    for kernel in kernels:
        types, buffers, reads, writes = [], [], [], []
        for index, parameter in enumerate(kernel.parameters.values()):
            if isinstance(parameter, Array):
                name = _C_NAMES[parameter.kind.name]
                types.append(f"{name} *")
                buffers.append(f"static {name} a{index}[{int(np.prod(parameter.shape))}];")
                reads.append(f"fread(a{index}, sizeof a{index}, 1, stdin) == 1")
                writes.append(f"fwrite(a{index}, sizeof a{index}, 1, stdout);")
            else:
                name = _C_NAMES[parameter.name]
                types.append(name)
                buffers.append(f"static {name} a{index};")
                reads.append(f"fread(&a{index}, sizeof a{index}, 1, stdin) == 1")
        call = ", ".join(f"a{index}" for index in range(len(types)))
        parts.append(
            f"void {kernel.name}({', '.join(types)});\n"
            f"static void run_{kernel.name}(void) {{\n  {' '.join(buffers)}\n"
            f"  while ({' && '.join(reads)}) {{\n"
            f"    long long start = now();\n    {BEGINS}();\n    {kernel.name}({call});\n"
            f"    {ENDS}();\n    long long took = now() - start;\n"
            f'    if (timing) fprintf(stderr, "%lld\\n", took);\n'
            f"    {' '.join(writes)}\n  }}\n}}\n"
        )
        choices.append(
            f'  if (!strcmp(argv[1], "{kernel.name}")) {{ run_{kernel.name}(); return 0; }}'
        )
    parts.append("int main(int argc, char **argv) {\n  if (argc < 2) return 2;")
    parts.append("  timing = argc > 2;")
    return "\n".join([*parts, *choices, "  return 2;\n}\n"])
