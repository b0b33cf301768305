"""Planted systems: what is bad must look bad, and what is only late must not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from appliance.bench.corpus import Corpus
from appliance.bench.echo_bench import measure_echo
from appliance.bench.echo_scenes import QUICK_ECHO_SET, echo_scenes
from appliance.bench.noise_bench import measure_noise
from appliance.bench.noise_scenes import QUICK_NOISE_SET, QUICK_VOICE_SET, noise_items
from appliance.bench.progress import Progress
from appliance.bench.scores import Scores, area, delay_samples, hits_at, loss_db
from appliance.bench.systems import System
from appliance.bench.takes import Takes
from appliance.bench.timing import ratios
from appliance.bench.voice_bench import measure_voice

FRAME = 240


@pytest.fixture(scope="module")
def scores():
    made = Scores()
    made._dnsmos = None  # it may be installed or not, and takes its time
    return made


def planted(name, start):
    return System(name, (), (), 24_000, FRAME, "float32", start)


def late(samples):
    """Return a step that gives back the sound of `samples` ago."""

    def start():
        line = np.zeros(FRAME + samples, np.float32)

        def step(frame, *_):
            line[:-FRAME] = line[FRAME:].copy()
            line[-FRAME:] = frame
            return line[:FRAME].copy()

        return step

    return start


def muted():
    return lambda *_: np.zeros(FRAME, np.float32)


def rows_of(result):
    return {row["system"]: row for row in result["rows"]}


def test_noise_muted_output_is_worst_and_delay_costs_nothing(scores):
    item = next(noise_items(QUICK_NOISE_SET, Corpus()))
    systems = [planted("muted", muted), planted("late", late(480))]
    rows = rows_of(measure_noise([item], systems, scores, Progress(), Takes(None)))
    assert rows["muted"]["pesq"] == 1.0
    assert rows["muted"]["stoi"] < rows["noisy"]["stoi"] - 0.5
    assert rows["late"]["delay_ms"] == pytest.approx(20)
    assert rows["late"]["pesq"] == pytest.approx(rows["noisy"]["pesq"], abs=0.02)
    assert rows["late"]["stoi"] == pytest.approx(rows["noisy"]["stoi"], abs=0.01)
    assert rows["late"]["dnsmos"] is None

    clean = dataclasses.replace(item, noisy=item.clean)
    perfect = rows_of(measure_noise([clean], systems, scores, Progress(), Takes(None)))["late"]
    assert perfect["pesq"] > 4.5
    assert perfect["stoi"] > 0.99


def test_echo_muted_output_loses_the_near_end_and_passing_it_on_loses_nothing(scores):
    wanted = dataclasses.replace(QUICK_ECHO_SET, scenes=1)
    scenes = list(echo_scenes(wanted, Corpus()))
    systems = [planted("muted", muted), planted("late", late(240))]
    result = measure_echo(scenes, (0,), systems, scores, Progress(), Takes(None))
    rows = rows_of(result)
    assert rows["muted"]["loss_late_db"] > 60
    assert rows["muted"]["pesq"] == 1.0
    assert rows["muted"]["stoi"] < 0.1 < rows["untouched"]["stoi"]
    assert rows["late"]["loss_late_db"] == pytest.approx(0, abs=0.1)
    assert rows["late"]["stoi"] == pytest.approx(rows["untouched"]["stoi"], abs=0.01)
    assert len(result["by_scene"]) == 3


def test_voice_a_coin_and_a_detector_that_is_always_on_are_seen_through():
    items = list(noise_items(QUICK_VOICE_SET, Corpus()))[:2]
    rng = np.random.default_rng(1)
    coin = planted("ours", lambda: lambda _: rng.random())
    always = System("always", ("x",), (), 24_000, FRAME, "float32", lambda: lambda _: True)
    result = measure_voice(items, [always, coin], Progress())
    (row,) = result["rows"]
    assert (row["false_alarms"], row["hits"], row["ours_hits"]) == (1.0, 1.0, 1.0)
    assert result["ours"]["area"] == pytest.approx(0.5, abs=0.06)
    assert 0.3 < result["speech"] < 0.9


def test_hits_and_area():
    speech = np.array([True, True, False, False])
    assert area(np.array([0.9, 0.8, 0.2, 0.1]), speech) == 1.0
    assert area(np.array([0.1, 0.2, 0.8, 0.9]), speech) == 0.0
    assert area(np.full(4, 0.5), speech) == 0.5  # one threshold: all or nothing
    assert hits_at(np.array([0.9, 0.3, 0.5, 0.1]), speech, 0.0) == 0.5
    assert hits_at(np.array([0.9, 0.3, 0.5, 0.1]), speech, 0.5) == 1.0


def test_delay_is_found_under_a_strong_bass():
    rng = np.random.default_rng(0)
    clean = rng.standard_normal(32_000)
    bass = 5 * np.sin(np.arange(32_000) * 0.01)
    judged = np.concatenate([np.zeros(123), clean])[:32_000] + bass
    assert delay_samples(clean, judged) == 123


def test_loss_and_ratios():
    sound = np.random.default_rng(0).standard_normal(1000)
    assert loss_db(sound, sound / 10) == pytest.approx(20, abs=0.01)
    assert ratios({"ours": [1.0, 2.0, 9.0], "peer": [2.0, 4.0, 3.0]}) == {"peer": 0.5}
    assert ratios({"peer": [1.0]}) == {}
