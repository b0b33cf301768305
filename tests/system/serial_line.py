"""Our end of the serial line to the agent in the virtual machine (guest/agent.py)."""

from __future__ import annotations

import contextlib
import itertools
import json
import queue
import socket
import threading
from typing import Any


class MachineError(AssertionError):
    """A command in the machine went wrong, or the machine does not answer."""


class Agent:
    """This end of the serial line: asks, and finds out which answer is whose."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._numbers = itertools.count(1)
        self._answers: dict[int, queue.Queue[dict[str, Any]]] = {}
        self.hello: queue.Queue[float] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # its other end is gone
            self._line.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._line.close()

    def ask(self, do: str, within_s: float, **what: Any) -> dict[str, Any]:
        number = next(self._numbers)
        answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._answers[number] = answers
        self._line.sendall(json.dumps({"id": number, "do": do, **what}).encode() + b"\n")
        try:
            answer = answers.get(timeout=within_s)
        except queue.Empty as none:
            raise MachineError(f"no answer within {within_s:.0f} s: {do} {what}") from none
        finally:
            del self._answers[number]
        if "error" in answer:
            raise MachineError(f"{do} {what}: {answer['error']}")
        return answer

    def _read(self) -> None:
        with contextlib.suppress(OSError), self._line.makefile("rb") as lines:
            for line in lines:
                # While it boots, anything may be on the line.
                with contextlib.suppress(ValueError):
                    told = json.loads(line)
                    if "hello" in told:
                        self.hello.put(told["hello"])
                    elif told.get("id") in self._answers:
                        self._answers[told["id"]].put(told)
