"""Let devices live through trouble at random moments of a conversation, and see what it cost.

Run as a program, it does so with the kinds of trouble that it is given, and writes what it saw to
standard output: the devices of a test are in several processes, lest they wait for each other, and
some in a world apart, with names that only they look up and cards that only they fill.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import tempfile
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
from link_world import Surroundings, link_world
from troubles import KEPT, TROUBLES

from appliance.realtime.history import NOT_WRITTEN_DOWN
from appliance.simulator.certificates import GOOD, Certificates, make_certificates

MOMENTS = 20  # of each kind
DEVICES = 5  # that share them, if a kind says no more
SAY_S, HEAR_S = 0.3, 0.6
TURN_S = 1.2  # about as long as a turn is then
ANSWER_PACE = 3.0  # a second of sound comes in a third of one
# How long that lasts which does: longer ones outlast the first retry (at 1.0 to 1.1 s), and end
# before the second (at 3.0 s or later).
SHORT_S, LONG_S = (0.0, 0.5), (1.2, 2.8)
LONG_ONES = 0.3  # of all that last
START_S = 2.0  # within which the devices are switched on
# The watch over a service that falls silent in mid-answer is quicker here, as the pings are.
STALL_S = 6.0
# A moment in which this process had to wait for so long says nothing of a device's patience.
STARVED_S = 3.0
HEAD = (
    f"{'trouble':28} {'median s':>9} {'worst s':>8} {'of it kept':>10} {'answered':>12} "
    f"{'press':>6} {'open':>5}"
)


@dataclass(frozen=True)
class Recovery:
    """From the end of a trouble until the device works; `kept_s` of it this process had to wait."""

    took_s: float
    kept_s: float


@dataclass
class Figures:
    recoveries: list[Recovery] = field(default_factory=list)  # outside an open breaker
    pressed: int = 0  # times that a press was needed
    in_open_breaker: int = 0
    outcomes: list[str] = field(default_factory=list)  # of the turns with trouble
    starved: int = 0  # moments, see STARVED_S; how they ended is not judged

    def row(self, name):
        took = sorted(self.recoveries, key=lambda each: each.took_s)
        middle, worst = took[len(took) // 2], took[-1]
        return (
            f"{name:28} {middle.took_s:9.2f} {worst.took_s:8.2f} {worst.kept_s:10.2f} "
            f"{self.outcomes.count('answered'):6} of {len(self.outcomes)} "
            f"{self.pressed:6} {self.in_open_breaker:5}"
        )

    def add(self, other):
        self.recoveries += other.recoveries
        self.outcomes += other.outcomes
        self.pressed += other.pressed
        self.in_open_breaker += other.in_open_breaker
        self.starved += other.starved


def kept_s():
    """Return how long the kernel has let this thread wait for a processor, since it began.

    A device has a processor of its own; here dozens share one with whatever else runs. Source:
    proc(5), schedstat: its second figure, in nanoseconds. 0.0 where the kernel does not count it.
    """
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


async def live_through(w, name, dice, figures):
    """Have a turn into which the trouble falls, and one after it."""
    trouble, first_kept_s = TROUBLES[name], kept_s()
    seen = w.told_of(trouble.told)
    if trouble.is_trap:
        trouble.begin(w)
    talk = asyncio.create_task(w.say_and_hear(SAY_S, HEAR_S))
    if not trouble.is_trap:
        await asyncio.sleep(dice.uniform(0.0, TURN_S))
        trouble.begin(w)
    begun_s = w.clock()
    if trouble.told:
        await w.until(lambda: w.told_of(trouble.told) > seen, 60.0)
    if trouble.lasts:
        usual_s = LONG_S if dice.random() < LONG_ONES else SHORT_S
        await asyncio.sleep(begun_s + dice.uniform(*(trouble.lasts_s or usual_s)) - w.clock())
    await trouble.end(w)
    offline, began_s, kept_before_s = w.line.is_offline, w.clock(), kept_s()
    if trouble.press:
        await asyncio.sleep(dice.uniform(0.0, 0.5))
        began_s, kept_before_s = w.clock(), kept_s()
        w.line.wanted()
    await w.until(lambda: w.works() or w.line.is_refused, 90.0)
    again = None
    if w.line.is_refused:
        # By the rules nothing makes it try again but a person: the next press.
        figures.outcomes.append(await talk)
        began_s, kept_before_s = w.clock(), kept_s()
        again = asyncio.create_task(w.say_and_hear(SAY_S, HEAR_S))
        await w.until(w.works, 90.0)
    figures.pressed += trouble.press or again is not None
    if offline:
        figures.in_open_breaker += 1
    else:
        took_s = w.clock() - began_s
        figures.recoveries.append(Recovery(took_s, min(took_s, kept_s() - kept_before_s)))
    if again is None:
        figures.outcomes.append(await talk)
    outcome = await (again or w.say_and_hear(SAY_S, HEAR_S))
    if kept_s() - first_kept_s > STARVED_S:
        figures.starved += 1
        while outcome != "answered":
            outcome = await w.say_and_hear()
        return
    assert outcome == "answered", (name, w.outcomes(), w.journal.lines[-10:])
    allowed = trouble.outcomes | {trouble.told}
    assert figures.outcomes[-1] in allowed, (name, w.outcomes(), w.journal.lines[-10:])


async def one_kind(name):
    """Return the figures of all devices that suffer this."""
    figures, devices = Figures(), TROUBLES[name].devices or DEVICES
    lives = (one_device(name, number, MOMENTS // devices) for number in range(devices))
    for each in await asyncio.gather(*lives):
        figures.add(each)
    return figures


async def one_device(name, number, moments):
    """Return the figures of one; what it was told must be known to the service at the end."""
    dice, figures, trouble = random.Random(f"{number} {name}"), Figures(), TROUBLES[name]
    await asyncio.sleep(dice.uniform(0.0, START_S))
    async with link_world(surroundings(trouble.needs, number), stall_s=STALL_S) as w:
        for _ in range(moments):
            await live_through(w, name, dice, figures)
        await w.until(lambda: w.told_questions()[-1:] == [f"question {w.turn}"], 60.0)
        told, outcomes = w.told_questions(), w.outcomes()
    kept = [f"question {n}" for n, how in enumerate(outcomes, 1) if how in KEPT]
    lost = [question for question in kept if question not in told]
    # A transcript may be lost with its link after the answer has begun: its place is kept.
    assert len(lost) <= told.count(NOT_WRITTEN_DOWN), (name, outcomes, told)
    numbers = [int(words.split()[1]) for words in told if words != NOT_WRITTEN_DOWN]
    assert numbers == sorted(numbers), (name, told)
    return figures


def surroundings(needs, number):
    """Return what is around a device; its certificates are in the present directory."""
    around = Surroundings(pace=ANSWER_PACE)
    match needs:
        case "tls":
            certificates = Certificates(Path.cwd())
            certificates.show(GOOD)
            return replace(around, certificates=certificates)
        case "name":
            return replace(around, host=f"service-{number}", hosts=Hosts(Path("/etc/hosts")))
        case "card":
            return replace(around, card=Path.cwd() / f"card-{number}")
        case _:
            return around


class Hosts:
    """The file of names that a world apart looks up; each line is there, or commented out."""

    def __init__(self, path):
        self._path = path

    @staticmethod
    def text(names):
        return "".join(f"127.0.0.1 {name}\n" for name in names)

    def hide(self, name):
        self._put(name, b"#")

    def show(self, name):
        self._put(name, b"1")

    def _put(self, name, letter):
        """Change one letter in its place: other devices may read at this moment."""
        at = self._path.read_text().index(f"27.0.0.1 {name}\n") - 1
        file = os.open(self._path, os.O_WRONLY)
        try:
            os.pwrite(file, letter, at)
        finally:
            os.close(file)


# A world apart: mounts that nobody else sees. Names are looked up in a file alone; a card is small.
APART = """
printf '%s' "$NAMES" > hosts
echo 'hosts: files' > switch
mount --bind hosts /etc/hosts
mount --bind switch /etc/nsswitch.conf
for number in $NUMBERS; do
    mkdir card-$number
    mount -t tmpfs -o size=16k none card-$number
done
exec "$@"
"""
UNSHARE = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-euc", APART, "sh")


async def lived_through(names):
    """Return the figures of these kinds, by name; their devices are in a process of their own."""
    clean = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    numbers = [str(number) for number in range(DEVICES)]
    hosts = Hosts.text(f"service-{number}" for number in numbers)
    is_apart = any(TROUBLES[name].needs in ("name", "card") for name in names)
    with tempfile.TemporaryDirectory() as folder:
        if any(TROUBLES[name].needs == "tls" for name in names):
            make_certificates(Path(folder))
        process = await asyncio.create_subprocess_exec(
            *(UNSHARE if is_apart else ()),
            *(sys.executable, __file__, *names),
            cwd=folder,
            env={**clean, "NAMES": hosts, "NUMBERS": " ".join(numbers)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()
    assert process.returncode == 0, err.decode()
    return {name: figures_of(raw) for name, raw in json.loads(out).items()}


def figures_of(raw):
    recoveries = [Recovery(**each) for each in raw.pop("recoveries")]
    return Figures(recoveries, **raw)


async def main(names):
    kinds = await asyncio.gather(*(one_kind(name) for name in names))
    seen = {name: asdict(figures) for name, figures in zip(names, kinds, strict=True)}
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
