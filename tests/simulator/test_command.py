"""`appliance simulator` as a process."""

import asyncio
import re
import signal
import sys
import wave

import pytest


async def start(*arguments):
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "appliance.simulator", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_one_line_when_ready_and_a_clean_end_in_mid_session(kit, tmp_path, cards, number):
    process = await start("--port", "0", "--record", str(tmp_path))
    line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
    url = re.fullmatch(r"listening on (ws://127\.0\.0\.1:\d+/v1/realtime)\n", line).group(1)
    async with kit.connected(url) as client:
        await client.no_turn_detection()
        await client.append(cards)
        await client.send("input_audio_buffer.clear")
        await client.until("input_audio_buffer.cleared")
        ended = asyncio.ensure_future(client.ended())
        process.send_signal(number)
        assert (await ended)[0] == 1001
    out, err = await asyncio.wait_for(process.communicate(), 10)
    assert (process.returncode, out, err) == (0, b"", b"")
    with wave.open(str(tmp_path / "connection-001" / "received.wav")) as wav:
        assert wav.readframes(wav.getnframes()) == cards


async def failed(*arguments):
    process = await start(*arguments)
    try:
        out, err = await asyncio.wait_for(process.communicate(), 30)
    finally:
        if process.returncode is None:
            process.kill()
    assert out == b""
    return process.returncode, err.decode().splitlines()


async def test_a_taken_port_is_one_line_and_2(kit):
    async with kit.served() as server:
        code, lines = await failed("--port", str(server.port))
    assert code == 2
    assert lines == [f"appliance: cannot listen on 127.0.0.1:{server.port}: Address already in use"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--port", "0", "--script", "/nowhere.toml"), "/nowhere.toml: No such file"),
        (("--port", "70000"), "--port from 0 to 65535"),
        (("--port", "0", "--pace", "0"), "must be over 0"),
        (("--port", "0", "--record", "/proc/nowhere"), "/proc/nowhere"),
    ],
)
async def test_bad_use_is_one_line_and_2(arguments, words):
    code, lines = await failed(*arguments)
    assert code == 2
    assert len(lines) == 1
    assert words in lines[0]


async def test_espeak_ng_missing_is_one_line_and_2(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    code, lines = await failed("--port", "0")
    assert code == 2
    assert lines == ["appliance: espeak-ng is not installed: apt install espeak-ng"]
