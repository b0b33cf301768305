"""The key and the model, asked for at a service with a models address, and at the local server."""

import pytest

from appliance.doctor import check_account
from appliance.doctor.findings import Outcome

KEY = "sk-test-0123456789"
MODEL = "gpt-realtime-2.1-mini"
PATH = f"/v1/models/{MODEL}"


def refusal(code, message="no"):
    return {"error": {"message": message, "type": "invalid_request_error", "code": code}}


def both(patient):
    return check_account.key(patient), check_account.model(patient)


def outcomes(patient):
    return tuple(found.outcome.value for found in both(patient))


# A service that has the address of its models


def test_key_and_model_are_found_by_one_question(patient, web):
    server = web()
    server.answers[PATH] = (200, {"id": MODEL, "object": "model"})
    key, model = both(patient(endpoint__url=server.url, endpoint__api_key=KEY))
    assert (key.outcome, model.outcome) == (Outcome.OK, Outcome.OK)
    assert key.figures["how"] == "models"
    ((path, headers),) = server.asked  # no connection was dialled, and one question sufficed
    assert path == PATH
    assert headers["Authorization"] == f"Bearer {KEY}"


def test_a_key_that_is_refused(patient, web):
    server = web()
    server.answers[PATH] = (401, refusal("invalid_api_key"))
    key, model = both(patient(endpoint__url=server.url, endpoint__api_key=KEY))
    assert (key.outcome, model.outcome) == (Outcome.FAIL, Outcome.SKIPPED)
    assert "typing mistake" in key.cure
    assert KEY not in repr((key, model))


def test_a_model_that_there_is_not(patient, web):
    server = web()
    server.answers[PATH] = (404, refusal("model_not_found"))
    key, model = both(patient(endpoint__url=server.url, endpoint__api_key=KEY))
    assert (key.outcome, model.outcome) == (Outcome.OK, Outcome.FAIL)
    assert MODEL in model.said


@pytest.mark.parametrize(
    "answer", [(403, refusal("missing_scope")), (404, "Not Found"), (200, "x")]
)
def test_an_answer_that_tells_nothing_is_followed_by_a_dial(patient, web, answer):
    server = web()
    server.answers[PATH] = answer
    key, model = both(patient(endpoint__url=server.url, endpoint__api_key=KEY))
    assert [path.partition("?")[0] for path, _ in server.asked] == [PATH, "/v1/realtime"]
    assert (key.outcome, model.outcome) == (Outcome.FAIL, Outcome.SKIPPED)  # it is no endpoint


# The local server, which has none


def test_the_local_server_opens_a_session_and_is_left_at_once(patient, simulator):
    asked = patient(endpoint__url=simulator(key=KEY), endpoint__api_key=KEY)
    key, model = both(asked)
    assert (key.outcome, model.outcome) == (Outcome.OK, Outcome.OK)
    assert key.figures["how"] == model.figures["how"] == "handshake"
    assert "APPLIANCE_ENDPOINT__API_KEY" in key.said


def test_the_local_server_refuses_a_wrong_key(patient, simulator):
    url = simulator(key="sk-test-another")
    found = both(patient(endpoint__url=url, endpoint__api_key=KEY))
    assert [each.outcome.value for each in found] == ["fail", "skipped"]
    assert found[0].figures["fault"] == "invalid_api_key"
    assert KEY not in repr(found)


def test_the_local_server_misses_a_key(patient, simulator):
    key, _ = both(patient(endpoint__url=simulator()))
    assert (key.outcome, key.figures["fault"]) == (Outcome.FAIL, "missing_api_key")


def test_the_local_server_has_no_such_model(patient, simulator):
    asked = patient(
        endpoint__url=simulator(), endpoint__api_key=KEY, session__model="gpt-9-nothing"
    )
    assert outcomes(asked) == ("ok", "fail")


# No service at all


def test_the_public_service_is_not_asked_without_a_key(patient):
    key, model = both(patient())
    assert (key.outcome, model.outcome) == (Outcome.FAIL, Outcome.SKIPPED)
    assert "OPENAI_API_KEY" in key.cure


def test_nobody_answers(patient):
    asked = patient(endpoint__url="ws://127.0.0.1:1/v1/realtime", endpoint__api_key=KEY)
    key, model = both(asked)
    assert (key.outcome, model.outcome) == (Outcome.FAIL, Outcome.SKIPPED)
    assert key.figures["fault"] == "connection_refused"


def test_a_key_that_only_the_service_may_read_is_no_fault(patient):
    asked = patient()
    asked.unread = ("/etc/credstore/openai_api_key",)
    key, model = both(asked)
    assert (key.outcome, model.outcome) == (Outcome.SKIPPED, Outcome.SKIPPED)
    assert "sudo" in key.said
