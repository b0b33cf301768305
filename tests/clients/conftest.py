"""Environments for clients that pin other libraries than ours, each made from its lock file.

They are kept under the user's cache, named after what they are made of; where that cannot be
written, they are made anew in the test's own folder.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NODE_AT_LEAST = 20


@dataclass(frozen=True)
class Client:
    name: str
    made_of: tuple[Path, ...]  # what its environment depends on

    def key(self):
        digest = hashlib.sha256(sys.version.encode())
        for path in self.made_of:
            digest.update(path.read_bytes())
        return f"{self.name}-{digest.hexdigest()[:16]}"

    def make(self, folder):
        """Fill `folder`, which is new, with everything that the program needs."""
        if self.name == "js":
            for path in self.made_of:
                shutil.copy(path, folder)
            _run("npm", "ci", "--no-audit", "--no-fund", cwd=folder)
            return
        venv.create(folder, with_pip=True)
        pip = (folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check")
        _run(*pip, "install", "--quiet", "--require-hashes", "-r", self.made_of[0], cwd=folder)

    def command(self, folder):
        """Return the program and its first arguments."""
        if self.name == "js":
            shutil.copy(HERE / "js" / "turn.mjs", folder)  # node looks for modules beside it
            return ["node", str(folder / "turn.mjs")]
        return [str(folder / "bin" / "python"), str(HERE / f"{self.name}_turn.py")]


def _run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command[0]}: {done.stderr[-2000:]}"


def _why_no_node():
    """Return why the npm client cannot run here, "" if it can."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "node and npm are not on the PATH"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    major = re.match(r"v(\d+)", version.stdout)
    if not major or int(major.group(1)) < NODE_AT_LEAST:
        return f"node {version.stdout.strip()} is older than {NODE_AT_LEAST}"
    return ""


WHY_NO_NODE = _why_no_node()
CLIENTS = [Client(name, (HERE / f"{name}.lock",)) for name in ("openai", "agents")]
if not WHY_NO_NODE:
    files = (HERE / "js" / "package.json", HERE / "js" / "package-lock.json")
    CLIENTS.append(Client("js", files))


@pytest.fixture(params=CLIENTS, ids=lambda client: client.name)
def program(request, tmp_path_factory):
    """The command of one client, in its environment."""
    client = request.param
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    root = cache / "voice-appliance" / "clients"
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe = root / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError:
        root = tmp_path_factory.mktemp("clients")
    ready = root / client.key()
    if not ready.exists():
        making = root / f"{client.key()}.{os.getpid()}"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir()
        try:
            client.make(making)
            making.rename(ready)  # whole or not at all, whoever else is making the same
        except OSError:
            if not ready.exists():
                raise
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return client.command(ready)


def pytest_terminal_summary(terminalreporter):
    if WHY_NO_NODE:
        terminalreporter.write_line(f"ABSENT: npm @openai/agents client not run: {WHY_NO_NODE}")
