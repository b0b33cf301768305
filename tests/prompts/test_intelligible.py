"""A speech recogniser tells from the packed sound which of the English prompts it is."""

from __future__ import annotations

import re

import numpy as np
import pocketsphinx
import pytest

from appliance.prompts.catalogue import spoken
from appliance.prompts.codec import decode
from appliance.prompts.keys import PROMPTS
from appliance.prompts_build.build import render, voice_for
from appliance.prompts_build.encoder import encode

EARS_RATE_HZ = 16_000


def words(key):
    return re.sub(r"[^a-z' ]", " ", spoken(key, "en").lower()).split()


@pytest.fixture(scope="module")
def ears():
    sentences = " | ".join(" ".join(words(key)) for key in PROMPTS)
    decoder = pocketsphinx.Decoder(samprate=EARS_RATE_HZ, loglevel="FATAL", lm=None)
    decoder.add_jsgf_string("prompts", f"#JSGF V1.0; grammar g; public <s> = {sentences} ;")
    decoder.activate_search("prompts")
    return decoder


def at_ears_rate(samples):
    """Return 24 kHz samples at 16 kHz, as s16le."""
    padded = np.concatenate([np.zeros(4800), samples, np.zeros(4800 + len(samples) % 3)])
    padded = padded[: len(padded) // 3 * 3]
    spectrum = np.fft.rfft(padded)[: len(padded) // 3 + 1]
    quieter = np.fft.irfft(spectrum, len(padded) * 2 // 3) * (2 / 3)
    return np.clip(quieter * 32768 * 2, -32768, 32767).astype("<i2").tobytes()


@pytest.mark.parametrize("key", [*PROMPTS][::5])
def test_a_recogniser_knows_which_prompt_it_is(espeak, ears, key):
    samples = decode(encode(render(espeak, spoken(key, "en"), voice_for("en"))))
    ears.start_utt()
    ears.process_raw(at_ears_rate(samples), full_utt=True)
    ears.end_utt()
    heard = ears.hyp()
    assert heard is not None
    assert heard.hypstr.split() == words(key)
