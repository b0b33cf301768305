"""What the tests of whole machines share."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
import disk
import rootfs
import uml
from bench import Bench
from cache import need_root
from container import Container
from figures import table
from machine import Machine
from station import Station

from appliance.demo.recording import default_recording, read_recording
from appliance.errors import UsageError


def pytest_sessionstart() -> None:
    """Fail where a machine cannot be made, instead of skipping what was asked for."""
    try:
        need_root()
    except UsageError as refused:
        pytest.exit(f"{refused}: nothing was tested", returncode=2)


BEGAN_UNIX_S = time.time()


def pytest_terminal_summary(terminalreporter):
    """Print what was measured."""
    for line in table(BEGAN_UNIX_S):
        terminalreporter.write_line(line)


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A container with the device installed."""
    home = tmp_path_factory.mktemp("container")
    with Container(rootfs.project_root(), home, {"/mnt/checkout": rootfs.CHECKOUT}) as container:
        yield container


@pytest.fixture(scope="module")
def station(machine):
    """The device in there, stopped, with sound and a service."""
    laid_out = Station(machine)
    with laid_out.service():
        yield laid_out


@pytest.fixture(scope="session")
def bench(tmp_path_factory):
    """A virtual machine with the device installed; one for all its tests, as it takes a while."""
    home = tmp_path_factory.mktemp("vm")
    question = read_recording(default_recording())
    environ = (rootfs.GUEST / "appliance.env").read_text()
    with Machine(uml.kernel(), disk.project_disk(), home / "machine") as machine:
        yield Bench(machine, home, question, environ)
