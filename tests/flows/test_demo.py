"""Whole conversations: a real recording, real PyAudio, the local server, the device's process."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import numpy as np
import pytest
import soundfile

from appliance.demo.recording import default_recording
from appliance.simulator.server import Options, RealtimeServer

YOUNG_MAN = default_recording()
SPANS = {
    "press_to_mic",
    "capture_to_sent",
    "release_to_commit",
    "received_to_output",
    "release_to_first_sound",
    "connect",
    "barge_in_to_silence",
}


def test_a_conversation_loses_nothing_and_says_where_it_is(appliance, tmp_path):
    ended = appliance("demo", "--out", tmp_path / "out", "--json")
    assert ended.code == 0, ended.err
    summary = ended.summary
    assert set(summary["spans_ms"]) == SPANS
    for name in SPANS - {"barge_in_to_silence"}:
        assert summary["spans_ms"][name]["n"] >= 1, name
        assert set(summary["spans_ms"][name]) == {"n", "p50", "p95", "p99"}
    assert summary["speech_lost_samples"] == 0
    assert "young man" in summary["heard"]
    assert summary["reply_s"] > 1.0
    assert summary["state"] == "idle"
    assert summary["streams_opened"] == 2
    assert summary["rss_mb"] < 100
    # Loose bounds: the machine may be busy. The figures themselves are `appliance demo`'s to tell.
    assert summary["spans_ms"]["capture_to_sent"]["p95"] < 400
    assert summary["spans_ms"]["received_to_output"]["p95"] < 400
    assert summary["spans_ms"]["connect"]["p95"] < 1000
    sound, rate = soundfile.read(tmp_path / "out/conversation.wav")
    you, device = sound.T
    assert rate == 24000
    assert np.abs(you).max() > 0.1
    assert np.abs(device).max() > 0.1
    assert (tmp_path / "out/timeline.png").stat().st_size > 10_000
    assert (tmp_path / "out/summary.json").read_text() == ended.out


def test_the_answer_is_heard_whole(appliance, tmp_path):
    """What the ear recorded is what the server sent, at the device's volume, without a gap."""
    ended = appliance("demo", "--out", tmp_path / "out", "--json", APPLIANCE_VOICE__VOLUME="1.0")
    assert ended.code == 0, ended.err
    ear = soundfile.read(tmp_path / "out/conversation.wav")[0][:, 1]
    (replies,) = (tmp_path / "out/server").rglob("replies.wav")
    sent = soundfile.read(replies)[0]
    size = 1 << (len(ear) + len(sent)).bit_length()
    alike = np.fft.irfft(np.fft.rfft(ear, size) * np.conj(np.fft.rfft(sent, size)), size)
    at = int(np.argmax(alike))
    heard = ear[at : at + len(sent)]
    assert len(heard) == len(sent), "the answer was cut off at its end"
    # Compared in blocks of 100 ms: a gap or a repetition would show as a whole block that differs.
    blocks = len(sent) // 2400
    error = np.abs(heard - sent)[: blocks * 2400].reshape(blocks, 2400).max(axis=1)
    assert (error < 0.002).mean() > 0.97, f"{(error >= 0.002).sum()} of {blocks} blocks differ"


def test_pressing_again_while_it_speaks(appliance, tmp_path):
    ended = appliance("demo", "--out", tmp_path, "--json", "--barge-in", "0.7")
    assert ended.code == 0, ended.err
    summary = ended.summary
    assert [turn["outcome"] for turn in summary["turns"]] == ["interrupted", "answered"]
    assert summary["spans_ms"]["barge_in_to_silence"]["n"] == 1
    assert summary["spans_ms"]["barge_in_to_silence"]["p99"] < 500
    assert summary["speech_lost_samples"] == 0
    events = "".join(p.read_text() for p in (tmp_path / "server").rglob("events.jsonl"))
    assert "conversation.item.truncated" in events
    assert '"audio_end_ms"' in events


@pytest.mark.parametrize(
    ("rate", "channels", "subtype"),
    [(8000, 1, "PCM_16"), (44100, 2, "PCM_24"), (48000, 2, "FLOAT")],
)
def test_any_wav_will_do(appliance, tmp_path, rate, channels, subtype):
    speech, native = soundfile.read(YOUNG_MAN)
    at = np.arange(int(len(speech) / native * rate)) / rate * native
    mono = np.interp(at, np.arange(len(speech)), speech)
    wav = tmp_path / "asked.wav"
    soundfile.write(wav, np.column_stack([mono] * channels), rate, subtype)
    ended = appliance("demo", "--input", wav, "--out", tmp_path / "out", "--json")
    assert ended.code == 0, ended.err
    assert ended.summary["speech_lost_samples"] == 0
    assert ended.summary["heard"]


async def test_another_endpoint_and_small_chunks(appliance, tmp_path):
    async with RealtimeServer(Options(port=0, key="planted-key-4711")) as server:
        ended = await asyncio.to_thread(
            appliance,
            *("demo", "--endpoint", server.url, "--out", tmp_path, "--json"),
            OPENAI_API_KEY="planted-key-4711",
            APPLIANCE_AUDIO__INPUT_CHUNK_SIZE="480",
            APPLIANCE_AUDIO__OUTPUT_CHUNK_SIZE="480",
            APPLIANCE_AUDIO__TOTAL_BUFFER="1440",
        )
    assert ended.code == 0, ended.err
    assert ended.summary["speech_lost_samples"] == 0
    assert ended.summary["speech_compared_with"] == "what the device sent"
    told = "".join(p.read_text() for p in tmp_path.glob("*.json*")) + ended.out + ended.err
    assert "planted-key-4711" not in told


def one_line(ended, code=2):
    assert ended.code == code, ended.err
    (line,) = ended.err.strip().splitlines()
    assert line.startswith("appliance: ")
    return line


def test_a_file_that_is_no_wav(appliance, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF but not really")
    assert "bad.wav: not a WAV" in one_line(appliance("demo", "--input", bad, "--json"))


def test_a_file_that_is_not_there(appliance, tmp_path):
    assert "no such file" in one_line(appliance("demo", "--input", tmp_path / "no.wav", "--json"))


def test_a_file_without_sound(appliance, tmp_path):
    soundfile.write(tmp_path / "empty.wav", np.zeros((0, 1)), 24000)
    line = one_line(appliance("demo", "--input", tmp_path / "empty.wav", "--json"))
    assert "no sound" in line


def test_an_endpoint_that_refuses(appliance, tmp_path):
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"ws://127.0.0.1:{taken.getsockname()[1]}/v1/realtime"
        line = one_line(appliance("demo", "--endpoint", url, "--out", tmp_path, "--json"))
    assert "refused" in line


async def test_a_wrong_key(appliance, tmp_path):
    async with RealtimeServer(Options(port=0, key="right")) as server:
        ended = await asyncio.to_thread(
            appliance,
            *("demo", "--endpoint", server.url, "--out", tmp_path, "--json"),
            OPENAI_API_KEY="wrong-key-4712",
        )
    line = one_line(ended)
    assert "key" in line
    assert "wrong-key-4712" not in line


def test_a_panel_that_cannot_be(appliance):
    line = one_line(appliance("run", "--panel", "pipe", OPENAI_API_KEY="x"))
    assert "standard input" in line
    line = one_line(appliance("run", "--panel", "gpio", OPENAI_API_KEY="x"), code=1)
    assert "GPIO" in line
    line = one_line(appliance("run", "--panel", "terminal", OPENAI_API_KEY="x"), code=1)
    assert "terminal" in line


def test_wrong_settings(appliance, tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text("[audio]\nsample_rat = 24000\n")
    ended = appliance("run", "--panel", "none", "--config", bad)
    assert "sample_rate" in one_line(ended)
    ended = appliance("demo", "--config", bad, "--out", tmp_path, "--json")
    assert "sample_rat" in one_line(ended)
