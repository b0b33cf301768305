"""What --record leaves behind."""

import json
import wave


def read(path):
    with wave.open(str(path)) as wav:
        assert (wav.getnchannels(), wav.getsampwidth(), wav.getframerate()) == (1, 2, 24000)
        return wav.readframes(wav.getnframes())


async def test_sound_and_events_are_whole_while_the_connection_is_open(kit, cards, tmp_path):
    async with kit.talking(record=tmp_path) as client:
        folder = tmp_path / "connection-001"
        await client.no_turn_detection()
        assert read(folder / "received.wav") == b""
        await client.append(cards)
        await client.send("input_audio_buffer.commit")
        await client.until("conversation.item.done")
        assert read(folder / "received.wav") == cards
        await client.reply()
        assert read(folder / "replies.wav") == client.sound()
        lines = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
        out = [line["event"]["type"] for line in lines if line["direction"] == "out"]
        assert out == client.types()
        taken = [line for line in lines if line["direction"] == "in"]
        assert taken[1]["event"]["audio"] == {"samples": 2400}
        commit = next(line for line in taken if line["event"]["type"].endswith("commit"))
        assert commit["received_samples"] == len(cards) // 2
        times = [line["t"] for line in lines]
        assert times == sorted(times)
        samples = [e["event"]["delta"]["samples"] for e in lines if "output_audio.delta" in str(e)]
        assert sum(samples) == len(client.sound()) // 2


async def test_each_connection_has_its_own_folder(kit, tmp_path):
    async with kit.served(record=tmp_path) as server:
        for _ in range(2):
            async with kit.connected(server.url) as client:
                await client.append(kit.quiet(0.1))
                await client.update()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["connection-001", "connection-002"]
    assert read(tmp_path / "connection-002" / "received.wav") == kit.quiet(0.1)
