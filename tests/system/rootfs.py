"""The root file system of the test machines: Debian 12, and the project installed in it.

    python tests/system/rootfs.py             build what is not there yet, and print where it is
    python tests/system/rootfs.py --base      only Debian and the Python packages

Two layers, each a folder, kept in `$XDG_CACHE_HOME/voice-appliance` under the hash of what it is
made of; nothing else is kept between runs, and both can be deleted at any time:

    base      Debian packages (guest/packages.txt) and a folder of Python packages; no network
              is needed in there any more
    project   base, with `make install` done from a copy of the checkout, and with GPIO

Needs root, and mmdebstrap, which is installed where it is missing. Debian's mirror and pip's index
are those of this machine.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
import wheelhouse
from cache import Say, debian_mirror, hash_of, kept, need_programs, need_root, run, say

from appliance.errors import ApplianceError, UsageError

CHECKOUT = Path(__file__).resolve().parents[2]
GUEST = Path(__file__).resolve().parent / "guest"
SUITE = "bookworm"
WHEELS = "usr/share/wheelhouse"
SOURCE = "usr/src/voice-appliance"
# What a machine gets of the checkout; tests and docs, which change most often, stay outside.
FILES = ("LICENSE", "Makefile", "README.md", "pyproject.toml")
FOLDERS = ("appliance", "requirements", "systemd")
BUILT = ("appliance/kernels/built", "appliance/prompts/built")
NEEDED = {"mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs", "unshare": "util-linux"}


def base_root(checkout: Path = CHECKOUT, tell: Say = say) -> Path:
    """Return the root with Debian and the Python packages.

    Raises:
        UsageError: not root, not x86-64 Linux, or something could not be downloaded.
    """
    need_root()
    made_of = [GUEST / "packages.txt", GUEST / "finish-root.sh", GUEST.parent / "wheelhouse.py"]
    lock = (checkout / "requirements/run.lock").read_text()
    return kept("base", hash_of(made_of, GUEST.parent, SUITE, lock), _base_maker(checkout, tell))


def _base_maker(checkout: Path, tell: Say) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        need_programs(NEEDED, tell)
        tell(f"root file system with Debian {SUITE} (a minute or more)")
        _debian(root)
        # With an identity it is past its first start, at which systemd enables units by itself.
        (root / "etc/machine-id").write_text(f"{uuid.uuid4().hex}\n")
        tell("its Python packages")
        (root / WHEELS).mkdir(exist_ok=True)
        wheelhouse.fill(root / WHEELS, checkout)

    return make


def project_root(checkout: Path = CHECKOUT, tell: Say = say) -> Path:
    """Return the root in which the project of this checkout is installed.

    Raises:
        UsageError: as for `base_root`; or `make install` failed in there.
    """
    base = base_root(checkout, tell)
    for built in BUILT:
        if not (checkout / built).is_dir():
            raise UsageError(f"{built} is not there: run make kernels prompts")
    files = list(_project_files(checkout))

    def make(root: Path) -> None:
        tell("the project, installed in a copy of it (half a minute)")
        run(["cp", "-a", str(base), str(root)], "cannot copy the root file system")
        for path in files:
            there = root / SOURCE / path.relative_to(checkout)
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, there)
        inside(root, "make", "-C", f"/{SOURCE}", "install")
        # The lock has it for boards only; here the pins are the kernel's own simulation.
        inside(root, "/opt/appliance/current/bin/python", "-m", "pip", "install", "-q", "rpi-lgpio")

    return kept("project", hash_of(files, checkout, base.name), make)


def inside(root: Path, *command: str) -> None:
    """Run a command in a root file system: no network, and mounts that nobody else sees.

    Raises:
        UsageError: it ended with another code than 0; its words are on standard error.
    """
    mounts = 'for each in proc sys dev; do mount --rbind "/$each" "$0/$each"; done; '
    script = mounts + 'mount -t tmpfs tmpfs "$0/run"; exec chroot "$0" "$@"'
    apart = ["unshare", "--mount", "--net", "--pid", "--fork", "sh", "-euc", script, str(root)]
    clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
    run([*apart, *command], f"failed in the test machine: {' '.join(command)}", clean)


def _project_files(checkout: Path) -> Iterator[Path]:
    yield from (checkout / name for name in FILES)
    for folder in FOLDERS:
        for path in (checkout / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def _debian(root: Path) -> None:
    lines = (GUEST / "packages.txt").read_text().splitlines()
    packages = ",".join(name for line in lines if (name := line.partition("#")[0].strip()))
    options = ["--quiet", "--mode=root", "--variant=minbase", f"--include={packages}"]
    options += [f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in ("doc", "man", "locale")]
    options += ['--aptopt=Acquire::Languages "none"', *_proxies()]
    options += [f'--customize-hook=sh {GUEST / "finish-root.sh"} "$1"']
    run(["mmdebstrap", *options, SUITE, str(root), *debian_mirror()], "cannot build the root")


def _proxies() -> list[str]:
    told = subprocess.run(["apt-config", "dump"], capture_output=True, text=True)
    lines = (line.rstrip(";") for line in told.stdout.splitlines())
    return [f"--aptopt={line}" for line in lines if "::proxy " in line.lower() and '""' not in line]


def main() -> int:
    """Build what is asked for, and print its path."""
    parser = argparse.ArgumentParser(description="Build the root file system of the test machines.")
    parser.add_argument("--base", action="store_true", help="only Debian and the Python packages")
    args = parser.parse_args()
    try:
        sys.stdout.write(f"{base_root() if args.base else project_root()}\n")
    except ApplianceError as error:
        sys.stderr.write(f"rootfs: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
