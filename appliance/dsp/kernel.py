"""Kernels: plain functions on fixed-shape arrays, bound to machine code on their first call.

A kernel is written once, in the subset that numba compiles (see `docs/kernels.md`), and runs one
of three ways, the same arguments for each:

- from the shared object that `appliance kernels build` made: no numba in the process;
- compiled on the spot by numba, where no such object is to be had (one warning);
- as the Python that it is, bounds checked, when `APPLIANCE_KERNELS=python`.

`APPLIANCE_KERNELS` may also be `jit`, or name the directory of a built object; without it the
object beside the package is taken, if there is one.
"""

from __future__ import annotations

import ctypes
import logging
import os
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from appliance.dsp.kernel_object import KernelObject, digest
from appliance.errors import ConfigError, SignalError

VARIABLE = "APPLIANCE_KERNELS"
PACKAGED = Path(__file__).parent.parent / "kernels" / "built"  # where the image's build puts it
MARK = "__kernel_inner__"  # on helpers: how they are compiled
INLINE, SHARED = "inline", "shared"

P = ParamSpec("P")
R = TypeVar("R")
AnyArray = NDArray[Any]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number that a kernel takes by value; also the kind of an array's elements."""

    name: str  # numpy's and numba's
    c_type: type[Any]
    plain: type[int] | type[float]

    def __str__(self) -> str:
        return self.name


F32 = Scalar("float32", ctypes.c_float, float)
F64 = Scalar("float64", ctypes.c_double, float)
I32 = Scalar("int32", ctypes.c_int32, int)
I64 = Scalar("int64", ctypes.c_int64, int)


class Array:
    """An array that a kernel takes: C-contiguous, of one shape for good."""

    __slots__ = ("kind", "shape")

    def __init__(self, kind: Scalar, *shape: int) -> None:
        if not shape or min(shape) < 1:
            raise ConfigError([f"a kernel's array has a shape of 1 and more, not {shape}"])
        self.kind, self.shape = kind, tuple(int(length) for length in shape)

    def __str__(self) -> str:
        return f"{self.kind}[{','.join(map(str, self.shape))}]"


Parameter = Array | Scalar


def c_type(parameter: Parameter) -> type[Any]:
    """Return what ctypes passes for `parameter`."""
    return parameter.c_type if isinstance(parameter, Scalar) else ctypes.c_void_p


def inner(function: Callable[P, R]) -> Callable[P, R]:
    """Mark `function` as a helper that kernels call: it is compiled into every place that does.

    It is returned as it came, so that calling it from Python is calling Python.
    """
    setattr(function, MARK, INLINE)
    return function


def shared(function: Callable[P, R]) -> Callable[P, R]:
    """Mark a long helper: a kernel holds its code once, however often it calls it.

    Shapes are then not constants within it, unless it writes them as such.
    """
    setattr(function, MARK, SHARED)
    return function


def kernel(**parameters: Parameter) -> Callable[[Callable[..., None]], Kernel]:
    """Make a kernel of the function below; `parameters` are its own, by name, in its order.

    Raises:
        ConfigError: the names are not those of the function, or another kernel has its name.
    """

    def decorate(function: Callable[..., None]) -> Kernel:
        return REGISTRY.add(Kernel(cast(FunctionType, function), parameters))

    return decorate


class Kernel:
    """One kernel: call it with arrays and numbers, or `bind` the arrays once and call the result.

    Attributes:
        name: as exported by the shared object: file and function, `denoise_frame` for `_frame`
            in `denoise.py`.
        function: the Python that it is.
        parameters: by name, in order.
    """

    def __init__(self, function: FunctionType, parameters: dict[str, Parameter]) -> None:
        stage = function.__module__.rpartition(".")[2]
        self.name = f"{stage}_{function.__name__.lstrip('_')}"
        self.function, self.parameters = function, parameters
        self.__doc__ = function.__doc__
        want = function.__code__.co_varnames[: function.__code__.co_argcount]
        if want != tuple(parameters):
            raise ConfigError(
                [f"kernel {self.name}: takes {', '.join(want)}, declared {', '.join(parameters)}"]
            )
        self._list = list(parameters.items())
        # An array is checked, and its address asked for (2 µs), once in its life.
        self._seen: list[dict[int, tuple[weakref.ref[AnyArray], int]]] = [{} for _ in self._list]
        self._compiled: Any = None

    @property
    def signature(self) -> str:
        """Text that says what the machine code expects, for comparison."""
        return ", ".join(f"{name}: {parameter}" for name, parameter in self._list)

    def __call__(self, *arguments: Any) -> None:
        """Run on `arguments`, in the order of the parameters.

        Raises:
            SignalError: one has not the dtype, the shape or the layout that was declared, or the
                number of them is wrong.
        """
        if len(arguments) != len(self._list):
            raise SignalError(
                f"kernel {self.name}: want {len(self._list)} arguments, got {len(arguments)}"
            )
        raw: list[Any] = []
        for argument, seen, (name, parameter) in zip(
            arguments, self._seen, self._list, strict=True
        ):
            known = seen.get(id(argument))
            if known is not None and known[0]() is argument:
                raw.append(known[1])
            elif parameter.__class__ is Scalar:
                raw.append(parameter.plain(argument))
            else:
                raw.append(self._meet(name, cast(Array, parameter), argument, seen))
        compiled = self._compiled
        if compiled is None:
            compiled = self._settle()
        if compiled is _PYTHON:
            self._run_python(arguments)
        else:
            compiled(*raw)

    def bind(self, *arrays: AnyArray) -> Callable[..., None]:
        """Return a call that wants only the arguments after `arrays`, the first ones.

        The arrays are held and not looked at again: the cheapest way to run a stage that owns its
        buffers (one frame about 1 µs of Python instead of 3). Arguments that follow and are
        arrays are checked at every call.

        Raises:
            SignalError: as by a call.
        """
        raw = [
            self._meet(name, parameter, array, seen)
            for array, seen, (name, parameter) in zip(arrays, self._seen, self._list, strict=False)
            if isinstance(parameter, Array)
        ]
        if len(raw) != len(arrays):
            raise SignalError(f"kernel {self.name}: want the leading arrays to bind")
        compiled = self._compiled if self._compiled is not None else self._settle()
        rest = self._list[len(raw) :]
        if compiled is _PYTHON or any(isinstance(parameter, Array) for _, parameter in rest):
            return lambda *others: self(*arrays, *others)
        return _Bound(compiled, raw, arrays)

    def _meet(
        self,
        name: str,
        want: Array,
        array: AnyArray,
        seen: dict[int, tuple[weakref.ref[AnyArray], int]],
    ) -> int:
        """Check an array that is new to this argument and return its address."""
        if (
            not isinstance(array, np.ndarray)
            or array.shape != want.shape
            or array.dtype != want.kind.name
            or not array.flags.c_contiguous
        ):
            raise SignalError(
                f"kernel {self.name}: want {name} {want} in one piece, got {_describe(array)}"
            )
        key = id(array)
        address: int = array.ctypes.data

        def forget(_: weakref.ref[AnyArray]) -> None:
            seen.pop(key, None)

        seen[key] = (weakref.ref(array, forget), address)
        return address

    def _settle(self) -> Any:
        self._compiled = REGISTRY.machine_code(self)
        return self._compiled

    def _run_python(self, arguments: tuple[Any, ...]) -> None:
        """Run as Python, with the types that the compiled code has, and its silence on overflow."""
        typed = [
            np.dtype(parameter.name).type(argument) if isinstance(parameter, Scalar) else argument
            for argument, (_, parameter) in zip(arguments, self._list, strict=True)
        ]
        with np.errstate(all="ignore"):
            self.function(*typed)

    def forget_binding(self) -> None:
        """Choose anew at the next call: the tests compare one way with another."""
        self._compiled = None


class _Bound:
    """Machine code with its leading addresses; keeps the arrays alive."""

    __slots__ = ("_arrays", "_compiled", "_raw")

    def __init__(self, compiled: Any, raw: list[int], arrays: tuple[AnyArray, ...]) -> None:
        self._compiled, self._raw, self._arrays = compiled, tuple(raw), arrays

    def __call__(self, *others: Any) -> None:
        self._compiled(*self._raw, *others)


def _describe(array: object) -> str:
    if not isinstance(array, np.ndarray):
        return type(array).__name__
    layout = "" if array.flags.c_contiguous else ", with gaps"
    return f"{array.dtype}[{','.join(map(str, array.shape))}]{layout}"


_PYTHON = object()


class Registry:
    """Every kernel that was imported, and what they run on."""

    def __init__(self) -> None:
        self._kernels: dict[str, Kernel] = {}
        self._object: KernelObject | None = None
        self._chosen: str | None = None  # "python", "jit" or "object", once decided
        self._warned = False

    def __iter__(self) -> Iterator[Kernel]:
        return iter(sorted(self._kernels.values(), key=lambda each: each.name))

    def add(self, new: Kernel) -> Kernel:
        """Take `new` up; the same function again (a reload) replaces itself.

        Raises:
            ConfigError: another function has the name.
        """
        old = self._kernels.get(new.name)
        if old is not None and old.function.__module__ != new.function.__module__:
            places = f"{old.function.__module__} and {new.function.__module__}"
            raise ConfigError([f"two kernels are called {new.name}: in {places}"])
        self._kernels[new.name] = new
        return new

    def use(self, choice: str | None) -> None:
        """Set aside what was chosen: every kernel binds anew, by `choice` or, for None, by
        `APPLIANCE_KERNELS`. `choice` is `python`, `jit` or the directory of a built object.
        """
        self._chosen, self._object, self._warned = None, None, False
        if choice is not None:
            self._choose(choice)
        for each in self._kernels.values():
            each.forget_binding()

    def machine_code(self, wanted: Kernel) -> Any:
        """Return the function that runs `wanted`: C calling convention, addresses and numbers."""
        if self._chosen is None:
            self._choose(os.environ.get(VARIABLE, ""))
        if self._object is not None:
            found = self._object.function(
                wanted.name, wanted.signature, digest(wanted.function, MARK)
            )
            if not isinstance(found, str):
                found.restype = None
                found.argtypes = [c_type(each) for each in wanted.parameters.values()]
                return found
            self._warn(found)
        if self._chosen == "python":
            return _PYTHON
        return _just_in_time(wanted)

    def _choose(self, choice: str) -> None:
        if choice in ("python", "jit"):
            self._chosen = choice
            return
        self._chosen = "object"
        directory = Path(choice) if choice else PACKAGED
        found = KernelObject.load(directory)
        if isinstance(found, str):
            self._warn(found)
        else:
            self._object = found

    def _warn(self, why: str) -> None:
        """Say once what is wrong: what is true of one kernel is as a rule true of more."""
        if not self._warned:
            _log.warning("%s; numba compiles what is missing now", why)
        self._warned = True


def _just_in_time(wanted: Kernel) -> Any:
    # Late, so that a process which runs the built object never meets the compiler's side.
    from appliance.dsp import jit

    try:
        return jit.compile_here(wanted)
    except ImportError as missing:
        raise ConfigError(
            [f"sound kernels need a built object (appliance kernels build) or numba: {missing}"]
        ) from missing


REGISTRY = Registry()
