"""`appliance simulator`: run the local Realtime server."""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

from appliance.errors import UsageError
from appliance.simulator.script import Script, read_script
from appliance.simulator.server import Options, RealtimeServer

EPILOG = """examples:
  appliance simulator --port 8765
  appliance simulator --port 8765 --record /tmp/heard --session-limit 60
  appliance simulator --port 8765 --script fault.toml --key secret

Point a client at ws://127.0.0.1:8765/v1/realtime?model=gpt-realtime-2.1-mini with any key.
docs/simulator.md has the script format.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "A local server that behaves like the Realtime API: it hears, answers, speaks."
    )
    parser.epilog = EPILOG
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, required=True, help="port; 0 takes a free one")
    parser.add_argument(
        "--script", type=Path, metavar="FILE", help="faults to play, .toml or .json"
    )
    parser.add_argument(
        "--session-limit",
        type=float,
        default=3600.0,
        metavar="S",
        help="seconds after which a session expires (%(default)g)",
    )
    parser.add_argument(
        "--strict",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="refuse parameters that the API does not have",
    )
    parser.add_argument(
        "--record", type=Path, metavar="DIR", help="keep what was heard, said and sent"
    )
    parser.add_argument("--key", help="the only key to accept (default: any)")
    parser.add_argument(
        "--pace",
        type=float,
        default=4.0,
        metavar="FACTOR",
        help="how many times faster than real time replies are sent (%(default)g)",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    if args.pace <= 0 or args.session_limit <= 0 or not 0 <= args.port <= 65535:
        raise UsageError("--pace and --session-limit must be over 0, --port from 0 to 65535")
    options = Options(
        host=args.host,
        port=args.port,
        key=args.key,
        strict=args.strict,
        session_limit_s=args.session_limit,
        pace=args.pace,
        script=read_script(args.script) if args.script else Script(),
        record=args.record,
    )
    asyncio.run(_serve(options))
    return 0


async def _serve(options: Options) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with RealtimeServer(options) as server:
        print(f"listening on {server.url}", flush=True)
        await ended.wait()
