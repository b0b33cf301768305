"""One window of the browser, and what a test asks of it."""

from pathlib import Path

from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import expect

PICTURES = Path(__file__).parents[2] / "artefacts" / "dashboard"
WIDTHS = {"phone": (360, 740), "desk": (1280, 900)}


class Sight:
    """One page in a window of its own, and all that went wrong in it."""

    def __init__(self, page, url):
        self.page = page
        self.url = url
        self.errors = []
        self.elsewhere = []
        page.on("console", lambda it: it.type in {"error", "warning"} and self._note(it.text))
        page.on("pageerror", lambda it: self._note(str(it)))
        page.on("request", self._look_where)

    def _note(self, text):
        self.errors.append(text)

    def _look_where(self, request):
        if not request.url.startswith(self.url):
            self.elsewhere.append(request.url)

    async def open(self):
        await self.page.goto(self.url)

    async def is_now(self, link, title=None):
        """Wait until the page is `link`: live, gone, paused or connecting."""
        await expect(self.page.locator("body")).to_have_attribute("data-link", link)
        if title is not None:
            await expect(self.page.locator("#now-title")).to_have_text(title)

    async def shows(self, selector, text):
        await expect(self.page.locator(selector)).to_contain_text(text)

    async def fits(self):
        """Say whether nothing sticks out to the side."""
        return await self.page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )

    async def picture(self, name):
        PICTURES.mkdir(parents=True, exist_ok=True)
        await self.page.evaluate(
            "document.getAnimations().forEach((it) => { it.pause(); it.currentTime = 10; })"
        )
        await self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)

    async def judged(self):
        """Return what axe finds wrong with the page: one line a finding."""
        await self.page.evaluate(AXE_FILE_PATH.read_text())
        result = await self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        assert result["passes"], "axe has looked at nothing"
        return [
            f"{each['id']}: {node['target']} {node['failureSummary']}"
            for each in result["violations"]
            for node in each["nodes"]
        ]
