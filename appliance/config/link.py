"""Sections `[websocket]`, `[recovery]`, `[circuit_breaker]`, `[endpoint]` and `[cost]`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr, field_validator

from appliance.config.section import Conflict, Section, setting

PUBLIC_HOST = "api.openai.com"
_SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class WebSocket(Section):
    """How the connection is held."""

    compression: bool = setting(False, "Whether messages are compressed; it costs latency.")
    heartbeat_interval: int = setting(
        30000, "Time between pings.", unit="ms", low=100, high=3600000
    )
    heartbeat_timeout: int = setting(
        5000, "Time within which a pong must come.", unit="ms", low=100, high=600000
    )
    max_payload_size: int = setting(
        10485760, "Largest message that is taken.", unit="bytes", low=65536, high=104857600
    )
    handshake_timeout: int = setting(
        10000, "Time within which a connection must stand.", unit="ms", low=100, high=600000
    )
    reconnect_strategy: Literal["exponential"] = setting(
        "exponential", "How waits between connection attempts grow; see `[recovery]`."
    )

    @property
    def heartbeat_interval_s(self) -> float:
        """`heartbeat_interval` in seconds."""
        return self.heartbeat_interval / 1000

    @property
    def heartbeat_timeout_s(self) -> float:
        """`heartbeat_timeout` in seconds."""
        return self.heartbeat_timeout / 1000

    @property
    def handshake_timeout_s(self) -> float:
        """`handshake_timeout` in seconds."""
        return self.handshake_timeout / 1000


class Recovery(Section):
    """How a lost connection is tried again."""

    max_retries: int = setting(
        5, "Retries after which the user is told; trying goes on.", low=0, high=1000
    )
    base_delay: int = setting(1000, "First wait.", unit="ms", low=1, high=600000)
    max_delay: int = setting(
        10000, "Longest wait; at least `base_delay`.", unit="ms", low=1, high=3600000
    )
    backoff_multiplier: float = setting(
        2.0, "Factor from one wait to the next.", unit="times", low=1.0, high=10.0
    )
    jitter: bool = setting(True, "Whether up to a tenth is added to each wait by chance.")

    def conflicts(self) -> Iterator[Conflict]:
        if self.max_delay < self.base_delay:
            yield Conflict(
                ("max_delay", "base_delay"),
                f"{self.max_delay} is less than base_delay ({self.base_delay})",
            )

    @property
    def base_delay_s(self) -> float:
        """`base_delay` in seconds."""
        return self.base_delay / 1000

    @property
    def max_delay_s(self) -> float:
        """`max_delay` in seconds."""
        return self.max_delay / 1000


class CircuitBreaker(Section):
    """When trying pauses altogether."""

    failure_threshold: int = setting(5, "Failures in a row that open it.", low=1, high=1000)
    reset_timeout: int = setting(
        60000, "Time until one attempt is let through.", unit="ms", low=1, high=86400000
    )

    @property
    def reset_timeout_s(self) -> float:
        """`reset_timeout` in seconds."""
        return self.reset_timeout / 1000


class Endpoint(Section):
    """Whom the device talks to."""

    url: str = setting(
        f"wss://{PUBLIC_HOST}/v1/realtime",
        "Address of a Realtime API: the public one, `appliance simulator`, or a gateway.",
        allowed="a ws://, wss://, http:// or https:// address with a host",
    )
    api_key: SecretStr = setting(
        SecretStr(""),
        "Key for it. Better kept out of the file: `OPENAI_API_KEY`, or the systemd credential "
        "`openai_api_key`. Never shown.",
        allowed="text without spaces",
    )
    safety_identifier: str = setting(
        "",
        "Stable name of the user for the service's abuse reports, sent as "
        "`OpenAI-Safety-Identifier`; a hash, not a person's name.",
        pattern=r"^[\x21-\x7e]*$",
        allowed="ASCII text without spaces",
    )

    @field_validator("url")
    @classmethod
    def _as_websocket_address(cls, url: str) -> str:
        parts = _split(url)
        return parts._replace(scheme=_SCHEMES[parts.scheme]).geturl()

    @field_validator("api_key")
    @classmethod
    def _fit_for_a_header(cls, key: SecretStr) -> SecretStr:
        text = key.get_secret_value().strip()
        if not all("!" <= letter <= "~" for letter in text):
            raise ValueError("holds a space or a character that no key has (it is not shown)")
        return SecretStr(text)

    @property
    def host(self) -> str:
        """Host name or address in `url`, lower case."""
        return urlsplit(self.url).hostname or ""

    @property
    def is_public(self) -> bool:
        """Whether `url` is OpenAI's own service, which asks for a key."""
        return self.host == PUBLIC_HOST

    @property
    def exposes_key(self) -> bool:
        """Whether the key would cross a network unencrypted."""
        return (
            bool(self.api_key.get_secret_value())
            and self.url.startswith("ws:")
            and self.host not in _LOOPBACK
        )


def _split(url: str) -> SplitResult:
    """Take an address apart. The messages never repeat it: a key may have been put into it.

    Raises:
        ValueError: it is not an address of a Realtime endpoint; the text says why.
    """
    if not url.isprintable() or " " in url:
        raise ValueError("holds a space or a control character")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # the port is parsed, and refused, on access
    except ValueError:
        raise ValueError("is not an address: its host or port cannot be read") from None
    if parts.scheme not in _SCHEMES:
        raise ValueError("must begin with wss://, ws://, https:// or http://")
    if not host:
        raise ValueError("has no host; write it like wss://host/v1/realtime")
    if "@" in parts.netloc:
        raise ValueError("holds a user name or password; put the key into endpoint.api_key")
    if parts.fragment:
        raise ValueError("holds a '#', which no Realtime address has")
    return parts


class Cost(Section):
    """What a conversation may cost. Prices are those of gpt-realtime-2.1-mini."""

    audio_input_usd: float = setting(
        10.0, "Audio heard.", unit="USD per million tokens", low=0.0, high=100000.0
    )
    audio_cached_usd: float = setting(
        0.30, "Audio heard before.", unit="USD per million tokens", low=0.0, high=100000.0
    )
    audio_output_usd: float = setting(
        20.0, "Audio spoken.", unit="USD per million tokens", low=0.0, high=100000.0
    )
    text_input_usd: float = setting(
        0.60, "Text read.", unit="USD per million tokens", low=0.0, high=100000.0
    )
    text_cached_usd: float = setting(
        0.06, "Text read before.", unit="USD per million tokens", low=0.0, high=100000.0
    )
    text_output_usd: float = setting(
        2.40, "Text written.", unit="USD per million tokens", low=0.0, high=100000.0
    )
    transcription_usd: float = setting(
        0.006,
        "Writing down what was said (`whisper-1`).",
        unit="USD per minute",
        low=0.0,
        high=1000.0,
    )
    daily_cap_usd: float = setting(
        0.0,
        "Most that a day may cost: told at 80 %, and no turn begins from 100 % on until the "
        "next day, where the device is; 0: no limit.",
        unit="USD",
        low=0.0,
        high=100000.0,
    )
    idle_close: int = setting(
        0,
        "Time without a press after which the connection is closed, until the next press; "
        "0: never. Not used with hands free, where nobody presses.",
        unit="s",
        low=0,
        high=86400,
    )

    @property
    def idle_close_s(self) -> float:
        """`idle_close` in seconds; infinity if it is off."""
        return self.idle_close or math.inf
