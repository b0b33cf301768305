"""What a fault means to a person: one sentence with its cure."""

from __future__ import annotations

FAULTS = {
    "no_answer": "The service did not answer in time. Ask again; then check the network.",
    "offline": "There was no connection for too long; what was said could not be delivered.",
    "link_lost": "The connection was lost during the answer.",
    "service_error": "The service could not answer. Ask again.",
    "empty_answer": "The service answered without a sound. Ask again.",
    "reply_cut_short": "The service ended its answer early.",
    "reply_stalled": "The answer stopped in the middle.",
    "tool_stuck": "A function that the model called did not finish.",
    "tools_without_end": "The model called functions again and again; the turn was ended.",
    "microphone_silent": "The microphone gave no sound. Check its plug; see `appliance devices`.",
    "too_short": "Too little sound was captured. Hold the button while you speak.",
    "button_stuck": "The button has been held for over a minute. Check that it is not jammed.",
    "audio_dropped": "More was said than can be kept without a connection; the oldest is lost.",
    "microphone_lost": "The microphone is gone. Check its plug; it is used again once it is back.",
    "speaker_lost": "The loudspeaker is gone. Check its plug; it is used again once it is back.",
}


def sentence(fault: str) -> str:
    """Return what to tell about a fault; for one of the service's own codes, that code."""
    return FAULTS.get(fault, f"The service refused: {fault}. See `appliance config check`.")
