"""One turn through the official `openai` SDK. Runs in its own environment, prints JSON.

python openai_turn.py BASE_URL PCM_FILE      (PCM: s16le mono, 24 kHz)
"""

import asyncio
import base64
import json
import sys
from pathlib import Path

from openai import AsyncOpenAI


async def turn(base_url, pcm):
    found = {"sound_bytes": 0, "heard": "", "types": []}
    client = AsyncOpenAI(api_key="x", base_url=base_url)
    async with client.realtime.connect(model="gpt-realtime-2.1-mini") as connection:
        await connection.session.update(
            session={
                "type": "realtime",
                "output_modalities": ["audio"],
                "audio": {
                    "input": {"turn_detection": None, "transcription": {"model": "whisper-1"}},
                    "output": {"voice": "marin"},
                },
            }
        )
        for start in range(0, len(pcm), 4800):
            audio = base64.b64encode(pcm[start : start + 4800]).decode()
            await connection.input_audio_buffer.append(audio=audio)
        await connection.input_audio_buffer.commit()
        await connection.response.create()
        async for event in connection:
            found["types"].append(event.type)
            if event.type == "response.output_audio.delta":
                found["sound_bytes"] += len(base64.b64decode(event.delta))
            elif event.type == "response.output_audio_transcript.done":
                found["transcript"] = event.transcript
            elif event.type == "conversation.item.input_audio_transcription.completed":
                found["heard"] = event.transcript
            elif event.type == "error":
                found["error"] = event.error.message
                return found
            elif event.type == "response.done":
                found["status"] = event.response.status
                found["tokens"] = event.response.usage.total_tokens
                return found
    return found


sys.stdout.write(json.dumps(asyncio.run(turn(sys.argv[1], Path(sys.argv[2]).read_bytes()))) + "\n")
