"""Hold one conversation with the device, and look at it from outside."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from appliance.demo.compare import lost_samples
from appliance.demo.device import DeviceProcess, Story
from appliance.demo.measure import Cost, cost_of
from appliance.demo.server import start_server
from appliance.demo.stage import Mouth, Tape
from appliance.devices.portaudio_system import SoundSystem
from appliance.units import WIRE_RATE_HZ

Pcm = NDArray[np.int16]

TO_FIRST_WORD_S = 0.25  # a person presses, then begins to speak
ANSWER_WITHIN_S = 90.0
AFTERWARDS_S = 0.3  # what is still in the ear's buffers


@dataclass(frozen=True, slots=True)
class Plan:
    """What the demo is to do."""

    said: Pcm  # mono, 24 kHz
    out: Path
    endpoint: str | None = None  # None: a local server of our own
    barge_in_s: float | None = None  # press again so long after the answer is first heard
    config: Path | None = None
    told: Callable[[dict[str, Any]], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of it."""

    plan: Plan
    story: Story
    you: Pcm  # what the microphone's PCM carried
    device: Pcm  # what the loudspeaker's PCM carried
    start_s: float  # monotonic time of the first sample of both
    summary: dict[str, Any]


async def converse(plan: Plan) -> Heard:
    """Press, speak, release, listen. The room must be in os.environ already.

    Raises:
        UsageError: no device, no server, no answer: one line says what.
    """
    async with AsyncExitStack() as stack:
        record = plan.out / "server"
        url = plan.endpoint or await start_server(stack, record)
        sound = stack.enter_context(SoundSystem())
        tapes = Tape(sound, "pcm:mic"), Tape(sound, "pcm:ear")
        for tape in tapes:
            tape.start()
            stack.callback(tape.stop)
        mouth = Mouth(sound)
        stack.callback(mouth.close)
        device = DeviceProcess(plan.told)
        stack.push_async_callback(device.stop)
        sent = plan.out / "sent.pcm"
        await device.start(_device_environ(url, plan), plan.config, sent)
        before, began_s = cost_of(device.pid), time.monotonic()
        await _talk(device, mouth, plan)
        after, took_s = cost_of(device.pid), time.monotonic() - began_s
        await asyncio.sleep(AFTERWARDS_S)  # no event tells when the room itself is quiet
        await device.stop()
        you, ear, start_s = _side_by_side(*tapes)
    received = _received(record) if plan.endpoint is None else None
    if received is None:
        received = np.frombuffer(sent.read_bytes(), np.int16)
    sent.unlink()
    summary = _summarise(device.story, plan, received, before, after, took_s)
    return Heard(plan, device.story, you, ear, start_s, summary)


async def _talk(device: DeviceProcess, mouth: Mouth, plan: Plan) -> None:
    device.press()
    await asyncio.sleep(TO_FIRST_WORD_S)
    await mouth.say(plan.said)
    device.release()
    turns = 1
    if plan.barge_in_s is not None:
        await device.wait_for(
            lambda: bool(device.story.of("sounded") or device.story.of("turn")),
            ANSWER_WITHIN_S,
            "no answer was heard",
        )
        await asyncio.sleep(plan.barge_in_s)
        device.press()
        turns = 2
        await asyncio.sleep(TO_FIRST_WORD_S)
        await mouth.say(plan.said)
        device.release()
    await device.wait_for(
        lambda: len(device.story.of("turn")) >= turns, ANSWER_WITHIN_S, "no turn was finished"
    )


def _device_environ(url: str, plan: Plan) -> dict[str, str]:
    environ = {
        "APPLIANCE_ENDPOINT__URL": url,
        "APPLIANCE_HARDWARE__MICROPHONE": "pcm:mic",
        "APPLIANCE_HARDWARE__SPEAKER": "pcm:spk",
    }
    has_key = any(os.environ.get(n) for n in ("OPENAI_API_KEY", "APPLIANCE_ENDPOINT__API_KEY"))
    if plan.endpoint is None or not has_key:
        environ["APPLIANCE_ENDPOINT__API_KEY"] = "local"
    said_s = len(plan.said) / WIRE_RATE_HZ
    if said_s > 55:
        environ["APPLIANCE_HARDWARE__MAX_TURN_S"] = str(round(said_s + 10))
    return environ


def _side_by_side(mic: Tape, ear: Tape) -> tuple[Pcm, Pcm, float]:
    """Return both tapes from the same moment on, at the same length."""
    start_s = max(mic.start_s(), ear.start_s())
    tracks = []
    for tape in (mic, ear):
        skip = max(0, round((start_s - tape.start_s()) * WIRE_RATE_HZ))
        tracks.append(tape.samples()[skip:])
    length = min(len(track) for track in tracks)
    return tracks[0][:length], tracks[1][:length], start_s


def _received(record: Path) -> Pcm | None:
    """Return all that the local server received, of all its connections, in order."""
    parts = [
        soundfile.read(path, dtype="int16")[0]
        for path in sorted(record.rglob("received.wav"), key=lambda p: p.stat().st_mtime)
    ]
    return np.concatenate(parts) if parts else None


def _summarise(
    story: Story, plan: Plan, received: Pcm, before: Cost, after: Cost, took_s: float
) -> dict[str, Any]:
    end = story.last("summary") or {}
    turns = story.of("turn")
    heard = [record["text"] for record in story.of("heard")]
    replies = [record["text"] for record in story.of("reply")]
    said = np.concatenate([plan.said] * (1 if plan.barge_in_s is None else 2))
    return {
        "spans_ms": end.get("spans_ms", {}),
        "xruns": end.get("overflows", 0) + end.get("underflows", 0),
        "overflows": end.get("overflows", 0),
        "underflows": end.get("underflows", 0),
        "streams_opened": end.get("opens", 0),
        "rss_mb": after.rss_mb,
        "cpu_percent": round((after.cpu_s - before.cpu_s) / took_s * 100, 1),
        "speech_lost_samples": lost_samples(said, received),
        "speech_compared_with": "what the server received"
        if plan.endpoint is None
        else "what the device sent",
        "heard": " / ".join(heard),
        "reply": " / ".join(replies),
        "reply_s": round(sum(turn["reply_ms"] for turn in turns) / 1000, 3),
        "turns": [{"turn": t["turn"], "outcome": t["outcome"]} for t in turns],
        "state": end.get("state", "unknown"),
        "endpoint": plan.endpoint or "local",
    }


def write_out(heard: Heard) -> dict[str, Path]:
    """Write conversation.wav, summary.json and trace.jsonl; return where each is."""
    out = heard.plan.out
    wav, summary, trace = out / "conversation.wav", out / "summary.json", out / "trace.jsonl"
    soundfile.write(wav, np.column_stack([heard.you, heard.device]), WIRE_RATE_HZ, "PCM_16")
    summary.write_text(json.dumps(heard.summary, indent=2, ensure_ascii=False) + "\n")
    lines = [json.dumps(record, ensure_ascii=False) for record in heard.story.records]
    trace.write_text("\n".join(lines) + "\n")
    return {"conversation": wav, "summary": summary, "trace": trace}
