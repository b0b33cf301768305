"""The machines that kernels are built for, and what a built object may ask of them."""

from __future__ import annotations

import platform
from dataclasses import dataclass

from appliance.errors import UsageError

# What an object may leave to the C library and the mathematics library; anything else, such as
# numba's run time or Python's errors, would not be there on the device.
# fmt: off
_MATHS = (
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "ceil", "copysign",
    "cos", "cosh", "exp", "exp2", "expm1", "fabs", "floor", "fma", "fmax", "fmin", "fmod",
    "hypot", "ldexp", "log", "log10", "log1p", "log2", "nearbyint", "pow", "rint", "round",
    "sin", "sincos", "sinh", "sqrt", "tan", "tanh", "trunc",
)
# fmt: on
ALLOWED = frozenset(
    [*_MATHS, *(f"{name}f" for name in _MATHS), "memcpy", "memmove", "memset"],
)


@dataclass(frozen=True, slots=True)
class Target:
    """A machine.

    Attributes:
        machine: as `platform.machine()` says there.
        triple, cpu: for LLVM.
        tools: what the names of its gcc and nm begin with here.
        package: the Debian package that brings them.
    """

    machine: str
    triple: str
    cpu: str
    tools: str
    package: str


def target(name: str, cpu: str | None) -> Target:
    """Return the machine `native` or `aarch64`; `cpu` is one that LLVM knows, or None.

    Without it the object runs on every machine of the kind: Cortex-A53 is the oldest core of a
    64-bit Pi, `x86-64` that of a PC.

    Raises:
        UsageError: another name, or this machine is of neither kind.
    """
    here = platform.machine()
    wanted = here if name == "native" else name
    if wanted == "aarch64":
        tools = "" if here == "aarch64" else "aarch64-linux-gnu-"
        package = "gcc" if here == "aarch64" else "gcc-aarch64-linux-gnu"
        return Target("aarch64", "aarch64-linux-gnu", cpu or "cortex-a53", tools, package)
    if wanted == "x86_64" and name == "native":
        return Target("x86_64", "x86_64-linux-gnu", cpu or "x86-64", "", "gcc")
    raise UsageError(f"want a target of native (on x86_64 or aarch64) or aarch64, got {name}")
