"""What a client sees of each fault that the local server is made to suffer."""

import asyncio
import json

import aiohttp
import pytest

from appliance.simulator.certificates import WRONG
from appliance.simulator.faults import fault_of

REFUSALS = {
    "401:invalid_api_key": (401, "invalid_api_key", None),
    "403": (403, None, None),
    "404:model_not_found": (404, "model_not_found", None),
    "429:7": (429, None, "7"),
    "503:2": (503, None, "2"),
    "500": (500, None, None),
}


@pytest.mark.parametrize("text", REFUSALS)
async def test_a_status_is_answered_and_what_is_open_breaks_off(kit, text):
    status, code, retry_after = REFUSALS[text]
    async with kit.broken() as target, kit.connected(target.proxy.url) as client:
        fault_of(text).begin(target)
        assert (await client.ended())[0] == 1006
        address = target.proxy.url.replace("ws:", "http:")
        async with aiohttp.ClientSession() as session, session.get(address) as response:
            body = await response.read()
            assert response.status == status
            assert (json.loads(body)["error"]["code"] if body else None) == code
            assert response.headers.get("Retry-After") == retry_after
        await target.heal()
        async with kit.connected(target.proxy.url):
            pass


async def test_the_log_in_page_leads_elsewhere(kit):
    async with kit.broken() as target, aiohttp.ClientSession() as session:
        fault_of("login-page").begin(target)
        address = target.proxy.url.replace("ws:", "http:")
        async with session.get(address, allow_redirects=False) as response:
            assert response.status == 302
            assert response.headers["Location"].startswith("http://portal.example/")


async def test_nobody_listens_and_somebody_does_again(kit):
    async with kit.broken() as target:
        fault_of("refuse").begin(target)
        with pytest.raises(aiohttp.ClientConnectorError):
            async with kit.raw_socket(target.proxy.url):
                pass
        await target.heal()
        async with kit.connected(target.proxy.url):
            pass


@pytest.mark.parametrize("text", ["deaf", "slow-handshake:100"])
async def test_who_waits_in_vain_is_answered_when_it_is_over(kit, text):
    async with kit.broken() as target:
        fault_of(text).begin(target)
        waiting = asyncio.create_task(connect_and_leave(kit, target.proxy.url))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.2)
        await target.heal()
        await asyncio.wait_for(waiting, 10)


async def connect_and_leave(kit, url):
    async with kit.connected(url):
        pass


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_client_that_checks_certificates_is_warned(kit, tmp_path, wrong):
    async with kit.broken(tmp_path) as target, aiohttp.ClientSession() as session:
        trust = target.certificates.trust()
        assert target.proxy.url.startswith("wss://")
        fault_of(f"tls:{wrong}").begin(target)
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.ws_connect(target.proxy.url, ssl=trust)
        await target.heal()
        url = f"{target.proxy.url}?model={kit.MODEL}"
        key = {"Authorization": "Bearer x"}
        async with session.ws_connect(url, ssl=trust, headers=key) as socket:
            assert (await socket.receive_json())["type"] == "session.created"


ENDS = {
    "reset": 1006,
    "drop": 1006,
    "garbage": 1002,  # the client's own verdict
    "oversized": 1009,
    "going-away": 1001,
    "close": 1011,
    "close:4321": 4321,
    "session-expired": 1001,
}


@pytest.mark.parametrize("text", ENDS)
async def test_an_open_connection_ends(kit, text):
    async with kit.broken() as target, kit.connected(target.proxy.url) as client:
        fault_of(text).begin(target)
        code, events = await client.ended()
        assert code == ENDS[text]
        codes = [event["error"]["code"] for event in events]
        assert codes == (["session_expired"] if text == "session-expired" else [])


async def test_an_error_event_and_good_frames_with_bad_text(kit):
    async with kit.broken() as target, kit.connected(target.proxy.url) as client:
        fault_of("error:rate_limit_exceeded").begin(target)
        assert (await client.receive())["error"]["code"] == "rate_limit_exceeded"
        fault_of("bad-json").begin(target)
        texts = [(await client.socket.receive(timeout=5)).data for _ in range(3)]
        assert texts[0] == "{"
        assert "delta" in texts[2]


async def test_half_open_says_nothing_any_more(kit):
    async with kit.broken() as target, kit.connected(target.proxy.url) as client:
        fault_of("half-open").begin(target)
        await client.send("session.update", session={"type": "realtime"})
        with pytest.raises(TimeoutError):
            await client.socket.receive(timeout=0.3)
        async with kit.connected(target.proxy.url):
            pass  # a new one is well


async def test_events_come_twice(kit):
    async with kit.broken() as target:
        fault_of("duplicate").begin(target)
        async with kit.connected(target.proxy.url) as client:
            assert (await client.receive())["type"] == "session.created"


async def test_events_come_in_another_order_and_all_of_them(kit):
    async with kit.broken() as target, kit.connected(target.proxy.url) as client:
        straight = await written_turn(client)
        fault_of("out-of-order").begin(target)
        crossed = await written_turn(client)
        assert sorted(crossed) == sorted(straight)
        assert crossed != straight
        assert crossed[0] != straight[0]


async def written_turn(client):
    """Return the types of everything that comes of a question in writing."""
    client.seen.clear()
    content = [{"type": "input_text", "text": "two plus two"}]
    item = {"type": "message", "role": "user", "content": content}
    await client.send("conversation.item.create", item=item)
    await client.send("response.create")
    while "response.done" not in client.types():
        await client.receive()
    await client.send("input_audio_buffer.clear")  # behind everything else
    while "input_audio_buffer.cleared" not in client.types():
        await client.receive()
    return client.types()


async def test_everything_comes_late(kit):
    async with kit.broken() as target, kit.connected(target.proxy.url) as client:
        fault_of("delay:200").begin(target)
        clock = asyncio.get_running_loop().time
        began_s = clock()
        await client.update()
        assert clock() - began_s >= 0.4  # there and back


async def test_a_stalled_connection_answers_pings_and_goes_on_later(kit):
    async with kit.broken() as target, kit.connected(target.proxy.url) as client:
        fault_of("stall").begin(target)
        await client.send("session.update", session={"type": "realtime"})
        await client.socket.ping(b"there?")
        with pytest.raises(TimeoutError):
            await client.socket.receive(timeout=0.3)
        await target.heal()
        assert (await client.receive())["type"] == "session.updated"


async def test_an_answer_breaks_off_in_the_middle_of_its_sound(kit):
    async with kit.broken() as target, kit.connected(target.proxy.url) as client:
        await client.write("two plus two")
        fault_of("reset-in-answer:2").begin(target)
        await client.send("response.create")
        code, events = await client.ended()
        kinds = [event["type"] for event in events]
        assert code == 1006
        # A reset throws away what the client has not read yet.
        assert kinds.count("response.output_audio.delta") <= 1
        assert "response.done" not in kinds


async def test_an_answer_falls_silent_in_the_middle_of_its_sound(kit):
    async with kit.broken() as target, kit.connected(target.proxy.url) as client:
        await client.write("two plus two")
        fault_of("stall-in-answer:2").begin(target)
        await client.send("response.create")
        for _ in range(2):
            await client.until("response.output_audio.delta")
        with pytest.raises(TimeoutError):
            await client.socket.receive(timeout=0.3)
        await target.heal()
        await client.until("response.done")


async def test_an_answer_fails_quietly_and_the_next_one_does_not(kit):
    async with kit.broken() as target, kit.connected(target.proxy.url) as client:
        await client.write("two plus two")
        fault_of("response-failed:insufficient_quota").begin(target)
        failed = await client.reply()
        assert failed["status"] == "failed"
        assert failed["status_details"]["error"]["code"] == "insufficient_quota"
        assert (await client.reply())["status"] == "completed"
        assert client.types().count("response.done") == 2


# What passes whole


async def test_plain_http_and_a_client_that_would_compress(kit):
    async with kit.broken() as target, aiohttp.ClientSession() as session:
        address = target.proxy.url.replace("ws:", "http:") + "/client_secrets"
        key = {"Authorization": "Bearer x"}
        async with session.post(address, json={}, headers=key) as response:
            assert (await response.json())["value"].startswith("ek_")
        url = f"{target.proxy.url}?model={kit.MODEL}"
        async with session.ws_connect(url, headers=key, compress=15) as socket:
            assert not socket.compress
            assert (await socket.receive_json())["type"] == "session.created"
            fault_of("going-away").begin(target)  # reaches it, whatever passed before
            await socket.receive(timeout=5)
            assert socket.close_code == 1001
