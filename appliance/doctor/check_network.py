"""Does the network lead to the endpoint: name, route and latency, certificate, clock."""

from __future__ import annotations

import statistics
import time

from appliance.devices.health import Board
from appliance.devices.websocket import this_machine
from appliance.doctor.certificate import Certificate, read_certificate
from appliance.doctor.findings import Figures, Finding, cure_of, fail, first_of, ok, skipped, warn
from appliance.doctor.patient import Patient
from appliance.doctor.way import Way, told_failure
from appliance.errors import RemoteError
from appliance.realtime.wire_session import endpoint_url

TRIES = 5
_SLOW_LOOK_UP_MS = 1000.0
_FAR_MS = 150.0  # to connect: of the 200 ms that the device may add, nothing would be left
_DAYS_TO_RENEW = 14.0
_DAY_S = 86400.0
_OFF_S, _WRONG_S = 5.0, 300.0  # of the clock


def way_of(patient: Patient) -> Way:
    """Return the way to the endpoint of the settings.

    Raises:
        ConfigError: the settings are wrong.
    """
    settings = patient.settings
    return Way.to(endpoint_url(settings), settings.endpoint.api_key.get_secret_value())


def dns(patient: Patient) -> Finding:
    """Is the endpoint's name found?"""
    way = way_of(patient)
    began_s = time.monotonic()
    try:
        host = way.first_host()
        found = way.addresses()
    except RemoteError as error:
        return told_failure(error)
    took_ms = round((time.monotonic() - began_s) * 1000, 1)
    what = f"the proxy {host}" if way.proxy else host
    figures: Figures = {"host": host, "addresses": found, "look_up_ms": took_ms}
    if found == [host]:
        return ok(f"{what} is an address: there is nothing to look up", **figures)
    said = f"{what}: {first_of(found, 2)}, found in {took_ms:g} ms"
    if took_ms > _SLOW_LOOK_UP_MS:
        return warn(said, "the name server is slow: check the router, or name another", **figures)
    return ok(said, **figures)


def route(patient: Patient) -> Finding:
    """Can the endpoint be reached, and how long does that take?"""
    way = way_of(patient)
    connects, handshakes = [], []
    try:
        for number in range(TRIES):
            patient.teller.progress(f"connecting to {way.endpoint.place}, {number + 1} of {TRIES}")
            began_s = time.monotonic()
            with way.connect() as plain:
                connects.append((time.monotonic() - began_s) * 1000)
                if way.is_secure:
                    began_s = time.monotonic()
                    try:
                        way.encrypt(plain, trusting=True).close()
                    except OSError as error:
                        return told_failure(way.error(error))
                    handshakes.append((time.monotonic() - began_s) * 1000)
    except RemoteError as error:
        return told_failure(error)
    connect_ms = round(statistics.median(connects), 1)
    handshake_ms = round(statistics.median(handshakes), 1) if handshakes else None
    said = f"{way.endpoint.place} connects in {connect_ms:g} ms"
    said += f", TLS takes {handshake_ms:g} ms more" if handshakes else ""
    said += f" (median of {TRIES})" + (", through a proxy" if way.proxy else "")
    figures: Figures = {
        "connect_ms": connect_ms,
        "handshake_ms": handshake_ms,
        "tries": TRIES,
        "network": this_machine().network().value,
    }
    if connect_ms > _FAR_MS:
        return warn(said, "answers begin later by that; use a cable or a nearer network", **figures)
    return ok(said, **figures)


def tls(patient: Patient) -> Finding:
    """Is the endpoint's certificate to be trusted, and for how long yet?"""
    way = way_of(patient)
    if not way.is_secure:
        if patient.settings.endpoint.exposes_key:
            return warn("ws:// is not encrypted, and the key crosses the network", "use wss://")
        return skipped("ws:// is not encrypted")
    try:
        shown = _certificate(way)
    except RemoteError as error:
        return told_failure(error)
    except OSError as error:
        return told_failure(way.error(error))
    figures, words = _about(shown)
    try:
        with way.connect() as plain, way.encrypt(plain) as encrypted:
            figures["protocol"] = encrypted.version() or ""
    except RemoteError as error:
        return told_failure(error)
    except OSError as error:
        told = way.error(error)
        said = f"{told}; {words}" if words else str(told)
        return fail(said, cure_of(told.fault), fault=told.fault, **figures)
    if shown is not None and (shown.ends_s - time.time()) / _DAY_S < _DAYS_TO_RENEW:
        return warn(words, "whoever runs the endpoint has to renew its certificate", **figures)
    return ok(words or "trusted", **figures)


def _certificate(way: Way) -> Certificate | None:
    """Return whatever the other side shows, trusted or not. Nothing is sent there."""
    with way.connect() as plain, way.encrypt(plain, trusting=True) as encrypted:
        der = encrypted.getpeercert(binary_form=True)
    return read_certificate(der) if der else None


def _about(shown: Certificate | None) -> tuple[Figures, str]:
    if shown is None:
        return {}, ""
    days = round((shown.ends_s - time.time()) / _DAY_S, 1)
    figures: Figures = {
        "issuer": shown.issuer,
        "names": list(shown.names[:20]),
        "days_left": days,
    }
    left = f"{days:g} days left" if days >= 0 else f"expired {-days:g} days ago"
    named = first_of(shown.names, 2) or "no name"
    return figures, f"for {named}, issued by {shown.issuer}, {left}"


def clock(patient: Patient) -> Finding:
    """Does the clock agree with the endpoint's, and does a time server keep it right?"""
    now_s = time.time()
    kept = Board(patient.state, patient.root).clock_set()
    if now_s < this_machine().built_s:
        return fail("the clock stands before this program was made", cure_of("clock_wrong"))
    way = way_of(patient)
    try:
        answer = way.ask("/", {}, trusting=True)  # a wrong clock distrusts every certificate
    except RemoteError as error:
        said = f"the endpoint could not be asked for the time ({error})"
        if kept is False:
            return warn(f"no time server keeps it right; {said}", cure_of("clock_wrong"))
        return skipped(said, synchronised=kept)
    if answer.date_s is None:
        off_s = None
        said = "the endpoint tells no time"
    else:
        off_s = round(answer.at_s - answer.date_s - 0.5, 1)  # it tells whole seconds, rounded down
        said = f"{abs(off_s):.0f} s {'ahead of' if off_s > 0 else 'behind'} the endpoint's"
        if abs(off_s) <= 1.0:
            said = "as the endpoint's, to a second"
        said += ", which is this machine itself" if way.endpoint.is_this_machine else ""
    figures: Figures = {"off_s": off_s, "synchronised": kept}
    if off_s is not None and abs(off_s) > _WRONG_S:
        return fail(said, cure_of("clock_wrong"), **figures)
    if kept is False:
        return warn(f"{said}; no time server keeps it right", cure_of("clock_wrong"), **figures)
    if off_s is not None and abs(off_s) > _OFF_S:
        return warn(said, cure_of("clock_wrong"), **figures)
    said += {True: "; kept right by a time server", None: "; who keeps it right is unknown"}[kept]
    return ok(said, **figures)
