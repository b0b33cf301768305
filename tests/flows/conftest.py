"""The real command, as a person or a script would call it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Ended:
    code: int
    out: str
    err: str

    @property
    def summary(self) -> dict[str, Any]:
        return json.loads(self.out)


@pytest.fixture
def appliance(tmp_path):
    """`appliance("demo", …, NAME="value")` runs the command and returns how it ended."""

    def run(*arguments: str | Path, timeout_s: float = 100, **environ: str) -> Ended:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("APPLIANCE", "OPENAI"))}
        done = subprocess.run(
            [sys.executable, "-m", "appliance", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            env={**clean, **environ},
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)

    return run
