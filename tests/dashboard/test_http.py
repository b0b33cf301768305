"""What the server answers, over real sockets."""

import asyncio
import json
import re

import aiohttp
import pytest
from fake_device import WELL

from appliance.dashboard import server
from appliance.dashboard.guard import is_ours, known_names
from appliance.dashboard.pages import FOLDER
from appliance.dashboard.server import Dashboard, Options

PATHS = ["/", "/snapshot.json", "/metrics", "/patterns.json", "/page.js", "/page.css"]


async def raw(dashboard, request):
    """Send bytes, return all that comes back."""
    port = int(re.search(r":(\d+)/", dashboard.urls[0]).group(1))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


async def test_the_page_and_all_that_it_names_is_here(client):
    text = await (await client.get("/")).text()
    named = re.findall(r'(?:href|src)="([^"#]+)"', text)
    assert {"page.css", "page.js", "icon.svg", "snapshot.json", "metrics"} <= set(named)
    seen = set()
    while named:
        name = named.pop()
        if name in seen:
            continue
        seen.add(name)
        assert not re.match(r"\w+:|//", name), f"{name} leads elsewhere"
        response = await client.get(f"/{name}")
        assert response.status == 200, name
        if name.endswith(".js"):
            script = await response.text()
            named += re.findall(r'from "\./([^"]+)"', script)
            named += re.findall(r'fetch\("([^"]+)"\)', script)
    assert {each.name for each in FOLDER.iterdir()} - seen == {"index.html"}


async def test_the_page_is_small(client):
    sizes = [len(each.read_bytes()) for each in FOLDER.iterdir()]
    patterns = await (await client.get("/patterns.json")).read()
    assert sum(sizes) + len(patterns) < 60_000


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_is_closed_to_others(client, path):
    response = await client.get(path)
    assert response.status == 200
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Set-Cookie" not in response.headers
    assert "Access-Control-Allow-Origin" not in response.headers
    assert response.headers["Server"] == "appliance"
    assert response.headers["Cache-Control"] in {"no-cache", "no-store"}


@pytest.mark.parametrize("path", [*PATHS, "/events"])
async def test_head_has_the_head_alone(client, path):
    response = await client.head(path)
    assert response.status == 200
    assert await response.read() == b""


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "BREW"])
@pytest.mark.parametrize("path", ["/", "/snapshot.json", "/nowhere"])
async def test_nothing_can_be_changed(dashboard, method, path):
    got = await raw(
        dashboard,
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode(),
    )
    assert re.match(rb"HTTP/1.[01] (405|400) ", got), got[:100]


async def test_a_body_is_not_waited_for(dashboard):
    got = await raw(
        dashboard,
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\nConnection: close\r\n\r\n",
    )
    assert got.startswith(b"HTTP/1.1 405 ")


@pytest.mark.parametrize(
    "path", ["/nowhere", "/static/page.js", "/../pages.py", "/%2e%2e/pages.py"]
)
async def test_nothing_else_is_here(client, path):
    assert (await client.get(path)).status == 404


@pytest.mark.parametrize(
    ("garbage"),
    [
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: y\r\n" % n for n in range(9000)) + b"\r\n",
    ],
)
async def test_garbage_is_turned_away_without_a_word_in_the_journal(
    dashboard, garbage, capfd, caplog
):
    got = await raw(dashboard, garbage)
    assert not caplog.records  # what comes here, would be on standard error without a test
    assert got == b"" or got.startswith(b"HTTP/1.")
    assert b" 200 " not in got[:20]
    assert capfd.readouterr() == ("", "")


async def test_a_mistake_of_our_own_is_in_the_journal(dashboard, client, capfd, monkeypatch):
    monkeypatch.setattr(dashboard.feed, "snapshot", lambda: 1 // 0)
    assert (await client.get("/snapshot.json")).status == 500
    assert "ZeroDivisionError" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LOCALHOST.:80", True),
        ("127.0.0.1:8080", True),
        ("192.168.1.20:8080", True),
        ("[::1]", True),
        ("[fe80::1]:8080", True),
        ("pi.local:8080", True),
        ("kitchen.example", True),
        ("", False),
        ("evil.example", False),
        ("evil.example:8080", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("localhost:8080@evil.example", False),
        ("localhost:", False),
        ("[::1", False),
        ("::1", False),
        ("2130706433", False),
        ("127.1", False),
        ("a:b:c", False),
    ],
)
def test_whose_name_a_host_header_is(host, expected):
    assert is_ours(host, frozenset({"localhost", "pi.local", "kitchen.example"})) is expected


def test_this_machine_knows_its_own_names(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "Kitchen.lan")
    assert known_names(["Proxy.Example"]) == {
        *("localhost", "kitchen", "kitchen.local", "proxy.example")
    }


@pytest.mark.parametrize("path", [*PATHS, "/events", "/nowhere"])
async def test_a_name_that_was_bent_to_this_address_gets_nothing(client, path):
    response = await client.get(path, headers={"Host": "evil.example"})
    assert response.status == 421
    assert "0.1.0" not in await response.text()


async def test_a_request_without_a_name_gets_nothing(dashboard):
    assert (await raw(dashboard, b"GET / HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.0 421 ")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", ["/events", "/snapshot.json", "/page.js"])
async def test_pages_of_other_sites_load_nothing(client, path, site):
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
    assert (await client.get(path, headers=headers)).status == 403


async def test_pages_of_other_sites_may_link_here(client):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert (await client.get("/", headers=headers)).status == 200


async def test_what_the_browser_has_is_not_sent_again(client):
    first = await client.get("/page.js")
    assert first.headers["Cache-Control"] == "no-cache"
    again = await client.get("/page.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, await again.read()) == (304, b"")
    other = await client.get("/page.js", headers={"If-None-Match": '"other"'})
    assert other.status == 200


async def test_snapshot_is_what_the_device_says(client):
    response = await client.get("/snapshot.json")
    assert response.content_type == "application/json"
    assert await response.json() == WELL


async def test_prometheus_is_told_whether_the_device_is_there(client, device, monkeypatch):
    monkeypatch.setattr("appliance.dashboard.feed.FRESH_S", 0.0)
    response = await client.get("/metrics")
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    text = await response.text()
    assert "\nappliance_up 1\n" in text
    assert '\nappliance_turns_total{outcome="answered"} 38\n' in text
    await device.stop()
    assert "\nappliance_up 0\n" in await (await client.get("/metrics")).text()


async def test_without_a_device_the_page_opens_all_the_same(client, device, watching):
    await device.stop()
    assert (await client.get("/")).status == 200
    response = await client.get("/snapshot.json")
    assert response.status == 503
    assert "not running" in (await response.json())["error"]
    async with watching(client) as events:
        _, data = await events.next("gone")
        assert "systemctl start appliance" in data["why"]
        await device.start()
        _, data = await events.next("snapshot")
        assert data == WELL


async def test_news_are_streamed_as_they_come(client, device, watching):
    async with watching(client) as events:
        assert await events.next() == ("snapshot", WELL)
        await device.say(state="listening", light="listening")
        name, data = await events.next()
        assert (name, data["state"]) == ("snapshot", "listening")
        device.hang()
        assert (await events.next("beat"))[0] == "beat"  # the stream lives, so the page must know
        await device.stop()
        assert (await events.next("gone"))[0] == "gone"


async def test_the_device_is_left_alone_when_the_browser_goes(client, device, watching):
    async with watching(client) as events:
        await events.next("snapshot")
        await device.watched_by(1)
    await device.watched_by(0)


async def test_watchers_are_bounded(client, monkeypatch, watching):
    monkeypatch.setattr(server, "MOST_STREAMS", 2)
    async with watching(client) as one, watching(client) as two:
        await one.next("snapshot")
        await two.next("snapshot")
        refused = await client.get("/events")
        assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
        assert (await client.get("/snapshot.json")).status == 200


async def test_connections_are_bounded(device, dashboard, client, monkeypatch, watching):
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 2)
    async with watching(client) as one, watching(client) as two:
        await one.next("snapshot")
        await two.next("snapshot")
        assert await raw(dashboard, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") == b""
    await device.watched_by(0)  # their ends have been noticed
    got = await raw(dashboard, b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 200 ")


async def test_a_browser_that_takes_nothing_is_dropped(device, dashboard, monkeypatch):
    monkeypatch.setattr(server, "WRITE_S", 0.3)
    port = int(re.search(r":(\d+)/", dashboard.urls[0]).group(1))
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.transport.pause_reading()
    writer.write(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await device.watched_by(1)
    filling = asyncio.ensure_future(_fill(device))
    await device.watched_by(0)
    filling.cancel()
    writer.close()


async def _fill(device):
    number = 0
    while True:
        number += 1
        await device.say(appliance="x" * 500_000, pid=number)
        await asyncio.sleep(0.01)


async def test_the_end_ends_every_stream(device, watching):
    async with (
        Dashboard(Options(device.path)) as dashboard,
        aiohttp.ClientSession(dashboard.urls[0]) as session,
        session.get("/events") as response,
    ):
        await device.watched_by(1)
        async with asyncio.timeout(5):
            await dashboard.__aexit__(None, None, None)
            await response.content.read()  # to its end
    await device.watched_by(0)


async def test_patterns_are_those_of_the_panel(client):
    from appliance.panel.lights import FLASHES, LIGHTS, flash_s

    table = await (await client.get("/patterns.json")).json()
    assert set(table["lights"]) == {each.value for each in LIGHTS}
    assert table["lights"]["no_network"]["beats"] == [
        *([0.15, 1.0, 1.0], [0.2, 0.0, 0.0], [0.15, 1.0, 1.0], [1.5, 0.0, 0.0])
    ]
    assert table["lights"]["starting"]["beats"][0] == [1.0, 0.0, 1.0]
    for light, pattern in LIGHTS.items():
        told = table["lights"][light.value]
        assert told["colour"] == [pattern.colour.red, pattern.colour.green, pattern.colour.blue]
        assert len(told["beats"]) == len(pattern.beats)
    for flash in FLASHES:
        beats = table["flashes"][flash.value]["beats"]
        assert sum(beat[0] for beat in beats) == pytest.approx(flash_s(flash))
    json.dumps(table, allow_nan=False)
