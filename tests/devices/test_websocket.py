"""The connector against real servers on the loopback interface."""

import asyncio
import json
import logging
import socket
import ssl
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from importlib.metadata import version

import pytest
from websockets.asyncio.server import serve
from websockets.http11 import Response

from appliance.devices.network import MachineState
from appliance.devices.websocket import WebSocketConnector, WebSocketOptions
from appliance.errors import ConfigError, RefusedError, RemoteError

KEY = "sk-proj-0123456789abcdef"
QUICK = WebSocketOptions(
    ping_interval_s=0.05,
    ping_timeout_s=0.1,
    max_message_bytes=1000,
    open_timeout_s=0.3,
    close_timeout_s=0.2,
)
PROXY_NAMES = [f"{name}_proxy" for name in ("http", "https", "ws", "wss", "all", "socks", "no")]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in PROXY_NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@asynccontextmanager
async def server(handler=None, **options):
    """Serve WebSockets on a free port; gives the URL and the list of requests seen."""
    requests = []

    async def handle(connection):
        requests.append(connection.request)
        if handler:
            await handler(connection)
        await connection.wait_closed()

    async with serve(handle, "127.0.0.1", 0, **options) as running:
        port = running.sockets[0].getsockname()[1]
        scheme = "wss" if options.get("ssl") else "ws"
        yield f"{scheme}://127.0.0.1:{port}/v1/realtime?model=m", requests


@asynccontextmanager
async def tcp_server(answer):
    """Serve TCP: `answer(reader, writer)`; gives the port. It cuts what is open at the end."""
    writers = []

    async def handle(reader, writer):
        writers.append(writer)
        await answer(reader, writer)

    running = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield running.sockets[0].getsockname()[1]
    finally:
        running.close()
        for writer in writers:
            writer.transport.abort()


async def ending(handler, options=QUICK):
    """Connect to a server that does `handler`; return messages seen and the error at the end."""
    async with server(handler) as (url, _):
        connection = await WebSocketConnector(url, KEY, options=options).connect()
        seen = []
        with pytest.raises(RemoteError) as caught:
            await collect(connection, seen)
        await connection.close()
        assert_fit_for_people(caught.value)
        return seen, caught.value


async def collect(connection, seen):
    async for message in connection.messages():
        seen.append(message)


async def failure(url, options=QUICK, key=KEY, **more):
    with pytest.raises(RemoteError) as caught:
        await WebSocketConnector(url, key, options=options, **more).connect()
    assert_fit_for_people(caught.value)
    return caught.value


def assert_fit_for_people(error):
    text = str(error)
    assert KEY not in text + repr(error.args)
    assert text.isprintable()  # so also one line
    assert error.__context__ is None or error.__suppress_context__  # no traceback within


async def answered(status, body="", headers=None, wall_clock=time.time):
    """Return the error that comes of this answer to the handshake."""

    def refuse(connection, request):
        response = connection.respond(status, body)
        response.headers.update(headers or {})
        return Response(status, response.reason_phrase, response.headers, body.encode())

    async with server(process_request=refuse) as (url, _):
        return await failure(url, wall_clock=wall_clock)


def machine(folder, interfaces=("eth0",), routed=True, timesync=None, built_s=0.0):
    """Return a machine with these interfaces up; `timesync`: whether its clock was ever set."""
    for name in ("lo", "wlan0", *interfaces):
        interface = folder / "sys/class/net" / name
        interface.mkdir(parents=True, exist_ok=True)
        (interface / "operstate").write_text("up\n" if name in interfaces else "down\n")
        (interface / "flags").write_text("0x9\n" if name == "lo" else "0x1003\n")
    (folder / "proc/net").mkdir(parents=True, exist_ok=True)
    route = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
    if routed:
        route += "eth0 00000000 0101A8C0 0003 0 0 0 00000000 0 0 0\n"
    route += "eth0 0001A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n"
    (folder / "proc/net/route").write_text(route)
    if timesync is not None:
        (folder / "run/systemd/timesync").mkdir(parents=True)
    if timesync:
        (folder / "run/systemd/timesync/synchronized").touch()
    return MachineState(folder, built_s)


def api_error(code, message="No."):
    return json.dumps(
        {"error": {"type": "invalid_request_error", "code": code, "message": message}}
    )


# Going well


async def test_messages_go_both_ways_whole():
    async def echo(connection):
        await connection.send(await connection.recv())
        await connection.send(b"\x00\x01")

    async with server(echo) as (url, _):
        connection = await WebSocketConnector(url, KEY).connect()
        await connection.send("ü" * 70_000)
        messages = connection.messages()
        assert await anext(messages) == "ü" * 70_000
        assert await anext(messages) == b"\x00\x01"
        await connection.close()
        await connection.close()


async def test_the_handshake_says_who_we_are_and_no_more():
    async with server() as (url, requests):
        connector = WebSocketConnector(url, KEY, safety_identifier="user-1")
        connection = await connector.connect()
        await connection.close()
    headers = requests[0].headers
    assert requests[0].path == "/v1/realtime?model=m"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers["OpenAI-Safety-Identifier"] == "user-1"
    assert headers["User-Agent"] == f"voice-appliance/{version('voice-appliance')}"
    assert "OpenAI-Beta" not in headers
    assert "Sec-WebSocket-Extensions" not in headers


async def test_without_key_and_identifier_there_are_no_headers_for_them():
    async with server() as (url, requests):
        await (await WebSocketConnector(url).connect()).close()
    assert "Authorization" not in requests[0].headers
    assert "OpenAI-Safety-Identifier" not in requests[0].headers


async def test_compression_is_offered_when_asked_for():
    async with server() as (url, requests):
        options = WebSocketOptions(compression=True)
        await (await WebSocketConnector(url, options=options).connect()).close()
    assert "permessage-deflate" in requests[0].headers["Sec-WebSocket-Extensions"]


def test_the_defaults_are_the_seed_s():
    options = WebSocketOptions()
    assert not options.compression
    assert (options.ping_interval_s, options.ping_timeout_s) == (30.0, 5.0)
    assert (options.max_message_bytes, options.open_timeout_s) == (10_485_760, 10.0)


async def test_the_key_is_not_logged_at_debug_level(caplog):
    with caplog.at_level(logging.DEBUG):
        async with server() as (url, _):
            await (await WebSocketConnector(url, KEY).connect()).close()
    ours = [record for record in caplog.records if record.name != "websockets.server"]
    assert KEY not in "".join(record.getMessage() for record in ours)


# The end of a connection


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (1000, "link_lost"),
        (1001, "session_expired"),
        (1009, "link_lost"),
        (1011, "service_unavailable"),
        (1013, "service_unavailable"),
        (4001, "service_unavailable"),
    ],
)
async def test_the_end_is_always_raised_with_code_and_reason(code, fault):
    async def talk(connection):
        await connection.send("one")
        await connection.close(code, "session\nover " + KEY)

    seen, error = await ending(talk)
    assert seen == ["one"]
    assert not isinstance(error, RefusedError)
    assert f"code {code}: session over ***" in str(error)
    assert error.fault == fault


async def test_close_4000_means_that_we_are_taken_for_a_beta_client():
    _, error = await ending(lambda connection: connection.close(4000, "beta"))
    assert isinstance(error, RefusedError)
    assert error.code == error.fault == "beta_api_shape_disabled"


async def test_a_final_code_in_the_close_reason_is_a_refusal():
    reason = "invalid_request_error.invalid_api_key"
    _, error = await ending(lambda connection: connection.close(3000, reason))
    assert isinstance(error, RefusedError)
    assert error.code == "invalid_api_key"


async def test_a_connection_that_breaks_off():
    async def cut(connection):
        connection.transport.abort()

    _, error = await ending(cut)
    assert "broke off" in str(error)
    assert error.fault == "link_lost"
    assert not isinstance(error, RefusedError)


async def test_no_answer_to_a_ping():
    clock = asyncio.get_running_loop().time
    over = asyncio.Event()

    async def go_deaf(connection):
        connection.transport.pause_reading()
        await over.wait()
        connection.transport.abort()

    async with server(go_deaf) as (url, _):
        connection = await WebSocketConnector(url, KEY, options=QUICK).connect()
        started = clock()
        with pytest.raises(RemoteError) as caught:
            await anext(connection.messages())
        took = clock() - started
        over.set()
    assert_fit_for_people(caught.value)
    assert "no answer to a ping within 0.1 s" in str(caught.value)
    assert caught.value.fault == "stalled"
    assert 0.1 <= took < 2  # interval, time-out, and at most `close_timeout_s` for the goodbye


async def test_an_oversized_message():
    _, error = await ending(lambda connection: connection.send("x" * 1001))
    assert "more than 1000 bytes (code 1009)" in str(error)
    assert error.fault == "protocol_error"


async def test_bytes_that_are_no_frame():
    async def talk(connection):
        connection.transport.write(b"\xff\xff\xff\xff garbage")

    _, error = await ending(talk)
    assert error.fault == "protocol_error"


async def test_text_that_is_no_text():
    async def talk(connection):
        connection.transport.write(b"\x81\x02\xff\xfe")

    _, error = await ending(talk)
    assert error.fault == "protocol_error"


async def test_a_message_of_the_largest_size_passes():
    async def talk(connection):
        await connection.send("x" * 1000)
        await connection.close()

    seen, _ = await ending(talk)
    assert seen == ["x" * 1000]


async def test_sending_on_a_connection_that_is_gone():
    async with server(lambda connection: connection.close(1001, "bye")) as (url, _):
        connection = await WebSocketConnector(url, KEY, options=QUICK).connect()
        with pytest.raises(RemoteError):
            await anext(connection.messages())
        with pytest.raises(RemoteError, match="code 1001: bye") as caught:
            await connection.send("too late")
    assert_fit_for_people(caught.value)


# No connection at all


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (
            401,
            api_error("invalid_api_key", f"Incorrect API key provided: {KEY}."),
            "invalid_api_key",
        ),
        (401, "", "invalid_api_key"),
        (403, "", "invalid_api_key"),
        (410, api_error(None, "This model was retired"), "model_not_found"),
        (
            403,
            api_error("unsupported_country_region_territory"),
            "unsupported_country_region_territory",
        ),
        (403, api_error("account_deactivated"), "account_deactivated"),
        (404, api_error("model_not_found"), "model_not_found"),
        (404, api_error(None, "Unknown route"), "model_not_found"),
        (400, api_error("invalid_model"), "invalid_model"),
        (429, api_error("insufficient_quota"), "insufficient_quota"),
    ],
)
async def test_answers_that_are_final(status, body, code):
    error = await answered(status, body)
    assert isinstance(error, RefusedError)
    assert error.code == error.fault == code
    assert f"HTTP {status}" in str(error)


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (404, "404: Not Found", "link_failed"),
        (403, "<html>blocked", "service_unavailable"),
        (429, api_error("rate_limit_exceeded"), "rate_limit_exceeded"),
        (429, "slow down", "rate_limit_exceeded"),
        (500, "", "service_unavailable"),
        (502, "<html>Bad Gateway", "service_unavailable"),
        (503, '{"error": 7}', "service_unavailable"),
        (200, "<html>Welcome to the hotel", "captive_portal"),
        (200, "ok", "link_failed"),
        (511, "<html>Log in", "captive_portal"),
        (400, "[" * 5000, "link_failed"),
    ],
)
async def test_answers_that_may_change(status, body, fault):
    error = await answered(status, body)
    assert not isinstance(error, RefusedError)
    assert f"HTTP {status}" in str(error)
    assert error.fault == fault
    assert error.retry_after_s is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("17", 17.0),
        (" 0 ", 0.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 30.0),
        ("Sun, 06 Nov 1994 08:48:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("9" * 400, None),
    ],
)
async def test_how_long_we_are_asked_to_stay_away(value, seconds):
    clock_s = 784111777.0 - 30.0  # 1994-11-06 08:49:07 UTC
    assert (await answered(503, "", {"Retry-After": value}, lambda: clock_s)).retry_after_s == (
        seconds
    )


async def test_a_log_in_page_that_sends_people_elsewhere_is_not_followed():
    async with server() as (url, requests):
        elsewhere = url.replace("127.0.0.1", "localhost")
        error = await answered(302, "", {"Location": elsewhere})
    assert error.fault == "captive_portal"
    assert requests == []


@pytest.mark.parametrize("address", ["/elsewhere", "//[", "ws://127.0.0.1:99999/"])
async def test_a_redirect_without_an_end_or_sense_is_a_failure(address):
    error = await answered(307, "", {"Location": address})
    assert not isinstance(error, RefusedError)


async def test_the_service_s_words_are_quoted_in_one_short_line():
    error = await answered(400, api_error("x", "Bad\nmodel " + "y" * 5000))
    assert ": Bad model yyy" in str(error)
    assert len(str(error)) < 300


async def test_nothing_listens():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        for host in ("127.0.0.1", "localhost"):
            error = await failure(f"ws://{host}:{port}/")
            assert str(error) == f"{host}:{port} refused the connection: nothing listens there"
            assert error.fault == "connection_refused"


async def test_a_handshake_that_gets_no_answer():
    async def say_nothing(reader, writer):
        await reader.read()

    async with tcp_server(say_nothing) as port:
        error = await failure(f"ws://127.0.0.1:{port}/")
    assert "within 0.3 s" in str(error)
    assert error.fault == "connect_timeout"


@pytest.mark.parametrize("greeting", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 101 OK\r\n\r\n"])
async def test_a_server_of_another_kind(greeting):
    async def greet(reader, writer):
        writer.write(greeting)
        writer.close()

    async with tcp_server(greet) as port:
        error = await failure(f"ws://127.0.0.1:{port}/")
    assert "no Realtime endpoint" in str(error) or "cannot reach" in str(error)
    assert error.fault == "link_failed"


@pytest.mark.parametrize(
    ("world", "fault"),
    [
        ({}, "dns_failed"),
        ({"interfaces": ()}, "no_wifi"),
        ({"routed": False}, "no_route"),
    ],
)
async def test_a_name_that_has_no_address(monkeypatch, tmp_path, world, fault):
    async def no_such_name(*args, **kwargs):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", no_such_name)
    error = await failure("wss://api.openai.com/v1/realtime", machine=machine(tmp_path, **world))
    assert "cannot find the address of api.openai.com" in str(error)
    assert error.fault == fault


@pytest.mark.parametrize(("interfaces", "fault"), [(("eth0",), "no_route"), ((), "no_wifi")])
async def test_no_route(monkeypatch, tmp_path, interfaces, fault):
    async def unreachable(*args, **kwargs):
        raise OSError(101, "Connect call failed ('203.0.113.1', 443)")

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", unreachable)
    error = await failure("ws://203.0.113.1/", machine=machine(tmp_path, interfaces))
    assert str(error).startswith("cannot reach 203.0.113.1: Network is unreachable")
    assert error.fault == fault


@pytest.mark.parametrize("url", ["wss://api.openai.com/v1/realtime", "wss://eu.api.openai.com/x"])
async def test_the_public_endpoint_without_a_key(url):
    error = await failure(url, key="")
    assert isinstance(error, RefusedError)
    assert error.code == error.fault == "missing_api_key"
    assert "OPENAI_API_KEY" in str(error)


@pytest.mark.parametrize("key", ["sk-abc\n", "sk abc", "sk-äbc", "sk-\x00"])
def test_a_key_that_cannot_stand_in_a_header(key):
    with pytest.raises(ConfigError) as caught:
        WebSocketConnector("wss://api.openai.com", key)
    assert key.strip() not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.openai.com",
        "https://api.openai.com",
        "wss://",
        "ws://h:port",
        "ws://[::1",
        "wss://me:word@host/",
        "ws://h/#x",
        f"ws://{'a' * 70}.com/",
    ],
)
def test_a_url_that_is_not_one(url):
    with pytest.raises(ConfigError, match=r"endpoint\.url"):
        WebSocketConnector(url, KEY)


async def test_a_tls_handshake_that_is_nonsense():
    async def talk(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with tcp_server(talk) as port:
        error = await failure(f"wss://127.0.0.1:{port}/")
    assert f"no TLS connection to 127.0.0.1:{port}: WRONG_VERSION_NUMBER" in str(error)
    assert error.fault == "tls_failed"


# TLS


def certificate(folder, start, end):
    """Make a certificate of its own for localhost, valid from `start` to `end`; its server side."""
    config = folder / "ca.conf"
    (folder / "index.txt").touch()
    (folder / "serial").write_text("01\n")
    config.write_text(
        "[ca]\ndefault_ca=d\n"
        f"[d]\ndatabase={folder}/index.txt\nserial={folder}/serial\nnew_certs_dir={folder}\n"
        "default_md=sha256\npolicy=p\nx509_extensions=e\n"
        "[p]\ncommonName=supplied\n"
        "[e]\nsubjectAltName=IP:127.0.0.1\nbasicConstraints=critical,CA:TRUE\n"
        "[req]\ndistinguished_name=n\n[n]\n"
    )
    key, request, cert = folder / "key.pem", folder / "request.pem", folder / "cert.pem"
    made = ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl(*made, "-config", config, "-keyout", key, "-out", request, "-subj", "/CN=127.0.0.1")
    signed = ["ca", "-batch", "-selfsign", "-notext", "-config", config, "-keyfile", key]
    openssl(*signed, "-in", request, "-out", cert, "-startdate", start, "-enddate", end)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, ssl.create_default_context(cafile=cert)


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


async def test_a_trusted_certificate(tmp_path):
    ours, trust = certificate(tmp_path, "20200101000000Z", "20991231000000Z")
    async with server(ssl=ours) as (url, requests):
        await (await WebSocketConnector(url, KEY, tls=trust).connect()).close()
    assert requests[0].headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("20980101000000Z", "20991231000000Z", "not valid yet: is this machine's clock right?"),
        ("20200101000000Z", "20210101000000Z", "has expired"),
    ],
)
@pytest.mark.parametrize(
    ("timesync", "clock_s", "is_the_clock"),
    [
        (True, 2e9, {"not valid yet": False, "has expired": False}),
        (False, 2e9, {"not valid yet": True, "has expired": True}),
        (None, 2e9, {"not valid yet": True, "has expired": False}),
        (True, 0.0, {"not valid yet": True, "has expired": True}),
    ],
)
async def test_a_certificate_of_another_time(
    tmp_path, start, end, words, timesync, clock_s, is_the_clock
):
    ours, trust = certificate(tmp_path, start, end)
    world = machine(tmp_path / "root", timesync=timesync, built_s=1.8e9)
    async with server(ssl=ours) as (url, requests):
        error = await failure(url, tls=trust, machine=world, wall_clock=lambda: clock_s)
    assert words in str(error)
    wrong = next(is_wrong for start, is_wrong in is_the_clock.items() if words.startswith(start))
    assert error.fault == ("clock_wrong" if wrong else "tls_failed")
    assert requests == []


async def test_a_certificate_that_nobody_vouches_for(tmp_path):
    ours, _ = certificate(tmp_path, "20200101000000Z", "20991231000000Z")
    async with server(ssl=ours) as (url, requests):
        error = await failure(url)
    assert "is not to be trusted: self" in str(error)
    assert error.fault == "tls_failed"
    assert requests == []


async def test_a_server_without_tls():
    async with server() as (url, _):
        error = await failure(url.replace("ws:", "wss:"))
    assert "it hung up during the handshake" in str(error)


# Proxies


async def test_the_proxy_of_the_environment_is_used(monkeypatch):
    asked = []

    async with server() as (url, requests):
        port = int(url.split(":")[2].split("/")[0])

        async def proxy(reader, writer):
            asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            inner_reader, inner = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(pump(reader, inner), pump(inner_reader, writer))

        async with tcp_server(proxy) as proxy_port:
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy_port}")
            await (await WebSocketConnector("ws://far.example/x", KEY).connect()).close()
            await (await WebSocketConnector(url, KEY).connect()).close()
    assert [line.split("\r\n")[0] for line in asked] == ["CONNECT far.example:80 HTTP/1.1"]
    assert KEY not in asked[0]
    assert [request.path for request in requests] == ["/x", "/v1/realtime?model=m"]


async def pump(reader, writer):
    while data := await reader.read(4096):
        writer.write(data)
    writer.close()


async def test_a_proxy_that_refuses(monkeypatch):
    async def refuse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    async with tcp_server(refuse) as port:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        error = await failure("ws://far.example/")
    assert str(error) == "the proxy answered HTTP 407 for far.example"
    assert error.fault == "proxy_failed"


@pytest.mark.parametrize(
    "proxy",
    ["ftp://me:word@proxy", "socks5h://me:word@127.0.0.1:9", "http://me:word", "http://[::1"],
)
async def test_a_proxy_that_cannot_be_used_keeps_its_password(monkeypatch, proxy):
    monkeypatch.setenv("https_proxy", proxy)
    error = await failure("ws://far.example/")
    assert "proxy" in str(error)
    assert error.fault == "proxy_failed"
    assert "word" not in str(error)


def test_importing_it_brings_no_server_and_no_old_client():
    code = (
        "import sys, appliance.devices.websocket; "
        "print(*(m for m in sys.modules if m.startswith('websockets.')))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = out.stdout.split()
    assert "websockets.asyncio.client" in loaded
    unwanted = ("websockets.legacy", "websockets.sync", "websockets.asyncio.server")
    assert not [name for name in loaded if name.startswith(unwanted)]
