"""That the page follows the device, says when it does not, and finds it again by itself."""

import re
import time

import pytest
from fake_device import ILL, WELL
from playwright.async_api import expect

from appliance.dashboard.server import Dashboard, Options

pytestmark = pytest.mark.asyncio(loop_scope="session")

# All that the announcer has said, in order.
LISTEN = """() => {
  window.heard = [];
  const target = document.getElementById("announcer");
  new MutationObserver(() => window.heard.push(target.textContent))
    .observe(target, { childList: true, characterData: true, subtree: true });
}"""


def port_of(dashboard):
    return int(re.search(r":(\d+)/", dashboard.urls[0]).group(1))


async def test_the_page_follows_the_device(look, device):
    sight = await look()
    await sight.is_now("live", "Ready")
    for light, title in [("listening", "Listening"), ("thinking", "Thinking"), ("idle", "Ready")]:
        began_s = time.monotonic()
        await device.say(light=light)
        await sight.is_now("live", title)
        assert time.monotonic() - began_s < 1.0
    await device.say(meters={"microphone_rms_dbfs": -20.0, "microphone_peak_dbfs": -8.0})
    await expect(sight.page.locator("#meter")).to_have_attribute("aria-valuenow", "-20")
    await device.say(faults=ILL["faults"], well=False)
    await sight.shows("#standing", "The device is in no network.")
    await device.say(faults=[], well=True)
    await expect(sight.page.locator("#standing")).to_be_hidden()


async def test_what_does_not_change_is_not_drawn_anew(look, device):
    sight = await look()
    await sight.is_now("live")
    await sight.page.evaluate("""() => {
      window.drawn = 0;
      for (const id of ["turns-rows", "recent-list", "spans-rows", "indicators", "counters"])
        new MutationObserver((all) => { window.drawn += all.length; })
          .observe(document.getElementById(id), { childList: true, subtree: true });
    }""")
    for number in range(20):
        at = WELL["at"] + number / 10
        turns = [{**each, "at": each["at"] + 0.0004 * (number % 2)} for each in WELL["turns"]]
        await device.say(at=at, turns=turns, uptime_s=100.0 + number)
    await device.say(light="listening")
    await sight.is_now("live", "Listening")
    assert await sight.page.evaluate("window.drawn") == 0


async def test_a_device_that_goes_and_comes_back(look, device):
    sight = await look()
    await sight.is_now("live")
    await sight.page.evaluate(LISTEN)
    await device.stop()
    await sight.is_now("gone", "Device away")
    await expect(sight.page.locator("#banner-title")).to_have_text(
        re.compile(r"^No longer live since \d\d:\d\d:\d\d$")
    )
    await sight.shows("#banner-text", "systemctl start appliance")
    await expect(sight.page.locator("#turns-rows tr")).to_have_count(6)  # what was known stays
    await expect(sight.page.locator("#led .glow")).to_have_css("opacity", "0")
    await expect(sight.page.locator("#announcer")).to_contain_text("No longer live since")
    await device.start()
    await sight.is_now("live", "Ready")
    await expect(sight.page.locator("#banner")).to_be_hidden()
    await expect(sight.page.locator("#announcer")).to_have_text("Live again.")


async def test_a_device_that_is_not_there_yet(look, device):
    await device.stop()
    sight = await look()
    await sight.is_now("gone", "Device away")
    await sight.shows("#now-text", "The device is not running.")
    await expect(sight.page.locator("#body")).to_be_hidden()
    await device.start()
    await sight.is_now("live", "Ready")
    await expect(sight.page.locator("#body")).to_be_visible()


async def test_a_dashboard_that_goes_and_comes_back(browser, device):
    async with Dashboard(Options(device.path)) as first:
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(first.urls[0])
        await expect(page.locator("body")).to_have_attribute("data-link", "live")
    await expect(page.locator("#banner-title")).to_contain_text("No longer live since")
    await expect(page.locator("#banner-text")).to_contain_text("The dashboard does not answer.")
    async with Dashboard(Options(device.path, port=port_of(first))):
        await expect(page.locator("body")).to_have_attribute("data-link", "live", timeout=10_000)
        await context.close()


async def test_a_dashboard_that_is_full_is_asked_again(look, device, monkeypatch):
    monkeypatch.setattr("appliance.dashboard.server.MOST_STREAMS", 0)
    sight = await look()
    await sight.is_now("gone", "Out of reach")
    monkeypatch.undo()
    await sight.is_now("live", "Ready")
    assert "503" in sight.errors.pop()  # the browser's own word for it


async def test_a_server_that_falls_silent_is_noticed(look, device, dashboard):
    sight = await look(open_it=False)
    await sight.page.clock.install()
    await sight.open()
    await sight.is_now("live")
    dashboard.feed.close = lambda: None
    device.hang()
    await sight.page.clock.fast_forward(13_000)  # no beat came in that time
    await expect(sight.page.locator("#banner-text")).to_contain_text("does not answer")


async def test_pause_leaves_the_device_alone(look, device):
    sight = await look()
    await sight.is_now("live")
    await device.watched_by(1)
    pause = sight.page.get_by_role("button", name="Pause")
    await pause.click()
    await expect(pause).to_have_attribute("aria-pressed", "true")
    await device.watched_by(0)
    await sight.is_now("paused")
    await expect(sight.page.locator("#pill-text")).to_contain_text("Paused at")
    await pause.click()
    await sight.is_now("live")
    await device.watched_by(1)


async def test_a_page_that_nobody_sees_leaves_the_device_alone(look, device):
    sight = await look(open_it=False)
    await sight.page.clock.install()
    await sight.open()
    await sight.is_now("live")
    hide = """(hidden) => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    await sight.page.evaluate(hide, True)
    await sight.page.clock.fast_forward(31_000)
    await device.watched_by(0)
    await sight.page.evaluate(hide, False)
    await device.watched_by(1)
    await sight.is_now("live")


async def test_the_announcer_says_only_what_somebody_may_have_to_act_on(look, device):
    sight = await look()
    await sight.is_now("live")
    await sight.page.evaluate(LISTEN)
    for number in range(12):
        await device.say(light="listening" if number % 2 else "speaking", faults=ILL["faults"])
        await sight.shows("#standing", "The device is in no network.")
        await device.say(faults=[])  # over before it was worth a word
        await expect(sight.page.locator("#standing")).to_be_hidden()
    bad = {**WELL["indicators"]["memory_usage"], "level": "critical", "value": 104.0}
    await device.say(
        ILL, indicators={**WELL["indicators"], "memory_usage": bad}, light="no_network"
    )
    await sight.shows("#announcer", "The device is in no network. Check the router")
    await sight.shows("#announcer", "Memory: Critical.")
    await device.say(WELL)
    await sight.shows("#announcer", "Over: No wifi. Memory: fine again.")
    assert len(await sight.page.evaluate("window.heard")) == 2
