"""How bad an error of the service is: what a person or the link machine must do about it."""

from __future__ import annotations

from enum import Enum
from typing import Protocol


class Severity(Enum):
    """What to do about an error."""

    HARMLESS = "harmless"  # go on; we asked for what had already happened
    TRANSIENT = "transient"  # this turn is lost; a later one may work
    RENEW = "renew"  # the session is over; a new one cures it
    FINAL = "final"  # somebody must act; asking again is wrong


class CodedError(Protocol):
    """What ErrorDetail, StatusError and TranscriptionError have in common."""

    @property
    def code(self) -> str | None: ...

    @property
    def type(self) -> str | None: ...


RATE_LIMIT = "rate_limit_exceeded"  # transient, and a fault of its own: people can wait

# Source: the API's error code guide, and captures in client projects' issues.
_BY_CODE = {
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
}


def classify(error: CodedError) -> Severity:
    """Return how bad `error` is, by its `code`, else by its `type`; unknown ones are TRANSIENT.

    It fits `error` events and the `status_details.error` of a `response.done` that failed.
    """
    for name in (error.code, error.type):
        if name in _BY_CODE:
            return _BY_CODE[name]
    return Severity.TRANSIENT


def is_final(code: str) -> bool:
    """Return whether an error with this code will come again however often we try."""
    return _BY_CODE.get(code) is Severity.FINAL


def fault_of(error: CodedError) -> str:
    """Return the fault's name for an error: the service's own code where it says what to do."""
    for name in (error.code, error.type):
        if name in _BY_CODE or name == RATE_LIMIT:
            return name or ""
    return "service_error"
