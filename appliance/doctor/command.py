"""`appliance doctor`: what is wrong with this device, and what helps."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from appliance.doctor.bundle import refuse_bad_place, write_bundle
from appliance.doctor.checks import CHECKS, chosen
from appliance.doctor.examine import examine, service_stopped
from appliance.doctor.findings import Report
from appliance.doctor.patient import Allowed, Patient, meet
from appliance.doctor.teller import Teller
from appliance.errors import UsageError

EPILOG = """examples:
  sudo appliance doctor                     everything, with questions where somebody is there
  appliance doctor --only mic,loud          the microphone and the loudspeaker
  appliance doctor --no-sound --no-questions --json    for a program, at any time of day
  sudo appliance doctor --stop-service      ends the device for as long as it takes: while it
                                            runs, it has the sound card and the pins
  sudo appliance doctor --bundle help.tar.gz   what to send to somebody who helps, without secrets

Exit code: 0 all is ok or worth a word at most, 1 something failed, 2 wrong usage.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description = "Look at all that a device needs, and say what is wrong and what helps."
    parser.epilog = EPILOG
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file (TOML)")
    parser.add_argument("--only", metavar="NAMES", help="only these checks, such as mic,tls")
    parser.add_argument("--list", action="store_true", help="list the checks")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--no-sound", action="store_true", help="play nothing")
    parser.add_argument("--no-questions", action="store_true", help="ask nobody, wait for nobody")
    parser.add_argument(
        "--stop-service", action="store_true", help="stop the running device, and start it again"
    )
    parser.add_argument("--bundle", type=Path, metavar="FILE", help="write a support bundle")


def run(args: argparse.Namespace) -> int:
    """Examine the device.

    Raises:
        UsageError: no such check, or the bundle cannot be written.
    """
    if args.list:
        for name, check in CHECKS.items():
            print(f"{name:<12} {check.question}")
        return 0
    names = chosen(args.only)
    if args.bundle is not None:
        refuse_bad_place(args.bundle)
    # With --json, standard output is the report's; what goes on is told beside it.
    teller = Teller(sys.stderr if args.json else sys.stdout, quiet=args.json)
    allowed = Allowed(
        sound=not args.no_sound, questions=not args.no_questions and teller.has_listener
    )
    patient = meet(args.config, teller, allowed)
    report = _examined(patient, names, stop=args.stop_service)
    if args.json:
        print(json.dumps(report.as_json(), indent=2, ensure_ascii=False))
    else:
        teller.say(report.summary())
    if args.bundle is not None:
        write_bundle(args.bundle, patient, report)
        teller.say(f"{args.bundle}: read it before you send it; secrets were taken out")
    return report.exit_code


def _examined(patient: Patient, names: tuple[str, ...], *, stop: bool) -> Report:
    with ExitStack() as closing:
        if stop:
            if patient.snapshot is not None and not patient.unit:
                raise UsageError("--stop-service: the device runs by hand; end it there")
            if patient.runs:
                closing.enter_context(service_stopped())
                # What it said of itself is kept for its own line; the card and the pins are free.
                return examine(replace(patient, stopped=True), names)
        return examine(patient, names)
