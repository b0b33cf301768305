"""`appliance faults`: what can go wrong, how it shows, and what helps."""

from __future__ import annotations

import argparse
import json

from appliance.errors import UsageError
from appliance.faults import report
from appliance.faults.table import FAULTS
from appliance.faults.texts_de import GERMAN
from appliance.faults.texts_es import SPANISH
from appliance.faults.texts_fr import FRENCH

EPILOG = """\
examples:
  appliance faults                           every fault in one line
  appliance faults microphone_lost           one in full
  appliance faults --markdown                the README's table
  appliance faults --catalogue de > /usr/lib/systemd/catalog/appliance.de.catalog
  journalctl --update-catalog                … and `journalctl -x` explains each line
"""
_TRANSLATIONS = {"de": GERMAN, "fr": FRENCH, "es": SPANISH}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `appliance faults`."""
    parser.description = "Say what can go wrong, how it shows, and what helps."
    parser.epilog = EPILOG
    parser.add_argument("name", nargs="?", metavar="NAME", help="a fault, as the journal names it")
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--markdown", action="store_true", help="print the README's table")
    forms.add_argument("--json", action="store_true", help="print everything as JSON")
    forms.add_argument(
        "--catalogue",
        choices=("en", *_TRANSLATIONS),
        metavar="LANG",
        help="print the catalogue of the systemd journal in en, de, fr or es",
    )


def run(args: argparse.Namespace) -> int:
    """Print what was asked for.

    Raises:
        UsageError: there is no such fault.
    """
    if args.name is not None and args.name not in FAULTS:
        raise UsageError(f"no fault {args.name}; `appliance faults` lists them")
    if args.catalogue:
        texts = _TRANSLATIONS.get(args.catalogue) or report.english()
        print(report.catalogue(texts), end="")
    elif args.json:
        table = report.as_json()
        shown = table if args.name is None else {args.name: table[args.name]}
        print(json.dumps(shown, indent=2, ensure_ascii=False))
    elif args.markdown:
        print(report.markdown(), end="")
    elif args.name is not None:
        print(report.in_full(FAULTS[args.name]), end="")
    else:
        width = max(map(len, FAULTS))
        for each in FAULTS.values():
            print(f"{each.key:<{width}}  {each.severity.value:<8}  {each.sentence}")
    return 0
