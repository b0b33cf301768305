"""Whether a built object serves the kernels as they are now."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.dsp.kernel import MARK, Kernel
from appliance.dsp.kernel_object import MANIFEST, KernelObject, digest
from appliance.errors import UsageError


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one kernel; `fault` is empty where all is well."""

    kernel: str
    fault: str


def check(kernels: Sequence[Kernel], directory: Path) -> tuple[str, list[Finding]]:
    """Return what the object says of itself, one line, and a finding for every kernel.

    An object for another machine is compared by its manifest alone.

    Raises:
        UsageError: the directory holds no object, or one that is damaged.
    """
    try:
        said = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        machine = str(said["machine"])
        about = (
            f"for {machine} ({said['cpu']}), {said['arithmetic']} arithmetic, "
            f"numba {said['versions']['numba']}, LLVM {said['versions']['llvm']}"
        )
        listed = dict(said["kernels"])
    except OSError as error:
        raise UsageError(f"{directory / MANIFEST}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{directory / MANIFEST} is not a manifest of sound kernels") from error
    if machine != platform.machine():
        return about + "; not loaded here", [_by_manifest(each, listed) for each in kernels]
    found = KernelObject.load(directory)
    if isinstance(found, str):
        raise UsageError(found)
    findings = []
    for each in kernels:
        function = found.function(each.name, each.signature, digest(each.function, MARK))
        findings.append(Finding(each.name, function if isinstance(function, str) else ""))
    return about, findings


def _by_manifest(kernel: Kernel, listed: dict[str, object]) -> Finding:
    want = {"signature": kernel.signature, "source": digest(kernel.function, MARK)}
    there = listed.get(kernel.name)
    if there is None:
        return Finding(kernel.name, f"the object holds no kernel {kernel.name}")
    fault = "" if there == want else f"kernel {kernel.name} has changed: build it again"
    return Finding(kernel.name, fault)
