"""The machine code that the bench measures: found as it is, or built."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from appliance.dsp.kernel import MARK, PACKAGED, VARIABLE, Kernel
from appliance.dsp.kernel_object import LIBRARY, MANIFEST, digest
from appliance.errors import ApplianceError

NATIVE, ARM = "native", "aarch64"


def ready(kernels: Sequence[Kernel], target: str, directory: Path) -> Path:
    """Return `directory`, with an object for `target` in it that serves `kernels` as they are now.

    One that is there is kept; for NATIVE the one that this process would run is copied; what
    serves neither way is built.

    Args:
        target: NATIVE or ARM.

    Raises:
        ApplianceError: the build failed; in one line.
    """
    machine = ARM if target == ARM else platform.machine()
    if _serves(kernels, machine, directory):
        return directory
    directory.mkdir(parents=True, exist_ok=True)
    here = Path(os.environ.get(VARIABLE) or PACKAGED)
    if target == NATIVE and _serves(kernels, machine, here):
        for name in (LIBRARY, MANIFEST):
            shutil.copy(here / name, directory)
        return directory
    command = [sys.executable, "-m", "appliance.kernels", "build", "--target", target]
    command += ["--out", str(directory)]
    for module in sorted({each.function.__module__ for each in kernels}):
        command += ["--module", module]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join(done.stderr.split()).removeprefix("appliance: ")
        raise ApplianceError(f"kernels for {target}: {said[-400:]}")
    return directory


def about(directory: Path) -> str:
    """Return what the object was built for and with, in a few words."""
    said = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
    return f"{said['machine']} ({said['cpu']}, LLVM {said['versions']['llvm']})"


def _serves(kernels: Sequence[Kernel], machine: str, directory: Path) -> bool:
    try:
        said = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        listed = said["kernels"] if said["machine"] == machine else {}
    except (OSError, ValueError, KeyError):
        return False
    if not (directory / LIBRARY).exists():
        return False
    return all(
        listed.get(each.name)
        == {"signature": each.signature, "source": digest(each.function, MARK)}
        for each in kernels
    )
