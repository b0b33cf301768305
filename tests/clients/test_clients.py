"""Clients that others wrote complete an audio turn against the local server."""

import asyncio
import json
import wave
from pathlib import Path

import pytest

from appliance.simulator.server import Options, RealtimeServer
from appliance.simulator.sound import floats, pcm16, resampled

RECORDING = Path("/usr/share/pocketsphinx/test/data/cards/005.wav")
WORDS = {"eight", "spades", "four", "clubs", "seven", "hearts"}


@pytest.fixture
def speech(tmp_path):
    """A real recording as 24 kHz PCM, and a second of quiet that ends the turn."""
    with wave.open(str(RECORDING)) as wav:
        samples = floats(wav.readframes(wav.getnframes()))
        pcm = pcm16(resampled(samples, wav.getframerate(), 24000))
    path = tmp_path / "speech.pcm"
    path.write_bytes(pcm + bytes(48000))
    return path


@pytest.mark.timeout(900)  # the first run installs the client
async def test_a_client_has_an_audio_turn(program, speech):
    async with RealtimeServer(Options()) as server:
        process = await asyncio.create_subprocess_exec(
            *program,
            server.http_url,
            str(speech),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), 60)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 0, err.decode()[-2000:]
    found = json.loads(out.decode().splitlines()[-1])
    assert "error" not in found, found["error"]
    assert found["status"] == "completed"
    assert len(WORDS & set(found["heard"].split())) >= 5
    assert found["transcript"] == f"I heard: {found['heard']}"
    assert found["sound_bytes"] / 48000 > 0.5
