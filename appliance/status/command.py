"""`appliance status`: one screen that says how the running device is."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from appliance.errors import NotRunningError
from appliance.status.client import StatusClient, default_path
from appliance.status.screen import screen

_EPILOG = """\
examples:
  appliance status                        is it well, and if not, what helps?
  appliance status --watch                the same, live, with the microphone's level
  appliance status --json | jq .link      for a program; the fields are in docs/status.md

Exit codes: 0 it runs and is well or not, 1 it does not run.
"""
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"
# Clear the screen; hide the cursor and let long lines end at the edge; and the other way round.
_BEGIN, _END = "\x1b[2J\x1b[?25l\x1b[?7l", "\x1b[?7h\x1b[?25h"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description = "Ask the running device how it is."
    parser.epilog = _EPILOG
    parser.add_argument("--watch", action="store_true", help="go on, until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="print JSON, one line a snapshot")
    parser.add_argument(
        "--socket",
        type=Path,
        metavar="PATH",
        help=f"where the device answers (default: {default_path()})",
    )


def run(args: argparse.Namespace) -> int:
    """Print what the device tells.

    Raises:
        NotRunningError: there is none, or it ends while it is watched.
    """
    client, path = StatusClient(), args.socket or default_path()
    if not args.watch:
        told = client.snapshot(path)
        sys.stdout.write(json.dumps(told) + "\n" if args.json else _drawn(told, meters=False))
        return 0
    live = sys.stdout.isatty() and not args.json
    if live:
        sys.stdout.write(_BEGIN)
    try:
        for told in client.watch(path):
            text = json.dumps(told) + "\n" if args.json else _drawn(told, meters=True)
            if live:  # drawn over the one before, without a flicker
                text = _HOME + text.replace("\n", f"{_REST_OF_LINE}\n") + _REST_OF_SCREEN
            sys.stdout.write(text)
            sys.stdout.flush()
    finally:
        if live:
            sys.stdout.write(_END)
    raise NotRunningError("the appliance has ended: journalctl -t appliance tells why")


def _drawn(told: dict[str, object], *, meters: bool) -> str:
    # https://no-color.org: whoever sets it, to anything, wants none.
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    try:
        return screen(told, colour=colour, meters=meters)
    except (AttributeError, KeyError, TypeError, ValueError) as wrong:
        raise NotRunningError(
            f"the running appliance tells something else than this command reads ({wrong!r}): "
            "restart it (systemctl restart appliance), or ask with --json"
        ) from wrong
