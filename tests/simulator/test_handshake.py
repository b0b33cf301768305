"""HTTP before the WebSocket: keys, models, the beta shape, client secrets, the session's end."""

import asyncio
import time

import aiohttp
import pytest

from appliance.errors import UsageError
from appliance.simulator.server import Options, RealtimeServer


async def refused(kit, url, **options):
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with kit.raw_socket(url, **options):
            pass
    return caught.value


async def post(server, path, body, key="x"):
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with (
        aiohttp.ClientSession() as session,
        session.post(server.http_url + path, json=body, headers=headers) as response,
    ):
        return response.status, await response.json()


async def test_no_key_is_401_with_the_api_s_body(kit):
    async with kit.served() as server:
        assert (await refused(kit, server.url, headers={})).status == 401
        status, body = await post(server, "/realtime/client_secrets", {}, key=None)
        assert status == 401
        assert "bearer" in body["error"]["message"]


async def test_only_the_given_key_is_taken(kit):
    async with kit.served(key="right") as server:
        assert (await refused(kit, server.url)).status == 401
        status, body = await post(server, "/realtime/client_secrets", {}, key="wrong")
        assert (status, body["error"]["code"]) == (401, "invalid_api_key")
        assert "wrong" not in body["error"]["message"]
        async with kit.connected(server.url, headers={"Authorization": "Bearer right"}):
            pass


async def test_a_key_may_come_as_subprotocol(kit):
    async with kit.served(key="right") as server:
        protocols = ("realtime", "openai-insecure-api-key.right")
        async with kit.raw_socket(server.url, headers={}, protocols=protocols) as socket:
            assert socket.protocol == "realtime"
        protocols = ("realtime", "openai-insecure-api-key.wrong")
        error = await refused(kit, server.url, headers={}, protocols=protocols)
        assert error.status == 401


async def turned_away(kit, server, **options):
    async with kit.raw_socket(server.url, **options) as socket:
        code, events = await kit.Client(socket).ended()
    assert [event["type"] for event in events] == ["error"]
    kit.judge(events[0])
    return code, events[0]["error"]["code"]


async def test_the_beta_shape_is_closed_with_4000(kit):
    headers = {"Authorization": "Bearer x", "OpenAI-Beta": "realtime=v1"}
    async with kit.served() as server:
        assert await turned_away(kit, server, headers=headers) == (4000, "beta_api_shape_disabled")


@pytest.mark.parametrize("model", ["gpt-4o-realtime-preview", "gpt-5", "whisper-1"])
async def test_a_model_that_is_gone_or_no_realtime_model(kit, model):
    async with kit.served() as server:
        assert await turned_away(kit, server, model=model) == (4000, "model_not_found")
        assert await turned_away(kit, server, model="") == (4000, "missing_model")


async def test_a_client_secret_opens_a_session_with_its_settings(kit):
    async with kit.served(key="right") as server:
        session = {
            "type": "realtime",
            "model": "gpt-realtime",
            "instructions": "From the secret.",
            "audio": {"output": {"voice": "cedar"}},
        }
        body = {"expires_after": {"anchor": "created_at", "seconds": 60}, "session": session}
        status, answer = await post(server, "/realtime/client_secrets", body, key="right")
        assert status == 200
        assert answer["value"].startswith("ek_")
        assert 55 < answer["expires_at"] - time.time() <= 60
        assert answer["session"]["instructions"] == "From the secret."
        headers = {"Authorization": f"Bearer {answer['value']}"}
        for _ in range(2):  # it can be used again until it expires
            async with kit.connected(server.url, headers=headers, model="") as client:
                session = client.seen[0]["session"]
                assert session["model"] == "gpt-realtime"
                assert session["audio"]["output"]["voice"] == "cedar"


async def test_a_client_secret_lasts_600_s_and_then_no_more(kit, monkeypatch):
    async with kit.served() as server:
        _, answer = await post(server, "/realtime/client_secrets", {})
        assert answer["expires_at"] == pytest.approx(time.time() + 600, abs=3)
        headers = {"Authorization": f"Bearer {answer['value']}"}
        later = time.time() + 601
        monkeypatch.setattr("appliance.simulator.server.time.time", lambda: later)
        assert (await refused(kit, server.url, headers=headers)).status == 401


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"expires_after": {"seconds": 9}}, "expires_after.seconds"),
        ({"expires_after": {"seconds": 7201}}, "expires_after.seconds"),
        ({"session": {"type": "realtime", "voice": "alloy"}}, "session.voice"),
        ([], ""),
    ],
)
async def test_a_bad_request_for_a_client_secret(kit, body, param):
    async with kit.served() as server:
        status, answer = await post(server, "/realtime/client_secrets", body)
        assert (status, answer["error"]["param"]) == (400, param)


async def test_the_client_secret_is_what_the_sdk_expects(kit):
    from openai.types.realtime import ClientSecretCreateResponse

    async with kit.served() as server:
        _, answer = await post(server, "/realtime/client_secrets", {})
        typed = ClientSecretCreateResponse.model_validate(answer, strict=True)
        assert typed.session.audio.input.turn_detection.type == "server_vad"


async def test_healthz(kit):
    async with (
        kit.served() as server,
        aiohttp.ClientSession() as session,
        session.get(server.http_url.removesuffix("/v1") + "/healthz") as response,
    ):
        assert (response.status, (await response.json())["status"]) == (200, "ok")


async def test_plain_http_is_told_to_upgrade(kit):
    async with (
        kit.served() as server,
        aiohttp.ClientSession(headers={"Authorization": "Bearer x"}) as session,
        session.get(server.http_url + "/realtime?model=gpt-realtime") as response,
    ):
        assert response.status == 426
        assert "WebSocket" in (await response.json())["error"]["message"]


async def test_the_session_limit_ends_with_1001(kit):
    async with kit.talking(session_limit_s=0.3) as client:
        code, events = await client.ended()
        assert code == 1001
        assert events[-1]["error"]["code"] == "session_expired"
        kit.judge(events[-1])


async def test_the_server_s_own_end_closes_with_1001(kit):
    async with kit.served() as server, kit.raw_socket(server.url) as socket:
        client = kit.Client(socket)
        await client.receive()
        ended = asyncio.ensure_future(client.ended())
        await server.__aexit__(None, None, None)
        assert (await ended)[0] == 1001


async def test_a_port_that_is_taken(kit):
    async with kit.served() as server:
        with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1:{server.port}"):
            async with RealtimeServer(Options(port=server.port), kit.SetEars(), kit.Beeper()):
                pass
