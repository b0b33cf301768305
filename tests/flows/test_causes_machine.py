"""What goes wrong with the machine itself: files, card, memory, button, money."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
from signs import Parts, linked_device

from appliance.devices.health import Board
from appliance.ports import Light
from appliance.runner.rules import Purse
from appliance.session.budget import BudgetRules, BudgetState
from appliance.session.health import HealthRules
from appliance.session.prices import PICO, Prices

MB = 1_000_000

# The kernel's files, below a root of our own


def write(root, path, text):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def a_processor_at_85_degrees(root):
    write(root, "sys/class/thermal/thermal_zone0/type", "cpu-thermal\n")
    write(root, "sys/class/thermal/thermal_zone0/temp", "85123\n")


def firmware_that_reports_undervoltage(root):
    write(root, "sys/devices/platform/soc/soc:firmware/get_throttled", "50005\n")


def a_restart_that_an_update_wants(root):
    write(root, "run/reboot-required", "")


FILES = {
    "too_hot": a_processor_at_85_degrees,
    "undervoltage": firmware_that_reports_undervoltage,
    "update_pending": a_restart_that_an_update_wants,
}


@pytest.mark.parametrize("fault", FILES)
async def test_what_the_board_says(tmp_path, fault):
    FILES[fault](tmp_path)
    board = Board(state=tmp_path / "nowhere", root=tmp_path, own=False)
    async with linked_device(Parts(board=board)) as d:
        await d.gives_the_signs_of(fault)


async def test_a_process_that_grows(tmp_path):
    """The memory is this process's own."""
    (tmp_path / "proc").symlink_to("/proc")
    board = Board(state=tmp_path / "nowhere", root=tmp_path, own=False)
    before_mb = board.look().resident_bytes / MB
    rules = HealthRules(before_mb, before_mb + 40, before_mb + 4000)
    async with linked_device(Parts(board=board, health=rules)) as d:
        await d.until(lambda: d.runner._steward._look is None)
        assert "memory_high" not in d.told
        grown = bytearray(os.urandom(80 * MB))
        d.runner._steward.due_s = d.clock()  # the next look would be in ten seconds
        d.runner._tick()
        await d.gives_the_signs_of("memory_high")
        assert len(grown) == 80 * MB


# The card: a file system of its own, in a process that alone sees it

ON_A_CARD = """
import asyncio, sys
from datetime import date
from pathlib import Path
sys.path.append(sys.argv[1])
from signs import Parts, linked_device
from appliance.devices.health import Board
from appliance.devices.state_file import StateFile, StateKeeper
from appliance.runner.rules import Purse

async def main(card, fault, watched):
    purse = Purse(
        keeper=lambda told: StateKeeper(StateFile(card / "budget.json", 1), told),
        clock_set=lambda: True,
    )
    board = Board(state=card, root=Path("/nonexistent"), own=False)
    board = board if watched == "watched" else None
    async with linked_device(Parts(board=board, purse=purse)) as d:
        await d.gives_the_signs_of(fault)

asyncio.run(main(Path(sys.argv[2]), *sys.argv[3:]))
"""
MOUNT = "mount -t tmpfs -o size={size} none {card}"
FILL = "; dd if=/dev/zero of={card}/filler bs=4k 2>/dev/null || true"
CARDS = {
    "a write finds no room": ("disk_full", MOUNT + FILL, "64k", "unwatched"),
    "less than 32 MB are free": ("disk_full", MOUNT, "16m", "watched"),
    "read-only": ("state_not_saved", MOUNT + "; mount -o remount,ro {card}", "64k", "unwatched"),
}


@pytest.mark.parametrize("how", CARDS)
def test_what_the_card_does(tmp_path, how):
    fault, made, size, watched = CARDS[how]
    script = made.format(size=size, card=tmp_path) + '\nexec "$@"'
    own = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", script, "sh"]
    folder = str(Path(__file__).parent)
    child = [sys.executable, "-c", ON_A_CARD, folder, str(tmp_path), fault, watched]
    done = subprocess.run([*own, *child], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr


# The button


async def test_a_button_that_is_stuck():
    gestures = {"stuck_s": 0.05, "max_turn_s": 0.03}
    async with linked_device(Parts(gestures=gestures)) as d:
        d.panel.press()
        d.microphone.say(b"\x07\x01" * 4800, d.clock())
        await d.until(lambda: d.state == "Closing")
        while d.state == "Closing":
            d.microphone.say(bytes(960), d.clock() + 1.0)
            await d.until(lambda: True)
        await d.gives_the_signs_of("button_stuck")
        d.panel.release()
        await d.until(lambda: d.panel.lights[-1] is Light.IDLE)


# Money: one turn, with the usage that the service tells, takes the last of it

CAP_USD = 1.0
SPENT = {"cost_warning": 0.8, "cost_cap_reached": 1.0}


@pytest.mark.parametrize("fault", SPENT)
async def test_what_a_turn_costs(fault):
    today = datetime.now(UTC).date()
    almost = round(SPENT[fault] * CAP_USD * PICO) - 1
    state = BudgetState(day=today, spent_pico=almost, warned=fault == "cost_cap_reached")
    purse = Purse(state, today=lambda: today, clock_set=lambda: True)
    rules = BudgetRules(Prices(10.0, 0.3, 20.0), CAP_USD)
    async with linked_device(Parts(purse=purse, budget=rules)) as d:
        assert fault not in d.told
        await d.say()
        await d.gives_the_signs_of(fault)
        await d.until(lambda: d.outcomes)
        assert d.outcomes == ["answered"], "a turn that has begun is served to its end"
