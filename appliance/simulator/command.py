"""`appliance simulator`: run the local Realtime server."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import tempfile
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path

from appliance.errors import UsageError
from appliance.simulator.certificates import Certificates, make_certificates
from appliance.simulator.fault_kinds import KINDS, STATUS, FaultTarget
from appliance.simulator.fault_proxy import FaultProxy
from appliance.simulator.faults import Fault, Timeline, fault_of
from appliance.simulator.script import Script, read_script
from appliance.simulator.server import Options, RealtimeServer

_KINDS = "\n".join(f"  {name:16} {kind.does}" for name, kind in KINDS.items())

EPILOG = f"""examples:
  appliance simulator --port 8765
  appliance simulator --port 8765 --record /tmp/heard --session-limit 60
  appliance simulator --port 8765 --script fault.toml --key secret
  appliance simulator --port 8765 --fault reset@10s
  appliance simulator --port 8765 --fault 503:2@10s+20s --fault stall@60s+5s
  appliance simulator --port 8765 --fault tls:expired+30s --ca /tmp/ca.pem

Point a client at ws://127.0.0.1:8765/v1/realtime?model=gpt-realtime-2.1-mini with any key.

faults, KIND[:ARG][@START][+LENGTH]; times are seconds after the server is ready (10, 10s, 500ms,
2min). Those that last do so from the start and to the end, unless told otherwise; the others
happen once, at START or when a client is connected:
{_KINDS}
  {"400 to 599":16} {STATUS}

docs/simulator.md has the script format, and more about faults.
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
        "--fault",
        action="append",
        default=[],
        metavar="KIND",
        help="a fault to suffer, see below; may be given more than once",
    )
    parser.add_argument(
        "--ca",
        type=Path,
        metavar="FILE",
        help="speak TLS, and write the certificate that a client must trust to this file",
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
    if not (args.pace > 0 and args.session_limit > 0 and 0 <= args.port <= 65535):  # NaN is not
        raise UsageError("--pace and --session-limit must be over 0, --port from 0 to 65535")
    faults = [fault_of(text) for text in args.fault]
    if any(fault.name == "tls" for fault in faults) and args.ca is None:
        raise UsageError("--fault tls needs --ca FILE, which gets the certificate to trust")
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
    with tempfile.TemporaryDirectory() as folder:
        certificates = None if args.ca is None else _certificates(Path(folder), args)
        asyncio.run(_serve(options, faults, certificates))
    return 0


def _certificates(folder: Path, args: argparse.Namespace) -> Certificates:
    made = make_certificates(folder, args.host)
    try:
        shutil.copyfile(made.authority, args.ca)
    except OSError as error:
        raise UsageError(f"{args.ca}: {error.strerror}") from error
    return made


async def _serve(options: Options, faults: list[Fault], certificates: Certificates | None) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if not faults and certificates is None:
        async with RealtimeServer(options) as server:
            _say(f"listening on {server.url}")
            await ended.wait()
        return
    async with AsyncExitStack() as stack:
        behind = replace(options, host="127.0.0.1", port=0)
        server = await stack.enter_async_context(RealtimeServer(behind))
        tls = None if certificates is None else certificates.context
        proxy = FaultProxy(server.port, options.host, options.port, tls)
        await stack.enter_async_context(proxy)
        _say(f"listening on {proxy.url}")
        timeline = Timeline(FaultTarget(proxy, certificates), _say)
        playing = asyncio.create_task(timeline.play(faults))
        ending = asyncio.create_task(ended.wait())
        await asyncio.wait({playing, ending}, return_when=asyncio.FIRST_COMPLETED)
        if playing.done() and not playing.exception():
            await ending
        for task in (playing, ending):
            task.cancel()
        with suppress(asyncio.CancelledError):
            await playing


def _say(line: str) -> None:
    print(line, flush=True)
