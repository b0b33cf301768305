"""Every reason for which no connection is made, brought about for real."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
from signs import Parts, device, dialling, service

from appliance.devices.network import MachineState
from appliance.devices.websocket import WebSocketConnector
from appliance.faults import FAULTS, Severity
from appliance.simulator.certificates import make_certificates
from appliance.simulator.frames import Answer
from appliance.simulator.script import Close, Part, Script, Send

PUBLIC = "wss://api.openai.com/v1/realtime"
NOWHERE = "ws://203.0.113.1/"  # RFC 5737: in no network


def answer(status, body=b"", **headers):
    def do(proxy):
        proxy.answer = Answer(status, body, headers)

    return do


def refusal(status, code):
    """The service's own way of saying no."""
    error = {"type": "invalid_request_error", "code": code, "message": "No."}
    return answer(status, json.dumps({"error": error}).encode())


def be_deaf(proxy):
    proxy.is_deaf = True


AT_THE_ENDPOINT = {
    "captive_portal": answer(302, Location="http://portal.example/login"),
    "connection_refused": lambda proxy: proxy.refuse(),
    "connect_timeout": be_deaf,
    "link_failed": answer(404, b"404: Not Found"),
    "service_unavailable": answer(503),
    "invalid_api_key": refusal(401, "invalid_api_key"),
    "insufficient_quota": refusal(429, "insufficient_quota"),
    "billing_hard_limit_reached": refusal(429, "billing_hard_limit_reached"),
    "billing_not_active": refusal(429, "billing_not_active"),
    "account_deactivated": refusal(403, "account_deactivated"),
    "unsupported_country_region_territory": refusal(403, "unsupported_country_region_territory"),
    "model_not_found": refusal(404, "model_not_found"),
    "invalid_model": refusal(400, "invalid_model"),
}


@pytest.mark.parametrize("fault", AT_THE_ENDPOINT)
async def test_what_the_endpoint_does(fault):
    patience_s = 0.3 if fault == "connect_timeout" else 5.0
    async with (
        service(AT_THE_ENDPOINT[fault]) as (_, proxy),
        device(dialling(proxy.url, patience_s)) as d,
    ):
        await d.gives_the_signs_of(fault)
        final = FAULTS[fault].severity is Severity.FINAL
        assert d.runner._line.is_refused is final


AFTER_THE_HANDSHAKE = {
    "beta_api_shape_disabled": Close(4000, "invalid_request_error.beta_api_shape_disabled"),
    "service_refused": Send({"type": "error", "error": {"message": "Not you."}}),
}


@pytest.mark.parametrize("fault", AFTER_THE_HANDSHAKE)
async def test_what_the_service_says_before_the_session_stands(fault):
    script = Script(rest=Part((AFTER_THE_HANDSHAKE[fault],)))
    async with service(script=script) as (_, proxy), device(dialling(proxy.url)) as d:
        await d.gives_the_signs_of(fault)
        assert d.runner._line.is_refused


@pytest.fixture
def own_network(monkeypatch):
    """Nothing of this machine's own proxy is used."""
    for name in ("http", "https", "ws", "wss", "all", "socks", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name}_PROXY".upper(), raising=False)
    return monkeypatch


async def test_no_key(own_network):
    async with device(WebSocketConnector(PUBLIC)) as d:
        await d.gives_the_signs_of("missing_api_key")


@asynccontextmanager
async def proxy_that_wants_a_password():
    async def refuse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as running:
        yield running.sockets[0].getsockname()[1]


async def test_a_proxy_on_the_way(own_network):
    async with proxy_that_wants_a_password() as port:
        own_network.setenv("https_proxy", f"http://127.0.0.1:{port}")
        async with device(dialling("ws://far.example/")) as d:
            await d.gives_the_signs_of("proxy_failed")


async def test_a_certificate_that_nobody_vouches_for(tmp_path):
    shown = make_certificates(tmp_path)
    async with service(tls=shown.context) as (_, proxy), device(dialling(proxy.url)) as d:
        await d.gives_the_signs_of("tls_failed")


async def test_a_clock_that_was_never_set(tmp_path):
    """The certificate begins after what our clock says, and no time server has set that clock."""
    shown = make_certificates(tmp_path)
    shown.show("not-yet")
    trust = ssl.create_default_context(cafile=shown.authority)
    (tmp_path / "run/systemd/timesync").mkdir(parents=True)
    machine = MachineState(tmp_path, built_s=0.0)
    async with (
        service(tls=shown.context) as (_, proxy),
        device(dialling(proxy.url, tls=trust, machine=machine)) as d,
    ):
        await d.gives_the_signs_of("clock_wrong")


async def test_an_open_breaker_is_told_again_to_who_presses():
    parts = Parts(link={"failure_threshold": 2, "max_retries": 5, "reset_s": 0.2})
    async with (
        service(lambda proxy: proxy.refuse()) as (_, proxy),
        device(dialling(proxy.url), parts) as d,
    ):
        await d.until(lambda: "circuit_open" in d.told)
        assert d.told.count("connection_refused") >= parts.link["failure_threshold"]
        await d.say()
        await d.gives_the_signs_of("circuit_open")


# In a network of its own: a process that sees no other

IN_A_NETWORK = """
import asyncio, sys
sys.path.append(sys.argv[1])
from signs import device, dialling

async def main(fault, url):
    async with device(dialling(url)) as d:
        await d.gives_the_signs_of(fault, within_s=30.0)

asyncio.run(main(*sys.argv[2:]))
"""
PAIR = """ip link add v0 type veth peer name v1
    ip addr add 192.168.7.2/24 dev v0
    ip link set v0 up
    ip link set v1 up
"""
NO_NAMES = """ip link set lo up
    ip route add default via 192.168.7.3
    ip neigh add 192.168.7.3 lladdr 02:00:00:00:00:01 dev v0
    mount --bind /dev/null /etc/resolv.conf
"""
NETWORKS = {
    "no_wifi": ("", NOWHERE),
    "no_route": (PAIR, NOWHERE),
    "dns_failed": (PAIR + NO_NAMES, PUBLIC),
}


@pytest.mark.parametrize("fault", NETWORKS)
def test_what_the_network_is(fault):
    made, url = NETWORKS[fault]
    own = ["unshare", "--user", "--map-root-user", "--net", "--mount", "sh", "-ec"]
    script = f'mount -t sysfs sysfs /sys\n{made}\nexec "$@"'
    child = [sys.executable, "-c", IN_A_NETWORK, str(Path(__file__).parent), fault, url]
    done = subprocess.run(
        [*own, script, "sh", *child], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
