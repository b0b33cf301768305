"""The measure of lost speech must see a loss, or its zeros say nothing."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.demo.compare import losses, lost_of_all, lost_samples
from appliance.demo.recording import SHIPPED_BY_DEBIAN, default_recording, read_recording
from appliance.demo.room import responses_of, room_named
from appliance.dsp.chain import Chain

PERSONS = sorted(SHIPPED_BY_DEBIAN.parent.glob("*.wav"))
STAGES = ("highpass", "echo", "denoise", "gain")  # all that a device with one microphone has
CHUNK = 1024
NEAR = 720  # 30 ms


@pytest.fixture(scope="module")
def said():
    return read_recording(default_recording())


def around(samples):
    return np.concatenate([np.zeros(5000, np.int16), samples, np.zeros(3000, np.int16)])


def test_a_whole_copy_has_lost_nothing(said):
    assert lost_samples(said, around(said)) == 0


@pytest.mark.parametrize("gone", [100, 1024, 24000])
def test_a_hole_is_counted(said, gone):
    holed = np.concatenate([said[:20000], said[20000 + gone :]])
    assert gone <= lost_samples(said, around(holed)) <= gone + 48


def test_a_tail_that_was_cut_off_is_counted(said):
    assert lost_samples(said, around(said[:-20000])) >= 10000


def test_nothing_received_is_everything_lost(said):
    assert lost_samples(said, np.zeros(0, np.int16)) >= 0.9 * np.count_nonzero(abs(said) > 64)


@pytest.mark.parametrize("gone", [0, 2400])
def test_on_a_path_that_changes_the_samples_a_hole_is_seen_too(said, gone):
    changed = np.convolve(said * 0.7, [0.3, 0.5, 0.2], "same").astype(np.int16)
    holed = np.concatenate([changed[:24000], changed[24000 + gone :]])
    lost = lost_samples(said, around(holed))
    assert (lost == 0) if gone == 0 else (lost >= 1200)


def chained(pcm, hiss_dbfs=None, quiet_before=6000):
    """What the device would send of this: through its sound chain, from a cold start."""
    sound = np.concatenate([np.zeros(quiet_before), pcm / 32768, np.zeros(12_000)])
    if hiss_dbfs is not None:
        dice = np.random.default_rng(20261125)
        sound += dice.normal(0, 10 ** (hiss_dbfs / 20), len(sound))
    chain = Chain(STAGES)
    frames = sound[: len(sound) // 240 * 240].astype(np.float32).reshape(-1, 240)
    out = np.concatenate([chain.process(frame) for frame in frames])
    return np.rint(np.clip(out, -1, 1) * 32767).astype(np.int16)


def without(pcm, at, count=CHUNK):
    return np.concatenate([pcm[:at], pcm[at + count :]])


def places_in_speech(pcm, count):
    """Some places, each loud, and with some of the sentence before and behind them."""
    levels = np.abs(pcm[: len(pcm) // 240 * 240].astype(float)).reshape(-1, 240).mean(axis=1)
    loud = np.flatnonzero(levels > 0.2 * levels.max()) * 240
    loud = loud[(loud > 9600) & (loud < loud[-1] - 9600)]
    return np.random.default_rng(7).choice(loud, count, replace=False) + 101


def assert_is_the_hole(found, at):
    (loss,) = found
    assert abs(loss.at - at) <= NEAR
    assert abs(loss.samples - CHUNK) <= 48


@pytest.mark.parametrize("person", PERSONS, ids=lambda path: path.stem[-4:])
@pytest.mark.parametrize("hiss_dbfs", [None, -60, -50])
def test_the_sound_chain_loses_nothing(person, hiss_dbfs):
    """Automatic gain from a cold start, noise suppression, high-pass: none of it is a loss."""
    said = read_recording(person)
    assert losses(said, chained(said, hiss_dbfs, quiet_before=0)) == []


@pytest.mark.parametrize("person", PERSONS, ids=lambda path: path.stem[-4:])
def test_a_chunk_that_is_missing_behind_the_chain_is_found(person):
    said = read_recording(person)
    sent, early = chained(said, -60), 6000 + Chain(STAGES).delay_samples
    for at in places_in_speech(said, 8):
        assert_is_the_hole(losses(said, without(sent, at + early)), at)


@pytest.mark.parametrize("person", PERSONS, ids=lambda path: path.stem[-4:])
def test_a_chunk_that_is_missing_before_the_chain_is_found(person):
    said = read_recording(person)
    for at in places_in_speech(said, 3):
        assert_is_the_hole(losses(said, chained(without(said, at), -60)), at)


def test_silence_in_place_of_speech_is_a_loss(said):
    sent, early = chained(said), 6000 + Chain(STAGES).delay_samples
    at = int(np.argmax(np.convolve(said.astype(float) ** 2, np.ones(4800), "valid")))
    sent[at + early : at + early + 4800] = 0
    (loss,) = losses(said, sent)
    assert abs(loss.at - at) <= NEAR
    assert 2400 <= loss.samples <= 4800 + 2 * NEAR


def test_two_sentences_may_be_farther_apart_or_closer(said):
    pause = np.zeros(24_000, np.int16)
    both = np.concatenate([said, pause, said])
    sent = chained(both)
    begin = 6000 + len(said) + 9000
    assert lost_samples(both, without(sent, begin, 9600)) == 0
    assert lost_samples(both, np.insert(sent, begin, np.zeros(50_000, np.int16))) == 0


def test_a_sentence_may_be_said_again_and_again(said):
    """Automatic gain makes the copies differ; each is still held against its own."""
    often = np.concatenate([np.concatenate([said // 4, np.zeros(20_000, np.int16)])] * 3)
    sent, early = chained(often, -65), 6000 + Chain(STAGES).delay_samples
    assert losses(often, sent) == []
    for copy in range(3):
        at = int(places_in_speech(said, 1)[0]) + copy * (len(said) + 20_000)
        assert_is_the_hole(losses(often, without(sent, at + early)), at)


def test_a_sentence_that_is_missing_is_missing_as_a_whole(said):
    both = np.concatenate([said, np.zeros(24_000, np.int16), said])
    (loss,) = losses(both, chained(said))
    assert loss.at > len(said)
    assert loss.samples > 0.8 * len(said)


def test_in_a_room_it_is_what_the_microphone_heard_that_counts(said):
    mouth = responses_of(room_named("hard")).mouth
    heard = np.rint(np.convolve(said, mouth)).astype(np.int16)
    sent = chained(heard, -55)
    assert losses(heard, sent) == []
    at = int(places_in_speech(said, 1)[0])
    assert_is_the_hole(losses(heard, without(sent, at + 6000 + Chain(STAGES).delay_samples)), at)


@pytest.mark.parametrize("pause", [2_000, 40_000])
def test_one_sentence_said_twice_is_told_apart_by_its_order(said, pause):
    silence = np.zeros(pause, np.int16)
    stream = np.concatenate([silence, said, silence, said, silence])
    heard = chained(stream)
    second = heard[: pause + len(said) + pause // 2]
    assert lost_of_all([said, said], heard) == 0
    assert lost_of_all([said, said], second) > 0.8 * len(said)
    assert lost_of_all([said, said], stream) == 0, "bit for bit, too"
