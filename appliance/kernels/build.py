"""From kernels to one shared object: numba to LLVM's text, LLVM to the target's machine code.

Only numba's public calls are used: `@cfunc`, `carray` and `inspect_llvm`. Importing numba fixes
the machine whose text it writes, so `build` refuses to run in a process that was not started with
ENVIRONMENT; `command.py` starts one.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import pkgutil
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import appliance.dsp
from appliance.dsp.jit import compile_kernel
from appliance.dsp.kernel import MARK, REGISTRY, Kernel
from appliance.dsp.kernel_object import FORMAT, LIBRARY, MANIFEST, digest
from appliance.errors import ApplianceError, ConfigError, UsageError
from appliance.kernels.targets import ALLOWED, Target

# Without these numba writes what only this machine's processor understands.
ENVIRONMENT = {
    "NUMBA_OPT": "0",
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_CPU_FEATURES": "",
    "NUMBA_DISABLE_INTEL_SVML": "1",
}
LINK = "-shared -nostartfiles -s -Wl,-z,defs -Wl,-z,noexecstack -Wl,-z,relro -Wl,--build-id=none"

# Numba counts references to every array. Ours have no owner to count for, so counting is nothing;
# a kernel that makes an array of its own still needs NRT_MemInfo_alloc, and is refused for that.
_COUNTING = re.compile(
    r"^(define [^\n]*@NRT_(?:incref|decref)\(ptr [^)]*\))[^\n]*\{\n.*?^\}", re.M | re.S
)


def kernels_of(modules: Sequence[str]) -> list[Kernel]:
    """Import `modules`, or for none all of `appliance.dsp`, and return the kernels in them.

    Raises:
        UsageError: a module is not there.
        ConfigError: no kernel is in them.
    """
    names = list(modules) or [
        f"appliance.dsp.{each.name}" for each in pkgutil.iter_modules(appliance.dsp.__path__)
    ]
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise UsageError(f"kernels of {name}: {error}") from error
    found = [each for each in REGISTRY if each.function.__module__ in names]
    if not found:
        raise ConfigError([f"no kernels in {', '.join(names)}"])
    return found


def build(
    kernels: Sequence[Kernel],
    target: Target,
    directory: Path,
    *,
    fast: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Path:
    """Write the shared object of `kernels` and its manifest into `directory`; return the object.

    The object is written under another name and moved, the manifest after it: a reader never sees
    half of one, and an object that the manifest does not describe is refused by its hash.

    Args:
        fast: let the compiler join and reorder additions (differs in the last bits); without it
            every machine computes the same.
        progress: is told of every kernel.

    Raises:
        UsageError: numba or the target's compiler is not installed, or LLVM does not know the CPU.
        ConfigError: a kernel can't be compiled, or its code would need more than the C library.
    """
    wrong = [name for name, value in ENVIRONMENT.items() if os.environ.get(name) != value]
    if wrong:
        raise UsageError(f"want {', '.join(wrong)} set before numba is imported")
    try:
        binding = importlib.import_module("llvmlite.binding")
        importlib.import_module("numba")
    except ImportError as error:
        raise UsageError(f"building kernels needs numba: {error}") from error
    linker = _tool(target, "gcc")
    machine = _machine(binding, target)
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kernels-", dir=directory) as scratch:
        objects = []
        for number, kernel in enumerate(kernels, 1):
            progress(f"{number}/{len(kernels)} {kernel.name}")
            written = Path(scratch) / f"{kernel.name}.o"
            written.write_bytes(_object_code(binding, machine, target, kernel, fast=fast))
            _refuse_unknown_symbols(target, kernel, written)
            objects.append(str(written))
        library = Path(scratch) / LIBRARY
        _run([linker, *LINK.split(), "-o", str(library), *objects, "-lm", "-lc"])
        content = hashlib.sha256(library.read_bytes()).hexdigest()
        manifest = Path(scratch) / MANIFEST
        said = _manifest(kernels, target, content, fast=fast)
        manifest.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
        library.replace(directory / LIBRARY)
        manifest.replace(directory / MANIFEST)
    return directory / LIBRARY


def _machine(binding: Any, target: Target) -> Any:
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    known = binding.Target.from_triple(target.triple)
    # LLVM takes a CPU that it does not know for the plainest one, with a line on stderr.
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", target.cpu):
        raise UsageError(f"want the name of a CPU such as cortex-a53, got {target.cpu!r}")
    return known.create_target_machine(
        cpu=target.cpu, opt=3, reloc="pic", codemodel="default", jit=False
    )


def _object_code(
    binding: Any, machine: Any, target: Target, kernel: Kernel, *, fast: bool
) -> bytes:
    """Return the ELF object that exports `kernel` and nothing else."""
    compiled = compile_kernel(kernel, fast=fast)
    text = re.sub(r"^target (triple|datalayout) = .*$", "", compiled.inspect_llvm(), flags=re.M)
    text = _COUNTING.sub(r"\1 alwaysinline {\n  ret void\n}", text)
    module = binding.parse_assembly(text)
    module.triple = target.triple
    module.data_layout = str(machine.target_data)
    exported = compiled.native_name
    for value in [*module.functions, *module.global_variables]:
        if value.is_declaration:
            continue
        if value.name == exported:
            value.name = kernel.name
            value.linkage = "external"
        else:
            value.linkage = "internal"
    module.verify()
    tuning = binding.create_pipeline_tuning_options(speed_level=3)
    tuning.loop_vectorization = tuning.slp_vectorization = True
    tuning.loop_interleaving = tuning.loop_unrolling = True
    builder = binding.PassBuilder(machine, tuning)
    passes = builder.getModulePassManager()
    passes.run(module, builder)
    # Once more for the caller: only now is it plain that a long kernel never fails.
    again = binding.ModulePassManager()
    again.add_ipsccp_pass()
    again.add_simplify_cfg_pass()
    again.add_global_dead_code_eliminate_pass()
    again.run(module, builder)
    code: bytes = machine.emit_object(module)
    return code


def undefined_symbols(target: Target, path: Path) -> list[str]:
    """Return the names that an object of `target` wants from elsewhere."""
    listing = _run([_tool(target, "nm"), *_nm_options(path), str(path)])
    names = [line.split()[-1] for line in listing.splitlines() if line.split()]
    return sorted({name.partition("@")[0] for name in names})


def _nm_options(path: Path) -> list[str]:
    return ["-u", "-D"] if path.suffix == ".so" else ["-u"]


def _refuse_unknown_symbols(target: Target, kernel: Kernel, path: Path) -> None:
    strange = [name for name in undefined_symbols(target, path) if name not in ALLOWED]
    if strange:
        raise ConfigError(
            [
                f"kernel {kernel.name}: its code needs {', '.join(strange[:6])}, which the device "
                "does not have: an array temporary, an exception or a range with a variable step?"
            ]
        )


def _manifest(
    kernels: Sequence[Kernel], target: Target, content: str, *, fast: bool
) -> dict[str, Any]:
    binding = importlib.import_module("llvmlite.binding")
    versions = {
        name: str(importlib.import_module(name).__version__) for name in ("numba", "llvmlite")
    }
    versions["llvm"] = ".".join(map(str, binding.llvm_version_info))
    versions["python"] = platform.python_version()
    return {
        "format": FORMAT,
        "machine": target.machine,
        "triple": target.triple,
        "cpu": target.cpu,
        "arithmetic": "fast" if fast else "strict",
        "versions": versions,
        "library_sha256": content,
        "kernels": {
            each.name: {"signature": each.signature, "source": digest(each.function, MARK)}
            for each in kernels
        },
    }


def _tool(target: Target, name: str) -> str:
    found = shutil.which(target.tools + name)
    if found is None:
        raise UsageError(f"no {target.tools}{name} here: install {target.package}")
    return found


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join(done.stderr.split())[:400]
        raise ApplianceError(f"{Path(command[0]).name} failed: {said}")
    return done.stdout
