"""What the long runs share: counts of what may leak, and time that passes by itself.

A simulated loop never waits: where nothing is left to do, its clock jumps to the next deadline, so
that an hour of talk takes a second; where nothing is due either, it says so in place of hanging.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import selectors
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

MAPPING = re.compile(r"[0-9a-f]+-[0-9a-f]+ ")  # proc(5): the first line of each
SHARED_SOUND = "memfd:pulseaudio"


@dataclass(frozen=True, slots=True)
class Use:
    """What a process holds now."""

    rss_kb: int
    fds: int
    sockets: int
    threads: int


def use_of(pid: int | str = "self") -> Use:
    """Return what the process holds, read from /proc; memory exactly, page by page.

    Not counted is the pool that it shares with a desktop's sound server: the server decides how
    much of it a late chunk costs, and a board's card has none.
    """
    proc = Path(f"/proc/{pid}")
    rss_kb, is_own = 0, True
    for line in (proc / "smaps").read_text().splitlines():
        if line.startswith("Rss:"):
            rss_kb += int(line.split()[1]) if is_own else 0
        elif MAPPING.match(line):
            is_own = SHARED_SOUND not in line
    targets = []
    for fd in (proc / "fd").iterdir():
        try:
            targets.append(str(fd.readlink()))
        except FileNotFoundError:  # the one that lists them, or one that closed meanwhile
            continue
    sockets = sum(target.startswith("socket:") for target in targets)
    return Use(rss_kb, len(targets), sockets, len(list((proc / "task").iterdir())))


@dataclass(frozen=True, slots=True)
class Held:
    """What this process holds at rest, as its own interpreter and event loop count it."""

    use: Use
    blocks: int  # of memory that the interpreter has given out
    tasks: int
    due: int  # timers that will fire
    timers: int  # those and the cancelled ones, which the loop sweeps out from time to time
    types: Counter[str]  # objects that the garbage collector knows


def held_now(loop: SimulatedLoop) -> Held:
    """Count; first in vain, so that what counting itself needs is not taken for growth."""
    for _ in range(2):
        gc.get_objects()
    gc.collect()
    timers = loop.timers
    return Held(
        use_of(),
        sys.getallocatedblocks(),
        len(asyncio.all_tasks(loop)),
        sum(not timer.cancelled() for timer in timers),
        len(timers),
        Counter(type(thing).__qualname__ for thing in gc.get_objects()),
    )


def alone(script: str, *arguments: object, within_s: float) -> dict:
    """Run a script of the tests in a process of its own, whose memory is nobody else's.

    Returns the JSON object on its last line; fails with its own words.
    """
    ended = subprocess.run(
        [sys.executable, script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    assert ended.returncode == 0, f"{script} {arguments}:\n{ended.stdout}{ended.stderr}"
    return json.loads(ended.stdout.splitlines()[-1])


# Time


class _NoWait(selectors.DefaultSelector):
    """Looks at what is ready, and lets time pass if that is nothing."""

    def __init__(self, pass_by):
        super().__init__()
        self._pass_by = pass_by

    def select(self, timeout=None):
        found = super().select(0)
        if not found:
            assert timeout is not None, "everything waits, and nothing is due: it hangs"
            self._pass_by(timeout)
        return found


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is its own."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self.wrong: list[str] = []  # what nobody caught
        super().__init__(_NoWait(self._pass))
        self.set_exception_handler(lambda _, context: self.wrong.append(repr(context)))

    def _pass(self, seconds: float) -> None:
        self._now_s += seconds

    def time(self) -> float:
        return self._now_s

    @property
    def timers(self) -> list[asyncio.TimerHandle]:
        return list(self._scheduled)


def simulated(main):
    """Run a coroutine function's coroutine in simulated time; return what it returns."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(main)
