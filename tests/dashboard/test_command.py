"""`appliance dashboard` as a process, started by hand and by systemd's socket."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys

import aiohttp
import pytest

# Takes the socket over as systemd gives it: as descriptor 3, with this process's own number.
ACTIVATED = """
import os, sys
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
os.execv(sys.executable, [sys.executable, "-m", "appliance", *sys.argv[1:]])
"""


@contextlib.asynccontextmanager
async def started(*arguments, listening=None):
    """Run the command; with `listening`, as systemd does that holds this socket."""
    program = ("-c", ACTIVATED) if listening else ("-m", "appliance")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *program, "dashboard", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        **({"preexec_fn": lambda: os.dup2(listening.fileno(), 3)} if listening else {}),
        close_fds=listening is None,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def url_of(process):
    line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
    return re.fullmatch(r"dashboard: (http://\S+)\n", line).group(1)


async def end_of(process):
    """Return exit code and what else was said."""
    out, err = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, out.decode(), err.decode()


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as found:
        found.set_inheritable(True)
        yield found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_serves_until_it_is_told_to_end(device, watching, number):
    async with started("--port", "0", "--socket", str(device.path)) as process:
        url = await url_of(process)
        async with aiohttp.ClientSession(url) as session, watching(session) as events:
            await events.next("snapshot")
            process.send_signal(number)
            assert await end_of(process) == (0, "", "")


async def test_by_hand_it_does_not_end_by_itself_unless_asked_to(device):
    async with started("--port", "0", "--idle", "0.3") as process:
        await url_of(process)
        assert await end_of(process) == (0, "", "")


async def test_systemd_starts_it_by_the_first_visit(device, listening):
    port = listening.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    async with aiohttp.ClientSession(url) as session:
        visit = asyncio.ensure_future(session.get("/snapshot.json"))  # waits in the socket's queue
        arguments = ("--socket", str(device.path), "--idle", "0.5")
        async with started(*arguments, listening=listening) as process:
            assert await url_of(process) == url
            async with asyncio.timeout(10):
                assert (await visit).status == 200
            assert await end_of(process) == (0, "", "")
        async with started(*arguments, listening=listening) as process:  # … and by the next
            async with asyncio.timeout(10):
                assert (await session.get("/")).status == 200


async def test_it_stays_as_long_as_somebody_watches(device, listening, watching):
    port = listening.getsockname()[1]
    arguments = ("--socket", str(device.path), "--idle", "0.3")
    async with started(*arguments, listening=listening) as process:
        url = f"http://127.0.0.1:{port}/"
        async with aiohttp.ClientSession(url) as session, watching(session) as events:
            for _ in range(3):  # one a second
                await events.next("snapshot")
            assert process.returncode is None
        assert (await end_of(process))[0] == 0


async def test_for_everybody_it_says_what_that_means(device):
    async with started("--host", "0.0.0.0", "--port", "0") as process:
        assert (await url_of(process)).startswith(f"http://{socket.gethostname()}:")
        line = await asyncio.wait_for(process.stdout.readline(), 10)
        assert b"without a password" in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--port", "70000"), "--port must be from 0 to 65535"),
        (("--idle", "-1"), "--idle must be"),
        (("--idle", "nan"), "--idle must be"),
        (("--host", "nowhere.invalid"), "cannot listen on nowhere.invalid:8080"),
    ],
)
async def test_what_is_wrong_is_one_line_and_2(arguments, words):
    async with started(*arguments) as process:
        code, out, err = await end_of(process)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err


async def test_a_taken_port_is_one_line_and_2(listening):
    port = listening.getsockname()[1]
    async with started("--port", str(port)) as process:
        code, _, err = await end_of(process)
    expected = f"appliance: cannot listen on 127.0.0.1:{port}: Address already in use\n"
    assert (code, err) == (2, expected)


async def test_a_socket_that_does_not_listen_is_one_line_and_2(tmp_path):
    with socket.socket() as found:
        found.set_inheritable(True)
        async with started(listening=found) as process:
            code, _, err = await end_of(process)
    assert (code, err.count("\n")) == (2, 1)
    assert "does not listen" in err


async def test_it_carries_nothing_that_it_does_not_need():
    script = (
        "import sys; import appliance.dashboard.command, appliance.dashboard.process; "
        "print(sorted({'numpy', 'numba', 'pyaudio', 'pydantic', 'websockets'} & set(sys.modules)))"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script), stdout=asyncio.subprocess.PIPE
    )
    assert await process.communicate() == (b"[]\n", None)


async def test_without_its_library_it_says_what_to_install():
    script = (
        "import sys; sys.modules['aiohttp'] = None; "
        "from appliance.cli import run_command; sys.exit(run_command(['dashboard']))"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script), stderr=asyncio.subprocess.PIPE
    )
    _, err = await process.communicate()
    expected = b"appliance: aiohttp is missing: pip install 'voice-appliance[dashboard]'\n"
    assert (process.returncode, err) == (2, expected)
