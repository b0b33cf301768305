"""The shared object that `appliance kernels build` makes, as the daemon loads it."""

from __future__ import annotations

import ctypes
import hashlib
import json
import platform
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

LIBRARY = "appliance-kernels.so"
MANIFEST = "appliance-kernels.json"
FORMAT = 1


class KernelObject:
    """A loaded object and what its manifest says of it."""

    def __init__(self, path: Path, library: ctypes.CDLL, kernels: dict[str, Any]) -> None:
        self.path = path
        self._library, self._kernels = library, kernels

    @classmethod
    def load(cls, directory: Path) -> KernelObject | str:
        """Return the object in `directory`, or one line that says why it is not to be had."""
        manifest = directory / MANIFEST
        try:
            text = manifest.read_text(encoding="utf-8")
        except OSError as error:
            return f"no built sound kernels: {manifest}: {error.strerror}"
        try:
            said = json.loads(text)
            version, machine, kernels = said["format"], said["machine"], said["kernels"]
            content = said["library_sha256"]
        except (ValueError, KeyError, TypeError) as error:
            return f"{manifest} is not a manifest of sound kernels ({error!r})"
        if version != FORMAT or not isinstance(kernels, dict):
            return f"{manifest} has format {version}, this version reads {FORMAT}"
        if machine != platform.machine():
            return f"{manifest} is for {machine}, this machine is {platform.machine()}"
        path = directory / LIBRARY
        try:
            if hashlib.sha256(path.read_bytes()).hexdigest() != content:
                return f"{path} is not the object that {MANIFEST} describes: build it again"
            library = ctypes.CDLL(str(path))  # not PyDLL: a call lets go of the GIL
        except OSError as error:
            return f"{path} does not load: {error.strerror or error}"
        return cls(path, library, kernels)

    def function(self, name: str, signature: str, source: str) -> Any:
        """Return the exported function, or one line that says why it can't serve.

        Args:
            name: of the kernel.
            signature: what the caller will pass; another one would write where it must not.
            source: `digest` of the kernel as it is now.
        """
        said = self._kernels.get(name)
        if not isinstance(said, dict):
            return f"{self.path} holds no kernel {name}"
        if said.get("signature") != signature:
            return f"{self.path}: kernel {name} takes other arrays now: build it again"
        if said.get("source") != source:
            return f"{self.path}: kernel {name} was built from other source: build it again"
        try:
            # Not an attribute: that would be one object for all who load this path.
            return self._library[name]
        except AttributeError:
            return f"{self.path} exports no {name}"


def digest(function: FunctionType, mark: str) -> str:
    """Return a hash of all that decides the machine code of `function`.

    That is the text of its file and of the files of the helpers that it calls, and the value of
    every constant that they name; an empty text if a file can't be read.
    """
    total = hashlib.sha256()
    files: set[str] = set()
    for each in reachable(function, mark):
        files.add(each.__code__.co_filename)
        for name in each.__code__.co_names:
            value: Any = each.__globals__.get(name)
            if not callable(value) and hasattr(value, "__float__"):
                total.update(f"{name}={float(value)!r}:{type(value).__name__};".encode())
    try:
        texts = sorted(hashlib.sha256(Path(path).read_bytes()).digest() for path in files)
    except OSError:
        return ""  # no source to compare with; matches no object
    for text in texts:
        total.update(text)
    return total.hexdigest()


def reachable(function: FunctionType, mark: str) -> Iterator[FunctionType]:
    """Yield `function` and every marked helper that it calls, each once, callers first."""
    waiting, seen = [function], {function}
    while waiting:
        now = waiting.pop(0)
        yield now
        for name in now.__code__.co_names:
            value = now.__globals__.get(name)
            if isinstance(value, FunctionType) and hasattr(value, mark) and value not in seen:
                seen.add(value)
                waiting.append(value)
