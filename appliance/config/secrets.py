"""Keeping keys out of everything that people read."""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "***"
# OpenAI keys (sk-…), short-lived keys (ek_…) and tokens (eyJ….….…), wherever they were pasted.
_KEY = re.compile(r"\b(?:[se]k[-_][A-Za-z0-9_-]{6,}|eyJ[A-Za-z0-9_-]{10,}[A-Za-z0-9_.-]*)")
_SHORTEST_SECRET = 4  # what is shorter is no key, and masking it would garble every message
_LONGEST_QUOTE = 32  # no setting with a choice needs more; a key of any make is longer


class Redactor:
    """Masks the secrets that it was told of, and whatever has the look of a key."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # Longest first: a secret may begin with another one.
        self._secrets = sorted(
            (secret for secret in secrets if len(secret) >= _SHORTEST_SECRET), key=len, reverse=True
        )

    def clean(self, text: str) -> str:
        """Return `text` with every secret replaced by `MASK`."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return _KEY.sub(MASK, text)

    def quote(self, value: object) -> str:
        """Return `value` in TOML's spelling, in one short line, fit for an error message."""
        if isinstance(value, str):
            text = self.clean(value)
            if len(text) > _LONGEST_QUOTE:
                return f"a text of {len(value)} characters"
            return '"' + text.encode("unicode_escape").decode() + '"'
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int) and abs(value) >= 10**18:
            return "so large a number"  # as text it could take thousands of digits
        if isinstance(value, int | float):
            return self.clean(str(value))
        if isinstance(value, dict):
            return "a table"
        if isinstance(value, list | tuple):
            return "this list"
        return f"a value of type {type(value).__name__}"
