"""A conversation without hands, in a room with echo: the device must not hear itself."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile


def test_hands_free_in_a_room_with_echo(appliance, tmp_path):
    """An answer is heard whole, the next is talked over, and what was said over it is answered."""
    ended = appliance(
        *("demo", "--room", "--talk-mode", "hands_free", "--barge-in", "1.5"),
        *("--out", tmp_path, "--json"),
        timeout_s=115,
    )
    assert ended.code == 0, ended.err
    summary = ended.summary
    outcomes = [turn["outcome"] for turn in summary["turns"]]
    assert outcomes[-1] == "stopped"  # the device listens on until it is ended
    assert outcomes[-3:-1] == ["interrupted", "answered"]
    assert set(outcomes[:-3]) == {"answered"}  # once or more: while its echo is being learnt
    assert summary["echo"]["converged_after_s"] < 10
    assert summary["echo"]["loss_db"] >= 8
    assert summary["barge_ins_made"] == 1
    assert summary["barge_ins_missed"] == 0
    assert summary["false_barge_ins"] == 0
    (to_silence_ms,) = summary["voice_to_silence_ms"]
    assert 0 < to_silence_ms < 1500  # loose: the machine may be busy
    assert summary["modules_clean"] is True
    room = summary["room"]
    assert room["name"] == "living"
    assert room["rt60_s"] == pytest.approx(0.35, rel=0.15)
    assert 40 < room["echo_delay_ms"] < 250
    assert -10 < room["echo_to_speech_db"] < 20
    if not room["xruns"]:
        # Up to a tenth of a second: the sentence over the answer begins in the loudest double talk.
        assert summary["speech_lost_samples"] <= 2400
    microphone, _ = soundfile.read(tmp_path / "microphone.wav")
    sound, _ = soundfile.read(tmp_path / "conversation.wav")
    you, device = sound.T
    assert len(microphone) == len(you)
    alone = (np.abs(you) < 0.001) & (np.abs(device) > 0.1)
    assert alone.any()
    assert np.abs(microphone[alone]).max() > 0.05  # its own echo is there, and it did not answer it
    assert (tmp_path / "timeline.png").stat().st_size > 10_000


def test_a_button_in_a_hard_room_with_a_drifting_clock(appliance, tmp_path):
    ended = appliance(
        *("demo", "--room", "hard", "--drift", "100", "--distance", "0.6", "--saturation", "0.2"),
        *("--out", tmp_path, "--json"),
    )
    assert ended.code == 0, ended.err
    summary = ended.summary
    assert [turn["outcome"] for turn in summary["turns"]] == ["answered"]
    assert summary["room"]["drift_ppm"] == 100
    assert summary["room"]["distance_m"] == 0.6
    assert summary["room"]["saturation"] == 0.2
    assert summary["speech_compared_with"].endswith("as the microphone heard it")
    if not summary["room"]["xruns"]:
        assert summary["speech_lost_samples"] == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--room", "cave"), "no room 'cave': there are small, living, hard"),
        (("--drift", "100"), "--drift goes with --room"),
        (("--room", "--distance", "9"), "--distance takes 0.2 to 3"),
        (("--talk-mode", "hands_free", "--barge-in", "1"), "needs --room"),
    ],
)
def test_what_no_room_can_be_is_one_line(appliance, tmp_path, arguments, told):
    ended = appliance("demo", *arguments, "--out", tmp_path, "--json")
    assert ended.code == 2
    (line,) = ended.err.strip().splitlines()
    assert line.startswith("appliance: ")
    assert told in line
