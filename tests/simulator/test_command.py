"""`appliance simulator` as a process."""

import asyncio
import re
import signal
import ssl
import sys
import wave
from contextlib import asynccontextmanager

import aiohttp
import pytest

from appliance.simulator.fault_kinds import KINDS


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


@pytest.mark.parametrize("fault", ["reset", "503@60s+60s", "503+0s"])
async def test_a_fault_that_is_to_come_does_not_hold_up_the_end(fault):
    process = await start("--port", "0", "--fault", fault)
    try:
        await asyncio.wait_for(process.stdout.readline(), 30)
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.communicate(), 10)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0


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
        (("--port", "0", "--pace", "nan"), "must be over 0"),
        (("--port", "0", "--session-limit", "nan"), "must be over 0"),
        (("--port", "0", "--record", "/proc/nowhere"), "/proc/nowhere"),
        (("--port", "0", "--fault", "earthquake"), "no kind 'earthquake'"),
        (("--port", "0", "--fault", "reset", "--fault", "503@soon"), "503@soon: 'soon' is no time"),
        (("--port", "0", "--fault", "tls"), "--fault tls needs --ca FILE"),
        (("--port", "0", "--ca", "/nowhere/ca.pem"), "/nowhere/ca.pem: No such file"),
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


async def test_help_names_every_fault_and_has_examples():
    process = await start("--help")
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    for name in [*KINDS, "400 to 599"]:
        assert f"\n  {name} " in out.decode()
    assert "--fault reset@10s" in out.decode()


@asynccontextmanager
async def suffering(*arguments):
    """The command with faults; gives its address and a reader of its further lines."""
    process = await start("--port", "0", *arguments)

    async def line():
        return (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()

    try:
        yield (await line()).removeprefix("listening on "), line
        process.send_signal(signal.SIGTERM)
        _, err = await asyncio.wait_for(process.communicate(), 10)
        assert (process.returncode, err) == (0, b"")
    finally:
        if process.returncode is None:
            process.kill()


async def test_a_fault_begins_at_its_time_and_ends(kit):
    async with suffering("--fault", "503:2+2s", "--fault", "close:1011@2s") as (url, line):
        assert (await line()).endswith("s: 503:2 begins")
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            async with kit.raw_socket(url):
                pass
        assert (await line()).endswith("s: 503:2 ends")
        async with kit.connected(url) as client:
            assert (await line()).endswith("s: close:1011 happens")
            assert (await client.ended())[0] == 1011


async def test_a_port_that_is_taken_is_one_line_with_faults_too(kit):
    async with kit.served() as server:
        code, lines = await failed("--port", str(server.port), "--fault", "reset")
    assert code == 2
    assert lines == [f"appliance: cannot listen on 127.0.0.1:{server.port}: Address already in use"]


async def test_a_wrong_certificate_until_it_is_the_right_one(kit, tmp_path):
    ca = tmp_path / "ca.pem"
    async with suffering("--fault", "tls:expired+2s", "--ca", str(ca)) as (url, line):
        trust = ssl.create_default_context(cafile=ca)
        assert url.startswith("wss://127.0.0.1:")
        assert (await line()).endswith("s: tls:expired begins")
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorCertificateError, match="expired"):
                await session.ws_connect(url, ssl=trust)
            assert (await line()).endswith("s: tls:expired ends")
            key = {"Authorization": "Bearer x"}
            async with session.ws_connect(f"{url}?model={kit.MODEL}", ssl=trust, headers=key) as ws:
                assert (await ws.receive_json())["type"] == "session.created"
