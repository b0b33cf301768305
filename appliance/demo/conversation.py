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

from appliance.demo.compare import lost_of_all
from appliance.demo.device import DeviceProcess, Story
from appliance.demo.measure import cost_of, is_clean, libraries_of
from appliance.demo.room import Room
from appliance.demo.room_process import RoomProcess
from appliance.demo.server import start_server
from appliance.demo.stage import Mouth, Tape
from appliance.demo.summary import of_barge_ins, of_device, of_echo, of_room
from appliance.demo.talk import Person, TalkMode
from appliance.demo.tapes import Tapes, side_by_side
from appliance.devices.portaudio_system import SoundSystem
from appliance.units import WIRE_RATE_HZ

Pcm = NDArray[np.int16]

AFTERWARDS_S = 0.3  # what is still in the ear's buffers
SPEECH = "speech.pcm"  # what the microphone heard of the mouth, while it lasts


@dataclass(frozen=True, slots=True)
class Plan:
    """What the demo is to do."""

    said: Pcm  # mono, 24 kHz
    out: Path
    endpoint: str | None = None  # None: a local server of our own
    barge_in_s: float | None = None  # speak again so long after the answer is first heard
    config: Path | None = None
    told: Callable[[dict[str, Any]], None] = lambda _: None
    mode: TalkMode = "hold"
    room: Room | None = None  # None: what the mouth says is what the microphone hears
    sound_server: str = ""  # that plays the room


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of it."""

    plan: Plan
    story: Story
    tapes: Tapes
    summary: dict[str, Any]


async def converse(plan: Plan) -> Heard:
    """Hold the conversation that is planned. The sound room must be in os.environ already.

    Raises:
        UsageError: no room, no device, no server, no answer: one line says what.
    """
    async with AsyncExitStack() as stack:
        record = plan.out / "server"
        standing = await _start_room(stack, plan)
        url = plan.endpoint or await start_server(stack, record)
        if standing is not None:
            await standing.stands()
        sound = stack.enter_context(SoundSystem())
        names = ["mic", "ear"] + (["voice"] if plan.room else [])
        taping = [Tape(sound, f"pcm:{name}") for name in names]
        for tape in taping:
            tape.start()
            stack.callback(tape.stop)
        mouth = Mouth(sound)
        stack.callback(mouth.close)
        device = DeviceProcess(plan.told)
        stack.push_async_callback(device.stop)
        sent = plan.out / "sent.pcm"
        await device.start(_device_environ(url, plan), plan.config, sent)
        before, began_s = cost_of(device.pid), time.monotonic()
        person = Person(device, mouth, plan.said, plan.mode)
        await person.converse(plan.barge_in_s)
        after, took_s = cost_of(device.pid), time.monotonic() - began_s
        libraries = libraries_of(device.pid)
        await asyncio.sleep(AFTERWARDS_S)  # no event tells when the room itself is quiet
        await device.stop()
        room = await standing.end() if standing else None
        tapes = side_by_side(dict(zip(names, taping, strict=True)))
    said = [plan.said] * len(person.spoken)
    if plan.room is not None:
        at_microphone = plan.out / SPEECH
        said = [np.frombuffer(at_microphone.read_bytes(), np.int16)]
        at_microphone.unlink()
    received = _received(record) if plan.endpoint is None else None
    if received is None:
        received = np.frombuffer(sent.read_bytes(), np.int16)
    sent.unlink()
    summary = {
        **of_device(device.story, before, after, took_s),
        "modules_clean": is_clean(libraries),
        "speech_lost_samples": lost_of_all(said, received),
        "speech_compared_with": _compared(plan),
        "endpoint": plan.endpoint or "local",
        "talk_mode": plan.mode,
        **of_barge_ins(device.story, tapes, person.spoken if plan.mode == "hands_free" else []),
        "echo": of_echo(device.story),
        "room": of_room(plan.room, room, tapes) if plan.room and room else None,
    }
    return Heard(plan, device.story, tapes, summary)


async def _start_room(stack: AsyncExitStack, plan: Plan) -> RoomProcess | None:
    if plan.room is None:
        return None
    room = RoomProcess(plan.sound_server, plan.room, plan.out / SPEECH)
    await room.start()
    stack.push_async_callback(room.end)
    return room


def _compared(plan: Plan) -> str:
    here = "what the server received" if plan.endpoint is None else "what the device sent"
    return f"{here}, and the mouth as the microphone heard it" if plan.room else here


def _device_environ(url: str, plan: Plan) -> dict[str, str]:
    environ = {
        "APPLIANCE_ENDPOINT__URL": url,
        "APPLIANCE_HARDWARE__MICROPHONE": "pcm:mic",
        "APPLIANCE_HARDWARE__SPEAKER": "pcm:spk",
        "APPLIANCE_HARDWARE__TALK_MODE": plan.mode,  # it is we who know what the finger does
    }
    has_key = any(os.environ.get(n) for n in ("OPENAI_API_KEY", "APPLIANCE_ENDPOINT__API_KEY"))
    if plan.endpoint is None or not has_key:
        environ["APPLIANCE_ENDPOINT__API_KEY"] = "local"
    said_s = len(plan.said) / WIRE_RATE_HZ
    if said_s > 55:
        environ["APPLIANCE_HARDWARE__MAX_TURN_S"] = str(round(said_s + 10))
    return environ


def _received(record: Path) -> Pcm | None:
    """Return all that the local server received, of all its connections, in order."""
    parts = [
        soundfile.read(path, dtype="int16")[0]
        for path in sorted(record.rglob("received.wav"), key=lambda p: p.stat().st_mtime)
    ]
    return np.concatenate(parts) if parts else None


def write_out(heard: Heard) -> dict[str, Path]:
    """Write the sound, summary.json and trace.jsonl; return where each is."""
    out = heard.plan.out
    wav, summary, trace = out / "conversation.wav", out / "summary.json", out / "trace.jsonl"
    tapes = heard.tapes
    soundfile.write(wav, np.column_stack([tapes.you, tapes.device]), WIRE_RATE_HZ, "PCM_16")
    summary.write_text(json.dumps(heard.summary, indent=2, ensure_ascii=False) + "\n")
    lines = [json.dumps(record, ensure_ascii=False) for record in heard.story.records]
    trace.write_text("\n".join(lines) + "\n")
    files = {"conversation": wav, "summary": summary, "trace": trace}
    if heard.plan.room is not None:
        files["microphone"] = out / "microphone.wav"
        soundfile.write(files["microphone"], tapes.microphone, WIRE_RATE_HZ, "PCM_16")
    return files
