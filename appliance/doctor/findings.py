"""What a check came to, and the report that all of them make. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from appliance.faults.table import FAULTS

VERSION = 1  # of the report as JSON; raised when a field goes or changes its meaning

Figure = str | int | float | bool | None | list[str] | list[float] | list[int]
Figures = dict[str, Figure]


class Outcome(Enum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"  # it works, and something is worth a word
    FAIL = "fail"  # it does not work: a person has to do something
    SKIPPED = "skipped"  # not looked at; `said` has the reason


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    `said` and `cure` are one line each; `figures` are what was measured, with units in the names.
    """

    outcome: Outcome
    said: str
    cure: str = ""
    figures: Mapping[str, Figure] = field(default_factory=dict)


def ok(said: str, **figures: Figure) -> Finding:
    return Finding(Outcome.OK, said, "", figures)


def warn(said: str, cure: str, **figures: Figure) -> Finding:
    return Finding(Outcome.WARN, said, cure, figures)


def fail(said: str, cure: str, **figures: Figure) -> Finding:
    return Finding(Outcome.FAIL, said, cure, figures)


def skipped(why: str, **figures: Figure) -> Finding:
    return Finding(Outcome.SKIPPED, why, "", figures)


def cure_of(fault: str) -> str:
    """Return what helps against a fault of the table (`appliance faults`)."""
    return FAULTS[fault].cure


@dataclass(frozen=True, slots=True)
class Line:
    """A finding with the name of its check and how long that took."""

    check: str
    finding: Finding
    took_ms: float


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was looked at, in the order of the looking."""

    lines: tuple[Line, ...]
    appliance: str  # version of the package
    at_s: float  # Unix time of the beginning

    @property
    def is_well(self) -> bool:
        """Whether nothing failed."""
        return not self.count(Outcome.FAIL)

    @property
    def exit_code(self) -> int:
        """0: all is well, or worth a word at most; 1: something failed."""
        return 0 if self.is_well else 1

    def count(self, outcome: Outcome) -> int:
        return sum(line.finding.outcome is outcome for line in self.lines)

    def as_json(self) -> dict[str, object]:
        """Return the report for a program; tests/doctor/test_findings.py holds its form."""
        return {
            "version": VERSION,
            "appliance": self.appliance,
            "at": round(self.at_s, 3),
            "well": self.is_well,
            "counts": {outcome.value: self.count(outcome) for outcome in Outcome},
            "checks": [
                {
                    "check": line.check,
                    "outcome": line.finding.outcome.value,
                    "said": line.finding.said,
                    "cure": line.finding.cure,
                    "figures": dict(line.finding.figures),
                    "took_ms": round(line.took_ms, 1),
                }
                for line in self.lines
            ],
        }

    def summary(self) -> str:
        """Return the last line: how many of each outcome that occurred."""
        counted = ((outcome, self.count(outcome)) for outcome in Outcome)
        words = ", ".join(f"{n} {outcome.value}" for outcome, n in counted if n)
        return words or "nothing was looked at"


def one_line(text: str) -> str:
    """Return `text` without line ends and other letters that a terminal would act on."""
    return "".join(letter if letter.isprintable() else " " for letter in " ".join(text.split()))


def tidy(finding: Finding) -> Finding:
    """Return the finding with its texts fit for one line each."""
    return replace(finding, said=one_line(finding.said), cure=one_line(finding.cure))


def first_of(texts: Iterable[str], most: int = 3) -> str:
    """Return the first few of several texts, and how many more there are."""
    listed = list(texts)
    more = f" (and {len(listed) - most} more)" if len(listed) > most else ""
    return "; ".join(listed[:most]) + more
