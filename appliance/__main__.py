"""Entry point of the `appliance` command."""

from __future__ import annotations

import sys


def main() -> int:
    from appliance.cli import run_command  # a tool's import is paid for by the tool alone

    return run_command(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
