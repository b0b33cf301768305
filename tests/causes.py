"""Which test brings each fault of the table about, or why none can.

Such a test does what the world does: it breaks a connection, fills a card, mutes a microphone. It
hands no fault to anybody. `test_causes.py` sees to both.
"""

from __future__ import annotations

from dataclasses import dataclass

FLOWS = "tests/flows/test_causes_"


@dataclass(frozen=True, slots=True)
class CausedBy:
    """A test by its file (what follows `FLOWS`), its name, and the parameter it is run with."""

    file: str
    function: str
    parameter: str = ""

    @property
    def path(self) -> str:
        return f"{FLOWS}{self.file}.py"

    @property
    def node(self) -> str:
        """The name that pytest gives it."""
        parameter = f"[{self.parameter}]" if self.parameter else ""
        return f"{self.path}::{self.function}{parameter}"


@dataclass(frozen=True, slots=True)
class CannotBeCaused:
    """`why`, in one plain sentence."""

    why: str


def _each(file: str, function: str, *faults: str) -> dict[str, CausedBy | CannotBeCaused]:
    """One test that is run with each of these faults."""
    return {fault: CausedBy(file, function, fault) for fault in faults}


CAUSES: dict[str, CausedBy | CannotBeCaused] = {
    # On the way to the service
    **_each("dial", "test_what_the_network_is", "no_wifi", "no_route", "dns_failed"),
    **_each(
        "dial", "test_what_the_endpoint_does",
        "captive_portal", "connection_refused", "connect_timeout", "link_failed",
        "service_unavailable", "invalid_api_key", "insufficient_quota",
        "billing_hard_limit_reached", "billing_not_active", "account_deactivated",
        "unsupported_country_region_territory", "model_not_found", "invalid_model",
    ),
    **_each(
        "dial", "test_what_the_service_says_before_the_session_stands",
        "beta_api_shape_disabled", "service_refused",
    ),
    "missing_api_key": CausedBy("dial", "test_no_key"),
    "proxy_failed": CausedBy("dial", "test_a_proxy_on_the_way"),
    "tls_failed": CausedBy("dial", "test_a_certificate_that_nobody_vouches_for"),
    "clock_wrong": CausedBy("dial", "test_a_clock_that_was_never_set"),
    "circuit_open": CausedBy("dial", "test_an_open_breaker_is_told_again_to_who_presses"),
    # Of a link that stands
    **_each(
        "link", "test_what_breaks_a_link",
        "link_lost", "stalled", "protocol_error", "renewal_failed",
    ),
    "session_expired": CausedBy("link", "test_a_session_that_has_reached_its_age"),
    # Of a turn
    **_each(
        "turn", "test_what_the_service_makes_of_a_turn",
        "no_answer", "empty_answer", "reply_cut_short", "reply_stalled", "tools_without_end",
        "service_error", "response_failed", "rate_limit_exceeded", "transcription_failed",
    ),
    **_each(
        "turn", "test_what_is_told_to_those_alone_who_look",
        "input_audio_buffer_commit_empty", "response_cancel_not_active",
        "conversation_already_has_active_response",
    ),
    "tool_stuck": CausedBy("turn", "test_a_function_that_does_not_return"),
    "too_short": CausedBy("turn", "test_too_little_is_said"),
    "offline": CausedBy("turn", "test_a_turn_without_a_connection"),
    "speech_dropped": CausedBy(
        "turn", "test_what_was_said_too_long_ago_when_the_connection_is_back"
    ),
    "audio_dropped": CausedBy("turn", "test_more_is_said_than_can_be_kept"),
    # Of the sound
    **_each("sound", "test_a_card_that_is_not_there", "microphone_missing", "speaker_missing"),
    **_each("sound", "test_a_card_that_goes_away", "microphone_lost", "speaker_lost"),
    "microphone_silent": CausedBy("sound", "test_a_microphone_that_is_muted"),
    "microphone_clipping": CausedBy("sound", "test_a_microphone_that_is_driven_too_hard"),
    # Of the machine
    **_each("machine", "test_what_the_board_says", "too_hot", "undervoltage", "update_pending"),
    **_each("machine", "test_what_a_turn_costs", "cost_warning", "cost_cap_reached"),
    "memory_high": CausedBy("machine", "test_a_process_that_grows"),
    "disk_full": CausedBy("machine", "test_what_the_card_does", "a write finds no room"),
    "state_not_saved": CausedBy("machine", "test_what_the_card_does", "read-only"),
    "button_stuck": CausedBy("machine", "test_a_button_that_is_stuck"),
    "settings_invalid": CausedBy("settings", "test_a_wrong_setting"),
}  # fmt: skip
