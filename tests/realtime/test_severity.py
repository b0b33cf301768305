import pytest

from appliance.realtime.server_structures import ErrorDetail, StatusError
from appliance.realtime.severity import Severity, classify, fault_of, is_final

CODES = {
    "input_audio_buffer_commit_empty": Severity.HARMLESS,
    "response_cancel_not_active": Severity.HARMLESS,
    "conversation_already_has_active_response": Severity.HARMLESS,
    "session_expired": Severity.RENEW,
    "beta_api_shape_disabled": Severity.FINAL,
    "invalid_api_key": Severity.FINAL,
    "insufficient_quota": Severity.FINAL,
    "billing_hard_limit_reached": Severity.FINAL,
    "billing_not_active": Severity.FINAL,
    "account_deactivated": Severity.FINAL,
    "unsupported_country_region_territory": Severity.FINAL,
    "model_not_found": Severity.FINAL,
    "invalid_model": Severity.FINAL,
    "rate_limit_exceeded": Severity.TRANSIENT,
    "never_heard_of": Severity.TRANSIENT,
}


@pytest.mark.parametrize(("code", "severity"), CODES.items())
def test_an_error_event_and_a_failed_response_are_classed_alike(code, severity):
    assert classify(ErrorDetail("invalid_request_error", "…", code)) is severity
    assert classify(StatusError(code)) is severity
    assert is_final(code) is (severity is Severity.FINAL)


def test_the_type_speaks_where_the_code_does_not():
    assert classify(StatusError(None, "insufficient_quota")) is Severity.FINAL
    assert classify(ErrorDetail("server_error", "…")) is Severity.TRANSIENT
    assert classify(ErrorDetail()) is Severity.TRANSIENT


def test_the_code_goes_before_the_type():
    error = ErrorDetail("insufficient_quota", "…", "response_cancel_not_active")
    assert classify(error) is Severity.HARMLESS


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (ErrorDetail("x", "…", "session_expired"), "session_expired"),
        (ErrorDetail("insufficient_quota", "…"), "insufficient_quota"),
        (StatusError("rate_limit_exceeded"), "rate_limit_exceeded"),
        (StatusError("never_heard_of", "server_error"), "service_error"),
        (ErrorDetail(), "service_error"),
    ],
)
def test_an_error_has_the_name_of_its_fault(error, fault):
    assert fault_of(error) == fault
