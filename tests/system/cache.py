"""What every builder here shares: where built things are kept, and what this machine must have."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from appliance.errors import UsageError

KEPT = 3  # of each kind; older ones go

Say = Callable[[str], None]


def say(line: str) -> None:
    """Print a line of progress."""
    sys.stderr.write(f"==> {line}\n")
    sys.stderr.flush()


def need_root() -> None:
    """Raise UsageError unless a test machine can be made here."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64") or os.geteuid() != 0:
        raise UsageError("the system tests need root on x86-64 Linux")


def need_programs(needed: dict[str, str], tell: Say = say) -> None:
    """Install those of the programs that are missing; `needed`: program, its Debian package."""
    search = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = sorted({of for name, of in needed.items() if not shutil.which(name, path=search)})
    if not missing:
        return
    tell(f"Debian packages: {' '.join(missing)}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing)
    for command in (("apt-get", "update", "-qq"), install):
        done = subprocess.run(command, env=quiet, stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise UsageError(f"cannot install {' '.join(missing)}: install it by hand")


def cache_folder() -> Path:
    """Return where built things are kept; it need not exist."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "voice-appliance"


def kept(kind: str, key: str, make: Callable[[Path], None], suffix: str = "") -> Path:
    """Return `kind`-`key` from the cache, made by `make` if it is not there.

    Whoever comes while it is made waits; what is not finished never has this name.

    Args:
        make: gets the path at which to make it, a folder or a file.
        suffix: of the name, as ".ext4".
    """
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / f"{kind}-{key}{suffix}"
    with (folder / f"{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for stale in folder.glob(f"{kind}-*.making"):
            _remove(stale)
        if not place.exists():
            making = folder / f"{kind}-{key}.making"
            try:
                make(making)
                making.rename(place)
            finally:
                _remove(making)
        os.utime(place)
        by_age = sorted(folder.glob(f"{kind}-*{suffix}"), key=lambda each: each.stat().st_mtime)
        for old in by_age[:-KEPT]:
            _remove(old)
    return place


def hash_of(files: Iterable[Path], base: Path, *more: str) -> str:
    """Return a short hash of these files' names, rights and contents, and of `more`."""
    total = hashlib.sha256()
    for text in more:
        total.update(f"{len(text)} {text}\n".encode())
    for path in sorted(files):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(base)} {os.access(path, os.X_OK)} {content}\n".encode())
    return total.hexdigest()[:16]


def debian_mirror() -> list[str]:
    """Return this machine's mirror of Debian; none where it has none."""
    ask = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian"]
    told = subprocess.run([*ask, "Created-By: Packages"], capture_output=True, text=True)
    found = [uri for uri in told.stdout.split() if uri.rstrip("/").endswith("/debian")]
    return found[:1]


def run(command: list[str], otherwise: str, environ: dict[str, str] | None = None) -> None:
    """Run a command; its words are on standard error.

    Raises:
        UsageError: it ended with another code than 0; the text is `otherwise` and the code.
    """
    done = subprocess.run(command, env=environ, stdout=sys.stderr, check=False)
    if done.returncode:
        raise UsageError(f"{otherwise} (code {done.returncode})")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
