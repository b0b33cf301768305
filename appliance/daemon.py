"""`appliance run`: the device itself."""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import os
from pathlib import Path

from appliance.config.apart import SettingsApart
from appliance.errors import ConfigError, UsageError

DEFAULT_PANEL = "gpio"  # while the settings, which say so, cannot be read

EPILOG = """examples:
  appliance run                              as systemd does, with /etc/appliance/appliance.toml
  appliance run --panel terminal             the space bar is the button
  appliance run --config my.toml             other settings
  APPLIANCE_VOICE__NAME=marin appliance run  one setting changed for once

--panel pipe takes the lines `press` and `release` on standard input and tells what happens as
JSON lines on standard output; with --sent FILE all audio that was sent is kept as raw PCM.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Run the device until it is told to end (SIGTERM, Ctrl-C)."
    parser.epilog = EPILOG
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file")
    parser.add_argument(
        "--panel",
        choices=("gpio", "terminal", "pipe", "none"),
        help="where button and LEDs are (default: the setting hardware.panel)",
    )
    parser.add_argument("--sent", type=Path, metavar="FILE", help="keep what was sent (pipe only)")


def run(args: argparse.Namespace) -> int:
    if args.sent is not None and args.panel != "pipe":
        raise UsageError("--sent goes with --panel pipe")
    # numpy brings a library of linear algebra that would start a thread for each core.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    reading = SettingsApart(args.config)
    from appliance.app import serve  # takes half a second, in which the settings are read

    try:
        settings = reading.wait()
    except ConfigError:
        from appliance.last_words import tell_wrong_settings

        tell_wrong_settings(args.panel or DEFAULT_PANEL)
        raise
    faulthandler.enable()  # where each thread was, should the watchdog have to end them
    asyncio.run(serve(settings, args.panel or settings.hardware.panel, args.sent, args.config))
    return 0
