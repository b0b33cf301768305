"""`appliance bench`: measure the sound chain."""

from __future__ import annotations

import argparse
import importlib
import os
from typing import Any

# Each has `configure(parser)` and `run(args) -> exit code`, and libraries that the other does not
# need: only the one that is called is imported.
BENCHES = {
    "sound": ("appliance.bench.sound", "how well it cleans, beside every peer that is installed"),
    "frame": ("appliance.bench.frame", "how long one frame of 10 ms takes"),
}
# Read by the libraries on import. All is measured on one thread, as the device has it.
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
EPILOG = """examples:
  appliance bench sound --quick      a few recordings, in under a minute
  appliance bench frame              what the chain costs
"""


class LateParser(argparse.ArgumentParser):
    """A parser whose arguments are added when it is first asked to read some."""

    module = ""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self.module:
            module, self.module = self.module, ""
            importlib.import_module(module).configure(self)
        return super().parse_known_args(args, namespace)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands, each still without its arguments."""
    for name in ONE_THREAD:
        os.environ.setdefault(name, "1")
    parser.description = "Measure speed and quality of the sound chain."
    parser.epilog = EPILOG
    actions = parser.add_subparsers(
        dest="bench", required=True, metavar="WHAT", parser_class=LateParser
    )
    for name, (module, meaning) in BENCHES.items():
        late = actions.add_parser(
            name, help=meaning, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        late.module = module


def run(args: argparse.Namespace) -> int:
    """Run the bench that was named."""
    return int(importlib.import_module(BENCHES[args.bench][0]).run(args))
