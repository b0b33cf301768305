"""The virtual machine's disk: the root file system, and what the tests have in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
from cache import Say, hash_of, kept, need_programs, run, say
from rootfs import CHECKOUT, GUEST, NEEDED, project_root

SIZE = "3G"  # of which only what is written takes room
LIBRARY = "usr/local/lib/test-machine"
UNITS = "etc/systemd/system"
# What the tests put into it; `enabled` are started with the machine.
PLACES = {
    "agent.py": f"{LIBRARY}/agent.py",
    "pins.sh": f"{LIBRARY}/pins.sh",
    "agent.service": f"{UNITS}/agent.service",
    "journal.service": f"{UNITS}/journal.service",
    "pins.service": f"{UNITS}/pins.service",
    "asound.conf": "etc/asound.conf",
    "cable.network": "etc/systemd/network/cable.network",
    "appliance.env": "etc/default/appliance",
    "slow.conf": f"{UNITS}/appliance.service.d/slow.conf",
    "appliance.toml": "etc/appliance/appliance.toml",
}
ENABLED = ("agent.service", "journal.service", "pins.service")
NETWORKD = "lib/systemd/system/systemd-networkd.service"
FSTAB = "none /mnt/host hostfs defaults 0 0\n"


def project_disk(checkout: Path = CHECKOUT, tell: Say = say) -> Path:
    """Return an ext4 image with the project installed. It must not be written to: a copy-on-write
    layer goes over it.

    Raises:
        UsageError: as for `project_root`.
    """
    root = project_root(checkout, tell)
    files = [GUEST / name for name in PLACES]
    made_of = [*files, Path(__file__)]
    return kept("disk", hash_of(made_of, GUEST.parent, root.name), _maker(root, tell), ".ext4")


def _maker(root: Path, tell: Say) -> Callable[[Path], None]:
    def make(image: Path) -> None:
        need_programs(NEEDED, tell)
        tell("the virtual machine's disk")
        tree = image.with_name(f"{image.name}.tree.making")
        shutil.rmtree(tree, ignore_errors=True)
        try:
            # Names of its own for the same files: what is changed must be replaced, not written to.
            subprocess.run(["cp", "-al", str(root), str(tree)], check=True)
            _furnish(tree)
            run(["truncate", "-s", SIZE, str(image)], "no room for the disk")
            run(["mke2fs", "-q", "-t", "ext4", "-m0", "-d", str(tree), str(image)], "no disk")
        finally:
            shutil.rmtree(tree, ignore_errors=True)

    return make


def _furnish(tree: Path) -> None:
    for name, place in PLACES.items():
        _put(tree / place, (GUEST / name).read_text())
    _put(tree / "etc/fstab", FSTAB)
    (tree / "mnt/host").mkdir(parents=True, exist_ok=True)
    wants = tree / UNITS / "multi-user.target.wants"
    wants.mkdir(exist_ok=True)
    for target in (*(f"/{UNITS}/{name}" for name in ENABLED), f"/{NETWORKD}"):
        (wants / Path(target).name).symlink_to(target)


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text)
