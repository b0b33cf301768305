"""`python -m appliance.kernels`: the builder in a process of its own, which numba needs."""

from __future__ import annotations

import argparse
import sys

from appliance.errors import ApplianceError, ConfigError, UsageError
from appliance.kernels.command import configure, run


def main() -> int:
    """Run the command; a failure is one line and the exit code of `appliance`."""
    parser = argparse.ArgumentParser(
        prog="appliance kernels", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    configure(parser)
    try:
        return run(parser.parse_args())
    except ApplianceError as error:
        sys.stderr.write(f"appliance: {error}\n")
        return 2 if isinstance(error, ConfigError | UsageError) else 1


if __name__ == "__main__":
    sys.exit(main())
