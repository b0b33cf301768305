"""What every section of the settings has in common: frozen, strict, no unknown names.

Values are checked strictly (a number in quotes is not a number); `sources` turns the text of an
environment variable into the setting's own type first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

CONFLICT = "conflict"  # type of the validation error that carries conflicts between settings


@dataclass(frozen=True, slots=True)
class Conflict:
    """Settings of one section that are each allowed but do not go together.

    `names` are relative to the table and may be dotted; the first one is the one to change.
    """

    names: tuple[str, ...]
    message: str


class Section(BaseModel):
    """One table of the settings."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        validate_default=False,  # a test loads the defaults as if they had been written
    )

    def conflicts(self) -> Iterator[Conflict]:
        """Yield what does not go together; sections with something to say override this."""
        return iter(())

    @model_validator(mode="after")
    def _refuse_conflicts(self) -> Self:
        found = tuple(self.conflicts())
        if found:
            raise PydanticCustomError(CONFLICT, "settings do not go together", {"found": found})
        return self


def setting(
    default: object,
    meaning: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    pattern: str | None = None,
    allowed: str = "",
    why: str = "",
) -> Any:  # Any, as pydantic's own Field: it stands where the field's type is wanted
    """Describe one setting.

    Args:
        default: the value when no source gives one; `...` if one must.
        meaning: one sentence for people; it goes to `config schema` and docs/settings.md.
        unit: of the number, in the spelling of the docs (`ms`, `Hz`, `BCM`).
        low, high: smallest and largest value. above: the value must be greater than this.
        pattern: regular expression for text.
        allowed: says in words what is allowed, where range and type do not say it.
        why: the reason for a restriction; it ends the sentence that refuses a value.
    """
    notes = {"x-unit": unit, "x-allowed": allowed, "x-why": why}
    return Field(
        default,
        description=meaning,
        ge=low,
        le=high,
        gt=above,
        pattern=pattern,
        json_schema_extra={name: note for name, note in notes.items() if note},
    )
