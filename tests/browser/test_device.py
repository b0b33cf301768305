"""The page beside the real device, which talks with the local server."""

import pytest
import pytest_asyncio
from playwright.async_api import expect

from appliance.dashboard.server import Dashboard, Options
from appliance.demo.device import DeviceProcess
from appliance.simulator.server import Options as ServerOptions
from appliance.simulator.server import RealtimeServer

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def real(sound_room, tmp_path):
    process = DeviceProcess(lambda _: None)
    async with RealtimeServer(ServerOptions(port=0)) as server:
        try:
            await process.start(
                {
                    **sound_room.env,
                    "RUNTIME_DIRECTORY": str(tmp_path),
                    "APPLIANCE_ENDPOINT__URL": server.url,
                    "APPLIANCE_ENDPOINT__API_KEY": "local",
                    "APPLIANCE_HARDWARE__MICROPHONE": "pcm:mic",
                    "APPLIANCE_HARDWARE__SPEAKER": "pcm:spk",
                },
                None,
                tmp_path / "sent.pcm",
            )
            yield process
        finally:
            await process.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def dashboard(tmp_path):
    async with Dashboard(Options(tmp_path / "status.sock")) as found:
        yield found


async def test_a_turn_is_seen_as_it_happens(look, real):
    sight = await look()
    await sight.is_now("live", "Ready")
    real.press()
    await sight.is_now("live", "Listening")
    await sight.page.wait_for_timeout(500)  # somebody speaks for this long
    real.release()
    await sight.is_now("live", "Speaking")
    await expect(sight.page.locator("#now-title")).to_have_text("Ready", timeout=20_000)
    await expect(sight.page.locator("#turns-rows tr")).to_have_count(1)
    await sight.shows("#turns-rows", "Answered")
    await real.stop()
    await sight.is_now("gone", "Device away")
