"""Read a record's fields: what is missing, or of another type, is None."""

from __future__ import annotations

from collections.abc import Mapping

_HUGE = 1e300

Fields = Mapping[str, object]


def text_in(fields: Fields, name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) else None


def number_in(fields: Fields, name: str) -> float | None:
    """Return a finite number that a float can hold."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if -_HUGE < value < _HUGE else None  # NaN is neither


def rounded(value: float | None) -> float | None:
    """Return a figure as it is told: to a tenth."""
    return None if value is None else round(value, 1)


def whole_in(fields: Fields, name: str) -> int | None:
    value = fields.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def truth_in(fields: Fields, name: str) -> bool | None:
    value = fields.get(name)
    return value if isinstance(value, bool) else None
