"""Put a thread before all others of the machine, where that was granted."""

from __future__ import annotations

import contextlib
import os
import resource

# Above what is not real-time, below the kernel's own threads (50); the unit grants up to 20.
PRIORITY = 10


def hurry() -> None:
    """Give the thread that calls this a real-time priority.

    Where nobody granted one (`LimitRTPRIO=` of the unit), it changes nothing, for root as well: a
    program that was started by hand is not to go before everything else.

    Source: sched(7). The pid 0 means the calling thread; others of the process stay as they are.
    """
    granted, _ = resource.getrlimit(resource.RLIMIT_RTPRIO)
    if granted >= PRIORITY:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
