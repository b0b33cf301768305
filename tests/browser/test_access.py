"""That everybody can use it: on a phone, in the dark, without a mouse, without seeing it."""

import pytest
from fake_device import ILL, NEW, WELL, of_today
from playwright.async_api import expect
from sight import WIDTHS

pytestmark = pytest.mark.asyncio(loop_scope="session")

STATES = {"well": WELL, "ill": ILL, "new": NEW}


@pytest.mark.parametrize("state", [*STATES, "gone", "absent"])
async def test_axe_finds_nothing_and_nothing_sticks_out(look, device, state):
    if state == "absent":
        await device.stop()
    else:
        await device.say(of_today(STATES.get(state, ILL)))
    sight = await look(bypass_csp=True)  # axe is a script of ours
    await sight.is_now("gone" if state == "absent" else "live")
    if state == "gone":
        await device.stop()
        await sight.is_now("gone", "Device away")
    for width, (wide, high) in WIDTHS.items():
        await sight.page.set_viewport_size({"width": wide, "height": high})
        for scheme in ("light", "dark"):
            await sight.page.emulate_media(color_scheme=scheme)
            assert await sight.fits(), (width, scheme)
            assert await sight.judged() == [], (width, scheme)
            await sight.picture(f"{state}-{width}-{scheme}")


@pytest.mark.parametrize("wide", [320, 760, 960])
async def test_nothing_sticks_out_at_other_widths(look, device, wide):
    await device.say(of_today(ILL))
    sight = await look()
    await sight.is_now("live")
    await sight.page.set_viewport_size({"width": wide, "height": 700})
    assert await sight.fits()


async def test_twice_as_large_letters_fit_a_phone(look, device):
    await device.say(of_today(ILL))
    sight = await look("phone")
    await sight.is_now("live")
    await sight.page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert await sight.fits()


async def test_the_keyboard_reaches_everything_in_order(look, device):
    await device.say({**of_today(WELL), "recent_faults": of_today(ILL)["recent_faults"]})
    sight = await look()
    await sight.is_now("live")
    reached = []
    for _ in range(6):
        await sight.page.keyboard.press("Tab")
        reached.append(await sight.page.evaluate("document.activeElement.textContent"))
        outline = await sight.page.evaluate(
            "parseFloat(getComputedStyle(document.activeElement).outlineWidth)"
        )
        assert outline >= 2, reached
    assert reached == [
        *("Skip to the device", "Pause", "Show all 20", "Show all 20", "JSON", "Prometheus")
    ]
    await sight.page.locator("#turns-more").focus()
    await sight.page.keyboard.press("Enter")
    await expect(sight.page.locator("#turns-rows tr")).to_have_count(20)
    await expect(sight.page.locator("#turns-more")).to_be_focused()
    await expect(sight.page.locator("#turns-more")).to_have_attribute("aria-expanded", "true")
    await sight.page.keyboard.press("Space")
    await expect(sight.page.locator("#turns-rows tr")).to_have_count(6)


async def test_the_skip_link_leads_to_the_device(look):
    sight = await look()
    await sight.is_now("live")
    await sight.page.keyboard.press("Tab")
    await sight.page.keyboard.press("Enter")
    await expect(sight.page.locator("#now")).to_be_focused()


async def test_a_screen_reader_finds_its_way(look):
    sight = await look()
    await sight.is_now("live")
    for role in ("banner", "main", "contentinfo"):
        await expect(sight.page.get_by_role(role)).to_have_count(1)
    await expect(sight.page.get_by_role("heading", level=1)).to_have_text("Voice appliance")
    headings = await sight.page.get_by_role("heading", level=2).all_inner_texts()
    assert headings == [
        *("Ready", "The last hour", "Last turns", "How long things take", "Recent faults"),
        *("Microphone", "Cost today", "Since it started", "Device"),
    ]
    for name in headings:
        await expect(sight.page.get_by_role("region", name=name, exact=True)).to_have_count(1)
    live = await sight.page.locator("[aria-live], [role=status], [role=alert]").count()
    assert live == 1, "one voice, so that nothing talks over anything"


async def test_who_wants_no_motion_gets_none(look, device):
    await device.say(light="no_network")
    sight = await look(reduced_motion="reduce")
    await sight.is_now("live", "No network")
    await expect(sight.page.locator("#led .glow")).to_have_css("opacity", "1")
    await sight.shows("#rhythm-text", "LED: blinks twice in 2 s.")
    running = await sight.page.evaluate("document.getAnimations().length")
    assert running == 0


async def test_without_a_script_it_says_where_to_look(look):
    sight = await look(java_script_enabled=False)
    await expect(sight.page.get_by_role("link", name="snapshot.json")).to_be_visible()
