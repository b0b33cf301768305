"""The local Realtime server, as a process of its own beside the device's."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from appliance.errors import UsageError

WITHIN_S = 30.0


async def start_server(stack: AsyncExitStack, record: Path | None) -> str:
    """Start it, end it with the stack, and return its URL.

    Args:
        record: a folder for what it hears and says; None for nothing.

    Raises:
        UsageError: it did not start; the text has its own last words.
    """
    keeping = ["--record", str(record)] if record else []
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "appliance", "simulator", "--port", "0"),
        *keeping,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )

    async def end() -> None:
        if server.returncode is None:
            server.terminate()
        await server.communicate()

    stack.push_async_callback(end)
    assert server.stdout is not None, "it was asked for"
    assert server.stderr is not None, "it was asked for"
    try:
        async with asyncio.timeout(WITHIN_S):
            line = (await server.stdout.readline()).decode().strip()
    except TimeoutError as late:
        raise UsageError(f"the local server did not start within {WITHIN_S:.0f} s") from late
    if "listening on " not in line:
        words = (await server.stderr.read()).decode().strip().splitlines()
        raise UsageError(f"the local server did not start: {words[-1] if words else 'no reason'}")
    return line.rpartition(" ")[2]
