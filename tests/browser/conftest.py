"""A real browser on a real dashboard on a device that is only its status socket.

The browser is Debian's (the package chromium-headless-shell), driven by Playwright. It is started
once; so all these tests and what they use live on one event loop.
"""

import shutil
import sys
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

from appliance.dashboard.server import Dashboard, Options

HERE = Path(__file__).parent
# pytest's import mode adds no folder by itself
sys.path += [str(HERE), str(HERE.parent / "dashboard")]

from fake_device import FakeDevice  # noqa: E402  # found by the line above
from sight import WIDTHS, Sight  # noqa: E402  # the same

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), None)


def pytest_sessionstart():
    if BROWSER is None:
        pytest.exit(
            f"no browser found, none of {', '.join(NAMES)}: nothing was tested", returncode=2
        )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser():
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=BROWSER)
        yield found
        await found.close()


@pytest_asyncio.fixture(loop_scope="session")
async def device(tmp_path):
    found = FakeDevice(tmp_path / "status.sock")
    await found.start()
    yield found
    await found.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def dashboard(device):
    async with Dashboard(Options(device.path)) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def look(browser, dashboard):
    """Open windows: `await look(width="phone", color_scheme="dark")`; all must be faultless."""
    contexts, sights = [], []

    async def opened(width="desk", *, open_it=True, **how):
        wide, high = WIDTHS[width]
        context = await browser.new_context(viewport={"width": wide, "height": high}, **how)
        context.set_default_timeout(10_000)
        contexts.append(context)
        sight = Sight(await context.new_page(), dashboard.urls[0])
        sights.append(sight)
        if open_it:
            await sight.open()
        return sight

    yield opened
    for context in contexts:
        await context.close()
    assert [each.errors for each in sights] == [[]] * len(sights)
    assert [each.elsewhere for each in sights] == [[]] * len(sights)
