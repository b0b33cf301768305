"""Run the local Realtime server alone: `python -m appliance.simulator --port N`."""

from __future__ import annotations

import argparse
import sys

from appliance.errors import ApplianceError, ConfigError, UsageError
from appliance.simulator.command import configure, run


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="appliance simulator", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    configure(parser)
    try:
        return run(parser.parse_args())
    except ApplianceError as error:
        sys.stderr.write(f"appliance: {error}\n")
        return 2 if isinstance(error, UsageError | ConfigError) else 1


if __name__ == "__main__":
    sys.exit(main())
