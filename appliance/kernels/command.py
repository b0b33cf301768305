"""`appliance kernels`: compile the sound kernels ahead of time, or check what was compiled."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from appliance.errors import ApplianceError
from appliance.kernels import build, check
from appliance.kernels.targets import target

EPILOG = """examples:
  appliance kernels build --out /usr/lib/appliance/kernels
  appliance kernels build --target aarch64 --cpu cortex-a72 --out build/pi4
  appliance kernels check build/pi4

The daemon takes the object that APPLIANCE_KERNELS=DIRECTORY names.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `appliance kernels`."""
    parser.epilog = EPILOG
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    making = actions.add_parser("build", help="compile every kernel into one shared object")
    making.add_argument(
        "--target", choices=("native", "aarch64"), default="native", help="machine to build for"
    )
    making.add_argument("--cpu", help="LLVM's name of its processor (default: the plainest)")
    making.add_argument(
        "--fast", action="store_true", help="let additions be joined and reordered: other last bits"
    )
    making.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write")
    making.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    looking = actions.add_parser("check", help="say whether a built object serves this version")
    looking.add_argument("directory", type=Path, metavar="DIR")
    for each in (making, looking):
        each.add_argument(
            "--module",
            action="append",
            default=[],
            metavar="NAME",
            help="take the kernels of this module instead of all of ours",
        )


def run(args: argparse.Namespace) -> int:
    """Build or check; 0 if all is well, 1 if the object does not serve."""
    if args.action == "check":
        return _check(args)
    if args.here:
        return _build(args)
    # Numba reads its settings once, on import; and we may have been imported along with it.
    again = [sys.executable, "-m", "appliance.kernels", *_arguments(args), "--here"]
    return subprocess.run(again, env={**os.environ, **build.ENVIRONMENT}, check=False).returncode


def _arguments(args: argparse.Namespace) -> list[str]:
    words = ["build", "--target", args.target, "--out", str(args.out)]
    if args.cpu:
        words += ["--cpu", args.cpu]
    for name in args.module:
        words += ["--module", name]
    return [*words, "--fast"] if args.fast else words


def _build(args: argparse.Namespace) -> int:
    machine = target(args.target, args.cpu)
    try:
        library = build.build(
            build.kernels_of(args.module),
            machine,
            args.out,
            fast=args.fast,
            progress=lambda line: print(line, flush=True),
        )
    except OSError as error:
        raise ApplianceError(f"{error.filename or args.out}: {error.strerror}") from error
    wanted = ", ".join(build.undefined_symbols(machine, library)) or "nothing"
    print(f"{library}: {library.stat().st_size / 1000:.0f} kB for {machine.machine}", end=" ")
    print(f"({machine.cpu}); needs {wanted}")
    return 0


def _check(args: argparse.Namespace) -> int:
    about, findings = check.check(build.kernels_of(args.module), args.directory)
    print(f"{args.directory}: {about}")
    faults = [each for each in findings if each.fault]
    for each in findings:
        print(f"  {each.kernel:32} {each.fault or 'ok'}")
    return 1 if faults else 0
