"""The virtual machine's kernel: Linux as a program of this machine (user-mode Linux).

    python tests/system/uml.py    build it if it is not there yet, and print where it is

It needs neither KVM nor an emulator, starts in seconds, and has what the kernels of a distribution
lack: a simulated GPIO chip, and a sound card whose both ends are in the machine (uml.config).
It is built from the sources that Debian has, which takes about ten minutes of a processor, once;
`UML_KERNEL=FILE` names one that is built already, which may be compressed with xz.
"""

from __future__ import annotations

import lzma
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
from cache import Say, debian_mirror, hash_of, kept, need_programs, need_root, run, say

from appliance.errors import ApplianceError, UsageError

HERE = Path(__file__).resolve().parent
CONFIG = HERE / "uml.config"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SOURCE_SUITE = "sid"  # older ones cannot have two processors in one machine
NEEDED = {
    "gcc": "gcc",
    "make": "make",
    "flex": "flex",
    "bison": "bison",
    "bc": "bc",
    "xz": "xz-utils",
}
ELF = b"\x7fELF"


def kernel(tell: Say = say) -> Path:
    """Return a user-mode Linux that can be run.

    Raises:
        UsageError: not root, not x86-64 Linux, or it cannot be built; or UML_KERNEL is not one.
    """
    need_root()
    given = os.environ.get("UML_KERNEL")
    if given:
        return _unpacked(Path(given))
    return kept("uml", hash_of([CONFIG], HERE, SOURCE_SUITE), _maker(tell))


def _unpacked(given: Path) -> Path:
    if not given.is_file():
        raise UsageError(f"UML_KERNEL: {given} is no file")
    if given.read_bytes()[:4] == ELF:
        return given

    def make(path: Path) -> None:
        try:
            path.write_bytes(lzma.decompress(given.read_bytes()))
        except lzma.LZMAError as error:
            raise UsageError(f"UML_KERNEL: {given} is neither a program nor one in xz") from error
        path.chmod(0o755)

    return kept("umlgiven", hash_of([given], given.parent), make)


def _maker(tell: Say) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        need_programs(NEEDED, tell)
        work = path.with_name(f"{path.name}.work.making")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            tell("sources of the kernel")
            source = _source(work)
            tell("user-mode Linux (about ten minutes of a processor)")
            _build(source, work / "out", path)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    return make


def _source(work: Path) -> Path:
    """Download the newest sources, with an apt that leaves this machine's own alone."""
    for name in ("lists/partial", "cache/archives/partial", "etc"):
        (work / "apt" / name).mkdir(parents=True)
    (work / "apt/status").touch()
    mirrors = debian_mirror()
    if not mirrors:
        raise UsageError("this machine knows no mirror of Debian: name a kernel by UML_KERNEL=FILE")
    mirror = mirrors[0]
    line = f"deb [signed-by={KEYRING}] {mirror} {SOURCE_SUITE} main\n"
    (work / "apt/sources.list").write_text(line)
    options = {
        "Dir::State::Lists": "lists",
        "Dir::State::Status": "status",
        "Dir::Cache": "cache",
        "Dir::Etc::SourceList": "sources.list",
        "Dir::Etc::SourceParts": "etc",
    }
    apt = [f"-o{name}={work / 'apt' / place}" for name, place in options.items()]
    apt += ["-qq", "-oAcquire::Languages=none", "-oAPT::Sandbox::User=root"]
    run(["apt-get", *apt, "update"], f"no list of Debian {SOURCE_SUITE}'s packages")
    told = subprocess.run(
        ["apt-cache", *apt, "depends", "linux-source"], capture_output=True, text=True, check=True
    ).stdout
    package = next(word for word in told.split() if word.startswith("linux-source-"))
    run(["sh", "-c", f'cd "{work}" && apt-get "$@" download {package}', "sh", *apt], "no sources")
    archive = next(work.glob("linux-source-*.deb"))
    run(["dpkg-deb", "-x", str(archive), str(work)], "no sources")
    packed = next((work / "usr/src").glob("linux-source-*.tar.xz"))
    run(["tar", "-C", str(work), "-xf", str(packed)], "cannot unpack the sources")
    return work / packed.name.removesuffix(".tar.xz")


def _build(source: Path, out: Path, kernel: Path) -> None:
    make = ["make", "-s", "-C", str(source), "ARCH=um", f"O={out}"]
    out.mkdir()
    run([*make, "x86_64_defconfig"], "cannot configure the kernel")
    ours = CONFIG.read_text().splitlines()
    named = {_symbol(line) for line in ours}
    theirs = (out / ".config").read_text().splitlines()
    lines = [line for line in theirs if _symbol(line) not in named] + ours
    (out / ".config").write_text("\n".join(lines) + "\n")
    run([*make, "olddefconfig"], "cannot configure the kernel")
    run(["nice", "-n", "19", *make, f"-j{os.cpu_count()}", "linux"], "cannot build the kernel")
    run(["strip", "-o", str(kernel), str(out / "linux")], "no kernel was built")


def _symbol(line: str) -> str:
    """Return what a line of a configuration is about: CONFIG_A=y, # CONFIG_A is not set."""
    found = re.search(r"CONFIG_\w+", line)
    return found.group() if found else line


def main() -> int:
    """Build it, and print its path."""
    try:
        sys.stdout.write(f"{kernel()}\n")
    except ApplianceError as error:
        sys.stderr.write(f"uml: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
