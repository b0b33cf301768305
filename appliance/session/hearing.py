"""Notice a microphone that is muted, or driven too hard. Pure: figures in, faults in and out.

Rules
- Silent: while a turn is open, `silent_s` of sound below `silent_dbfs` have come in with nothing
  louder between, in one turn or in several. It is over once `back_s` of sound above `heard_dbfs`
  have come in, turn or no turn. No room is so quiet: what a good microphone makes of an empty one
  lies above -75 dBFS with the gain of speech; digital silence has no level at all.
- Clipping: of `judged_s` of loud sound in open turns, more than `clipped_share` of the samples
  are at full scale. Loud sound that takes longer than `stale_s` to collect is not judged. It is
  over once as much loud sound had less than `clean_share`. It begins at most once in
  `again_after_s`: people have heard it, and some voices are like that.
- A stream that begins anew, which shows in its times, begins anew here. What stands, stands.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from appliance.session.troubles import Begins, Ends

SILENT, CLIPPING = "microphone_silent", "microphone_clipping"  # in the table of faults
GAP_S = 1.0  # without a chunk: the stream was closed


@dataclass(frozen=True, slots=True)
class Heard:
    """One chunk, as the sound card gave it: before resampling and the sound chain.

    Of several channels the loudest counts, for each figure by itself.
    """

    at_s: float  # when its first sample met the converter
    duration_s: float
    rms_dbfs: float  # about the mean, so that an offset of the converter is no sound
    clipped_share: float  # of the samples, those at full scale, 0.0 to 1.0
    turn_open: bool  # somebody is expected to talk


@dataclass(frozen=True, slots=True)
class HearingRules:
    """With hands free nobody need talk for hours: `silent_s` must be longer there."""

    silent_s: float = 3.0
    silent_dbfs: float = -85.0
    heard_dbfs: float = -75.0
    back_s: float = 0.2
    judged_s: float = 2.0
    stale_s: float = 30.0
    loud_dbfs: float = -35.0  # what is spoken close by; a clipped sample in a pause is a click
    clipped_share: float = 0.001
    clean_share: float = 0.0002
    again_after_s: float = 600.0


@dataclass(frozen=True, slots=True)
class HearingState:
    end_s: float | None = None  # of the latest chunk
    silent: bool = False  # the fault stands
    quiet_s: float = 0.0  # silence in open turns so far
    loud_again_s: float = 0.0  # sound since, while the fault stands
    clipping: bool = False  # the fault stands
    clipping_told_s: float | None = None
    judging_from_s: float = 0.0
    judged_s: float = 0.0  # loud sound collected so far
    clipped_s: float = 0.0  # of it, at full scale


def hearing_step(
    state: HearingState, heard: Heard, rules: HearingRules
) -> tuple[HearingState, tuple[Begins | Ends, ...]]:
    """Return the next state and what to tell. Total: never raises."""
    if state.end_s is not None and abs(heard.at_s - state.end_s) > GAP_S:
        state = replace(state, quiet_s=0.0, loud_again_s=0.0, judged_s=0.0, clipped_s=0.0)
    state = replace(state, end_s=heard.at_s + heard.duration_s)
    state, silence = _silence(state, heard, rules)
    state, clipping = _clipping(state, heard, rules)
    return state, (*silence, *clipping)


def _silence(
    state: HearingState, heard: Heard, rules: HearingRules
) -> tuple[HearingState, tuple[Begins | Ends, ...]]:
    if state.silent:
        return _sound_again(state, heard, rules)
    if not heard.rms_dbfs < rules.silent_dbfs:  # what is no number is no silence
        return replace(state, quiet_s=0.0), ()
    if not heard.turn_open:
        return state, ()
    quiet_s = state.quiet_s + heard.duration_s
    if quiet_s < rules.silent_s:
        return replace(state, quiet_s=quiet_s), ()
    figure = f"{quiet_s:.0f} s of {heard.rms_dbfs:.0f} dBFS"
    return replace(state, silent=True, quiet_s=0.0, loud_again_s=0.0), (Begins(SILENT, figure),)


def _sound_again(
    state: HearingState, heard: Heard, rules: HearingRules
) -> tuple[HearingState, tuple[Begins | Ends, ...]]:
    if heard.rms_dbfs <= rules.heard_dbfs:
        return state, ()
    loud_again_s = state.loud_again_s + heard.duration_s
    if loud_again_s < rules.back_s:
        return replace(state, loud_again_s=loud_again_s), ()
    return replace(state, silent=False, loud_again_s=0.0), (Ends(SILENT),)


def _clipping(
    state: HearingState, heard: Heard, rules: HearingRules
) -> tuple[HearingState, tuple[Begins | Ends, ...]]:
    if not heard.turn_open or heard.rms_dbfs < rules.loud_dbfs:
        return state, ()
    if state.judged_s == 0.0 or heard.at_s - state.judging_from_s > rules.stale_s:
        state = replace(state, judging_from_s=heard.at_s, judged_s=0.0, clipped_s=0.0)
    judged_s = state.judged_s + heard.duration_s
    clipped_s = state.clipped_s + heard.clipped_share * heard.duration_s
    if judged_s < rules.judged_s:
        return replace(state, judged_s=judged_s, clipped_s=clipped_s), ()
    share = clipped_s / judged_s
    state = replace(state, judged_s=0.0, clipped_s=0.0)
    if state.clipping:
        ended = share < rules.clean_share
        return replace(state, clipping=not ended), ((Ends(CLIPPING),) if ended else ())
    told_s = state.clipping_told_s
    lately = told_s is not None and heard.at_s - told_s < rules.again_after_s
    if share <= rules.clipped_share or lately:
        return state, ()
    figure = f"{share:.1%} of {judged_s:.0f} s at full scale"
    state = replace(state, clipping=True, clipping_told_s=heard.at_s)
    return state, (Begins(CLIPPING, figure),)
