"""The `appliance` command: finds the subcommand, and turns errors into one line and a code."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from importlib.metadata import version

from appliance.errors import ApplianceError, ConfigError, UsageError

# Each lives in a module with `configure(parser)` and `run(args) -> exit code`; only the one that
# is called is imported, because the daemon must not pay for the tools.
COMMANDS = {
    "run": ("appliance.daemon", "run the device (systemd does this)"),
    "demo": ("appliance.demo.command", "hold one conversation without a Pi, a card or a key"),
    "simulator": ("appliance.simulator.command", "run the local Realtime server"),
    "status": ("appliance.status.command", "show how the running device is"),
    "dashboard": ("appliance.dashboard.command", "show the running device in a browser"),
    "devices": ("appliance.devices.command", "list microphones and loudspeakers"),
    "dsp": ("appliance.bench.clean", "clean a recording with the device's sound chain"),
    "bench": ("appliance.bench.command", "measure speed and quality of the sound chain"),
    "prompts": ("appliance.prompts_build.command", "render and play what the device says itself"),
    "doctor": ("appliance.doctor.command", "look at all that a device needs, and say what helps"),
    "calibrate": ("appliance.doctor.calibrate_command", "set the microphone by your voice"),
    "faults": ("appliance.faults.command", "say what can go wrong, and what helps"),
    "kernels": ("appliance.kernels.command", "compile the sound chain ahead of time"),
    "config": ("appliance.config.command", "show, check and describe the settings"),
}
EPILOG = """examples:
  appliance demo                     a whole conversation, in this machine alone
  appliance config check             is everything that I wrote in the settings right?
  appliance devices                  what to write for hardware.microphone
  appliance COMMAND --help           more of each
"""


def run_command(argv: list[str]) -> int:
    """Run `appliance ARGV` and return its exit code: 0 done, 2 wrong usage or settings, 1 else."""
    parser = argparse.ArgumentParser(
        prog="appliance",
        description="A device that people talk to by pressing a button.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=version("voice-appliance"))
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, meaning) in COMMANDS.items():
        subparser = commands.add_parser(
            name, help=meaning, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if name in argv[:1]:
            importlib.import_module(module).configure(subparser)
    args = parser.parse_args(argv)
    try:
        return int(importlib.import_module(COMMANDS[args.command][0]).run(args))
    except ApplianceError as error:
        for line in str(error).splitlines():
            sys.stderr.write(f"appliance: {line}\n")
        return 2 if isinstance(error, ConfigError | UsageError) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nothing is wrong, and nothing is to be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
