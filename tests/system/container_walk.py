"""What the README tells a newcomer to type, line by line, on a machine that has nothing yet."""

from __future__ import annotations

import re

import pytest
import rootfs
from container import Container
from container_doctor import READER
from station import KEY, Station

from appliance.demo.recording import read_recording

README = (rootfs.CHECKOUT / "README.md").read_text()
CHECKOUT = "/usr/src/voice-appliance"
SUDO = '#!/bin/sh\nexec "$@"\n'  # who walks here is root already
# What a person does meanwhile: paste the key, and talk.
TYPED = {"credstore/openai_api_key": f"printf '%s\\n' {KEY} | ", "calibrate": ""}
TALK = (
    "form='--format=s16le --rate=24000 --channels=1'; "
    "while :; do pacat --server=unix:/run/test-sound/native --device=mic $form /talk.pcm; done"
)
# The doctor ends with 1 where something fails: here nobody talks, and no loudspeaker is heard.
MAY_END_WITH = {"doctor": (0, 1)}


def section(title):
    """Return the text of a section."""
    return README.split(f"{title}\n", 1)[1].split("\n## ", 1)[0].split("\n### ", 1)[0]


def commands(text):
    """Return the lines of the first block of code, without what is said of them."""
    block = text.split("```\n", 2)[1]
    return [re.sub(r"\s{2,}#.*", "", line).strip() for line in block.splitlines()]


INSTALL = commands(section("## On a Pi, as a service"))


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    """A machine with sound, a checkout and a service to talk to, and nothing installed."""
    home = tmp_path_factory.mktemp("walk")
    with Container(rootfs.project_root(), home) as machine:
        machine.write("/usr/local/bin/sudo", SUDO, 0o755)
        (machine.files / "talk.pcm").write_bytes(read_recording(READER).tobytes())
        station = Station(machine)
        machine.sh(f"cd {CHECKOUT}; PURGE=1 make uninstall")
        station.environment(OPENAI_API_KEY="")  # where the service is; the key is for the walk
        with station.service():
            yield station


def typed(station, line):
    """Type a line in the checkout; return what it says."""
    before = next((text for name, text in TYPED.items() if name in line), "")
    script = f"cd {CHECKOUT}; code=0; {{ {before}{line}; }} 2>&1 || code=$?; echo; echo code=$code"
    if "calibrate" in line:
        script = f"( {TALK} ) >/dev/null 2>&1 & talker=$!; {script}; kill $talker"
    said, _, code = station.machine.sh(script, within_s=300.0).rpartition("code=")
    allowed = next((codes for name, codes in MAY_END_WITH.items() if name in line), (0,))
    assert int(code) in allowed, f"{line}\n{said}"
    return said


def test_the_lines_of_the_install_section_work_in_their_order(walk):
    said = {line: typed(walk, line) for line in INSTALL}
    assert len(said) == 7
    of = {
        word: text
        for line, text in said.items()
        for word in ("status", "doctor", "calibrate")
        if word in line
    }
    assert "it runs" in said["sudo make install"]
    assert walk.state == "active"
    assert "On target" in of["status"] or "good" in of["status"], of["status"]
    for check in ("kernels", "prompts", "service", "key", "model"):
        assert re.search(rf"^\W*ok\W+{check}\b", of["doctor"], re.MULTILINE), of["doctor"]
    assert re.search(r"[+-]?\d+(\.\d)? dB", of["calibrate"]), of["calibrate"]
    assert KEY not in "".join(said.values())


def test_the_lines_of_the_journal_section_work(walk):
    rows = re.findall(r"^\| .+? \| `(journalctl .+)` \|$", section("### Reading the journal"), re.M)
    assert len(rows) == 8
    walk.machine.reboot()  # one asks for what was before
    for row in rows:
        endless = "timeout 3 " if " -f" in row else ""
        walk.machine.sh(f"{endless}{row} >/dev/null || test $? = 124")
