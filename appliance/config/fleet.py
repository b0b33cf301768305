"""Sections `[metrics]`, `[security]` and `[scaling]`: watching a device, and serving many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from appliance.config.section import Conflict, Section, setting


class Levels(Section):
    """Target, warning and critical level of one measurement, from good to bad."""

    target: float
    warning: float
    critical: float

    def conflicts(self) -> Iterator[Conflict]:
        levels = [self.target, self.warning, self.critical]
        if levels != sorted(levels) and levels != sorted(levels, reverse=True):
            yield Conflict(
                ("warning", "target", "critical"),
                f"{self.warning:g} is not between target ({self.target:g}) and critical "
                f"({self.critical:g})",
            )


def _level(default: float, name: str, unit: str) -> float:
    high = 100.0 if unit == "%" else 1e6
    level: float = setting(default, f"{name} level.", unit=unit, low=0.0, high=high)
    return level


class AudioLatency(Levels):
    """Sound that the device adds: captured to sent, plus received to heard."""

    target: float = _level(200.0, "Target", "ms")
    warning: float = _level(300.0, "Warning", "ms")
    critical: float = _level(500.0, "Critical", "ms")


class ConnectionUptime(Levels):
    """Share of the time with a connection."""

    target: float = _level(99.9, "Target", "%")
    warning: float = _level(99.0, "Warning", "%")
    critical: float = _level(95.0, "Critical", "%")


class ErrorRate(Levels):
    """Share of the turns that fail."""

    target: float = _level(0.1, "Target", "%")
    warning: float = _level(1.0, "Warning", "%")
    critical: float = _level(5.0, "Critical", "%")


class MemoryUsage(Levels):
    """Resident memory of the daemon."""

    target: float = _level(50.0, "Target", "MB")
    warning: float = _level(80.0, "Warning", "MB")
    critical: float = _level(100.0, "Critical", "MB")


class Metrics(Section):
    """Levels at which a measurement is worth a warning."""

    audio_latency: AudioLatency = AudioLatency()
    connection_uptime: ConnectionUptime = ConnectionUptime()
    error_rate: ErrorRate = ErrorRate()
    memory_usage: MemoryUsage = MemoryUsage()
    log_transcripts: bool = setting(
        False, "Whether what was said is written to the journal, in clear."
    )


class Authentication(Section):
    """Tokens that a gateway gives to devices."""

    type: Literal["JWT"] = setting("JWT", "Kind of token.")
    expiry: int = setting(3600, "Life of a token.", unit="s", low=60, high=86400)
    refresh_threshold: int = setting(
        300, "Time before expiry at which a new one is fetched.", unit="s", low=0, high=86400
    )
    algorithm: Literal["RS256"] = setting("RS256", "Signature.")

    def conflicts(self) -> Iterator[Conflict]:
        if self.refresh_threshold >= self.expiry:
            yield Conflict(
                ("refresh_threshold", "expiry"),
                f"{self.refresh_threshold} is not less than expiry ({self.expiry})",
            )


class RateLimiting(Section):
    """What a gateway lets one device ask."""

    requests_per_hour: int = setting(1000, "Requests in an hour.", low=1, high=10000000)
    requests_per_minute: int = setting(60, "Requests in a minute.", low=1, high=1000000)
    burst_limit: int = setting(10, "Requests at once.", low=1, high=100000)


class ApiKeys(Section):
    """Keys that a gateway gives out."""

    rotation_interval: int = setting(
        2592000, "Age at which a key is replaced.", unit="s", low=3600, high=315360000
    )
    max_active_keys: int = setting(5, "Keys that are valid at once.", low=1, high=1000)
    key_length: int = setting(64, "Length of a key.", unit="characters", low=32, high=512)


class Security(Section):
    """Rules of a gateway for a fleet of devices."""

    authentication: Authentication = Authentication()
    rate_limiting: RateLimiting = RateLimiting()
    api_keys: ApiKeys = ApiKeys()


class ResourceAllocation(Section):
    """What one session may use."""

    cpu_per_session: float = setting(
        0.3, "Processor time.", unit="share of a core", above=0.0, high=64.0
    )
    memory_per_session: float = setting(100.0, "Memory.", unit="MB", above=0.0, high=1e6)
    bandwidth_per_session: float = setting(
        1.0, "Network traffic.", unit="Mbit/s", above=0.0, high=1e5
    )


class Scaling(Section):
    """How much a server of many sessions takes on."""

    max_concurrent_sessions: int = setting(100, "Sessions at once.", low=1, high=1000000)
    session_timeout: int = setting(
        1800000,
        "Age at which a session is replaced by a new one, between turns.",
        unit="ms",
        low=1000,
        high=86400000,
    )
    cleanup_interval: int = setting(
        60000, "Time between clean-ups while nothing happens.", unit="ms", low=1000, high=86400000
    )
    resource_allocation: ResourceAllocation = ResourceAllocation()

    @property
    def session_timeout_s(self) -> float:
        """`session_timeout` in seconds."""
        return self.session_timeout / 1000

    @property
    def cleanup_interval_s(self) -> float:
        """`cleanup_interval` in seconds."""
        return self.cleanup_interval / 1000
