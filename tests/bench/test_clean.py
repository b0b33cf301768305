"""`appliance dsp` on real files."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest
import soundfile

from appliance.bench import clean
from appliance.errors import UsageError

CARD = Path("/usr/share/pocketsphinx/test/data/cards/001.wav")


def run(*arguments):
    parser = argparse.ArgumentParser()
    clean.configure(parser)
    return clean.run(parser.parse_args([str(a) for a in arguments]))


def test_it_is_as_long_as_the_input_and_in_step_with_it(tmp_path):
    out = tmp_path / "out.wav"
    picture = tmp_path / "out.png"
    assert run("--mic", CARD, "--out", out, "--plot", picture) == 0
    before, after = soundfile.info(CARD), soundfile.info(out)
    assert (after.samplerate, after.channels) == (24000, 1)
    assert after.frames == round(before.frames * 24000 / before.samplerate)
    speech = np.abs(soundfile.read(out)[0])
    original = np.abs(soundfile.read(CARD)[0])

    def middle(x):
        return np.sum(np.arange(len(x)) * x) / np.sum(x) / len(x)

    assert abs(middle(speech) - middle(original)) < 0.05
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_only_the_stages_that_are_asked_for(tmp_path):
    out = tmp_path / "out.wav"
    run("--mic", CARD, "--out", out, "--only", "denoise", "--noise", "off")
    run("--mic", CARD, "--out", tmp_path / "none.wav", "--only", "highpass")
    plain, highpassed = soundfile.read(out)[0], soundfile.read(tmp_path / "none.wav")[0]
    assert not np.array_equal(plain, highpassed)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--only", "reverb"), "no stage reverb"),
        (("--array", "respeaker-xvf3000"), "channels"),
        (("--reference", "nosuch.wav"), "no such file"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(tmp_path, arguments, told):
    with pytest.raises(UsageError, match=told) as error:
        run("--mic", CARD, "--out", tmp_path / "out.wav", *arguments)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out.wav").exists()
