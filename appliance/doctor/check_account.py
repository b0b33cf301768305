"""Does the endpoint accept the key, and does it let the key use the model? Without spending.

The model itself is asked for first (GET …/models/NAME), which costs nothing and opens nothing. An
endpoint that does not know that address (a gateway, `appliance simulator`) is dialled as the daemon
dials it; the session is closed as soon as it stands.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from appliance.app import build_connector
from appliance.doctor.check_network import way_of
from appliance.doctor.findings import Finding, cure_of, fail, ok, skipped
from appliance.doctor.patient import Patient
from appliance.doctor.way import Way, told_failure
from appliance.errors import RemoteError
from appliance.faults.table import FAULTS

_NOTE = "account"
_FIRST_WORD_S = 10.0  # within which an open connection says that its session stands
_OF_THE_KEY = ("missing_api_key", "invalid_api_key", "insufficient_quota", "account_deactivated")
_SUFFIX = "/realtime"


@dataclass(frozen=True, slots=True)
class Account:
    """Both answers; one question gives them."""

    key: Finding
    model: Finding


def key(patient: Patient) -> Finding:
    """Does the endpoint accept the key?"""
    return _account(patient).key


def model(patient: Patient) -> Finding:
    """Is there the model, for this key?"""
    return _account(patient).model


def _account(patient: Patient) -> Account:
    found = patient.notes.get(_NOTE)
    if not isinstance(found, Account):
        found = _examine(patient)
        patient.notes[_NOTE] = found
    return found


def _examine(patient: Patient) -> Account:
    settings, way = patient.settings, way_of(patient)
    if patient.unread and not way.endpoint.api_key:
        why = f"you may not read {', '.join(patient.unread)}: use sudo, while the service runs"
        return Account(skipped(why), skipped(why))
    if settings.endpoint.is_public and not way.endpoint.api_key:
        said = "no key is set, and the public service wants one"
        return Account(fail(said, cure_of("missing_api_key")), skipped("there is no key"))
    source = patient.loaded.provenance.get("endpoint.api_key", "") if patient.loaded else ""
    try:
        way.parsed_proxy()  # the daemon's library does not say so in words
    except RemoteError as error:
        return _unknown(told_failure(error))
    told = _by_question(way, settings.session.model, source)
    return told or asyncio.run(_by_handshake(patient, way, source))


def _by_question(way: Way, name: str, source: str) -> Account | None:
    """Ask for the model; None if the answer tells nothing."""
    path = urlsplit(way.endpoint.url).path
    if not path.endswith(_SUFFIX) or not way.endpoint.api_key:
        return None
    path = f"{path.removesuffix(_SUFFIX)}/models/{quote(name, safe='')}"
    try:
        answer = way.ask(path, {"Authorization": f"Bearer {way.endpoint.api_key}"})
    except RemoteError:
        return None  # the handshake will say why, or get through
    took_ms = round(answer.took_ms, 1)
    body = _json(answer.body)
    code = str((body.get("error") or {}).get("code") or "")
    if answer.status == 200 and body.get("id") == name:
        return Account(
            _accepted(way, source, how="models", answer_ms=took_ms),
            ok(f"{name} is there for this key", model=name, how="models"),
        )
    if answer.status == 401 and code == "invalid_api_key":
        return _refused_key(way, "invalid_api_key", f"{way.endpoint.place} refused it (HTTP 401)")
    if answer.status == 404 and code == "model_not_found":
        return Account(
            _accepted(way, source, how="models", answer_ms=took_ms), _no_model(name, "models")
        )
    return None


async def _by_handshake(patient: Patient, way: Way, source: str) -> Account:
    """Open a session as the daemon does, and close it."""
    settings = patient.settings
    name = settings.session.model
    began_s = time.monotonic()
    try:
        socket = await build_connector(settings).connect()
        try:
            await asyncio.wait_for(_session(way, socket.messages()), _FIRST_WORD_S)
        finally:
            await socket.close()
    except TimeoutError:
        said = f"{way.endpoint.place} took the connection and opened no session"
        return _unknown(fail(said, cure_of("service_unavailable"), fault="service_unavailable"))
    except RemoteError as error:
        return _refusal(way, source, name, error)
    took_ms = round((time.monotonic() - began_s) * 1000, 1)
    return Account(
        _accepted(way, source, how="handshake", answer_ms=took_ms),
        ok(f"a session with {name} opens in {took_ms:g} ms", model=name, how="handshake"),
    )


async def _session(way: Way, messages: AsyncIterator[str | bytes]) -> None:
    """Wait until the session stands.

    Raises:
        RemoteError: it is refused, by an error event or by the end of the connection.
    """
    async for message in messages:
        event = _json(message)
        if event.get("type") == "session.created":
            return
        error = event.get("error")
        if event.get("type") == "error" and isinstance(error, dict):
            code, words = str(error.get("code") or ""), str(error.get("message") or "")
            fault = code if code in FAULTS else "service_error"
            raise RemoteError(f"{way.endpoint.place}: {way.endpoint.quote(words)}", fault)


def _refusal(way: Way, source: str, name: str, error: RemoteError) -> Account:
    if error.fault == "model_not_found":
        return Account(_accepted(way, source, how="handshake"), _no_model(name, "handshake"))
    if error.fault in _OF_THE_KEY:
        fault = error.fault
        if fault == "invalid_api_key" and not way.endpoint.api_key:
            fault = "missing_api_key"
        return _refused_key(way, fault, str(error))
    return _unknown(told_failure(error))


def _unknown(failure: Finding) -> Account:
    return Account(failure, skipped("the endpoint could not be asked"))


def _refused_key(way: Way, fault: str, said: str) -> Account:
    if fault == "missing_api_key":
        said = f"no key is set, and {way.endpoint.place} wants one"
    return Account(fail(said, cure_of(fault), fault=fault), skipped("the key was not accepted"))


def _accepted(way: Way, source: str, *, how: str, answer_ms: float | None = None) -> Finding:
    place = way.endpoint.place
    if not way.endpoint.api_key:
        return ok(f"{place} asks for none", how=how, answer_ms=answer_ms)
    return ok(f"{place} accepts it ({source})", how=how, answer_ms=answer_ms, source=source)


def _no_model(name: str, how: str) -> Finding:
    return fail(
        f"there is no {name} for this key",
        cure_of("model_not_found"),
        fault="model_not_found",
        model=name,
        how=how,
    )


def _json(body: bytes | str) -> dict[str, Any]:
    """Return a JSON object, an empty one if it is something else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
