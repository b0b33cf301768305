"""Build what tells the status of the running device: its levels, its facts and its socket."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.devices.health import Board
from appliance.devices.status_socket import StatusSocket, socket_path
from appliance.metrics.indicators import INDICATORS, Limits
from appliance.metrics.snapshot import About
from appliance.runner.bargein import Ears
from appliance.runner.insight import Insight, MetricsTrace
from appliance.runner.rules import Devices
from appliance.runner.spans import SPANS

if TYPE_CHECKING:
    from appliance.config.settings import Settings


@asynccontextmanager
async def telling_status(
    settings: Settings, trace: MetricsTrace, devices: Devices, ears: Ears, panel_kind: str
) -> AsyncIterator[None]:
    """Answer on the status socket, if there is a place for one, and let the metrics' time pass."""
    insight = Insight(
        trace,
        about_from(settings),
        devices.microphone,
        devices.speaker,
        ears,
        time.monotonic,
        time.time,
        Board(Path("/")).resident_bytes,
    )
    trace.note("settings", **shown_of(settings))
    path = socket_path(os.environ, panel_kind)
    async with (
        insight,
        StatusSocket(path, insight.line, lambda: trace.metrics.revision, devices.journal),
    ):
        yield


def limits_from(settings: Settings) -> dict[str, Limits]:
    """Return the levels of each indicator."""
    levels = {each.name: getattr(settings.metrics, each.name) for each in INDICATORS}
    return {name: Limits(each.target, each.warning, each.critical) for name, each in levels.items()}


def about_from(settings: Settings) -> About:
    """Return what the status tells of this device as long as it runs."""
    return About(
        version("voice-appliance"),
        os.getpid(),
        settings.cost.daily_cap_usd,
        SPANS,
    )


def shown_of(settings: Settings) -> dict[str, str]:
    """Return the settings that the status shows; some of them change with a reload."""
    return {
        "voice": settings.voice.name,
        "language": settings.language.supported[settings.language.fallback_language].code,
        "talk_mode": settings.hardware.talk_mode,
        "model": settings.session.model,
    }
