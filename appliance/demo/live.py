"""`appliance demo --live`: you talk, with the space bar, to the local server or to an endpoint."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from appliance.app import serve
from appliance.config import load_settings
from appliance.demo.server import start_server
from appliance.errors import UsageError


def talk_live(endpoint: str | None, config: Path | None) -> int:
    """Run the device in this terminal until q or Ctrl-C; return 0.

    Raises:
        UsageError: there is no terminal to hold the space bar in.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("--live needs a terminal: without one, leave it out")
    asyncio.run(_talk(endpoint, config))
    return 0


async def _talk(endpoint: str | None, config: Path | None) -> None:
    async with AsyncExitStack() as stack:
        environ = dict(os.environ)
        if endpoint is None:
            environ["APPLIANCE_ENDPOINT__URL"] = await start_server(stack, record=None)
            environ["APPLIANCE_ENDPOINT__API_KEY"] = "local"
        else:
            environ["APPLIANCE_ENDPOINT__URL"] = endpoint
        print("hold the space bar and talk; q ends")
        await serve(load_settings(config, environ), "terminal")
