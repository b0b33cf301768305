"""Name, route, certificate and clock, against real servers of our own."""

import contextlib
import socket
import threading
import time

import pytest

from appliance.doctor import check_account, check_network
from appliance.doctor.certificate import read_certificate
from appliance.doctor.findings import Outcome
from appliance.doctor.way import Way
from appliance.simulator.certificates import make_certificates


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(web, certificates, monkeypatch):
    """Return a maker of TLS servers with this certificate, whose authority is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))

    def start(name):
        certificates.show(name)
        return web(certificates.context)

    return start


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# DNS


def test_an_address_needs_no_look_up(patient, web):
    found = check_network.dns(patient(endpoint__url=web().url))
    assert found.outcome is Outcome.OK
    assert "nothing to look up" in found.said


def test_a_name_is_found_and_timed(patient):
    found = check_network.dns(patient(endpoint__url="ws://localhost:1/v1/realtime"))
    assert found.outcome is Outcome.OK
    assert {"127.0.0.1", "::1"} & set(found.figures["addresses"])
    assert 0 <= found.figures["look_up_ms"] < 1000


def test_a_name_that_there_is_not_fails_with_the_tables_cure(patient):
    found = check_network.dns(patient(endpoint__url="wss://nothing.invalid/v1/realtime"))
    assert found.outcome is Outcome.FAIL
    assert found.figures["fault"] in ("dns_failed", "no_route", "no_wifi")
    assert found.cure


# Route


def test_the_route_is_measured_five_times(patient, secure):
    server = secure("good")
    found = check_network.route(patient(endpoint__url=server.url))
    assert found.outcome is Outcome.OK
    assert found.figures["tries"] == 5
    assert 0 < found.figures["connect_ms"] < found.figures["handshake_ms"] < 1000


def test_the_route_is_measured_whatever_the_certificate(patient, secure):
    assert check_network.route(patient(endpoint__url=secure("expired").url)).outcome is Outcome.OK


def test_nobody_listens(patient):
    found = check_network.route(patient(endpoint__url=f"ws://127.0.0.1:{free_port()}/v1/realtime"))
    assert (found.outcome, found.figures["fault"]) == (Outcome.FAIL, "connection_refused")


def test_a_server_without_tls_fails_at_the_handshake(patient, web):
    url = web().url.replace("ws:", "wss:")
    assert check_network.route(patient(endpoint__url=url)).figures["fault"] == "tls_failed"


# TLS


def test_a_good_certificate_is_described(patient, secure):
    found = check_network.tls(patient(endpoint__url=secure("good").url))
    assert found.outcome is Outcome.OK
    assert found.figures["days_left"] > 20_000
    assert "127.0.0.1" in found.figures["names"]
    assert found.figures["issuer"] == "authority"
    assert found.figures["protocol"].startswith("TLSv1")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("expired", "expired 2"),
        ("not-yet", "not valid yet"),
        ("wrong-name", "elsewhere.example"),
        ("stranger", "issued by stranger"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_told(patient, secure, name, words):
    found = check_network.tls(patient(endpoint__url=secure(name).url))
    assert found.outcome is Outcome.FAIL
    assert words in found.said
    assert found.figures["fault"] in ("tls_failed", "clock_wrong")
    assert found.cure


def test_a_certificate_that_ends_soon_is_worth_a_word(patient, secure, monkeypatch):
    server = secure("good")
    patient = patient(endpoint__url=server.url)
    ends_s = check_network.tls(patient).figures["days_left"] * 86400 + time.time()
    # Openssl knows the true time, so only what we make of the rest is another day.
    monkeypatch.setattr(check_network.time, "time", lambda: ends_s - 5 * 86400)
    found = check_network.tls(patient)
    assert found.outcome is Outcome.WARN
    assert found.figures["days_left"] == pytest.approx(5.0, abs=0.2)


def test_without_tls_there_is_nothing_to_look_at_unless_a_key_is_exposed(patient, web):
    assert check_network.tls(patient(endpoint__url=web().url)).outcome is Outcome.SKIPPED
    exposed = patient(endpoint__url="ws://192.0.2.1/v1/realtime", endpoint__api_key="key-12345")
    assert check_network.tls(exposed).outcome is Outcome.WARN


@pytest.mark.parametrize(
    "der", [b"", b"\x30", b"\x30\x82\xff\xff", b"\x30\x03\x02\x01\x05", b"x" * 99]
)
def test_what_is_no_certificate_is_none(der):
    assert read_certificate(der) is None


# Clock


@pytest.mark.parametrize(("off_s", "outcome"), [(-30, "warn"), (30, "warn"), (4000, "fail")])
def test_a_clock_that_is_off(patient, web, monkeypatch, off_s, outcome):
    monkeypatch.setattr(check_network.Board, "clock_set", lambda self: True)
    server = web()
    server.clock_off_s = off_s
    found = check_network.clock(patient(endpoint__url=server.url))
    assert found.outcome.value == outcome
    assert found.figures["off_s"] == pytest.approx(-off_s, abs=1.1)


def test_a_clock_that_agrees_and_is_kept(patient, web, monkeypatch):
    monkeypatch.setattr(check_network.Board, "clock_set", lambda self: True)
    found = check_network.clock(patient(endpoint__url=web().url))
    assert found.outcome is Outcome.OK
    assert found.figures["synchronised"] is True


def test_a_clock_that_nobody_keeps_is_worth_a_word(patient, web, monkeypatch):
    monkeypatch.setattr(check_network.Board, "clock_set", lambda self: False)
    assert check_network.clock(patient(endpoint__url=web().url)).outcome is Outcome.WARN


def test_the_time_is_asked_of_a_server_that_is_not_trusted_and_no_key_goes_there(
    patient, secure, monkeypatch
):
    monkeypatch.setattr(check_network.Board, "clock_set", lambda self: True)
    server = secure("expired")
    server.clock_off_s = 4000
    asked = patient(endpoint__url=server.url, endpoint__api_key="sk-never-sent-here")
    found = check_network.clock(asked)
    assert found.outcome is Outcome.FAIL
    assert "sk-never-sent-here" not in str(server.asked)


def test_an_endpoint_that_tells_no_time(patient, web, monkeypatch):
    monkeypatch.setattr(check_network.Board, "clock_set", lambda self: None)
    server = web()
    server.dated = False
    found = check_network.clock(patient(endpoint__url=server.url))
    assert (found.outcome, found.figures["off_s"]) == (Outcome.OK, None)


# The way through a proxy


class Proxy:
    """A proxy that lets everybody through to one port of this machine, and writes down who asks."""

    def __init__(self, target):
        self.asked = []
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            self._threads.append(threading.Thread(target=self._serve, args=(client,)))
            self._threads[-1].start()

    def _serve(self, client):
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += client.recv(4096)
        self.asked.append(request.decode())
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with client, socket.create_connection(("127.0.0.1", self._target)) as server:
            there = threading.Thread(target=self._pipe, args=(client, server))
            there.start()
            self._pipe(server, client)
            there.join()

    @staticmethod
    def _pipe(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)


def test_the_way_leads_through_the_proxy_of_the_environment(patient, web, monkeypatch):
    server = web()
    proxy = Proxy(server.port)
    try:
        monkeypatch.setenv("HTTP_PROXY", f"http://user:pa%20ss@127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", "")
        device = patient(endpoint__url="ws://far.invalid/v1/realtime")
        found = check_network.route(device)
        assert found.outcome is Outcome.OK
        assert "through a proxy" in found.said
        assert "127.0.0.1" in check_network.dns(device).said  # the proxy's name is looked up
        assert check_network.clock(device).figures["off_s"] == pytest.approx(0, abs=1.1)
    finally:
        proxy.close()
    assert proxy.asked[0].startswith("CONNECT far.invalid:80 HTTP/1.")
    assert "Basic dXNlcjpwYSBzcw==" in proxy.asked[0]


@pytest.mark.parametrize("named", ["socks5h://127.0.0.1:9", "ftp://user:word@127.0.0.1:9"])
def test_a_proxy_of_another_kind_is_told_without_its_password(patient, monkeypatch, named):
    monkeypatch.setenv("HTTPS_PROXY", named)
    monkeypatch.setenv("NO_PROXY", "")
    found = check_network.route(patient(endpoint__url="wss://far.invalid/v1/realtime"))
    assert (found.outcome, found.figures["fault"]) == (Outcome.FAIL, "proxy_failed")
    assert "word" not in found.said


def test_no_proxy_is_used_to_this_machine_or_where_the_environment_says_so(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "near.example")
    assert Way.to("wss://far.example/v1/realtime", "").first_host() == "proxy.example"
    assert Way.to("wss://near.example/v1/realtime", "").proxy is None
    assert Way.to("wss://127.0.0.1/v1/realtime", "").proxy is None


@pytest.mark.parametrize("proxy", ["http://h:99999999", "http://user:pr0xyw0rd", "http://[::1"])
def test_a_proxy_that_cannot_be_one_is_told_without_its_password(patient, monkeypatch, proxy):
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setenv("NO_PROXY", "")
    device = patient(endpoint__url="ws://far.invalid/v1/realtime", endpoint__api_key="k")
    for check in (check_network.dns, check_network.route, check_account.key):
        found = check(device)
        assert found.outcome is Outcome.FAIL
        assert found.figures["fault"] == "proxy_failed"
        assert "pr0xyw0rd" not in found.said
