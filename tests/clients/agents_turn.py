"""One turn through `openai-agents`. Runs in its own environment, prints JSON.

    python agents_turn.py BASE_URL PCM_FILE      (PCM: s16le mono, 24 kHz)

The SDK leaves the end of the turn to the server's voice activity detection.
"""

import asyncio
import json
import sys
from pathlib import Path

from agents import set_tracing_disabled
from agents.realtime import RealtimeAgent, RealtimeRunner

MODEL = "gpt-realtime-2.1-mini"


async def turn(base_url, pcm):
    found = {"sound_bytes": 0, "heard": "", "transcript": "", "types": []}
    set_tracing_disabled(True)
    runner = RealtimeRunner(
        starting_agent=RealtimeAgent(name="appliance", instructions="Be brief."),
        config={
            "model_settings": {
                "model_name": MODEL,
                "input_audio_transcription": {"model": "whisper-1"},
                "turn_detection": {"type": "server_vad", "silence_duration_ms": 400},
            }
        },
    )
    url = base_url.replace("http", "ws", 1) + f"/realtime?model={MODEL}"
    session = await runner.run(model_config={"url": url, "api_key": "x"})
    async with session:
        for start in range(0, len(pcm), 4800):
            await session.send_audio(pcm[start : start + 4800])
        async for event in session:
            found["types"].append(event.type)
            if event.type == "audio":
                found["sound_bytes"] += len(event.audio.data)
            elif event.type == "error":
                found["error"] = str(event.error)
                return found
            elif event.type in ("history_added", "history_updated"):
                _read(event, found)
            elif event.type == "agent_end":
                found["status"] = "completed"
            if found.get("status") and found["transcript"] and found["heard"]:
                return found
    return found


def _read(event, found):
    items = event.history if event.type == "history_updated" else [event.item]
    for item in items:
        for part in getattr(item, "content", []):
            text = getattr(part, "transcript", None)
            if text and item.role in ("user", "assistant"):
                found["heard" if item.role == "user" else "transcript"] = text


sys.stdout.write(json.dumps(asyncio.run(turn(sys.argv[1], Path(sys.argv[2]).read_bytes()))) + "\n")
