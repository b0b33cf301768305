"""Figures of frames in, a voice or none out. Real sound: tests/devices/test_sound_front.py."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.dsp.nearvoice import ENOUGH, LEARNT, TAIL, WINDOW, NearVoice

QUIET = -96.0
FAR = -25.0
RESIDUE = -62.0


def learnt():
    """A detector that knows what is left of the loudspeaker."""
    voice = NearVoice()
    for _ in range(LEARNT + 300):
        assert voice.process(0.9, RESIDUE, FAR, trusted=True) is None
    return voice


def frames_until_heard(voice, level, *, far=FAR, trusted=True, speech=0.9, most=200):
    for count in range(1, most):
        since = voice.process(speech, level, far, trusted=trusted)
        if since is not None:
            return count, since
    return None


def test_a_voice_that_stands_out_is_heard_from_its_first_frame():
    assert frames_until_heard(learnt(), -35.0) == (ENOUGH, ENOUGH)


def test_what_is_left_of_the_loudspeaker_is_no_voice_however_long():
    voice = learnt()
    assert frames_until_heard(voice, RESIDUE + 8, most=2000) is None


def test_gaps_within_a_word_do_not_matter_and_gaps_between_noises_do():
    voice = learnt()
    heard = [voice.process(0.9 if i % 4 else 0.1, -35.0, FAR, trusted=True) for i in range(60)]
    assert any(since is not None for since in heard)
    voice = learnt()
    heard = [voice.process(0.9 if i % 2 else 0.1, -35.0, FAR, trusted=True) for i in range(400)]
    assert all(since is None for since in heard), "half of the time is a clatter"


def test_no_voice_without_trust_and_at_once_with_it_again():
    voice = learnt()
    assert frames_until_heard(voice, -35.0, trusted=False) is None
    assert frames_until_heard(voice, -35.0) == (ENOUGH, ENOUGH)


def test_what_is_there_from_the_first_is_taken_for_the_loudspeaker_until_it_ends():
    voice = NearVoice()
    assert frames_until_heard(voice, -35.0, most=LEARNT + 2 * WINDOW) is None
    assert frames_until_heard(voice, RESIDUE, most=400) is None
    assert frames_until_heard(voice, -35.0) == (ENOUGH, ENOUGH)


def test_when_the_loudspeaker_is_silent_neither_trust_nor_residue_matter():
    assert frames_until_heard(NearVoice(), -35.0, far=QUIET, trusted=False) == (ENOUGH, ENOUGH)


def test_an_echo_outlives_its_reference():
    voice = NearVoice()
    voice.process(0.0, RESIDUE, FAR, trusted=False)
    heard = [voice.process(0.9, -35.0, QUIET, trusted=False) for _ in range(TAIL + ENOUGH)]
    assert heard[: TAIL + ENOUGH - 2] == [None] * (TAIL + ENOUGH - 2)
    assert voice.process(0.9, -35.0, QUIET, trusted=False) is not None


def test_a_whisper_from_the_next_room_is_nobody():
    assert frames_until_heard(NearVoice(), -60.0, far=QUIET) is None


def test_reset_forgets_the_residue():
    voice = learnt()
    voice.reset()
    fresh = NearVoice()
    assert (voice.residue_db, voice.far) == (fresh.residue_db, fresh.far)


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.floats(-96, 20), st.floats(-96, 20), st.booleans()),
        max_size=200,
    )
)
def test_any_figures_give_a_count_of_frames_that_were_seen(frames):
    voice = NearVoice()
    for seen, (speech, level, far, trusted) in enumerate(frames, start=1):
        since = voice.process(speech, level, far, trusted=trusted)
        assert since is None or ENOUGH <= since <= min(seen, WINDOW)
        assert -200 < voice.residue_db < 200
