"""Every Python package that the test machine needs, in one folder: it has no network.

The packages come from wherever pip gets them on this machine, checked against the lock's hashes.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

from appliance.errors import UsageError

# The Python of the test machine, Debian 12's. A marker is taken if it holds on either machine, so
# that what only a board gets is there as well: the tests have GPIO.
PYTHON = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.11.2",
    "python_version": "3.11",
    "sys_platform": "linux",
}
MACHINES = ("x86_64", "aarch64")
OLDEST_GLIBC, GLIBC = 5, 36  # 2.5, the first that wheels are made for, to Debian 12's
BUILDERS = ("setuptools", "wheel")  # what PyAudio and systemd-python are built with


def fill(folder: Path, checkout: Path) -> None:
    """Put the wheels of `requirements/run.lock` into `folder`, or the source where there is none.

    Raises:
        UsageError: pip could not get them; its own words are on standard error.
    """
    wanted = folder / "wanted.txt"
    wanted.write_text("\n".join(for_guest((checkout / "requirements/run.lock").read_text())))
    _download(folder, "--no-deps", "--require-hashes", "-r", str(wanted))
    wanted.unlink()
    project = tomllib.loads((checkout / "pyproject.toml").read_text())
    builders = {*project["build-system"]["requires"], *BUILDERS}
    _download(folder, "--only-binary=:all:", *sorted(builders))


def for_guest(lock: str) -> Iterator[str]:
    """Yield the requirements of a lock file that hold in the test machine, without their markers.

    pip would hold the markers against the machine that it runs on.
    """
    for entry in re.split(r"\n(?=\S)", re.sub(r"^\s*#.*\n?", "", lock, flags=re.MULTILINE)):
        name, *hashes = entry.replace("\\\n", "").split("--hash=")
        if not name.strip():
            continue
        requirement = Requirement(name.strip())
        marker, requirement.marker = requirement.marker, None
        if marker is None or any(
            marker.evaluate({**PYTHON, "platform_machine": machine}) for machine in MACHINES
        ):
            yield " ".join([str(requirement), *(f"--hash={each.strip()}" for each in hashes)])


def _download(folder: Path, *what: str) -> None:
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in range(GLIBC, OLDEST_GLIBC - 1, -1)]
    names = [*platforms, "manylinux2014_x86_64", "manylinux1_x86_64", "linux_x86_64"]
    pip = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check"]
    for_python = ["--implementation", "cp", "--python-version", "3.11"]
    for_python += [f"--platform={name}" for name in names]
    done = subprocess.run([*pip, *for_python, "--dest", str(folder), *what], check=False)
    if done.returncode:
        raise UsageError("pip could not get the test machine's Python packages")
