"""What the page shows, in a browser, of a device in each of its states."""

import math
import re
import time

import pytest
from fake_device import ILL, NEW, WELL, of_today
from playwright.async_api import expect

from appliance.metrics.indicators import INDICATORS
from appliance.metrics.snapshot import About, snapshot
from appliance.metrics.state import Metrics
from appliance.panel.lights import LIGHTS, mono_at
from appliance.ports import Light
from appliance.runner.spans import SPANS

pytestmark = pytest.mark.asyncio(loop_scope="session")

TITLES = {
    Light.SETUP: "Waiting to be set up",
    Light.STARTING: "Starting",
    Light.NO_NETWORK: "No network",
    Light.FAULT: "Needs attention",
    Light.LISTENING: "Listening",
    Light.THINKING: "Thinking",
    Light.SPEAKING: "Speaking",
    Light.MUTED: "Muted",
    Light.IDLE: "Ready",
}
# The brightness of the LED on the page `at_s` into its rhythm; steady ones have no animation.
GLOW = """(at_s) => {
  const glow = document.querySelector("#led .glow");
  for (const each of glow.getAnimations()) { each.pause(); each.currentTime = at_s * 1000; }
  return Number(getComputedStyle(glow).opacity);
}"""


@pytest.mark.parametrize("light", Light, ids=lambda light: light.value)
async def test_the_led_is_lit_as_the_device_lights_it(look, device, light):
    await device.say(light=light.value)
    sight = await look()
    await sight.is_now("live", TITLES[light])
    await expect(sight.page.locator("#rhythm-text")).to_contain_text("LED:")
    pattern = LIGHTS[light]
    red, green, blue = (
        int(255 * part + 0.5)  # a half goes up, as in JavaScript
        for part in (pattern.colour.red, pattern.colour.green, pattern.colour.blue)
    )
    background = await sight.page.locator("#led .glow").evaluate("it => it.style.background")
    assert f"rgb({red}, {green}, {blue})" in background
    period_s = sum(beat.for_s for beat in pattern.beats)
    for step in range(40):
        at_s = period_s * (step + 0.5) / 40 + 0.0003  # beside the edges, which are a hair apart
        # The device gives the square of what the eye sees (lights.py), the page what it sees.
        expected = math.sqrt(mono_at(light, None, 0.0, at_s))
        assert await sight.page.evaluate(GLOW, at_s) == pytest.approx(expected, abs=0.01), at_s


async def test_a_device_that_is_well(look, device):
    await device.say(of_today(WELL))
    sight = await look()
    await sight.is_now("live", "Ready")
    await sight.shows("#now-text", "Hold the button and talk.")
    await sight.shows("#now-facts", "all is well")
    await expect(sight.page.locator("#standing")).to_be_hidden()
    cards = sight.page.locator("#indicators > section")
    await expect(cards).to_have_count(4)
    await expect(cards.nth(0)).to_contain_text("Audio latency")
    await expect(cards.nth(0)).to_contain_text("On target")
    await expect(cards.nth(0)).to_contain_text("184 ms")
    await expect(cards.nth(0).locator(".spark")).to_have_attribute(
        "aria-label", "The last 60 minutes: from 160 to 262 ms."
    )
    await expect(cards.nth(1)).to_contain_text("99.72 %")
    await expect(cards.nth(1)).to_contain_text("Fair")
    await expect(cards.locator(".spark .line")).to_have_count(12)
    await expect(sight.page.locator("#turns-rows tr")).to_have_count(6)
    await sight.shows("#turns-rows tr:nth-child(1)", "790 ms")
    await sight.shows("#turns-rows tr:nth-child(4)", "Too short")
    await sight.shows("#spans-rows tr:nth-child(1)", "1,204")
    await sight.shows("#recent-list", "The connection was lost.")
    await sight.shows("#recent-list", "It is made again at once")
    await sight.shows("#cost-figure", "$0.41")
    await sight.shows("#cost-text", "21 % of the day's cap of $2.00.")
    await sight.shows("#meter-text", "-52 dBFS, peak -38")
    await sight.shows("#board", "51 °C")
    await sight.shows("#counters", "Lost samples")


async def test_a_device_with_faults(look, device):
    await device.say(of_today(ILL))
    sight = await look()
    await sight.is_now("live", "No network")
    await sight.shows("#standing", "The device is in no network.")
    await sight.shows("#standing .cure", "Check the router")
    await sight.shows("#standing", "since ")
    await sight.shows("#now-facts", "1 fault")
    await expect(sight.page.locator('[data-level="critical"]')).to_have_count(2)
    await expect(sight.page.locator('[data-level="warning"]')).to_have_count(1)
    await sight.shows("#turns-rows .bad", "Insufficient quota")
    await sight.shows("#cost-text", "No turn begins until tomorrow.")
    await sight.shows("#board", "too low")
    more = sight.page.locator("#recent-more")
    await expect(more).to_have_text("Show all 20")
    await more.click()
    await expect(sight.page.locator("#recent-list li")).to_have_count(20)
    await more.click()
    await expect(sight.page.locator("#recent-list li")).to_have_count(6)


async def test_a_device_that_nobody_has_talked_to(look, device):
    await device.say(of_today(NEW))
    sight = await look()
    await sight.is_now("live", "Ready")
    await expect(sight.page.locator(".level").first).to_contain_text("No data")
    await expect(sight.page.locator("#turns-empty")).to_be_visible()
    await expect(sight.page.locator("#recent-empty")).to_be_visible()
    await expect(sight.page.locator("#meter-box")).to_be_hidden()
    await sight.shows("#cost-text", "No cap is set.")
    assert not re.search(r"undefined|NaN|null", await sight.page.inner_text("body"))


async def test_what_the_device_really_tells_is_understood(look, device):
    limits = {each.name: each.defaults for each in INDICATORS}
    about = About("9.9.9", 1, 0.0, SPANS)
    told = snapshot(Metrics(started_s=0.0, limits=limits), about, now_s=61.0, at=time.time())
    assert WELL.keys() <= told.keys()
    for part in ("link", "indicators", "counters", "cost", "board"):
        assert WELL[part].keys() == told[part].keys(), part
    await device.say(told)
    sight = await look()
    await sight.is_now("live", "Starting")
    await sight.shows("#now-facts", "1 min")
    await expect(sight.page.locator("#spans-rows tr")).to_have_count(len(SPANS))
    text = await sight.page.inner_text("body")
    assert not re.search(r"undefined|NaN|null|\[object", text)


async def test_words_that_the_page_does_not_know_are_shown_as_they_are(look, device):
    strange = {**WELL["spans_ms"], "new_span": {"n": 1, "p50": 1.0, "p95": 1.0, "p99": 1.0}}
    await device.say(light="new_light", state="new_state", spans_ms=strange)
    sight = await look()
    await sight.is_now("live", "New light")
    await sight.shows("#spans-rows", "New span")


async def test_texts_of_the_device_are_text(look, device):
    nasty = "<img src=x onerror=alert(1)><b>bold</b>"
    fault = {**ILL["faults"][0], "fault": nasty, "cause": nasty, "cure": nasty}
    await device.say(faults=[fault], settings={**WELL["settings"], "voice": nasty})
    sight = await look()
    await sight.is_now("live")
    await sight.shows("#standing", nasty)
    await sight.shows("#board", nasty)
    assert await sight.page.locator("main img, #standing b, #board b").count() == 0


async def test_an_hour_is_drawn_with_its_gaps(look, device):
    history = [None] * 50 + [100, 200, None, 400, None, 5000, 100, 100, 100, 100]
    latency = {**WELL["indicators"]["audio_latency"], "history": history}
    await device.say(indicators={**WELL["indicators"], "audio_latency": latency})
    sight = await look()
    await sight.is_now("live")
    lines = sight.page.locator("#indicators > section").nth(0).locator(".value:is(polyline)")
    await expect(lines).to_have_count(3)
    points = await lines.nth(2).get_attribute("points")
    heights = [float(each.split(",")[1]) for each in points.split()]
    assert heights[0] == 0, "what is far beyond the levels is cut at the edge"
    assert 0 < heights[1] < 72
