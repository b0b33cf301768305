"""The real ears and the real voice: pocketsphinx and espeak-ng."""

import asyncio

import numpy as np
import pytest

from appliance.errors import ApplianceError
from appliance.simulator.hearing import Sphinx
from appliance.simulator.server import Options, RealtimeServer
from appliance.simulator.sound import floats, pcm16, resampled
from appliance.simulator.speech import VARIANTS, Espeak


@pytest.fixture
async def ears():
    sphinx = Sphinx()
    yield sphinx
    await sphinx.close()


async def test_people_are_understood(kit, ears):
    said = {
        "cards/001.wav": "ten of clubs",
        "cards/003.wav": "seven of clubs",
        "cards/005.wav": "eight of spades four of clubs seven of hearts",
    }
    for name, words in said.items():
        assert await ears.hear(kit.recording(name)) == words
    read = await ears.hear(kit.recording("librivox/sense_and_sensibility_01_austen_64kb-0930.wav"))
    assert {"might", "made", "amiable", "himself"} <= set(read.split())


async def test_silence_says_nothing(kit, ears):
    assert await ears.hear(kit.quiet(1.0)) == ""
    assert await ears.hear(b"") == ""


async def test_hearing_does_not_hold_up_the_loop(kit, ears):
    await ears.warm_up()
    turns = 0
    hearing = asyncio.ensure_future(ears.hear(kit.recording("cards/005.wav") * 2))
    while not hearing.done():
        await asyncio.sleep(0.005)
        turns += 1
    await hearing
    assert turns > 50  # in a thread the decoder would let the loop turn a few times at most


async def test_two_listeners_each_get_their_own_answer(kit, ears):
    names = ("cards/001.wav", "cards/003.wav")
    heard = await asyncio.gather(*(ears.hear(kit.recording(name)) for name in names))
    assert heard == ["ten of clubs", "seven of clubs"]


async def test_an_answer_that_nobody_waits_for_is_not_given_to_the_next(kit, ears):
    await ears.warm_up()
    given_up = asyncio.ensure_future(ears.hear(kit.recording("cards/005.wav")))
    await asyncio.sleep(0.05)
    given_up.cancel()
    assert await ears.hear(kit.recording("cards/001.wav")) == "ten of clubs"


async def test_a_recogniser_that_died_is_said_and_started_again(kit, ears):
    speech = kit.recording("cards/001.wav")
    await ears.warm_up()
    ears._child.kill()
    await ears._child.wait()
    with pytest.raises(ApplianceError, match="recogniser ended"):
        await ears.hear(speech)
    assert await ears.hear(speech) == "ten of clubs"


async def test_espeak_speaks_and_honours_speed():
    voice = Espeak()
    text = "The quick brown fox jumps over the lazy dog."
    slow = await voice.speak(text, "alloy", "en-us", 0.75)
    fast = await voice.speak(text, "alloy", "en-us", 1.5)
    assert 1.5 < len(slow) / len(fast) < 2.5
    assert np.abs(floats(fast)).max() > 0.1


async def test_voices_differ_and_unknown_ones_and_languages_still_speak():
    voice = Espeak()
    spoken = {name: await voice.speak("Hello", name, "en-us", 1.0) for name in VARIANTS}
    assert len(set(spoken.values())) == len(VARIANTS)
    assert await voice.speak("Hello", "custom", "xx-none", 1.0)
    assert await voice.speak("Guten Tag", "alloy", "de", 1.0)
    assert await voice.speak(" ", "alloy", "en-us", 1.0) == b""


async def test_text_is_never_an_option_of_espeak():
    assert len(await Espeak().speak("--version", "alloy", "en-us", 1.0)) > 4800


async def test_what_the_server_says_it_can_hear_itself(kit):
    async with RealtimeServer(Options()) as server, kit.connected(server.url) as client:
        await client.append(kit.recording("cards/005.wav") + kit.quiet(1.0))
        done = (await client.until("response.done"))["response"]
    said = done["output"][0]["content"][0]["transcript"]
    assert said == "I heard: eight of spades four of clubs seven of hearts"
    assert 2.0 < len(client.sound()) / 48000 < 8.0


def test_resampling_keeps_the_tone_and_the_length():
    at = np.arange(24000) / 24000
    tone = (0.5 * np.sin(2 * np.pi * 1000 * at)).astype(np.float32)
    out = resampled(tone, 24000, 16000)
    assert len(out) == 16000
    wanted = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    assert np.abs(out - wanted)[500:-500].max() < 1e-3
    assert resampled(tone, 24000, 24000) is tone
    assert np.abs(floats(pcm16(tone)) - tone).max() <= 1 / 32768
