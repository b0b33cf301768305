"""Kernels through numba: for a laptop without a built object, and what the builder starts from.

numba is imported by name at run time, so that nothing that runs on the device reaches it.
"""

from __future__ import annotations

import ctypes
import importlib
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from appliance.dsp.kernel import INLINE, MARK, Array, Kernel, c_type
from appliance.errors import ConfigError

# IEEE results for a division by zero instead of an exception path; no reordering.
STRICT = {"error_model": "numpy", "boundscheck": False}
FAST = {"contract", "reassoc"}  # what `--fast` allows


def compile_here(kernel: Kernel) -> Any:
    """Compile `kernel` for this process and return its ctypes function."""
    compiled = compile_kernel(kernel, fast=False)
    prototype = ctypes.CFUNCTYPE(None, *(c_type(each) for each in kernel.parameters.values()))
    function: Any = prototype(compiled.address)
    function.keeps = compiled  # the machine code lives as long as this does
    return function


def compile_kernel(kernel: Kernel, *, fast: bool) -> Any:
    """Return numba's `CFunc` for `kernel`: addresses and numbers in, nothing out.

    Raises:
        ConfigError: numba does not accept the function, with what it says of it.
    """
    numba = importlib.import_module("numba")
    options: dict[str, Any] = dict(STRICT, fastmath=set(FAST) if fast else False)
    body = _compiled_body(numba, kernel.function, options, {})
    types, parts = [], []
    for index, parameter in enumerate(kernel.parameters.values()):
        if isinstance(parameter, Array):
            types.append(numba.types.CPointer(getattr(numba.types, parameter.kind.name)))
            parts.append(f"carray(a{index}, {parameter.shape!r})")
        else:
            types.append(getattr(numba.types, parameter.name))
            parts.append(f"a{index}")
    names = ", ".join(f"a{index}" for index in range(len(types)))
    source = f"def {kernel.name}({names}):\n    body({', '.join(parts)})\n"
    # Constant shapes let LLVM see every bound; the text holds only names and ints of our own.
    scope: dict[str, Any] = {"carray": numba.carray, "body": body}
    exec(compile(source, f"<{kernel.name}>", "exec"), scope)  # noqa: S102 - our own text
    try:
        return numba.cfunc(numba.types.void(*types), **options)(scope[kernel.name])
    except numba.core.errors.NumbaError as refusal:
        said = " ".join(str(refusal).split())
        raise ConfigError([f"kernel {kernel.name}: numba refuses it: {said[:600]}"]) from refusal


def _compiled_body(
    numba: ModuleType, function: FunctionType, options: dict[str, Any], done: dict[Any, Any]
) -> Any:
    """Return `function` for numba, with its helpers; they are known there by compiled twins."""
    if function in done:
        return done[function]
    scope = dict(function.__globals__)
    for name in function.__code__.co_names:
        value = scope.get(name)
        if isinstance(value, FunctionType | Kernel):
            if isinstance(value, Kernel) or not hasattr(value, MARK):
                place = f"{function.__module__}.{function.__name__}"
                raise ConfigError([f"{place} calls {name}, which is neither @inner nor @shared"])
            scope[name] = _compiled_body(numba, value, options, done)
        elif isinstance(value, np.ndarray):
            raise ConfigError(
                [f"{function.__module__}.{function.__name__} uses the array {name}: pass it in"]
            )
    twin = FunctionType(function.__code__, scope, function.__name__, function.__defaults__)
    inline = getattr(function, MARK, INLINE) == INLINE
    done[function] = numba.njit(forceinline=inline, **options)(twin)
    return done[function]
