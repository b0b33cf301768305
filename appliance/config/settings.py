"""The settings as one object, built from layers by pydantic-settings."""

from __future__ import annotations

from typing import Any

from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from appliance.config.dialogue import Language, Session, TurnDetection
from appliance.config.fleet import Metrics, Scaling, Security
from appliance.config.hardware import Hardware
from appliance.config.link import CircuitBreaker, Cost, Endpoint, Recovery, WebSocket
from appliance.config.sound import Audio, Voice


class Settings(BaseSettings):
    """Every setting of the appliance.

    `Settings()` is the defaults and `Settings(audio=Audio(channels=1))` changes a section; neither
    looks at the machine. `load_settings` reads file, environment and credentials.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, validate_default=False
    )

    audio: Audio = Audio()
    websocket: WebSocket = WebSocket()
    turn_detection: TurnDetection = TurnDetection()
    voice: Voice = Voice()
    language: Language = Language()
    session: Session = Session()
    recovery: Recovery = Recovery()
    circuit_breaker: CircuitBreaker = CircuitBreaker()
    metrics: Metrics = Metrics()
    security: Security = Security()
    scaling: Scaling = Scaling()
    hardware: Hardware = Hardware()
    cost: Cost = Cost()
    endpoint: Endpoint = Endpoint()

    def __init__(self, *layers: PydanticBaseSettingsSource, **sections: Any) -> None:
        """Build from sections, then from `layers`, strongest first, over the defaults.

        Raises:
            pydantic.ValidationError: a value is not allowed.
        """
        given = InitSettingsSource(type(self), sections)
        super().__init__(_build_sources=((given, *layers), {}))
