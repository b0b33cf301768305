"""The files of the page, held in memory: they are few and small."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ETag, web

from appliance.dashboard.patterns import patterns_json

FOLDER = Path(__file__).parent / "static"
INDEX = "index.html"
_TYPES = {".css": "text/css", ".html": "text/html", ".js": "text/javascript"}
_TYPES |= {".json": "application/json", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Page:
    """One file as it is sent."""

    body: bytes
    content_type: str
    tag: str

    def answer(self, request: web.Request) -> web.Response:
        """Give the file, or say that the browser has it already."""
        known = request.if_none_match or ()
        has_it = any(each.value in {self.tag, "*"} for each in known)
        response = (
            web.Response(status=304)
            if has_it
            else web.Response(body=self.body, content_type=self.content_type, charset="utf-8")
        )
        response.etag = ETag(self.tag)
        response.headers["Cache-Control"] = "no-cache"  # ask each time: it may have been updated
        return response


def load_pages() -> dict[str, Page]:
    """Return every file by its path on the server."""
    pages = {f"/{each.name}": _page(each.read_bytes(), each.suffix) for each in FOLDER.iterdir()}
    pages["/"] = pages.pop(f"/{INDEX}")
    pages["/patterns.json"] = _page(patterns_json().encode(), ".json")
    return pages


def _page(body: bytes, suffix: str) -> Page:
    return Page(body, _TYPES[suffix], hashlib.sha256(body).hexdigest()[:16])
