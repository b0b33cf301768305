// One turn through the npm @openai/agents client. Prints JSON.
//
//     node turn.mjs BASE_URL PCM_FILE      (PCM: s16le mono, 24 kHz)
import { readFileSync } from "node:fs";
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession } from "@openai/agents/realtime";

const [, , baseUrl, file] = process.argv;
const model = "gpt-realtime-2.1-mini";
const found = { sound_bytes: 0, heard: "", transcript: "", types: [] };
const url = `${baseUrl.replace("http", "ws")}/realtime?model=${model}`;
const agent = new RealtimeAgent({ name: "appliance", instructions: "Be brief." });
const session = new RealtimeSession(agent, {
  model,
  transport: new OpenAIRealtimeWebSocket({ url }),
  config: {
    audio: {
      input: {
        transcription: { model: "whisper-1" },
        turnDetection: { type: "server_vad", silenceDurationMs: 400 },
      },
    },
  },
});

const done = new Promise((resolve) => {
  session.on("audio", (event) => (found.sound_bytes += event.data.byteLength));
  session.on("error", (event) => {
    found.error = JSON.stringify(event.error ?? event);
    resolve();
  });
  session.on("transport_event", (event) => {
    found.types.push(event.type);
    if (event.type === "conversation.item.input_audio_transcription.completed")
      found.heard = event.transcript;
    if (event.type === "response.output_audio_transcript.done") found.transcript = event.transcript;
    if (event.type === "response.done") found.status = event.response.status;
    if (found.status && found.heard) resolve();
  });
});

await session.connect({ apiKey: "x", url });
const pcm = readFileSync(file);
for (let start = 0; start < pcm.length; start += 4800) {
  const piece = pcm.subarray(start, start + 4800);
  session.sendAudio(piece.buffer.slice(piece.byteOffset, piece.byteOffset + piece.byteLength));
}
await done;
console.log(JSON.stringify(found));
session.close();
process.exit(0);
